#!/usr/bin/python3
"""What a worker says of how its tasks wait for one another."""

import signal
import sys
import time
import unittest

from worker_driver import WorkerTest

MODULE = """
import asyncio, hashlib, json, time
ROWS = list(range(20_000))
def keeps_in_c():
    end = time.thread_time() + 0.003
    while time.thread_time() < end: json.dumps(ROWS)
def keeps():
    end = time.thread_time() + 0.4
    while time.thread_time() < end: sum(range(1000))
def lets_go():
    data = b"x" * (8 << 20)
    end = time.thread_time() + 0.4
    while time.thread_time() < end: hashlib.sha256(data)
def waits(): time.sleep(0.4)
def waits_for_ever(): time.sleep(600)
def short(): pass
async def computes():
    await asyncio.sleep(0.01)
    end = time.thread_time() + 0.02
    while time.thread_time() < end: sum(range(1000))
async def awaits(): await asyncio.sleep(0.4)
async def awaits_often():
    for _ in range(20): await asyncio.sleep(0.02)
"""

HAS_LOCK = getattr(sys, "_is_gil_enabled", lambda: True)()


class ProcessModeTest(WorkerTest):
    mode = "process"
    modules = {"m": MODULE}

    def share(self, function):
        for _ in range(2):  # it begins to look after the first task
            end = self.worker.run(function)
        return end["gil_held_ns"] / end["wall_ns"]

    def test_how_much_of_the_time_a_task_keeps_the_lock(self):
        share = self.share("m:keeps")
        if HAS_LOCK:
            self.assertGreater(share, 0.5)
        else:
            self.assertEqual(share, 0)

    @unittest.skipUnless(HAS_LOCK, "there is no lock to keep")
    def test_code_of_c_that_keeps_it_to_the_end_of_the_task(self):
        ids = self.worker.start("m:keeps_in_c", count=400)
        end = [self.worker.end_of(each) for each in ids][-1]
        self.assertGreater(end["gil_held_ns"] / end["wall_ns"], 0.5)

    def test_code_that_lets_the_lock_go(self):
        self.assertLess(self.share("m:lets_go"), 0.5)

    def test_who_waits_keeps_nothing(self):
        self.assertLess(self.share("m:waits"), 0.5)

    def test_what_another_function_did_is_not_its_own(self):
        self.share("m:keeps")
        held = self.worker.run("m:short").get("gil_held_ns")
        # Where there is no lock, that is known of whatever takes long enough.
        self.assertIn(held, (None,) if HAS_LOCK else (None, 0))
        self.assertLess(self.share("m:waits"), 0.5)

    def test_what_the_worker_does_for_a_task_is_not_the_tasks(self):
        self.worker.run("m:short")
        began = time.monotonic_ns()
        ids = self.worker.start("m:short", count=2000)
        ends = [self.worker.end_of(each) for each in ids]
        took = time.monotonic_ns() - began
        self.assertLess(sum(end["wall_ns"] for end in ends), took / 5)
        self.assertLess(sum(end["cpu_ns"] for end in ends), took / 5)

    def test_a_long_import_is_its_first_tasks(self):
        self.write("slow_to_import", "import time; time.sleep(0.2)\ndef f(): pass")
        end = self.worker.run("slow_to_import:f")
        self.assertGreater(end["wall_ns"], 200_000_000)

    def test_a_signal_still_interrupts_the_task(self):
        self.share("m:waits")
        number = self.worker.start("m:waits_for_ever")[0]
        self.worker.wait_until(lambda: self.worker.cell[0] == number)
        self.worker.cancel(number)
        self.worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")


class LoopModeTest(WorkerTest):
    mode = "loop"
    modules = {"m": MODULE}

    def test_tasks_that_compute_wait_for_their_turn(self):
        ids = self.worker.start("m:computes", count=20)
        ends = [self.worker.end_of(each) for each in ids]
        for end in ends:
            self.assertLessEqual(end["loop_wait_ns"], end["wall_ns"])
        wait = sum(end["loop_wait_ns"] for end in ends)
        self.assertGreater(wait, sum(end["wall_ns"] for end in ends) / 2)
        # It sleeps once.
        self.assertEqual({end["switches_voluntary"] for end in ends}, {1})
        # By the last one the loop has measured itself.
        self.assertLessEqual(ends[-1]["run_queue_ns"], ends[-1]["wall_ns"])

    def test_tasks_that_wait_do_not(self):
        for function in ("m:awaits", "m:awaits_often"):
            ids = self.worker.start(function, count=20)
            ends = [self.worker.end_of(each) for each in ids]
            wait = sum(end["loop_wait_ns"] for end in ends)
            self.assertLess(wait, sum(end["wall_ns"] for end in ends) / 2)


if __name__ == "__main__":
    unittest.main()
