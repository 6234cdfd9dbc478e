"""From a task's parameters to what its function is called with."""

import os

from .task import TaskFailed


def arguments_of(parameters, item):
    """Without args and kwargs the item is the argument, if there is one."""
    args = parameters.get("args")
    kwargs = parameters.get("kwargs")
    if args is None and kwargs is None:
        args, kwargs = ([] if item is None else [item]), {}
    elif args is not None and not isinstance(args, list):
        raise TaskFailed("args must be a list")
    elif kwargs is not None and not isinstance(kwargs, dict):
        raise TaskFailed("kwargs must be a map of names to values")
    else:
        args, kwargs = args or [], kwargs or {}
    for value in args:
        if type(value) is dict and len(value) <= 2:
            args = [resolved(value, f"argument {i}") for i, value in enumerate(args)]
            break
    for value in kwargs.values():
        if type(value) is dict and len(value) <= 2:
            kwargs = {name: resolved(v, f"argument '{name}'") for name, v in kwargs.items()}
            break
    return args, kwargs


def resolved(value, what):
    """A reference to a file becomes its content or its path."""
    if type(value) is not dict:
        return value
    names = value.keys()
    if names == {"bytes_of"} and isinstance(value["bytes_of"], str):
        try:
            with open(value["bytes_of"], "rb", buffering=0) as file:
                return file.readall()
        except OSError as error:
            raise TaskFailed(f"{what}: cannot read bytes_of: {error}") from None
    # The second is how a result that is a file looks.
    if names == {"file"} or names == {"file", "bytes"}:
        if isinstance(value["file"], str):
            from pathlib import Path

            return Path(value["file"])
    return value


def folders_of(parameters):
    path = parameters.get("path") or ()
    return tuple(os.path.abspath(folder) for folder in path)
