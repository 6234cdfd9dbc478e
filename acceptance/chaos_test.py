"""Faults of every kind amid jobs of every sort, for about a minute.

`acceptance/chaos/run` does the same for as long as one likes; docs/CHAOS.md
says what is injected and what is checked. REMUDA_CHAOS_SEED picks another run.
"""

import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "chaos"))
from checker import Checker  # noqa: E402
from driver import Options, run  # noqa: E402
from jobs import Job  # noqa: E402
from ledger import Ledger  # noqa: E402

SEED = int(os.environ.get("REMUDA_CHAOS_SEED", "1"))


class Chaos(unittest.TestCase):
    def test_everything_at_once(self):
        report = run(Options(seed=SEED, cycles=40, tasks=6000,
                             pause_seconds=0.8))
        print(report.text())
        self.assertEqual(
            report.violations, [],
            f"again: acceptance/chaos/run --seed {SEED} --cycles 40 "
            "--tasks 6000 --pause 0.8")
        self.assertGreaterEqual(report.figures["starts"], 1000)
        self.assertGreaterEqual(sum(
            count for name, count in report.figures.items()
            if name.startswith("fault: ")), 40)


class CheckerBites(unittest.TestCase):
    """What the checks have to find, written into ledgers by hand."""

    TASKS = 3

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ledger = Ledger(pathlib.Path(folder.name))
        self.lines = []
        for task in range(self.TASKS):
            self.line("S", task, at=10 + task)
            self.line("E", task, at=10.5 + task)
        self.job = Job("k1", "commands", self.TASKS, "", job=7,
                       answers={7}, state="succeeded")
        self.rows = [{"index": task, "item": task + 1, "state": "succeeded",
                      "attempts": 1, "output": {"stdout": f"1 {100 + task}\n"}}
                     for task in range(self.TASKS)]

    def line(self, word, task, fence=1, at=20.0, agent="a1", pid=None):
        self.lines.append(
            f"{word} k1 7 {task} {fence} {pid or 100 + task} {at} "
            f"/x/{agent}/work/attempts/7-{task}-{fence}")

    def note(self, at, what, whom):
        self.lines.append(f"N {at} {what} {whom}")

    def violations(self, **said):
        self.ledger.path.write_text("".join(f"{line}\n"
                                            for line in self.lines))
        checker = Checker(*self.ledger.read(), worker_kills=0)
        counts = {"total": self.TASKS, "pending": 0, "running": 0,
                  "succeeded": self.TASKS, "cancelled": 0}
        checker.job(self.job, {
            "state": "succeeded", "tasks": counts, "attempts": self.TASKS,
            "infrastructure_losses": 0, **said}, self.rows)
        checker.rest()
        return "\n".join(checker.violations)

    def test_a_run_without_fault(self):
        self.assertEqual(self.violations(), "")

    def test_an_attempt_that_starts_twice(self):
        self.line("S", 0, pid=900)
        self.line("E", 0, pid=900)
        self.assertIn("(0, 1) started again", self.violations())

    def begun_anew(self, whom):
        self.job.hosted = True
        self.lines.insert(2, f"N 10.7 kill_below {whom}")
        self.line("S", 0, pid=900)
        self.line("E", 0, pid=900)
        return self.violations()

    def test_a_neighbour_of_a_killed_task_begins_anew(self):
        self.assertEqual(self.begun_anew("a1"), "")

    def test_another_agents_tasks_do_not_begin_anew(self):
        self.assertIn("(0, 1) started again", self.begun_anew("a2"))

    def test_a_try_after_the_success(self):
        self.line("S", 0, fence=2)
        self.line("E", 0, fence=2)
        self.assertIn("tried again after its success", self.violations())

    def test_two_tries_at_once(self):
        self.lines.insert(1, self.lines[0].replace(" 0 1 100 ", " 0 2 900 "))
        self.lines.append("E k1 7 0 2 900 11 /x/a2/work/attempts/7-0-2")
        self.rows[0]["output"]["stdout"] = "2 900\n"
        self.assertIn("ran twice at once", self.violations())

    def stopped_run(self, next_start):
        """Task 0 runs on on a1, which is stopped from 11 to 20."""
        self.lines = self.lines[2:]
        self.lines[:0] = ["S k1 7 0 1 99 10 /x/a1/work/attempts/7-0-1",
                          "N 11 stop a1",
                          f"S k1 7 0 2 100 {next_start} /x/a2/work/attempts/o",
                          "N 20 wake a1",
                          "E k1 7 0 1 99 20.2 /x/a1/work/attempts/7-0-1",
                          "E k1 7 0 2 100 20.3 /x/a2/work/attempts/o"]
        self.rows[0]["output"]["stdout"] = "2 100\n"

    def test_a_stopped_agents_tasks_end_with_its_lease(self):
        self.stopped_run(14)
        self.assertIn("ran twice at once", self.violations())

    def test_what_was_ended_while_its_agent_was_stopped_has_no_line(self):
        self.stopped_run(14)
        self.lines.remove("E k1 7 0 1 99 20.2 /x/a1/work/attempts/7-0-1")
        self.assertEqual(self.violations(), "")

    def test_a_limit_that_is_passed(self):
        self.job.limit = 1
        self.assertEqual(self.violations(), "")
        self.lines.insert(1, self.lines.pop(2))
        self.assertIn("limit 1 but 2", self.violations())

    def test_a_record_that_is_missing(self):
        self.rows.pop()
        self.assertIn("not one record for each task", self.violations())

    def test_a_result_that_no_run_made(self):
        self.rows[1]["output"]["stdout"] = "1 555\n"
        self.assertIn("no run made", self.violations())

    def test_a_start_after_the_end(self):
        self.note(20, "final", "k1")
        self.rows[0]["output"]["stdout"] = "2 100\n"
        self.line("S", 0, fence=2)
        self.line("E", 0, fence=2)
        self.assertIn("started after its end", self.violations())

    def test_a_job_that_nobody_has(self):
        self.lines.append("S k9 9 0 1 1 1 /x/a1/work/attempts/9-0-1")
        self.assertIn("that is no job", self.violations())

    def test_a_key_that_gave_two_jobs(self):
        self.job.answers = {7, 8}
        self.assertIn("was accepted as [7, 8]", self.violations())

    def test_a_cancel_that_was_not_final(self):
        self.job.to_cancel, self.job.cancel_said = True, "yes"
        self.assertIn("was cancelled, and is succeeded", self.violations())

    def test_tries_that_nobody_made(self):
        self.assertIn("tries of its own", self.violations(attempts=9))


if __name__ == "__main__":
    unittest.main()
