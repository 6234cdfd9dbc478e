"""How fast tasks that are given at once begin, and how many are taken ahead.

Nobody knows what a task will do once it begins: wait, of which a loop does
thousands at once, or compute, of which more is only more to wait for. So few
begin at first, and twice as many whenever that went well for a moment. What has
not been taken by then can still go to another worker, should this one turn out to
be full.
"""

import time

IN_FLIGHT_FIRST = 16
RAISE_SECONDS = 0.02

# In one turn of the loop; fewer while turns are long. So those that are in flight,
# and the ends, are not kept waiting, and what each needs only to begin is given
# back before the next needs it.
PER_TURN_MAX = 64
TURN_NS = 20_000_000

# For so many turns there are tasks here.
TURNS_AHEAD = 4


class Pace:
    def __init__(self, slots):
        self.slots = slots
        self.per_turn = PER_TURN_MAX
        self.turn_began = 0
        self.credits = 0  # that the agent knows of
        self.start_over()

    def start_over(self):
        """What comes next may be of another kind."""
        self.in_flight_max = min(IN_FLIGHT_FIRST, self.slots)

    def double(self):
        self.in_flight_max = min(2 * self.in_flight_max, self.slots)

    def note_turn(self):
        """A turn of the loop begins about now."""
        self.turn_began = time.monotonic_ns()

    def next_turn(self, running):
        """How many tasks may begin, after the turn that was noted."""
        if time.monotonic_ns() - self.turn_began > TURN_NS:
            self.per_turn = max(1, self.per_turn // 2)
        else:
            self.per_turn = min(2 * self.per_turn, PER_TURN_MAX)
        return min(self.per_turn, self.in_flight_max - running)

    def new_credits(self, running):
        """How many tasks the agent may give, those that run included; None if that
        is about what it knows."""
        ahead = TURNS_AHEAD * min(self.per_turn, self.in_flight_max)
        more = running + ahead - self.credits
        if -2 * ahead <= more <= ahead // 2:
            return None
        self.credits = running + ahead
        return self.credits
