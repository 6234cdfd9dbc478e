"""What one bad task costs the others: on each executor, nothing.

What memory, processes and floods of output cost is in limits_test.
"""

import os
import unittest

from cluster import Cluster, job_text, metric, wait_until

TASKS = int(os.environ.get("REMUDA_ISOLATION_TASKS", "1000"))

CODE = """
import asyncio, ctypes, os, time

def crash(n):
    if n % 100 == 50:
        ctypes.string_at(0)
    return n

async def crash_on_the_loop(n):
    return crash(n)

def leave(n):
    if n % 100 == 50:
        os._exit(7)
    return n

async def leave_the_loop(n):
    return leave(n)

def hang(n):
    while n == 5:
        pass
    time.sleep(0.01)
    return n

async def hang_the_loop(n):
    while n == 5:
        pass
    await asyncio.sleep(0.01)
    return n
"""


class Isolation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(durability="relaxed")
        cls.cluster.coordinator()
        cls.agent = cls.cluster.agent("--slots", "process-pool=2")
        cls.cluster.agents_online(1)
        (cls.cluster.folder / "bad.py").write_text(CODE)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None)

    def run_job(self, function, executor, tasks, *lines):
        spec = self.cluster.spec("bad", job_text(
            "bad", "python",
            [f"executor: {executor}",
             f"tasks: {{range: {{from: 0, to: {tasks - 1}}}}}",
             f'with: {{function: "bad:{function}"}}', *lines]))
        job = self.cluster.run(spec, code=1)
        return job, self.cluster.results(job["id"])

    def check_crashes(self, function, executor, words):
        job, rows = self.run_job(function, executor, TASKS)
        self.assertEqual(job["executor"], executor)
        for row in rows:
            if row["index"] % 100 == 50:
                self.assertEqual(row["state"], "failed", row)
                self.assertIn(words, row["error"])
            else:
                self.assertEqual((row["state"], row["output"]),
                                 ("succeeded", row["index"]), row)
        self.assertEqual(len(rows), TASKS)
        self.assertEqual(job["infrastructure_losses"], 0)
        self.no_more_workers_than(2 * 3)

    def no_more_workers_than(self, most):
        """Two for each executor, once those that end have ended."""
        self.assertIsNone(self.agent.process.poll())

        def workers():
            text = self.agent.metrics()
            return metric(text, "remuda_executor_workers")

        wait_until(lambda: workers() <= most, f"at most {most} workers")

    def test_a_crash_costs_its_task(self):
        for function, executor in (("crash", "process-pool"),
                                   ("crash", "thread-pool"),
                                   ("crash_on_the_loop", "async")):
            with self.subTest(executor=executor):
                self.check_crashes(function, executor, "SIGSEGV")

    def test_an_exit_costs_its_task(self):
        for function, executor in (("leave", "process-pool"),
                                   ("leave", "thread-pool"),
                                   ("leave_the_loop", "async")):
            with self.subTest(executor=executor):
                self.check_crashes(function, executor, "exited with code 7")

    def test_an_endless_loop_costs_its_task(self):
        for function, executor in (("hang", "process-pool"),
                                   ("hang", "thread-pool"),
                                   ("hang_the_loop", "async")):
            with self.subTest(executor=executor):
                job, rows = self.run_job(function, executor, 40,
                                         "timeout: 3s")
                self.assertEqual(
                    [row["state"] for row in rows],
                    ["timed_out" if n == 5 else "succeeded"
                     for n in range(40)])
                self.assertIn("timeout of 3 s", rows[5]["error"])
                self.assertIsNone(self.agent.process.poll())


if __name__ == "__main__":
    unittest.main()
