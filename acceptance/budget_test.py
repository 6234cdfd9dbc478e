"""What a task may cost, by the counters that the metrics show."""

import unittest

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


if __name__ == "__main__":
    unittest.main()
