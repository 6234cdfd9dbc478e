"""What a task may cost, by the counters that the metrics show."""

import os
import pathlib
import unittest
from unittest import mock

from cluster import Cluster, job_text, metric, wait_until

TASKS = 100_000


class Budget(unittest.TestCase):
    def test_noop_array_stays_within_messages_rows_and_commits(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            before = coordinator.metrics()
            job = cluster.run(cluster.spec("array", job_text(
                "array", "noop",
                [f"tasks: {{range: {{from: 1, to: {TASKS}}}}}"])))
            self.assertEqual(job["tasks"]["succeeded"], TASKS)

            def settled():
                text = coordinator.metrics()
                finished = metric(text, "remuda_tasks_finished_total",
                                  job_type="noop", outcome="succeeded")
                return text if finished == TASKS else None

            after = wait_until(settled, "the metrics to show every task")

            def grew(name):
                return metric(after, name) - metric(before, name)

            per_task = {
                "messages": grew("remuda_transport_messages_total") / TASKS,
                "rows": grew("remuda_store_rows_total") / TASKS,
                "commits":
                    grew("remuda_store_commit_duration_seconds_count") / TASKS,
            }
            print(f"{TASKS} tasks in {job['duration_seconds']:.2f} s, "
                  f"{TASKS / job['duration_seconds']:.0f}/s; {per_task}")
            for what, most in (("messages", 0.05), ("rows", 0.02),
                               ("commits", 0.01)):
                self.assertGreater(per_task[what], 0)
                self.assertLessEqual(per_task[what], most, what)

    def environment(self, served):
        """What its program began with, as the kernel keeps it."""
        folder = pathlib.Path(f"/proc/{served.process.pid}")
        self.assertEqual((folder / "comm").read_text(), "remuda\n")
        lines = (folder / "environ").read_bytes().decode().split("\0")
        return dict(line.split("=", 1) for line in lines if line)

    def test_a_coordinator_sets_malloc_and_no_task_hears_of_it(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("GLIBC_TUNABLES", None)
            with Cluster() as cluster:
                began = self.environment(cluster.coordinator())
                self.assertIn("malloc.tcache_count", began["GLIBC_TUNABLES"])
                agent = cluster.agent()
                self.assertNotIn("GLIBC_TUNABLES", self.environment(agent))
                cluster.agents_online(1)
                cluster.run(cluster.spec("env", job_text("env", "command", [
                    "tasks: {range: {from: 1, to: 1}}",
                    "with: {argv: [sh, -c, 'test -z \"$GLIBC_TUNABLES\"']}",
                ])))

    def test_what_somebody_has_set_of_malloc_stays(self):
        ours = "glibc.malloc.arena_max=4"
        with mock.patch.dict(os.environ, GLIBC_TUNABLES=ours):
            with Cluster() as cluster:
                began = self.environment(cluster.coordinator())
                self.assertEqual(began["GLIBC_TUNABLES"], ours)
                self.assertNotIn("REMUDA_STARTED_ANEW", began)


if __name__ == "__main__":
    unittest.main()
