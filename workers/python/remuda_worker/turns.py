"""When the turns of an event loop begin, and what waits for its turn."""

import time

# A look for what is due that may wait, and takes longer, has waited for it.
SLEPT_NS = 50_000
# How long timers were due is counted after each turn that took so long, and after one
# in so many of the others; and no more timers than so many, as there may be thousands.
COUNTED_NS = 2_000_000
COUNTED = 8
TIMERS_MAX = 256


def around_looks(loop, before, after):
    """Has the loop call `before`, with how long it may wait, when it begins to look
    for what is due, and `after`, with what it found, when it has looked. False: it is
    no loop of asyncio's, and calls nothing."""
    selector = getattr(loop, "_selector", None)
    if selector is None:
        return False
    look = selector.select

    def select(timeout=None):
        before(timeout)
        found = ()
        try:
            found = look(timeout)
            return found
        finally:
            after(found)

    selector.select = select
    return True


def due_timers(scheduled, now):
    """When the timers that are due were due, in seconds; of a heap as asyncio's, which
    also holds some that nobody waits for any more."""
    due = []
    places = [0]
    while places and len(due) < TIMERS_MAX:
        place = places.pop()
        if place < len(scheduled) and scheduled[place].when() <= now:
            if not scheduled[place].cancelled():
                due.append(scheduled[place].when())
            places += (2 * place + 1, 2 * place + 2)
    return due


class Turns:
    """Notes in the step when the turn began, and how long what runs in it may have
    been ready before.

    What a task waits for, a socket or a timer, becomes ready amid some turn, is seen
    in the next, and has the task go on in the one after that: it waits for a part of
    the first and all of the second, unless the loop slept before it. Of timers the
    part is known; of sockets it is taken to be half.

    Thread: the loop's.
    """

    def __init__(self, loop, step):
        self.loop = loop
        self.step = step
        self.looked = 0
        self.may_sleep = False
        self.stood = 0  # for how long what the last look found had been ready
        self.part = 0.5  # of a turn's length, by the latest that was counted
        self.uncounted = 0
        self.are_known = around_looks(loop, self.end, self.begin)

    def end(self, timeout):
        self.may_sleep = timeout is None or timeout > 0
        self.looked = time.monotonic_ns()

    def begin(self, found):
        step = self.step
        now = time.monotonic_ns()
        length = self.looked - step.turn_began
        if self.may_sleep and now - self.looked > SLEPT_NS:
            step.turn_before = 0
            self.stood = 0
        else:
            step.turn_before = length + self.stood
            self.uncounted -= 1
            if self.uncounted < 0 or length > COUNTED_NS:
                self.uncounted = COUNTED - 1
                self.count(length, len(found))
            self.stood = int(length * self.part)
        step.turn_began = now

    def count(self, length, sockets):
        scheduled = getattr(self.loop, "_scheduled", ())
        now = self.loop.time()
        due = due_timers(scheduled, now)
        if length > 0 and (due or sockets):
            parts = [min(1.0, (now - when) * 1e9 / length) for when in due]
            self.part = (sum(parts) + sockets / 2) / (len(parts) + sockets)
