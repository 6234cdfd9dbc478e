"""What a function says that it returns, before it runs."""

import os
import sys

# As results.py takes them, with what it makes files of.
JSON_TYPES = (
    *(type(None), bool, int, float, str, list, tuple, dict),
    *(bytes, bytearray, memoryview),
)


def returned_class(function):
    """The class in its `-> ...`; None if there is none, or something else."""
    annotations = getattr(function, "__annotations__", None) or {}
    said = annotations.get("return")
    if isinstance(said, str):
        import typing

        try:
            said = typing.get_type_hints(function).get("return")
        except Exception:  # whatever evaluating a user's text raises
            return None
    said = getattr(said, "__origin__", said)  # set[str] is a set
    return said if type(said) is type else None


def cannot_be_json(kind):
    """No value of the class is JSON: neither it nor what it stands for."""
    if kind is os.PathLike:
        return False
    types = JSON_TYPES
    # Who says that it returns one has imported it, which takes milliseconds.
    pathlib = sys.modules.get("pathlib")
    if pathlib is not None:
        types = (*types, pathlib.PurePath)
    return not any(issubclass(kind, each) or issubclass(each, kind) for each in types)


def finding_of(function):
    """A message, or None. The annotation may be wrong, so it is no error."""
    kind = returned_class(function.call)
    if kind is None or not cannot_be_json(kind):
        return None
    code = getattr(function.call, "__code__", None)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    return {
        "type": "finding",
        "code": "result_not_json",
        "text": f"'{function.name}' says that it returns {name}, which is not JSON, so "
        "each task would fail at its end: return text, numbers, lists and dicts",
        "function": function.name.partition(":")[2],
        "file": getattr(code, "co_filename", ""),
        "line": getattr(code, "co_firstlineno", 0),
    }
