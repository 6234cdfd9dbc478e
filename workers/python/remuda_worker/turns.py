"""When the turns of an event loop begin, and what waits for its turn."""

import time

# A look for what is due that takes longer has waited for it.
SLEPT_NS = 50_000


def around_looks(loop, before, after):
    """Has the loop call `before` when it begins to look for what is due, and `after`
    when it has looked. False: it is no loop of asyncio's, and calls nothing."""
    selector = getattr(loop, "_selector", None)
    if selector is None:
        return False
    look = selector.select

    def select(timeout=None):
        before()
        try:
            return look(timeout)
        finally:
            after()

    selector.select = select
    return True


class Turns:
    """Notes in the step when the turn began, and how long what runs in it may have
    been ready before.

    What a task waits for, a socket or a timer, becomes ready amid some turn, is seen
    in the next, and has the task go on in the one after that: it waits for half of
    the first and all of the second, unless the loop slept before it.

    Thread: the loop's.
    """

    def __init__(self, loop, step):
        self.step = step
        self.looked = self.length = 0
        self.slept = True
        self.are_known = around_looks(loop, self.end, self.begin)

    def end(self):
        self.looked = time.monotonic_ns()

    def begin(self):
        step = self.step
        now = time.monotonic_ns()
        length = self.looked - step.turn_began
        if now - self.looked > SLEPT_NS:
            step.turn_before = 0
            self.slept = True
        else:
            step.turn_before = length + (0 if self.slept else self.length >> 1)
            self.slept = False
        step.turn_began = now
        self.length = length
