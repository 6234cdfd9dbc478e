"""The image, run by a real container engine with nothing granted to it."""

import json
import pathlib
import unittest

from cluster import Cluster, job_text, wait_until
from containers import IMAGE, Podman, USER, why_not_here

HARDENED = ("--read-only", "--cap-drop=ALL", f"--user={USER}:{USER}",
            "--security-opt=no-new-privileges")


class Container:
    """One serving container on the host's loopback, like cluster.Served."""

    def __init__(self, podman, name, *args):
        self.podman, self.name = podman, name
        podman("run", "--detach", "--name", name, *HARDENED, "--cpus=1",
               "--network=host", "--tmpfs=/tmp",
               f"--volume={name}:/var/lib/remuda", IMAGE, *args)
        line = wait_until(lambda: podman.run(
            "podman", "logs", name).stdout.partition("\n")[0],
            f"{name} to say where it listens")
        self.said = json.loads(line)

    def stop(self, seconds):
        """SIGTERM, then SIGKILL after so long; the exit code."""
        self.podman("stop", "--time", seconds, self.name)
        return self.code()

    def code(self):
        return int(self.podman("inspect", "--format", "{{.State.ExitCode}}",
                               self.name))


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = why_not_here()
        if reason:
            print(f"SKIPPED: {reason}", flush=True)
            raise unittest.SkipTest(reason)
        cls.podman = cls.enterClassContext(Podman())
        cls.podman.build()

    def test_the_image_says_what_it_is(self):
        said = json.loads(self.podman("image", "inspect", IMAGE))[0]
        config = said["Config"]
        self.assertEqual(config["User"], f"{USER}:{USER}")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/remuda"])
        self.assertNotIn("Healthcheck", config)
        labels = said["Labels"]
        version = labels["org.opencontainers.image.version"]
        self.assertTrue(IMAGE.endswith(":" + version))
        self.assertEqual(labels["org.opencontainers.image.licenses"],
                         "Apache-2.0")

    def test_it_runs_with_nothing_granted(self):
        said = self.podman("run", "--rm", *HARDENED, "--network=none", IMAGE,
                           "version")
        self.assertRegex(said, r"^remuda \d+\.\d+\.\d+")
        # And the hardening is real: no other user, no file, no new rights.
        said = self.podman(
            "run", "--rm", *HARDENED, "--network=none", "--entrypoint=sh",
            IMAGE, "-c", "id -u; touch /usr/x 2>&1; "
            "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")
        self.assertRegex(said, rf"^{USER}\n")
        self.assertIn("Read-only file system", said)
        self.assertRegex(said, r"CapEff:\s+0+\n")
        self.assertRegex(said, r"NoNewPrivs:\s+1")

    def test_it_is_right_as_the_first_process(self):
        cluster = self.enterContext(Cluster())
        cluster.folder.chmod(0o777)
        coordinator = Container(
            self.podman, "coordinator", "coordinator",
            "--listen=tcp://127.0.0.1:0", "--http=127.0.0.1:0",
            "--data=/var/lib/remuda/state")
        cluster.address = coordinator.said["listening"]
        agent = Container(
            self.podman, "agent", "agent", "--coordinator", cluster.address,
            "--http=127.0.0.1:0", "--data=/var/lib/remuda")
        cluster.agents_online(1)
        # One processor is what it may use, whatever the machine has.
        self.assertEqual(cluster.agents()[0]["executors"]["process-pool"], 1)
        self.leave_orphans(cluster, agent)
        self.assertEqual(agent.stop(60), 0)
        self.podman("start", agent.name)
        cluster.agents_online(1)
        self.kill(cluster, agent)
        self.assertEqual(coordinator.stop(60), 0)

    def leave_orphans(self, cluster, agent):
        """Nobody's child is left as a zombie, whoever left it behind."""
        job = cluster.submit(cluster.spec("orphans", job_text(
            "orphans", "command", [
                "tasks: {range: {from: 1, to: 10}}",
                "with: {argv: [sh, -c, '(sleep 0.05; true) & exit 0']}"])))
        self.assertEqual(cluster.wait(job)["state"], "succeeded")
        self.podman("exec", agent.name, "sh", "-c",
                    "sh -c 'exec sleep 0.1' >/dev/null 2>&1 & exit 0")
        wait_until(lambda: not any(
            "sleep" in line or state == "Z"
            for state, line in self.podman.processes(agent.name)),
            "no zombie and no orphan")
        # The agent and its spawner are there, hence so was the look at them.
        lines = [line for _, line in self.podman.processes(agent.name)]
        self.assertTrue(any("spawner" in line for line in lines), lines)

    def kill(self, cluster, agent):
        """SIGKILL of the first process takes all others with it."""
        job = cluster.submit(cluster.spec("sleepers", job_text(
            "sleepers", "command", [
                "with: {argv: [sh, -c, 'setsid sleep 300 & sleep 300']}"])))
        wait_until(lambda: sum(
            line.startswith("sleep") for _, line in
            self.podman.processes(agent.name)) == 2, "the sleepers")
        ids = self.podman.host_ids(agent.name)
        self.assertGreaterEqual(len(ids), 4)
        self.podman("kill", "--signal", "KILL", agent.name)
        wait_until(lambda: not any(
            pathlib.Path(f"/proc/{id_}").exists() for id_ in ids),
            "nothing left of the container")
        self.assertEqual(agent.code(), 137)
        cluster.remuda("cancel", job)


if __name__ == "__main__":
    unittest.main()
