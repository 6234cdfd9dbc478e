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

    def test_workers_are_as_many_as_the_agent_says(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent("--workers", "1")
            cluster.agents_online(1)
            module = cluster.folder / "together.py"
            module.write_text(
                "import asyncio, os, time\n"
                "async def later():\n"
                "    await asyncio.sleep(0.2)\n"
                "    return os.getpid()\n"
                "def plain():\n"
                "    time.sleep(0.2)\n"
                "    return os.getpid()\n")
            for executor, form in (("async", "later"),
                                   ("thread-pool", "plain")):
                with self.subTest(executor=executor):
                    spec = cluster.spec("together", job_text(
                        "together", "python",
                        [f"executor: {executor}",
                         "tasks: {range: {from: 1, to: 300}}",
                         f"with: {{function: 'together:{form}', "
                         f"path: ['{cluster.folder}'], args: []}}"]))
                    job = cluster.run(spec)
                    self.assertEqual(job["state"], "succeeded")
                    rows = cluster.results(job["id"])
                    self.assertEqual(len({r["output"] for r in rows}), 1)
            refused = cluster.remuda("agent", "--workers", "0", code=None)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn("--workers", refused.stderr)


if __name__ == "__main__":
    unittest.main()
