"""The process that offload(to="process") calls run in."""

import io
import os
import pickle
import signal
import socket
import sys

from .failures import describe_exception

PRINTED_BYTES_MAX = 1 << 20  # of one stream, of one call


def serve_calls(fd):
    from . import api
    from .offload import receive, send

    api.install(None)
    channel = socket.socket(fileno=fd)
    channel.set_inheritable(False)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        request = receive(channel)
        if request is None:
            os._exit(0)  # the worker has ended
        send(channel, answer(request))


def answer(request):
    streams = {}
    for name in ("stdout", "stderr"):
        real = getattr(sys, name)
        streams[name] = (real, io.StringIO())
        setattr(sys, name, streams[name][1])
    value = error = None
    try:
        path, function, arguments = pickle.loads(request)
        sys.path[:] = path
        function = pickle.loads(function)
        args, kwargs = pickle.loads(arguments)
        returned = function(*args, **kwargs)
        value = packed(returned)
    except BaseException as failure:
        error = packed_error(failure)
    printed = {}
    for name, (real, ours) in streams.items():
        setattr(sys, name, real)
        text = ours.getvalue()
        if text:
            data = text.encode("utf-8", "backslashreplace")
            printed[name] = data[:PRINTED_BYTES_MAX]
    return pickle.dumps((value, error, printed), pickle.HIGHEST_PROTOCOL)


def packed(value):
    if hasattr(value, "__await__"):
        raise TypeError(
            "offload() to a process takes a plain def: await an async def directly"
        )
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        kind = type(value)
        raise TypeError(
            f"what the function returned, of type {kind.__module__}."
            f"{kind.__qualname__}, cannot be pickled ({error}): return plain data"
        ) from None


def packed_error(failure):
    text = describe_exception(failure)
    if isinstance(failure, (SystemExit, KeyboardInterrupt)):
        failure = RuntimeError(text.splitlines()[0])  # ends this call, no more
    try:
        data = pickle.dumps(failure, pickle.HIGHEST_PROTOCOL)
        pickle.loads(data)
    except Exception:
        data = pickle.dumps(RuntimeError(text.splitlines()[0]))
    return data, text


def describe_status(status):
    if status >= 0:
        return f"exited with code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"
