"""SIGTERM to an agent in the middle of each kind of work.

Another agent takes over what it hands back; nothing is lost or charged, and
nothing of it is left running.
"""

import unittest

from cluster import Cluster, job_text, processes_with, wait_until

CODE = """
import asyncio, os, time

LEDGER = os.path.join(os.path.dirname(__file__), "ledger")

def note(n):
    with open(LEDGER, "a") as file:
        file.write(f"{n}\\n")

def work(n):
    note(n)
    time.sleep(0.02)
    return n

async def wait(n):
    note(n)
    await asyncio.sleep(0.02)
    return n
"""

KINDS = {
    "noop": ("noop", 200000, []),
    "sleep": ("sleep", 2000, ["with: {seconds: 0.02}", "concurrency: 50"]),
    "threads": ("sleep", 1000, ["with: {seconds: 0.02}",
                                "executor: thread-pool", "concurrency: 20"]),
    "command": ("command", 300, ['with: {argv: [sleep, "0.02"]}']),
    "python": ("python", 300, ['with: {function: "drained:work"}',
                               "executor: process-pool"]),
    "python-threads": ("python", 1000, ['with: {function: "drained:work"}',
                                        "executor: thread-pool",
                                        "concurrency: 20"]),
    "python-async": ("python", 2000, ['with: {function: "drained:wait"}',
                                      "executor: async", "concurrency: 50"]),
}


class Drain(unittest.TestCase):
    def drain(self, type_, tasks, lines):
        with Cluster(durability="relaxed") as cluster:
            cluster.coordinator()
            first = cluster.agent("--slots", "process-pool=2", name="first")
            cluster.agents_online(1)
            (cluster.folder / "drained.py").write_text(CODE)
            spec = cluster.spec("drained", job_text(
                "drained", type_,
                [f"tasks: {{range: {{from: 0, to: {tasks - 1}}}}}", *lines]))
            job = cluster.submit(spec)
            wait_until(lambda: cluster.job(job)["tasks"]["succeeded"] > 0,
                       "some have ended")
            first.process.terminate()
            cluster.agent("--slots", "process-pool=2", name="second")
            self.assertEqual(first.process.wait(90), 0)
            self.assertEqual(processes_with(str(cluster.folder / "first")), [])
            ended = cluster.wait(job)
            self.assertEqual(ended["tasks"]["succeeded"], tasks)
            self.assertEqual(ended["infrastructure_losses"], 0)
            self.assertEqual(ended["attempts"], tasks)
            if type_ == "python":
                ledger = (cluster.folder / "ledger").read_text().split()
                self.assertEqual(sorted(map(int, ledger)),
                                 list(range(tasks)))

    def test_nothing_is_lost(self):
        for name, kind in KINDS.items():
            with self.subTest(kind=name):
                self.drain(*kind)


if __name__ == "__main__":
    unittest.main()
