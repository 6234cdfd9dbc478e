"""offload(): a step of a task on another thread, or in another process.

Processes are started on first use, by running the worker's file again and not
by fork, and are kept. Each does one call at a time, so that one which crashes
fails that call alone.
"""

import asyncio
import contextvars
import functools
import os
import pickle
import queue
import socket
import struct
import subprocess
import sys
import threading

from .descendants import spare
from .output import TaskStream
from .task import current

THREADS_MAX = 64  # for to="thread", of one worker
WAITING_MAX = 100_000  # calls that wait for a thread or a process
LENGTH = struct.Struct(">Q")


class OffloadCrashed(RuntimeError):
    """The process that ran the call has died."""


class Pool:
    """Threads that make calls; started as needed, up to a limit.

    Thread: any.
    """

    def __init__(self, limit, name, state=lambda: None):
        self.limit = limit
        self.name = name
        self.state = state  # makes what a thread keeps from call to call
        self.lock = threading.Lock()
        self.calls = queue.SimpleQueue()
        self.idle = 0
        self.threads = 0

    def submit(self, call):
        with self.lock:
            if self.calls.qsize() >= WAITING_MAX:
                raise RuntimeError(f"more than {WAITING_MAX} offloaded calls wait")
            self.calls.put(call)
            if self.idle < self.calls.qsize() and self.threads < self.limit:
                self.threads += 1
                name = f"{self.name}-{self.threads}"
                threading.Thread(target=self.work, name=name, daemon=True).start()

    def work(self):
        state = self.state()
        while True:
            with self.lock:
                self.idle += 1
            call = self.calls.get()
            with self.lock:
                self.idle -= 1
            call(state)


_lock = threading.Lock()
_threads = None
_processes = None


def start(worker, function, args, kwargs, to):
    """An awaitable of what the function returns."""
    global _threads, _processes
    if not callable(function):
        raise TypeError(
            f"offload() takes a function and its arguments, not "
            f"{type(function).__name__}"
        )
    if to == "thread":
        with _lock:
            _threads = _threads or Pool(THREADS_MAX, "offload")
        return in_thread(_threads, functools.partial(function, *args, **kwargs))
    if to == "process":
        request = pickled(function, args, kwargs)
        with _lock:
            if _processes is None:
                count = getattr(worker, "cpus", 0) or cores()
                _processes = Pool(count, "offload-process", Child)
        return in_process(_processes, request)
    raise ValueError(f'offload(): to is "thread" or "process", not {to!r}')


def cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


async def in_thread(pool, call):
    context = contextvars.copy_context()  # prints stay the task's
    return await submitted(pool, lambda _state, _begun: context.run(call))


async def in_process(pool, request):
    task = current.get()
    children = []

    def call(child, begun):
        children.append(child)
        return child.call(request, begun)

    try:
        outcome, printed = await submitted(pool, call)
    except asyncio.CancelledError:
        for child in children:
            child.abandon(request)
        raise
    show(task, printed)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def submitted(pool, make):
    """Awaits make(state, begun) on a thread of the pool."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def begun():
        return not future.cancelled()

    def done(value, error):
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def call(state):
        value = error = None
        if future.cancelled():
            return
        try:
            value = make(state, begun)
        except StopIteration as stop:  # which a future does not take
            error = RuntimeError(f"the function raised {stop!r}")
        except BaseException as failure:
            error = failure
        try:
            loop.call_soon_threadsafe(done, value, error)
        except RuntimeError:
            pass  # the loop has ended, and nobody waits

    pool.submit(call)
    return await future


def show(task, printed):
    """What the call printed in its process is what its task printed."""
    for name, data in printed.items():
        stream = getattr(sys, name)
        if isinstance(stream, TaskStream) and task is not None and not task.ended:
            stream.keep(task, data)
        else:
            stream.write(data.decode("utf-8", "replace"))


def pickled(function, args, kwargs):
    """Checks before anything runs that all of the call can be taken along."""
    name = getattr(function, "__qualname__", repr(function))
    module = getattr(function, "__module__", None)
    try:
        call = pickle.dumps(function, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise TypeError(
            f"offload() to a process needs a function that another process can "
            f"import by its name; '{module}.{name}' is not one ({error}): define it "
            'with def at the top of its module, or use to="thread"'
        ) from None
    try:
        arguments = pickle.dumps((args, kwargs), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise TypeError(
            f"offload() of '{name}' to a process: "
            f"{unpicklable(args, kwargs, error)}: pass plain data, or use "
            'to="thread"'
        ) from None
    return sys.path[:], call, arguments


def unpicklable(args, kwargs, error):
    named = [(f"argument {i}", value) for i, value in enumerate(args)]
    named += [(f"argument '{key}'", value) for key, value in kwargs.items()]
    for what, value in named:
        try:
            pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception as failure:
            kind = type(value)
            return (
                f"{what}, of type {kind.__module__}.{kind.__qualname__}, cannot be "
                f"pickled ({failure})"
            )
    return f"the arguments cannot be pickled ({error})"


class Child:
    """One process that makes calls for one thread.

    Thread: the pool's, except abandon().
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.process = None
        self.socket = None
        self.request = None

    def launch(self):
        ours, theirs = socket.socketpair()
        worker = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        if os.path.isdir(worker):  # not packed
            program = ["-c", f"import sys; sys.path.insert(0, {worker!r}); "
                       "from remuda_worker.__main__ import main; sys.exit(main())"]
        else:
            program = [worker]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, *program, "--offload", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        spare(self.process.pid)
        self.socket = ours

    def call(self, request, begun):
        """(value or exception, what was printed)."""
        with self.lock:
            if not begun():
                return None  # cancelled, and abandon() came too early
            if self.process is None:
                self.launch()
            self.request = request
        try:
            send(self.socket, pickle.dumps(request, pickle.HIGHEST_PROTOCOL))
            answer = receive(self.socket)
        except OSError:
            answer = None
        with self.lock:
            self.request = None
            if answer is None:
                raise self.crashed()
        return unpacked(answer)

    def crashed(self):
        from .offload_child import describe_status

        self.socket.close()
        how = describe_status(self.process.wait())
        self.process = None
        return OffloadCrashed(
            f"the process of offload() {how} while it ran the call"
        )

    def abandon(self, request):
        """Ends the call, if it still runs, together with the process."""
        with self.lock:
            if self.request is request and self.process is not None:
                self.process.kill()


def unpacked(answer):
    value, error, printed = pickle.loads(answer)
    if error is None:
        return pickle.loads(value), printed
    pickled_error, text = error
    try:
        failure = pickle.loads(pickled_error)
    except Exception:
        failure = RuntimeError(text.splitlines()[0])
    failure.__cause__ = RemoteTraceback(text)
    return failure, printed


class RemoteTraceback(Exception):
    """Where in the other process the exception came from."""

    def __str__(self):
        return "\n" + self.args[0]


def send(to, data):
    to.sendall(LENGTH.pack(len(data)) + data)


def receive(of):
    """One message; None at the end."""
    head = receive_exactly(of, LENGTH.size)
    return None if head is None else receive_exactly(of, LENGTH.unpack(head)[0])


def receive_exactly(of, size):
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = of.recv_into(view)
        if count == 0:
            return None
        view = view[count:]
    return data
