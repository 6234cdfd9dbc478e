"""The same jobs on each executor by changing one word."""

import unittest

from cluster import Cluster, job_text


class Executors(unittest.TestCase):
    def test_noop_and_sleep_on_every_executor(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            for kind, extra in (("noop", []), ("sleep",
                                               ["with: {seconds: 0.0005}"])):
                for executor in ("async", "thread-pool", "process-pool"):
                    with self.subTest(type=kind, executor=executor):
                        spec = cluster.spec("job", job_text(
                            f"{kind}-{executor}", kind,
                            [f"executor: {executor}",
                             "tasks: {range: {from: 1, to: 10000}}", *extra]))
                        job = cluster.run(spec)
                        self.assertEqual(job["state"], "succeeded")
                        self.assertEqual(job["tasks"]["succeeded"], 10000)
                        self.assertEqual(job["attempts"], 10000)
                        self.assertEqual(job["executor"], executor)
                        rows = cluster.results(job["id"])
                        self.assertEqual([r["index"] for r in rows],
                                         list(range(10000)))
                        self.assertEqual({r["executor"] for r in rows},
                                         {executor})
                        self.assertEqual([r["item"] for r in rows],
                                         list(range(1, 10001)))
                        self.assertEqual({r["attempts"] for r in rows}, {1})


if __name__ == "__main__":
    unittest.main()
