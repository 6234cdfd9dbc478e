"""One task, or one look at a function, for a person or a program."""

import json
import os
import sys

from .arguments import arguments_of, folders_of
from .failures import describe_exception
from .functions import Functions
from .preflight import check_form
from .runner import Runner
from .setups import Setups, run_process_setup, setups_of
from .task import Task, TaskFailed
from .worker import ending_of


def parameters_of(text):
    try:
        parameters = json.loads(text)
    except ValueError as error:
        print(f"the task is not JSON: {error}", file=sys.stderr)
        return None
    if not isinstance(parameters, dict) or "function" not in parameters:
        print('the task needs a "function": "module:name"', file=sys.stderr)
        return None
    return parameters


def run(text):
    """The result goes to stdout, errors to stderr."""
    parameters = parameters_of(text)
    if parameters is None:
        return 2
    try:
        ending = run_parameters(parameters)
    except TaskFailed as error:
        ending = {"error": str(error)}
    except Exception as error:
        ending = {"error": describe_exception(error)}
    if "error" in ending:
        print(ending["error"], file=sys.stderr)
        return 1
    print(ending["output"])
    return 0


def run_parameters(parameters):
    from . import api

    api.install(None)
    args, kwargs = arguments_of(parameters, parameters.get("item"))
    folders = folders_of(parameters) or (os.getcwd(),)
    functions = Functions()

    def find(name):
        return functions.get(name, folders, None)

    function = find(parameters["function"])
    check_form(function, "process")
    runner = Runner()
    setups = Setups(runner.run)
    run_process_setup(parameters, find)
    wanted = setups_of(parameters, find)
    if wanted:
        kwargs = {**kwargs, **setups.get(wanted, function)}
    value = function.call(*args, **kwargs)
    if function.form == "async":
        value = runner.run(value)
    task = Task(1, 0, 1, parameters, None, "", parameters.get("outputs"))
    ending = ending_of(function.name, value, task)
    setups.close()
    runner.close()
    return ending


def check(text):
    """Prints one JSON object; the function's module is not imported."""
    parameters = parameters_of(text)
    if parameters is None:
        return 2
    from .source import look_at

    folders = folders_of(parameters) or (os.getcwd(),)
    print(json.dumps(look_at(str(parameters["function"]), folders)))
    return 0
