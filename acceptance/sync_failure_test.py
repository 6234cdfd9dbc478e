"""A disk whose sync fails: no promise rests on it, and nothing is lost."""

import json
import os
import pathlib
import subprocess
import unittest

from cluster import PATIENCE, REMUDA, Cluster, job_text, wait_until

SHIM = pathlib.Path(__file__).parent / "failing_sync.so"
PRELOADED = ("env", f"LD_PRELOAD={SHIM}")


def gated(cluster, tasks):
    """Commands that begin, wait for a gate and end, in a ledger."""
    gate = cluster.folder / "gate"
    ledger = cluster.folder / "ledger"
    ledger.touch()
    script = (f"echo start >> {ledger}; while [ ! -e {gate} ]; do "
              f"sleep 0.05; done; echo end >> {ledger}")
    spec = cluster.spec("gated", job_text("gated", "command", [
        f"tasks: {{range: {{from: 1, to: {tasks}}}}}",
        "with:", f"  argv: [/bin/sh, -c, '{script}']"]))
    return spec, gate, lambda word: ledger.read_text().split().count(word)


class Coordinator(unittest.TestCase):
    def test_acknowledges_nothing_from_the_first_failure_on(self):
        tasks = 20
        with Cluster() as cluster:
            coordinator = cluster.coordinator(inside=PRELOADED)
            cluster.agent("--slots", f"process-pool={tasks}")
            cluster.agents_online(1)
            spec, gate, said = gated(cluster, tasks)
            running = cluster.submit(spec)
            wait_until(lambda: said("start") == tasks, "all have begun")
            noop = cluster.spec("noop", job_text("noop", "noop", []))
            keys = [f"before-{i}" for i in range(5)]
            before = {key: cluster.submit(noop, "--submission-key", key)
                      for key in keys}

            fails = cluster.folder / "state" / "syncs-fail"
            fails.touch()
            # Results and a submission, whichever commits first.
            gate.touch()
            client = subprocess.Popen(
                [REMUDA, "submit", str(noop), "--json", "--submission-key",
                 "amid"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                env={**os.environ, "REMUDA_COORDINATOR": cluster.address})
            self.addCleanup(client.communicate)
            self.addCleanup(client.kill)
            self.assertEqual(coordinator.process.wait(PATIENCE), 74)
            log = (cluster.folder / "coordinator.log").read_text()
            self.assertIn("store_failed", log)
            self.assertIn("disk I/O error", log)
            # It sends again until somebody commits.
            self.assertIsNone(client.poll())

            fails.unlink()
            cluster.coordinator()
            out, _ = client.communicate(timeout=PATIENCE)
            self.assertEqual(client.returncode, 0)
            amid = json.loads(out)["jobs"][0]["id"]
            done = cluster.wait(running)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(done["attempts"], tasks)
            self.assertEqual((said("start"), said("end")), (tasks, tasks))
            for key, job in {**before, "amid": amid}.items():
                self.assertEqual(
                    cluster.submit(noop, "--submission-key", key), job)
                self.assertEqual(cluster.wait(job)["state"], "succeeded")
            self.assertNotIn(amid, before.values())


class Agent(unittest.TestCase):
    def test_goes_on_without_its_disk_and_says_so(self):
        tasks = 5
        with Cluster(lease="60s") as cluster:
            coordinator = cluster.coordinator()
            cluster.agent("--slots", f"process-pool={tasks}", name="a",
                          inside=PRELOADED)
            cluster.agents_online(1)
            spec, gate, said = gated(cluster, tasks)
            job = cluster.submit(spec)
            wait_until(lambda: said("start") == tasks, "all have begun")
            coordinator.kill()
            (cluster.folder / "a" / "syncs-fail").touch()
            gate.touch()
            log = cluster.folder / "a.log"
            wait_until(lambda: "spool_not_kept" in log.read_text(), "a word")
            self.assertIn("Input/output error", log.read_text())
            wait_until(lambda: said("end") == tasks, "all have ended")
            cluster.coordinator()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(done["attempts"], tasks)


if __name__ == "__main__":
    unittest.main()
