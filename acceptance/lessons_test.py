"""What broke other job runners, tried on this one (docs/LESSONS.md)."""

import http.client
import os
import re
import socket
import struct
import subprocess
import unittest

from cluster import (REMUDA, ROOT, Cluster, job_text, metric, processes_with,
                     wait_until)

HANGS = """
import subprocess, time
def hangs(mark):
    subprocess.Popen(["sleep", "600"], env={"MARK": mark})
    subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; sleep 600; sleep 600"],
                     env={"MARK": mark}, start_new_session=True)
    while True:
        time.sleep(0.01)
async def awaits(mark):
    hangs(mark)
"""


def range_of(tasks):
    return f"tasks: {{range: {{from: 1, to: {tasks}}}}}"


def limited(descriptors):
    return ["prlimit", f"--nofile={descriptors}:{descriptors}"]


def series(served):
    return sum(1 for line in served.metrics().splitlines()
               if not line.startswith("#"))


class Poster:
    """Submits YAML over one REST connection."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.split("//")[-1])

    def __call__(self, text):
        self.connection.request("POST", "/v1/jobs", text,
                                {"Content-Type": "application/yaml"})
        reply = self.connection.getresponse()
        said = reply.read()
        assert reply.status == 202, said


class Lessons(unittest.TestCase):
    def test_an_array_watched_with_512_descriptors(self):
        with Cluster() as cluster:
            cluster.coordinator(inside=limited(512))
            cluster.agent("--slots", "async=5000", inside=limited(512))
            cluster.agents_online(1)
            job = cluster.submit(cluster.spec("array", job_text(
                "array", "sleep", ["executor: async", range_of(5000),
                                   "with: {seconds: 2}"])))
            watch = subprocess.Popen(
                [*limited(512), REMUDA, "wait", job, "--coordinator",
                 cluster.address], stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE)
            _, said = watch.communicate(timeout=600)
            self.assertEqual(watch.returncode, 0, said)
            self.assertEqual(cluster.job(job)["tasks"]["succeeded"], 5000)

    def test_a_million_and_a_half_lines(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            agent = cluster.agent("--slots", "process-pool=1")
            cluster.agents_online(1)
            before = {one: metric(one.metrics(),
                                  "process_resident_memory_bytes")
                      for one in (coordinator, agent)}
            job = cluster.run(cluster.spec("lines", job_text(
                "lines", "command", ["with: {argv: [seq, '1500000']}"])))
            output = cluster.results(job["id"])[0]["output"]
            self.assertTrue(output["truncated"])
            self.assertEqual(output["stdout_bytes"],
                             sum(len(str(n)) + 1 for n in range(1, 1500001)))
            whole = cluster.remuda("logs", job["id"]).stdout
            self.assertEqual(whole.splitlines()[:3], ["1", "2", "3"])
            for one, bytes_before in before.items():
                grown = metric(one.metrics(),
                               "process_resident_memory_bytes") - bytes_before
                self.assertLess(grown, 64 << 20)

    def test_ten_thousand_noisy_tasks(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            job = cluster.run(cluster.spec("noisy", job_text(
                "noisy", "command", [range_of(10_000),
                                     "with: {argv: [seq, '100']}"])))
            self.assertEqual(job["tasks"]["succeeded"], 10_000)
            self.assertEqual(job["attempts"], 10_000)

    def test_ten_thousand_jobs_of_no_length(self):
        """In one burst: none fails, and none leaves a series behind."""
        with Cluster() as cluster:
            coordinator = cluster.coordinator("--api", "127.0.0.1:0")
            agent = cluster.agent()
            cluster.agents_online(1)
            post = Poster(coordinator.said["api"])

            def ended():
                return metric(coordinator.metrics(),
                              "remuda_jobs_finished_total",
                              state="succeeded")

            post(job_text("first", "noop", []))
            wait_until(lambda: ended() == 1, "the first job to end")
            before = [series(coordinator), series(agent)]
            for number in range(10_000):
                post(job_text(f"job-{number}", "noop", []))
            wait_until(lambda: ended() == 10_001, "all jobs to end")
            self.assertEqual([series(coordinator), series(agent)], before)
            self.assertEqual(metric(coordinator.metrics(),
                                    "remuda_tasks_finished_total",
                                    outcome="succeeded"), 10_001)

    def test_more_connections_than_descriptors(self):
        """Agents and clients that are there go on; what is refused counts."""
        with Cluster() as cluster:
            coordinator = cluster.coordinator(inside=limited(256))
            cluster.agent()
            cluster.agents_online(1)
            job = cluster.submit(cluster.spec("goes-on", job_text(
                "goes-on", "sleep", ["executor: async", range_of(100_000),
                                     "concurrency: 20",
                                     "with: {seconds: 0.05}"])))
            host, port = cluster.address.split("//")[1].split(":")
            crowd = [socket.create_connection((host, int(port)))
                     for _ in range(400)]
            pid = coordinator.process.pid
            wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= 255,
                       "no descriptor to be left")
            done = self.tasks_done(cluster)
            wait_until(lambda: self.tasks_done(cluster) > done,
                       "the agent to go on")
            for one in crowd:
                one.close()
            cluster.agents_online(1)
            wait_until(lambda: metric(
                coordinator.metrics(),
                "remuda_transport_handshake_failures_total", reason="other"),
                "refused connections to be counted")
            cluster.remuda("cancel", job)
            self.assertEqual(cluster.wait(job, code=None)[
                "infrastructure_losses"], 0)

    @staticmethod
    def tasks_done(cluster):
        # The agent has descriptors when the coordinator has none.
        return metric(cluster.served[-1].metrics(),
                      "remuda_executor_attempts_finished_total")

    def test_a_time_out_ends_all_processes_on_every_executor(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent("--slots", "process-pool=1,thread-pool=1,async=1")
            cluster.agents_online(1)
            (cluster.folder / "hanging.py").write_text(HANGS)
            for executor, function in (("process-pool", "hangs"),
                                       ("thread-pool", "hangs"),
                                       ("async", "awaits")):
                with self.subTest(executor):
                    mark = f"hang-{executor}-{cluster.folder.name}"
                    job = cluster.run(cluster.spec("hang", job_text(
                        "hang", "python", [
                            f"executor: {executor}", "timeout: 2s",
                            f"with: {{function: 'hanging:{function}', "
                            f"args: [{mark}]}}"])), code=1)
                    self.assertEqual(job["tasks"]["timed_out"], 1)
                    wait_until(lambda m=mark: not processes_with(m),
                               "no process left")

    def test_a_client_of_another_version_is_refused_alone(self):
        """What follows the version of a frame is not looked at."""
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            job = cluster.submit(cluster.spec("runs", job_text(
                "runs", "sleep", ["executor: async", "with: {seconds: 1}"])))
            self.speak_version(cluster.address, 9)
            self.assertEqual(cluster.wait(job)["tasks"]["succeeded"], 1)
            self.assertEqual(len(cluster.agents()), 1)

    def test_encryption_is_that_of_libsodium(self):
        def needed(file):
            return dict(re.findall(r"(\S+) => (\S+)", subprocess.run(
                ["ldd", file], capture_output=True, text=True,
                check=True).stdout))

        [libzmq] = [path for name, path in needed(REMUDA).items()
                    if name.startswith("libzmq.so")]
        self.assertIn("libsodium.so", " ".join(needed(libzmq)))

    def test_each_named_test_exists(self):
        page = (ROOT / "docs/LESSONS.md").read_text()
        named = re.findall(r"`(\w+)\.(\w+)`", page)
        self.assertGreater(len(named), 30)
        known = set()
        for file in ROOT.glob("*/**/*_test.cc"):
            known |= set(re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)",
                                    file.read_text(), re.MULTILINE))
        for file in ROOT.glob("acceptance/*_test.py"):
            known |= {(file.stem, name) for name in
                      re.findall(r"def (test_\w+)", file.read_text())}
        self.assertEqual([one for one in named if one not in known], [])

    def speak_version(self, address, version):
        """A DEALER by hand: greeting, READY, one frame of that version."""
        host, port = address.split("//")[1].split(":")
        with socket.create_connection((host, int(port))) as peer:
            peer.settimeout(60)
            peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00"
                         + b"NULL".ljust(20, b"\0") + bytes(32))
            said = b""
            while len(said) < 64:  # its greeting; nothing goes before that
                said += self.piece_from(peer)
            ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
            peer.sendall(bytes([4, len(ready)]) + ready)
            # An agent's Hello as docs/WIRE.md has it, without a body.
            frame = b"RMDA" + struct.pack("<HBBIQQQ", version, 1, 0, 0, 0, 0, 1)
            peer.sendall(bytes([0, len(frame)]) + frame)
            while b"protocol 9" not in said:
                said += self.piece_from(peer)

    def piece_from(self, peer):
        piece = peer.recv(4096)
        self.assertTrue(piece, "the coordinator ended the connection")
        return piece


if __name__ == "__main__":
    unittest.main()
