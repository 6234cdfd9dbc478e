"""Coroutines whose steps the agent and the watchdog can see."""

import collections.abc
import time

from .task import current

_now = time.monotonic_ns

# A step that is shorter has begun or ended something for which the task waits.
COMPUTES_NS = 300_000


class Step:
    """What the loop runs at this moment.

    Thread: written by the loop's; the watchdog reads, and may see the task of
    one step with the time of the next, which it finds out by looking twice.
    """

    __slots__ = (
        "task",
        "began",
        "coroutine",
        "on_long",
        "long_ns",
        "told",
        "turn_began",
        "turn_before",
        "held_ns",
        "computed_ns",
        "computed",
    )

    def __init__(self, long_ns, on_long):
        self.task = None
        self.began = 0
        self.coroutine = None
        self.long_ns = long_ns
        self.on_long = on_long  # called after a step that was that long
        # By all steps since somebody set it to 0; and by those that compute.
        self.held_ns = 0
        self.computed_ns = 0
        self.computed = 0  # how many of these there were
        self.told = 0  # the `began` of the step that was told about
        # Of the loop's turn, and how long what runs in it was ready before.
        self.turn_began = time.monotonic_ns()
        self.turn_before = 0


class Driven(collections.abc.Coroutine):
    """One coroutine of a task: while it steps, the cell holds its task.

    Children that the task makes by asyncio are driven too, for their task.
    """

    __slots__ = ("coroutine", "task", "ended")

    # Of the class, as a worker has one loop and thousands of these.
    numbers = None  # of the cell
    step = None

    def __init__(self, coroutine, task):
        self.coroutine = coroutine
        self.task = task
        # The step before; the first may be ready from when its maker began.
        self.ended = max(task.began, self.step.began)

    # Both are written out, as a step costs a call less so.

    def send(self, value):
        task, step, numbers = self.task, self.step, self.numbers
        numbers[0] = task.cell
        step.coroutine = self.coroutine
        began = step.began = _now()
        turn = began - step.turn_began + step.turn_before
        since = began - self.ended
        task.turn_ns += turn if turn < since else since
        step.task = task
        try:
            return self.coroutine.send(value)
        finally:
            step.task = None
            numbers[0] = 0
            self.ended = _now()
            took = self.ended - began
            task.held_ns += took
            task.steps += 1
            step.held_ns += took
            if took > COMPUTES_NS:
                step.computed_ns += took
                step.computed += 1
                if took > step.long_ns:
                    step.on_long(self, began, took)

    def throw(self, *error):
        task, step, numbers = self.task, self.step, self.numbers
        numbers[0] = task.cell
        step.coroutine = self.coroutine
        began = step.began = _now()
        turn = began - step.turn_began + step.turn_before
        since = began - self.ended
        task.turn_ns += turn if turn < since else since
        step.task = task
        try:
            return self.coroutine.throw(*error)
        finally:
            step.task = None
            numbers[0] = 0
            self.ended = _now()
            took = self.ended - began
            task.held_ns += took
            task.steps += 1
            step.held_ns += took
            if took > COMPUTES_NS:
                step.computed_ns += took
                step.computed += 1
                if took > step.long_ns:
                    step.on_long(self, began, took)

    def close(self):
        self.coroutine.close()

    def __await__(self):
        return self.coroutine.__await__()

    # What asyncio and debuggers look at.

    def __getattr__(self, name):
        return getattr(self.coroutine, name)


def task_factory(numbers, step, plain_task):
    """Makes asyncio tasks whose steps are seen, for the current task."""
    Driven.numbers, Driven.step = numbers, step

    def make(loop, coroutine, **options):
        task = current.get()
        # A task of its own is driven already.
        if task is not None and not isinstance(coroutine, Driven):
            coroutine = Driven(coroutine, task)
        return plain_task(coroutine, loop=loop, **options)

    return make
