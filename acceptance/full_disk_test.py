"""Full disks: nothing that was acknowledged is lost, and it is said.

Small disks are mounted in a mount namespace of the test's own, so that they
are gone when it ends, however it ends.
"""

import contextlib
import os
import pathlib
import subprocess
import unittest

from cluster import PATIENCE, REMUDA, Cluster, job_text, wait_until

MIB = 1 << 20
OWN_MOUNTS = "REMUDA_TEST_OWN_MOUNTS"


@contextlib.contextmanager
def small_disk(folder, mib):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs",
                    str(folder)], check=True)
    try:
        yield folder
    finally:
        # Lazily: processes that hold it still run.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def grow(folder, mib):
    subprocess.run(["mount", "-o", f"remount,size={mib}m", str(folder)],
                   check=True)


def fill(folder, leave):
    """Takes all but `leave` bytes; returns the file to delete."""
    ballast = folder / "ballast"
    facts = os.statvfs(folder)
    with open(ballast, "wb", buffering=0) as file:
        left = facts.f_bavail * facts.f_frsize - leave
        try:
            while left > 0:
                left -= file.write(bytes(min(left, 64 << 10)))
        except OSError:
            pass
    return ballast


def printing(cluster, name, tasks, bytes_each):
    """Tasks that say in a file that they ran, and print so much."""
    ledger = cluster.folder / f"{name}.ledger"
    ledger.touch()
    script = f"echo $0 >> {ledger}; head -c {bytes_each} /dev/zero | tr '\\\\0' x"
    return cluster.spec(name, job_text(name, "command", [
        f"tasks: {{range: {{from: 0, to: {tasks - 1}}}}}",
        "with:",
        f"  argv: [/bin/sh, -c, \"{script}\", \"{{{{item}}}}\"]"])), ledger


class Coordinator(unittest.TestCase):
    def test_new_jobs_are_refused_while_there_is_a_reserve(self):
        with (Cluster() as cluster,
              small_disk(cluster.folder / "state", 32) as state):
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            gate = cluster.folder / "gate"
            waiting = cluster.spec("waiting", job_text("waiting", "command", [
                "tasks: {range: {from: 1, to: 20}}",
                "with:",
                f"  argv: [/bin/sh, -c, 'while [ ! -e {gate} ]; do sleep 0.05;"
                " done']"]))
            key = ("--submission-key", "waiting-1")
            job = cluster.submit(waiting, *key)
            # An eighth of the disk is the reserve.
            ballast = fill(state, 3 * MIB)
            small = cluster.spec("small", job_text("small", "noop", []))
            refused = cluster.remuda("submit", small, code=3)
            self.assertIn("disk is nearly full", refused.stderr)
            # What was accepted is so still, also when it is asked again.
            self.assertEqual(cluster.submit(waiting, *key), job)
            gate.touch()
            self.assertEqual(cluster.wait(job)["state"], "succeeded")
            ballast.unlink()
            self.assertEqual(cluster.wait(cluster.submit(small))["state"],
                             "succeeded")

    def test_a_full_disk_ends_the_process_and_loses_nothing(self):
        tasks = 1500
        with (Cluster() as cluster,
              small_disk(cluster.folder / "state", 24) as state):
            coordinator = cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            # Some 45 MB of results for a disk of 24.
            spec, ledger = printing(cluster, "much", tasks, 30_000)
            job = cluster.submit(spec)
            self.assertEqual(coordinator.process.wait(PATIENCE), 74)
            log = (cluster.folder / "coordinator.log").read_text()
            self.assertIn("store_failed", log)
            self.assertIn("the disk is full", log)
            before = len(ledger.read_text().split())

            # Nothing to be had: it does not pretend to start.
            ballast = fill(state, 0)
            again = subprocess.run(
                [REMUDA, "coordinator", "--listen", cluster.address, "--data",
                 str(state)], stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=PATIENCE)
            self.assertNotEqual(again.returncode, 0, again.stderr)
            self.assertIn("full", again.stderr)

            ballast.unlink()
            grow(state, 400)
            cluster.coordinator()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(done["tasks"]["succeeded"], tasks)
            self.assertEqual(done["attempts"], tasks)
            rows = cluster.results(job)
            self.assertEqual([row["index"] for row in rows], list(range(tasks)))
            self.assertEqual({len(row["output"]["stdout"]) for row in rows},
                             {30_000})
            ran = ledger.read_text().split()
            self.assertLess(before, len(ran))
            self.assertEqual(sorted(map(int, ran)), list(range(tasks)))


class Agent(unittest.TestCase):
    def test_output_that_cannot_be_kept_is_said(self):
        with (Cluster() as cluster,
              small_disk(cluster.folder / "small-disk", 4) as disk):
            cluster.coordinator()
            cluster.agent(name="small-disk")
            cluster.agents_online(1)
            spec, _ = printing(cluster, "long", 2, 6 * MIB)
            job = cluster.submit(spec)
            self.assertEqual(cluster.wait(job)["state"], "succeeded")
            for row in cluster.results(job):
                self.assertTrue(row["output"]["truncated"])
                self.assertEqual(row["output"]["stdout_bytes"], 6 * MIB)
                self.assertIn("not kept by the agent: No space left on device",
                              row["output"]["stdout"])
            log = (cluster.folder / "small-disk.log").read_text()
            self.assertIn("output_not_kept", log)
            # What did not fit is not left behind, so that the disk is usable.
            wait_until(lambda: not [path for path in disk.rglob("stdout")
                                    if path.is_file()], "the files are gone")
            short, _ = printing(cluster, "short", 1, 300_000)
            job = cluster.submit(short)
            cluster.wait(job)
            log = cluster.remuda("logs", job, "--stdout")
            self.assertEqual(len(log.stdout), 300_000)

    def test_results_that_its_disk_does_not_take_are_sent_all_the_same(self):
        tasks = 20
        with (Cluster(lease="60s") as cluster,
              small_disk(cluster.folder / "small-disk", 8) as disk):
            coordinator = cluster.coordinator()
            cluster.agent("--slots", f"process-pool={tasks}",
                          name="small-disk")
            cluster.agents_online(1)
            gate = cluster.folder / "gate"
            ledger = cluster.folder / "ledger"
            ledger.touch()
            script = (f"echo start >> {ledger}; while [ ! -e {gate} ]; do "
                      f"sleep 0.05; done; echo end >> {ledger}")
            spec = cluster.spec("waiting", job_text("waiting", "command", [
                f"tasks: {{range: {{from: 1, to: {tasks}}}}}",
                "with:",
                f"  argv: [/bin/sh, -c, '{script}']"]))
            job = cluster.submit(spec)

            def said(word):
                return ledger.read_text().split().count(word)

            wait_until(lambda: said("start") == tasks, "all have begun")
            ballast = fill(disk, 0)
            coordinator.kill()
            gate.touch()
            wait_until(lambda: said("end") == tasks, "all have ended")
            log = cluster.folder / "small-disk.log"
            wait_until(lambda: "spool_not_kept" in log.read_text(), "a word")
            self.assertIn("No space left on device", log.read_text())
            cluster.coordinator()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(done["attempts"], tasks)
            wait_until(lambda: "spool_kept_again" in log.read_text(), "a word")
            ballast.unlink()


if __name__ == "__main__":
    if OWN_MOUNTS not in os.environ:
        os.environ[OWN_MOUNTS] = "1"
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        os.execvp("unshare", ["unshare", *user, "--mount", "/usr/bin/python3",
                              "-u", str(pathlib.Path(__file__)), "-v"])
    unittest.main()
