"""What the modes have in common."""

import os
import sys

from . import garbage, result_types, setups
from .arguments import arguments_of, folders_of
from .failures import describe_exception, describe_exit
from .functions import Functions
from .preflight import LAST_WORDS_SECONDS, Watch, check_form
from .results import to_json
from .task import TaskFailed

PROTOCOL = 2
IMPORT_SECONDS = 30
# Results are sent together, but none is kept back longer than this.
RESULTS_KEPT_NS = 500_000
# Of the results in one frame, which may become twice as long in JSON.
RESULTS_BYTES_MAX = 8 << 20


def facts():
    return {
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "executable": sys.executable,
        "version": ".".join(str(part) for part in sys.version_info[:3]),
    }


def hello():
    return {
        "type": "hello",
        "protocol": PROTOCOL,
        "language": "python " + sys.version.split()[0],
        "pid": os.getpid(),
        "job_types": ["python"],
        "modes": ["process", "threads", "loop"],
        "facts": facts(),
    }


class Call:
    """A task's function with its arguments."""

    __slots__ = ("function", "args", "kwargs", "setups")

    def __init__(self, function, args, kwargs, wanted):
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.setups = wanted


class Worker:
    """Base of the three modes: prepares calls, words their ends.

    Thread: prepare() on the main thread; the rest says so itself.
    """

    mode = ""

    def __init__(self, channel, cell, welcome):
        self.channel = channel
        self.cell = cell
        self.log_folder = welcome["log_folder"]
        self.slots = max(1, int(welcome.get("slots") or 1))
        self.cpus = int(welcome.get("cpus") or 0)
        self.facts = facts()
        self.lock_cause = None  # what switched the interpreter's lock on
        if not self.facts["gil"]:
            self.watch_warnings()
        self.watch = Watch(
            seconds=float(welcome.get("import_seconds") or IMPORT_SECONDS),
            give_up=self.give_up,
            forbid_forks=self.mode != "process",
        )
        self.functions = Functions(self.watch.around_import)
        self.folders = {}  # by the path as given
        self.imports_apart = False
        garbage.look_less_often()

    def ready(self, credits):
        self.channel.send([{"type": "ready", "credits": credits}])

    def prepare(self, task):
        """Errors: TaskFailed, and whatever the import raises."""
        parameters = task.parameters
        name = parameters.get("function")
        if not isinstance(name, str):
            raise TaskFailed("function must be text like module:function")
        args, kwargs = arguments_of(parameters, task.item)
        folders = self.folders_of(parameters)
        function = self.functions.get(name, folders, task.job)
        if function.findings is None:
            check_form(function, self.mode)
            self.check_gil(function, task)
            function.findings = self.findings_of(function)
        if function.findings and task.job not in function.told:
            function.told.append(task.job)
            job = str(task.job)
            self.channel.send([{**each, "job": job} for each in function.findings])
        wanted = None
        if "setup" in parameters or "process_setup" in parameters:

            def find(each):
                return self.functions.get(each, folders, task.job)

            setups.run_process_setup(parameters, find)
            wanted = setups.setups_of(parameters, find)
            if wanted:
                setups.check_arguments(wanted, kwargs)
        if not self.imports_apart:
            self.imports_apart = True
            garbage.set_imports_apart()
        return Call(function, args, kwargs, wanted)

    def findings_of(self, function):
        """What each job that calls it is told once; modes add their own."""
        finding = result_types.finding_of(function)
        return [] if finding is None else [finding]

    def check_gil(self, function, task):
        if self.facts["gil"]:
            return
        now = facts()
        if not now["gil"]:
            return
        self.facts = now
        cause = self.lock_cause or "an extension module"
        self.channel.send(
            [
                {"type": "facts", "facts": now},
                {
                    "type": "finding",
                    "code": "gil_enabled",
                    "job": str(task.job),
                    "text": f"importing '{function.name}' switched the interpreter's "
                    f"lock on again, as {cause} does not declare that it works "
                    "without: threads take turns from now on; use executor: "
                    "process-pool for what computes",
                    "function": function.name,
                },
            ]
        )

    def watch_warnings(self):
        """Without the lock, a warning says which module switches it on."""
        import re
        import warnings

        show = warnings.showwarning

        def note(message, *more, **named):
            found = re.search(r"GIL.* enabled to load module '([^']+)'", str(message))
            if found:
                self.lock_cause = f"the module '{found[1]}'"
            show(message, *more, **named)

        warnings.showwarning = note

    def folders_of(self, parameters):
        path = parameters.get("path")
        if not path:
            return ()
        key = tuple(path)
        found = self.folders.get(key)
        if found is None:
            if len(self.folders) >= 1024:
                self.folders.clear()
            found = self.folders[key] = folders_of(parameters)
        return found

    def give_up(self, job, text):
        """An import does not end: every task of its job fails, and so does
        this worker. Thread: not the main thread, which is stuck."""
        self.channel.send_last(self.last_words(job, text), LAST_WORDS_SECONDS)
        self.cell.rest()
        os._exit(0)

    def last_words(self, job, text):
        raise NotImplementedError


def result_messages(results):
    """The results in as few frames as there may be."""
    messages = []
    together = []
    size = 0
    for result in results:
        size += len(result.get("output") or "") + len(result.get("error") or "")
        together.append(result)
        if size > RESULTS_BYTES_MAX:
            messages.append({"type": "results", "results": together})
            together, size = [], 0
    if together:
        messages.append({"type": "results", "results": together})
    return messages


def ending_of(name, value, task):
    """How a call that returned ended."""
    try:
        if hasattr(value, "__await__") and not isinstance(value, (dict, list, str)):
            close = getattr(value, "close", None)
            if close is not None:
                close()
            raise TaskFailed(
                f"'{name}' is a plain def that returned a coroutine, which nobody "
                "awaits: make it an async def, or return what asyncio.run() gives"
            )
        return {"ending": "succeeded", "output": to_json(value, task)}
    except TaskFailed as error:
        return {"ending": "error", "error": str(error)}


def ending_of_error(error):
    if isinstance(error, TaskFailed):
        return {"ending": "error", "error": str(error)}
    if isinstance(error, SystemExit):
        return {"ending": "error", "error": describe_exit(error)}
    return {"ending": "error", "error": describe_exception(error)}
