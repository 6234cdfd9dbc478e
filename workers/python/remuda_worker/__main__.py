"""The Python worker of Remuda: calls functions.

The agent starts it and speaks docs/WORKER_PROTOCOL.md with it. It needs
Python 3.9 and the standard library, nothing else. To try a function by hand,
give it one task, or the same JSON on standard input; the result is printed:

    python3 remuda_worker.pyz --task '{"function": "math:sqrt", "args": [2]}'

To see what it thinks of a function, without importing it:

    python3 remuda_worker.pyz --check '{"function": "m:f", "path": ["."]}'
"""

import os
import sys


def main():
    fd = os.environ.pop("REMUDA_WORKER_FD", None)
    cell_fd = os.environ.pop("REMUDA_WORKER_CELL_FD", None)
    # The place of this file is not where users' modules are.
    del sys.path[:1]
    zygote = os.environ.get("REMUDA_ZYGOTE")
    if zygote is not None:
        from .zygote import serve as serve_forks

        serve_forks(zygote)
    if fd is None or cell_fd is None:
        return run_by_hand()
    import faulthandler

    # A crash in C code then says where in Python it was called from.
    faulthandler.enable(file=2, all_threads=False)
    serve(int(fd), int(cell_fd))
    # Threads that tasks left behind must not hold up the end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def serve(fd, cell_fd):
    from . import api
    from .channel import Cell, Channel
    from .worker import hello

    channel = Channel(fd)
    cell = Cell(cell_fd)
    channel.send([hello()])
    messages = []
    while not messages:
        messages = channel.receive(wait=True)
    welcome = messages[0]
    if welcome.get("type") != "welcome":
        raise RuntimeError(f"expected welcome, not {welcome.get('type')!r}")
    worker = class_of(welcome.get("mode", "process"))(channel, cell, welcome)
    api.install(worker)
    worker.run()


def class_of(mode):
    if mode == "threads":
        from .thread_mode import ThreadMode

        return ThreadMode
    if mode == "loop":
        from .loop_mode import LoopMode

        return LoopMode
    if mode == "process":
        from .process_mode import ProcessMode

        return ProcessMode
    raise RuntimeError(f"there is no mode {mode!r}")


def run_by_hand():
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "--offload":
        from .offload_child import serve_calls

        return serve_calls(int(arguments[1]))
    from . import by_hand

    if len(arguments) == 2 and arguments[0] == "--task":
        return by_hand.run(arguments[1])
    if len(arguments) == 2 and arguments[0] == "--check":
        return by_hand.check(arguments[1])
    if not arguments:
        return by_hand.run(sys.stdin.read())
    print(__doc__, file=sys.stderr)
    return 2
