"""A zygote: the worker with its own modules loaded, which forks workers.

The agent's spawner starts one where workers end one after the other, as a
fork costs a tenth of a start. docs/WORKER_PROTOCOL.md, "Zygotes", says what
the two say to each other.

Thread: the only one, or the interpreter is unfit to be forked.
"""

import ctypes
import gc
import os
import signal
import struct
import sys

import _socket

MARK = b"REMUDA_MARK="
MESSAGE_BYTES_MAX = 16 << 10
DESCRIPTORS = struct.Struct("5i")  # output, errors, channel, cell, beginning
SOCKET_MIN = 10  # beyond those that a worker has
PR_SET_PDEATHSIG = 1


class Unfit(Exception):
    """This interpreter had better not be forked; the agent starts another."""


def serve(words):
    """Returns in each worker that is forked, and nowhere else."""
    use, spawner = words.split()
    try:
        zygote = Zygote(int(spawner))
        load(use)
        zygote.check()
    except Exception:
        os._exit(1)
    gc.collect()
    gc.freeze()  # what is there now is never written to by looking for garbage
    zygote.socket.send(b"r")
    zygote.run()


def load(use):
    """What a worker needs, and nothing of a user."""
    from . import api, channel, failures, process_mode, worker  # noqa: F401

    if use == "threads":
        from . import thread_mode  # noqa: F401
    elif use == "loop":
        from . import loop_mode  # noqa: F401
    import faulthandler  # noqa: F401
    import traceback  # noqa: F401


class Zygote:
    def __init__(self, spawner):
        self.spawner = spawner
        self.library = ctypes.CDLL(None)
        self.socket = _socket.socket(fileno=dup_above(3, SOCKET_MIN))
        os.close(3)
        self.mark, self.environment_end = find_mark()

    def check(self):
        if os.getppid() != self.spawner:
            raise Unfit("a program in between started it")
        if len(os.listdir("/proc/self/task")) != 1:
            raise Unfit("it has threads")
        # One more is that of the list itself.
        own = {0, 1, 2, self.socket.fileno()}
        if len(set(map(int, os.listdir("/proc/self/fd"))) - own) > 1:
            raise Unfit("something that was loaded holds descriptors")

    def run(self):
        while True:
            message, control, _, _ = self.socket.recvmsg(
                MESSAGE_BYTES_MAX, _socket.CMSG_SPACE(DESCRIPTORS.size)
            )
            if not message:
                os._exit(0)  # the spawner wants no more
            given = DESCRIPTORS.unpack(control[0][2])
            middle = os.fork()
            if middle == 0:
                # What this process forks in turn becomes the spawner's child,
                # which adopts what has lost its parent.
                if os.fork() == 0:
                    self.become_worker(message, given)
                    return
                os._exit(0)
            for fd in given:
                os.close(fd)
            _, status = os.waitpid(middle, 0)
            if status != 0:
                os._exit(1)
            self.socket.send(b"f")

    def become_worker(self, message, given):
        """As the spawner prepares what it starts itself. On any failure this
        process ends, and the spawner does that."""
        try:
            mark, directory = message.split(b"\0")
            output, errors, channel, cell, beginning = given
            os.setsid()
            # A number is given after all that are smaller, so that none of
            # these is overwritten before it has been copied.
            os.dup2(output, 1)
            os.dup2(errors, 2)
            os.dup2(channel, 3)
            os.dup2(cell, 4)
            for fd in set(given) - {3, 4, beginning}:
                os.close(fd)
            os.chdir(directory)
            self.take_mark(mark)
            self.socket.send(b"w%d" % os.getpid())
            self.socket.close()
            begins = os.read(beginning, 1) == b"b"
            os.close(beginning)
            self.library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if begins and os.getppid() == self.spawner:
                return
        except BaseException:
            pass
        os._exit(127)

    def take_mark(self, mark):
        """In the environment of the process, where others read it, and in
        that which it hands on."""
        text = MARK + mark
        room = self.environment_end - self.mark
        if len(text) >= room:
            raise Unfit("the mark is too long")
        ctypes.memmove(self.mark, text.ljust(room, b"\0"), room)
        os.environb[MARK[:-1]] = mark
        os.environ.pop("REMUDA_ZYGOTE", None)


def dup_above(fd, least):
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)


def find_mark():
    """Where this process was given its mark, and where its environment ends."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    given = ctypes.string_at(start, end - start)
    at = (b"\0" + given).find(b"\0" + MARK)
    if at < 0 or given.find(b"\0REMUDA_ZYGOTE=", at) < 0:
        raise Unfit("its environment is not as it was given")
    return start + at, end
