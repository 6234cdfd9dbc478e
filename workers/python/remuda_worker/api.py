"""The module `remuda` that code in a worker may import.

It is only there if no installed package and no file of the job has that name.
"""

import importlib.machinery
import sys
import time

from .task import current

PROGRESS_SECONDS = 0.1  # between what one task tells
TEXT_MAX = 500
PROGRESS_A_SECOND_MAX = 100  # of all tasks of a worker

_worker = None
_second = 0  # of the clock, and what was told in it
_told = 0


class TaskFacts:
    """Which task this is: `index`, `attempt` (numbers), `job` (text)."""

    __slots__ = ("index", "attempt", "job")

    def __init__(self, index, attempt, job):
        self.index = index
        self.attempt = attempt
        self.job = job

    def __repr__(self):
        return f"task {self.index}, attempt {self.attempt}, of job {self.job}"


def task():
    """The task that this code runs for; its index is 0 outside of a worker."""
    running = current.get()
    if running is None:
        return TaskFacts(0, 1, "")
    return TaskFacts(running.index, int(running.attempt), str(running.job))


def stopping():
    """True once the task was asked to stop: a loop may then end early."""
    running = current.get()
    return running is not None and running.stop_sent


def progress(fraction, text=""):
    """Says how far the task is, from 0 to 1: `remuda job ID` shows it."""
    global _second, _told
    running = current.get()
    now = time.monotonic()
    if _worker is None or running is None or now - running.told < PROGRESS_SECONDS:
        return
    if int(now) != _second:
        _second, _told = int(now), 0
    if _told >= PROGRESS_A_SECOND_MAX:
        return
    _told += 1
    running.told = now
    _worker.send_from_task(
        [
            {
                "type": "progress",
                "id": str(running.number),
                "fraction": max(0.0, min(1.0, float(fraction))),
                "text": str(text)[:TEXT_MAX],
            }
        ]
    )


def log(text):
    """Adds a line to the task's log."""
    print(text, file=sys.stderr)


def offload(function, *args, to="thread", **kwargs):
    """Runs a function elsewhere; await what this returns.

    to="thread": on a thread of this worker, for what blocks. to="process": in
    a process beside it, for what computes; function and arguments are pickled.
    """
    from . import offload as offloading

    return offloading.start(_worker, function, args, kwargs, to)


class _Finder:
    """Asked last, so that a real package of this name goes first."""

    @staticmethod
    def find_spec(name, _path=None, _target=None):
        if name != "remuda":
            return None
        return importlib.machinery.ModuleSpec(name, _Finder)

    @staticmethod
    def create_module(_spec):
        return None

    @staticmethod
    def exec_module(module):
        module.__doc__ = __doc__
        for each in (offload, progress, log, task, stopping):
            setattr(module, each.__name__, each)


def install(worker):
    global _worker
    _worker = worker
    sys.meta_path.append(_Finder)
