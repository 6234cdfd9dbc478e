"""From what a function returned to the JSON of its result."""

import binascii
import json
import os
import sys

from .task import TaskFailed

OUTPUT_BYTES_MAX = 8 << 20  # of one result
BYTES_INLINE_MAX = 64 << 10  # more bytes go into a file

_encode = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


def describe_unserialisable(value, path="the result", depth=0):
    """Names the first thing in a value that JSON cannot hold, and its place."""
    if value is None or isinstance(value, (bool, int)):
        return None
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return f"{path} is text that is not valid Unicode"
        return None
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return f"{path} is {value}, which JSON does not have"
        return None
    if depth > 60:
        return f"{path} is nested too deeply (or holds itself)"
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"{path} has a key of type {type(key).__name__}"
            found = describe_unserialisable(key, f"a key of {path}", depth + 1)
            found = found or describe_unserialisable(
                member, f"{path}[{key!r}]", depth + 1
            )
            if found:
                return found
        return None
    if isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            found = describe_unserialisable(member, f"{path}[{index}]", depth + 1)
            if found:
                return found
        return None
    if is_bytes(value) or is_path(value):
        return None
    kind = type(value)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    return f"{path} is of type {name}"


def is_bytes(value):
    return isinstance(value, (bytes, bytearray, memoryview))


def is_path(value):
    pathlib = sys.modules.get("pathlib")
    return pathlib is not None and isinstance(value, pathlib.PurePath)


def to_json(value, task=None):
    try:
        try:
            text = _encode(value)
        except TypeError:
            text = json.JSONEncoder(
                allow_nan=False,
                ensure_ascii=False,
                separators=(",", ":"),
                default=lambda each: by_reference(each, task),
            ).encode(value)
        size = len(text) if text.isascii() else len(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        found = describe_unserialisable(value) or str(error)
        raise TaskFailed(
            f"the function returned something that is not JSON: {found}; "
            "return text, numbers, lists and dicts"
        ) from None
    if size > OUTPUT_BYTES_MAX:
        raise TaskFailed(
            f"the function returned {size} bytes of JSON; the limit is "
            f"{OUTPUT_BYTES_MAX}: write large results to a file"
        )
    return text


def by_reference(value, task):
    """For what JSON does not have: bytes, and files by their path."""
    if is_bytes(value):
        data = bytes(value)
        if len(data) <= BYTES_INLINE_MAX:
            return {"base64": binascii.b2a_base64(data, newline=False).decode()}
        return kept(task, ".bin", f"{len(data)} bytes", lambda to: write(data, to))
    if not is_path(value):
        raise TypeError(f"{type(value).__name__} is not JSON")
    path = os.path.abspath(value)
    if not os.path.isfile(path):
        raise TaskFailed(
            f"the function returned the path '{value}', and there is no such file"
        )
    if not path.startswith(os.getcwd() + os.sep):
        return {"file": path, "bytes": os.path.getsize(path)}  # it stays there
    what = f"the file '{value}' of its folder, which is temporary"
    return kept(task, os.path.splitext(path)[1], what, lambda to: move(path, to))


def kept(task, suffix, what, put):
    """Puts a file into the folder for results; seen there only when whole."""
    if task is None or task.outputs is None:
        raise TaskFailed(
            f"the function returned {what}: such a result is kept as a file, and "
            "the job does not say where; set outputs: {to: FOLDER}"
        )
    more = f"-{task.files}" if task.files else ""
    task.files += 1
    name = f"{task.index}{more}{suffix}"
    path = os.path.join(task.outputs, name)
    unfinished = os.path.join(task.outputs, f".{name}.{os.getpid()}.part")
    try:
        os.makedirs(task.outputs, exist_ok=True)
        put(unfinished)
        size = os.path.getsize(unfinished)
        os.rename(unfinished, path)
    except OSError as error:
        try:
            os.unlink(unfinished)
        except OSError:
            pass
        raise TaskFailed(f"cannot keep the result as {path}: {error}") from None
    return {"file": path, "bytes": size}


def write(data, path):
    with open(path, "wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def move(source, path):
    try:
        os.rename(source, path)
    except OSError:  # another file system
        import shutil

        shutil.copyfile(source, path)
        os.unlink(source)
