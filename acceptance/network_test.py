"""A coordinator and two agents on three hosts, over CURVE."""

import json
import random
import signal
import subprocess
import unittest

from cluster import Cluster, job_text, metric, wait_until
from crawl_test import DOCS, title_of
from network import Network, can_make_namespaces

PORT = 7600
PAGES = 400

# Says that it has no key, and prints what comes back until the end, which
# stops short of what a socket says to those it admits.
BARE = """
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60)
peer.sendall(b"\\xff" + bytes(8) + b"\\x7f\\x03\\x00NULL" + bytes(48))
said = b""
while True:
    try:
        more = peer.recv(100)
    except ConnectionResetError:
        break
    if not more:
        break
    said += more
print(len(said) <= 64 and b"READY" not in said)
"""


def connected(agent):
    return metric(agent.metrics(), "remuda_agent_connected") == 1


class Web:
    """The pages of DOCS, served on one host."""

    def __init__(self, network, host):
        self.base = f"http://{network.address[host]}:8080/"
        self.process = subprocess.Popen(
            [*network.inside(host), "/usr/bin/python3", "-m", "http.server",
             "8080", "--directory", str(DOCS)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: subprocess.run(
            [*network.inside(host), "curl", "-sfo", "/dev/null", self.base]
        ).returncode == 0, "the web server")

    def stop(self):
        self.process.kill()
        self.process.wait()


class ThreeHosts(unittest.TestCase):
    def setUp(self):
        self.network = Network("coord", "a1", "a2")
        self.addCleanup(self.network.__exit__)
        self.cluster = Cluster(keys=True, lease="4s")
        self.addCleanup(self.close_cluster)
        self.cluster.keygen("--agent", "a1", "--agent", "a2")
        self.cluster.address = f"tcp://{self.network.address['coord']}:{PORT}"
        self.coordinator = self.cluster.coordinator(
            inside=self.network.inside("coord"))
        self.agents = {
            host: self.cluster.agent("--slots", "process-pool=2", key=host,
                                     name=host,
                                     inside=self.network.inside(host))
            for host in ("a1", "a2")}

    def close_cluster(self):
        failed = not self._outcome.success
        self.cluster.__exit__(AssertionError if failed else None)

    def remuda(self, *args, host="a2", **kwargs):
        return self.cluster.remuda(
            *args, inside=self.network.inside(host), **kwargs)

    def states(self):
        said = json.loads(self.remuda("agents", "--json").stdout)
        return {agent["name"]: agent["state"] for agent in said["agents"]}

    def test_a_crawl(self):
        wait_until(lambda: set(self.states().values()) == {"online"} and
                   len(self.states()) == 2, "both agents")
        web = Web(self.network, "coord")
        self.addCleanup(web.stop)
        pages = sorted(DOCS.rglob("*.html"))[:PAGES]
        (self.cluster.folder / "urls.txt").write_text("".join(
            web.base + str(page.relative_to(DOCS)) + "\n" for page in pages))
        spec = self.cluster.spec("crawl", job_text("crawl", "http.crawl", [
            "tasks: {lines: urls.txt}", 'with: {url: "{{item}}"}',
            "concurrency: 20"]))
        said = self.remuda("run", spec, "--json").stdout
        job = json.loads(said)["jobs"][0]
        self.assertEqual(job["tasks"]["succeeded"], len(pages))
        rows = [json.loads(line) for line in self.remuda(
            "results", job["id"], "--json").stdout.splitlines()]
        self.assertEqual({row["agent"] for row in rows}, {"a1", "a2"})
        for row in random.Random(1).sample(rows, 50):
            self.assertEqual(row["output"]["title"],
                             title_of(pages[row["index"]]))

    def test_strangers_across_the_network(self):
        # Our own client does not even try without a key.
        done = self.remuda("jobs", key=None, code=2, host="a1")
        self.assertIn("remuda keygen", done.stderr)
        bare = subprocess.run(
            [*self.network.inside("a1"), "/usr/bin/python3", "-c", BARE,
             self.network.address["coord"], str(PORT)],
            capture_output=True, text=True, check=True, timeout=90).stdout
        self.assertEqual(bare.strip(), "True")
        (self.cluster.keys / "allowed/op.json").rename(
            self.cluster.folder / "op.json")
        self.hang_up()
        wait_until(lambda: metric(self.coordinator.metrics(),
                                  "remuda_keys_admitted") == 3, "the reload")
        done = self.remuda("jobs", code=5, host="a1", timeout=60)
        self.assertIn("not admitted", done.stderr)
        for reason in ("auth", "protocol"):
            # One more than the probe of the own door made.
            wait_until(lambda: metric(
                self.coordinator.metrics(),
                "remuda_transport_handshake_failures_total",
                reason=reason) >= 2, f"{reason} is counted")

    def hang_up(self):
        # The coordinator is what `ip netns exec` became.
        self.coordinator.process.send_signal(signal.SIGHUP)

    def test_a_cut_that_heals(self):
        wait_until(lambda: len(self.states()) == 2, "both agents")
        spec = self.cluster.spec("sleep", job_text("sleep", "sleep", [
            "executor: process-pool", "with: {seconds: 0.4}",
            "tasks: {range: {from: 1, to: 100}}"]))
        job = json.loads(self.remuda("submit", spec, "--json").stdout)[
            "jobs"][0]["id"]

        def tasks():
            said = self.remuda("job", job, "--json").stdout
            return json.loads(said)["jobs"][0]["tasks"]

        wait_until(lambda: tasks()["succeeded"] >= 4, "the first tasks")
        self.network.cut("a1", "coord")
        wait_until(lambda: self.states().get("a1") != "online", "the silence")
        wait_until(lambda: self.states().get("a1") in (None, "lost"),
                   "the lease's end")
        self.assertFalse(connected(self.agents["a1"]))
        before = tasks()["succeeded"]
        wait_until(lambda: tasks()["succeeded"] > before, "a2 goes on")
        self.network.heal()
        wait_until(lambda: self.states().get("a1") == "online", "a1 again")
        said = self.remuda("wait", job, "--json").stdout
        done = json.loads(said)["jobs"][0]
        self.assertEqual(done["tasks"]["succeeded"], 100)
        self.assertEqual(done["state"], "succeeded")


if __name__ == "__main__":
    reason = can_make_namespaces()
    if reason:
        print(f"SKIPPED, nothing was tested: {reason}")
    else:
        unittest.main()
