#!/usr/bin/python3
"""For how long what an event loop finds had been ready."""

import heapq
import os
import sys
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from remuda_worker import driven, turns  # noqa: E402

MS = 1_000_000


class Timer:
    def __init__(self, due, cancelled=False):
        self.due = due
        self.is_cancelled = cancelled

    def cancelled(self):
        return self.is_cancelled

    def when(self):
        return self.due

    def __lt__(self, other):
        return self.due < other.due


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.ns = 10 * MS

    def monotonic_ns(self):
        return self.ns


class TurnsTest(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        patch = mock.patch.object(turns, "time", self.clock)
        patch.start()
        self.addCleanup(patch.stop)
        self.selector = types.SimpleNamespace(select=self.look)
        self.loop = types.SimpleNamespace(
            _selector=self.selector, _scheduled=[], time=lambda: self.clock.ns / 1e9
        )
        self.step = types.SimpleNamespace(turn_began=self.clock.ns, turn_before=0)
        self.turns = turns.Turns(self.loop, self.step)
        self.slept = 0
        self.sockets = []

    def look(self, _timeout):
        self.clock.ns += self.slept
        return self.sockets

    def turn(self, took, timers=(), sockets=0, slept=0, timeout=0):
        """One that took so long; then the loop finds what is due."""
        self.clock.ns += took
        for ago in timers:
            heapq.heappush(self.loop._scheduled, Timer((self.clock.ns - ago) / 1e9))
        self.sockets = [None] * sockets
        self.slept = slept
        self.selector.select(timeout)
        self.loop._scheduled.clear()
        return self.step.turn_before / MS

    def test_timers_are_late_by_as_much_as_they_say(self):
        self.turn(10 * MS, timers=[8 * MS, 6 * MS])
        # They go on in the turn after the next, with this one behind them.
        self.assertAlmostEqual(self.turn(5 * MS), 5 + 7, places=3)

    def test_timers_to_come_do_not_count(self):
        self.turn(10 * MS, timers=[2 * MS, -50 * MS, -1 * MS])
        self.assertAlmostEqual(self.turn(5 * MS), 5 + 2, places=3)

    def test_of_sockets_half_a_turn(self):
        self.turn(10 * MS, timers=[1 * MS], sockets=3)
        self.assertAlmostEqual(self.turn(5 * MS), 5 + (1 + 15) / 4, places=3)

    def test_a_loop_that_slept_finds_what_became_ready_just_now(self):
        self.turn(10 * MS, timers=[10 * MS])
        self.assertEqual(self.turn(5 * MS, slept=MS, timeout=1), 0)
        self.assertAlmostEqual(self.turn(3 * MS), 3, places=3)

    def test_a_look_that_had_no_time_to_sleep_was_kept_from_a_core(self):
        self.turn(10 * MS, timers=[10 * MS])
        self.assertAlmostEqual(self.turn(5 * MS, slept=MS), 5 + 10, places=3)

    def test_what_was_counted_stands_for_the_next_short_turns(self):
        self.turn(MS, timers=[MS // 5])
        for _ in range(turns.COUNTED):
            self.turn(MS, timers=[MS * 4 // 5])
        # By then it was counted again.
        self.assertAlmostEqual(self.turn(MS), 1 + 0.8, places=3)
        self.turn(MS, timers=[MS // 5])
        self.assertAlmostEqual(self.turn(MS), 1 + 0.8, places=3)

    def test_long_turns_are_always_counted(self):
        for ago in (9, 1, 4):
            self.turn(10 * MS, timers=[ago * MS])
            self.assertAlmostEqual(self.turn(5 * MS), 5 + ago, places=3)

    def test_no_more_timers_than_can_be_looked_at(self):
        timers = [Timer(i / 1000) for i in range(3000)]
        self.assertEqual(len(turns.due_timers(timers, 2.0)), turns.TIMERS_MAX)
        self.assertEqual(len(turns.due_timers(timers, 0.0095)), 10)

    def test_timers_that_nobody_waits_for_do_not_count(self):
        timers = [Timer(1, cancelled=True), Timer(2), Timer(3, cancelled=True)]
        self.assertEqual(turns.due_timers(timers, 5), [2])

    def test_another_loop_is_not_known(self):
        self.assertFalse(turns.Turns(types.SimpleNamespace(), self.step).are_known)


class DrivenTest(unittest.TestCase):
    """A task's coroutine counts what the step says, and no more than there was."""

    def setUp(self):
        self.now = 100
        patch = mock.patch.object(driven, "_now", lambda: self.now)
        patch.start()
        self.addCleanup(patch.stop)
        self.step = driven.Step(10**9, None)
        self.step.turn_began = 100
        self.addCleanup(setattr, driven.Driven, "step", driven.Driven.step)
        self.addCleanup(setattr, driven.Driven, "numbers", driven.Driven.numbers)
        driven.Driven.step, driven.Driven.numbers = self.step, [0]
        self.task = types.SimpleNamespace(
            cell=1, began=90, turn_ns=0, held_ns=0, steps=0
        )
        self.driven = driven.Driven(self, self.task)

    def send(self, _value):  # the coroutine's step
        self.now += 5

    def run_at(self, now, turn_before):
        self.now, self.step.turn_before = now, turn_before
        before = self.task.turn_ns
        self.driven.send(None)
        return self.task.turn_ns - before

    def test_the_first_step_was_ready_when_the_task_began(self):
        self.assertEqual(self.run_at(110, turn_before=500), 20)

    def test_a_step_waits_for_no_longer_than_since_the_one_before(self):
        self.run_at(110, turn_before=0)
        self.assertEqual(self.run_at(140, turn_before=500), 140 - 115)

    def test_a_step_waits_as_long_as_its_turn(self):
        self.run_at(110, turn_before=0)
        self.step.turn_began = 400
        self.assertEqual(self.run_at(420, turn_before=30), 50)


if __name__ == "__main__":
    unittest.main()
