"""What `explain`, `advise` and the API say of how work ran."""

import json
import unittest
import urllib.request
from xml.etree import ElementTree

from cluster import Cluster, job_text, metric, wait_until

MODULE = """
import hashlib
import time

DATA = b"x" * (16 << 20)

def counts(n):
    end = time.thread_time() + 0.2
    total = 0
    while time.thread_time() < end:
        for i in range(1000):
            total += i * i
    return n

def hashes(n):
    end = time.thread_time() + 0.2
    while time.thread_time() < end:
        hashlib.sha256(DATA)  # lets the lock go
    return n

def sleeps(n):
    time.sleep(0.25)
    return n
"""


class Verdicts(unittest.TestCase):
    def spec(self, cluster, function, tasks, *lines):
        (cluster.folder / "work.py").write_text(MODULE)
        name = function.replace("_", "-")
        return cluster.spec(name, job_text(name, "python", [
            f"tasks: {{range: {{from: 1, to: {tasks}}}}}",
            f"with: {{function: 'work:{function}', args: ['{{{{item}}}}']}}",
            *lines]))

    def explain(self, cluster, job):
        said = cluster.remuda("explain", job, "--json").stdout
        (verdict,) = json.loads(said)["verdicts"]
        return verdict

    def test_what_was_measured_is_told_everywhere(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator("--api", "127.0.0.1:0")
            cluster.agent("--slots", "process-pool=2,thread-pool=64,async=100")
            cluster.agents_online(1)
            locked = cluster.run(self.spec(
                cluster, "counts", 12, "executor: thread-pool",
                "concurrency: 3"))
            free = cluster.run(self.spec(
                cluster, "hashes", 12, "executor: thread-pool",
                "concurrency: 3"))
            sleeps = cluster.run(self.spec(
                cluster, "sleeps", 24, "executor: process-pool"))

            # Threads that all want the lock wait for it, others do not.
            said = self.explain(cluster, locked["id"])
            self.assertTrue(said["of_job"])
            self.assertEqual(said["cores"], 2)
            self.assertEqual(said["measures"]["attempts"], 12)
            self.assertGreater(said["measures"]["gil_wait_share"], 0.2, said)
            # On a busy machine who has the lock may stand without a core.
            is_crowded = said["measures"]["run_queue_share"] > 0.1
            self.assertIn(said["bound"], ("lock", "machine")[:1 + is_crowded],
                          said)
            self.assertEqual([one["executor"] for one in said["predictions"]],
                             ["process-pool"])
            self.assertGreater(said["measures"]["process_bytes"], 1 << 20)
            hashed = self.explain(cluster, free["id"])
            self.assertLess(hashed["measures"]["gil_wait_share"],
                            said["measures"]["gil_wait_share"], hashed)

            # Processes that wait belong on threads, how many times faster
            # follows from the slots and not from the machine.
            slept = self.explain(cluster, sleeps["id"])
            self.assertEqual((slept["code"], slept["best"], slept["bound"]),
                             ("move", "thread-pool", "waits"), slept)
            self.assertGreater(slept["gain"]["middle"], 6)
            text = cluster.remuda("explain", sleeps["id"]).stdout
            self.assertIn("set `executor: thread-pool`", text)
            self.assertIn("executor: process-pool, because the spec asks",
                          text)
            again = cluster.remuda("run", cluster.folder / "sleeps.yaml")
            self.assertIn("set `executor: thread-pool`", again.stderr)

            # All kinds of work, the one to change first.
            advise = json.loads(cluster.remuda("advise", "--json").stdout)
            self.assertEqual(
                {one["function"] for one in advise["verdicts"]},
                {"work:counts", "work:hashes", "work:sleeps"})
            gains = [one["gain"]["middle"] for one in advise["verdicts"]]
            self.assertEqual(gains[0], max(gains))
            lines = cluster.remuda("advise").stdout
            self.assertTrue(lines.startswith("`work:sleeps` on process-pool"),
                            lines)

            url = coordinator.said["api"] + "/v1/"
            for path, wanted in (
                    (f"jobs/{sleeps['id']}/verdict", {"verdicts": [slept]}),
                    ("verdicts", None)):
                with urllib.request.urlopen(url + path, timeout=10) as reply:
                    got = json.loads(reply.read())
                if wanted:
                    self.assertEqual(got, wanted)
                else:
                    self.assertEqual(len(got["verdicts"]), 3)
            cluster.remuda("explain", 99, code=5)

            def counted():
                return metric(coordinator.metrics(),
                              "remuda_job_verdicts_total",
                              executor="process_pool", verdict="move") == 2
            wait_until(counted, "both jobs that sleep to be counted")

    def test_a_sample_is_tried_on_each_executor(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent("--slots", "process-pool=2,thread-pool=64")
            cluster.agents_online(1)
            path = self.spec(cluster, "sleeps", 1000, "executor: process-pool")
            said = json.loads(cluster.remuda(
                "try", path, "--sample", 40, "--json").stdout)["executors"]
            self.assertEqual([one["executor"] for one in said],
                             ["process-pool", "thread-pool"])
            for one in said:
                self.assertEqual((one["succeeded"], one["not_succeeded"]),
                                 (40, 0))
                self.assertEqual(cluster.job(one["job"])["executor"],
                                 one["executor"])
            # Forty sleep at once instead of two, as was predicted.
            self.assertGreater(said[1]["gain"], 3)
            self.assertGreater(said[1]["predicted_gain"]["middle"], 10)
            outputs = [row["output"]
                       for row in cluster.results(said[0]["job"])]
            self.assertEqual(outputs, list(range(1, 1001, 25)))
            refused = cluster.remuda("try", path, "--executors", "async",
                                     code=2)
            self.assertIn("async", refused.stderr)
            picture = cluster.folder / "trial.svg"
            table = cluster.remuda("try", path, "--sample", 8, "--executors",
                                   "process-pool", "--plot", picture).stdout
            self.assertEqual(len(table.splitlines()), 2, table)
            words = [text.text for text in ElementTree.parse(picture).iter(
                "{http://www.w3.org/2000/svg}text")]
            self.assertEqual(words[0], "sleeps: 8 tasks on each executor")
            self.assertIn("process-pool", words)
            refused = cluster.remuda("try", path, "--plot", "/nowhere/x.svg",
                                     code=2)
            self.assertIn("/nowhere/x.svg", refused.stderr)

    def test_evidence_outlives_the_coordinator(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent("--slots", "process-pool=2")
            cluster.agents_online(1)
            job = cluster.run(self.spec(cluster, "sleeps", 20,
                                        "executor: process-pool"))["id"]
            before = self.explain(cluster, job)
            coordinator.kill()
            cluster.coordinator()
            self.assertEqual(self.explain(cluster, job), before)
            few = cluster.run(self.spec(cluster, "sleeps", 2,
                                        "executor: process-pool"))["id"]
            after = self.explain(cluster, few)
            self.assertFalse(after["of_job"])
            self.assertEqual(after["measures"]["attempts"], 22)


if __name__ == "__main__":
    unittest.main()
