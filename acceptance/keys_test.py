"""Whom a coordinator with keys turns away, and that it changes nothing."""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import unittest

from cluster import PATIENCE, REMUDA, Cluster, job_text, metric, wait_until

NOOP = job_text("noop", "noop", ["tasks: {range: {from: 1, to: 100}}"])


def served(coordinator, name, **labels):
    return metric(coordinator.metrics(), name, **labels)


def failures(coordinator, reason):
    return served(coordinator, "remuda_transport_handshake_failures_total",
                  reason=reason)


def content(cluster):
    """Every row of the store."""
    rows = {}
    [path] = (cluster.folder / "state").glob("*.sqlite")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        tables = [row[0] for row in store.execute(
            "select name from sqlite_master where type = 'table'")]
        for table in tables:
            rows[table] = store.execute(f'select * from "{table}"').fetchall()
    return rows


def fields(path):
    return json.loads(pathlib.Path(path).read_text())


def log_of(cluster, name):
    return (cluster.folder / f"{name}.log").read_text()


def waits_for_log(cluster, name, text):
    wait_until(lambda: text in log_of(cluster, name), f"{name} says {text}")


def hang_up(coordinator):
    coordinator.process.send_signal(signal.SIGHUP)


class TurnedAway(unittest.TestCase):
    """Everybody here is refused by one coordinator, which keeps its state."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(keys=True)
        cls.addClassCleanup(cls.cluster.__exit__, None)
        cluster = cls.cluster
        cluster.keygen("--submitter", "alice", "--submitter", "bob",
                       "--viewer", "board")
        cls.coordinator = cluster.coordinator()
        cls.agent = cluster.agent()
        cluster.agents_online(1)
        cls.spec = cluster.spec("noop", NOOP)
        cls.job = cluster.submit(cls.spec)
        cluster.wait(cls.job)
        # Keys that look right and belong to another coordinator's folder.
        cls.others = cluster.folder / "others"
        subprocess.run([REMUDA, "keygen", cls.others, "--agent", "fleet",
                        "--operator", "op"], check=True,
                       stdout=subprocess.DEVNULL)

    def setUp(self):
        self.before = content(self.cluster)

    def tearDown(self):
        self.assertEqual(content(self.cluster), self.before)
        self.assertIsNone(self.coordinator.process.poll())
        self.assertEqual(len(self.cluster.agents()), 1)

    def wait_for_failures(self, reason, count):
        """The loop hears of them a little later than who was refused."""
        wait_until(lambda: failures(self.coordinator, reason) >= count,
                   f"{count} failures counted as {reason}")

    def other_agent(self, *args, name):
        return self.cluster.agent(*args, name=name, key=None)

    def test_an_unlisted_key(self):
        # Its file names our coordinator, so that only the list is missing.
        stolen = fields(self.others / "peers/op.key")
        stolen["server"] = fields(self.cluster.key("op"))["server"]
        path = self.cluster.folder / "unlisted.key"
        path.write_text(json.dumps(stolen))
        path.chmod(0o600)
        auth = failures(self.coordinator, "auth")
        done = self.cluster.remuda("jobs", "--key", path, code=5, timeout=60)
        self.assertIn("not admitted", done.stderr)
        self.cluster.remuda("submit", self.spec, "--key", path, code=5)
        self.wait_for_failures("auth", auth + 2)
        agent = self.other_agent("--key", str(path), name="unlisted")
        waits_for_log(self.cluster, "unlisted", "not admitted")
        wait_until(lambda: failures(agent, "auth") > 1, "it tries again")
        self.assertEqual(served(agent, "remuda_agent_connected"), 0)
        agent.kill()

    def test_no_key(self):
        def refused():
            # Whichever end notices first closes: the other one has no reason.
            return (failures(self.coordinator, "protocol") +
                    failures(self.coordinator, "other"))

        before = refused()
        done = self.cluster.remuda("jobs", key=None, code=5, timeout=60)
        self.assertIn("asks for a key", done.stderr)
        wait_until(lambda: refused() > before, "it is counted")
        agent = self.other_agent(name="bare")
        waits_for_log(self.cluster, "bare", "asks for a key")
        agent.kill()

    def test_the_key_of_another_coordinator(self):
        protocol = failures(self.coordinator, "protocol")
        done = self.cluster.remuda(
            "jobs", "--key", self.others / "peers/op.key", code=3)
        self.assertIn("may not be the one in the key file", done.stderr)
        self.wait_for_failures("protocol", protocol + 1)

    def test_an_agents_key_asks_for_nothing(self):
        for args in (("jobs",), ("job", self.job), ("agents",),
                     ("results", self.job), ("cancel", self.job),
                     ("submit", self.spec)):
            with self.subTest(args[0]):
                done = self.cluster.remuda(*args, key="fleet", code=5)
                self.assertIn("may not", done.stderr)
        self.assertGreaterEqual(
            served(self.coordinator, "remuda_auth_denied_total",
                   role="agent"), 6)

    def test_a_clients_key_serves_nobody(self):
        for role, name in (("submitter", "alice"), ("viewer", "board"),
                           ("operator", "op")):
            with self.subTest(role):
                agent = self.other_agent("--key", self.cluster.key(name),
                                         name=f"agent-of-{name}")
                self.assertEqual(agent.process.wait(PATIENCE), 2)
                self.assertIn("not an agent's",
                              log_of(self.cluster, f"agent-of-{name}"))
                self.assertEqual(
                    served(self.coordinator, "remuda_auth_denied_total",
                           role=role, type="hello"), 1)

    def test_a_viewer_changes_nothing(self):
        self.assertEqual(
            json.loads(self.cluster.remuda("jobs", "--json",
                                           key="board").stdout)["jobs"][0]
            ["id"], self.job)
        self.cluster.remuda("submit", self.spec, key="board", code=5)
        self.cluster.remuda("cancel", self.job, key="board", code=5)

    def test_a_submitter_sees_its_own_jobs_only(self):
        said = self.cluster.remuda("jobs", "--json", key="alice").stdout
        self.assertEqual(json.loads(said)["jobs"], [])
        self.cluster.remuda("job", self.job, key="alice", code=5)
        self.cluster.remuda("cancel", self.job, key="alice", code=5)

    def test_noise_before_the_handshake(self):
        """CVE-2020-15166: whoever connects and says nothing blocks nobody."""
        host, port = self.cluster.address.removeprefix("tcp://").split(":")
        greeting = (b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(15) +
                    b"\x00" + bytes(31))
        chance = random.Random(7)
        noise = [b"", b"\xff", b"GET / HTTP/1.1\r\n\r\n", greeting,
                 greeting[:40], greeting + b"\x04\xff\xff\xff\xff",
                 # A frame that would be 2^63 - 1 bytes long.
                 greeting + b"\x06" + b"\x7f" + b"\xff" * 7]
        noise += [chance.randbytes(chance.randrange(1, 400))
                  for _ in range(100)]
        noise += [greeting + chance.randbytes(chance.randrange(1, 400))
                  for _ in range(100)]
        peers = []
        for bytes_ in noise:
            peer = socket.create_connection((host, int(port)))
            peer.setblocking(False)
            peer.send(bytes_)
            peers.append(peer)  # and it stays
        self.cluster.remuda("jobs", timeout=30)
        memory = served(self.coordinator, "process_resident_memory_bytes")
        self.assertLess(memory, 400e6)
        for peer in peers:
            peer.close()


class Revoked(unittest.TestCase):
    def test_a_removed_agent_is_cut_and_its_work_goes_on_elsewhere(self):
        with Cluster(keys=True, lease="3s") as cluster:
            cluster.keygen("--agent", "a1", "--agent", "a2")
            coordinator = cluster.coordinator()
            first = cluster.agent("--slots", "process-pool=2", key="a1")
            cluster.agents_online(1)
            job = cluster.submit(cluster.spec("sleep", job_text(
                "sleep", "sleep", ["executor: process-pool",
                                   "with: {seconds: 0.5}",
                                   "tasks: {range: {from: 1, to: 8}}"])))
            wait_until(lambda: cluster.job(job)["tasks"]["running"] > 0,
                       "tasks running")
            os.remove(cluster.keys / "allowed/a1.json")
            hang_up(coordinator)
            waits_for_log(cluster, "agent-1", "not admitted")
            self.assertEqual(
                served(coordinator, "remuda_key_peers_cut_total"), 1)
            wait_until(lambda: served(first, "remuda_agent_connected") == 0,
                       "it knows that it is out")
            cluster.agent("--slots", "process-pool=2", key="a2")
            done = cluster.wait(job, timeout=120)
            self.assertEqual(done["tasks"]["succeeded"], 8)
            self.assertGreater(done["infrastructure_losses"], 0)
            agents = {row["agent"] for row in cluster.results(job)}
            self.assertIn("a2", agents)
            # It keeps trying, and is let in when it is listed again.
            entry = {"kind": "remuda-allow-entry", "name": "a1",
                     "role": "agent",
                     "public": fields(cluster.key("a1"))["public"]}
            path = cluster.keys / "allowed/a1.json"
            path.write_text(json.dumps(entry))
            hang_up(coordinator)
            cluster.agents_online(2)

    def test_a_removed_clients_watch_ends(self):
        with Cluster(keys=True) as cluster:
            cluster.keygen("--submitter", "alice")
            coordinator = cluster.coordinator()
            spec = cluster.spec("noop", NOOP)  # no agent: it waits
            job = json.loads(cluster.remuda(
                "submit", spec, "--json", key="alice").stdout)["jobs"][0]["id"]
            watch = subprocess.Popen(
                [REMUDA, "wait", job, "--key", cluster.key("alice"),
                 "--coordinator", cluster.address], stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL, text=True)
            wait_until(lambda: served(coordinator, "remuda_watches") == 1,
                       "the watch")
            os.remove(cluster.keys / "allowed/alice.json")
            hang_up(coordinator)
            _, said = watch.communicate(timeout=PATIENCE)
            self.assertEqual(watch.returncode, 5)
            self.assertIn("not admitted", said)
            self.assertEqual(served(coordinator, "remuda_watches"), 0)
            # What was accepted stays accepted.
            self.assertEqual(cluster.job(job)["state"], "queued")

    def test_a_broken_entry_keeps_the_old_list(self):
        with Cluster(keys=True) as cluster:
            coordinator = cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            broken = cluster.keys / "allowed/broken.json"
            broken.write_text("{")
            os.remove(cluster.keys / "allowed/op.json")
            hang_up(coordinator)
            wait_until(lambda: served(
                coordinator, "remuda_key_reloads_total", result="failed") == 1,
                "the reload fails")
            self.assertIn(str(broken), log_of(cluster, "coordinator"))
            cluster.run(cluster.spec("noop", NOOP))
            self.assertEqual(served(coordinator, "remuda_keys_admitted"), 2)
            broken.unlink()
            hang_up(coordinator)
            wait_until(lambda: served(coordinator, "remuda_keys_admitted")
                       == 1, "the reload")
            cluster.remuda("jobs", code=5)


class OneAgentAKey(unittest.TestCase):
    def test_a_second_agent_waits_until_the_first_has_gone(self):
        with Cluster(keys=True) as cluster:
            cluster.keygen("--agent", "a1")
            coordinator = cluster.coordinator()
            first = cluster.agent(key="a1")
            cluster.agents_online(1)
            second = cluster.agent(key="a1")
            waits_for_log(cluster, "agent-2", "in use by 1 agent")
            self.assertGreater(served(
                coordinator, "remuda_key_sessions_refused_total"), 0)
            self.assertEqual(len(cluster.agents()), 1)
            self.assertEqual(cluster.agents()[0]["name"], "a1")
            first.kill()  # long before its lease is over
            wait_until(lambda: served(second, "remuda_agent_connected") == 1,
                       "the second is let in", patience=20)

    def test_a_fleet_shares_one(self):
        with Cluster(keys=True) as cluster:
            cluster.coordinator()
            cluster.agent(), cluster.agent()
            cluster.agents_online(2)
            self.assertEqual({a["name"] for a in cluster.agents()},
                             {"fleet/agent-1", "fleet/agent-2"})


class Refused(unittest.TestCase):
    """Starts that must not happen."""

    def setUp(self):
        self.cluster = Cluster(keys=True)
        self.addCleanup(self.cluster.__exit__, None)

    def start(self, *args, word):
        done = subprocess.run(
            [REMUDA, *args], capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn(word, done.stderr)

    def coordinator(self, *args, word, listen="tcp://127.0.0.1:0"):
        state = self.cluster.folder / "state"
        self.start("coordinator", "--listen", listen, "--data", str(state),
                   *args, word=word)
        self.assertFalse(state.exists())

    def test_off_the_machine_without_keys(self):
        for endpoint in ("tcp://0.0.0.0:0", "tcp://10.0.0.1:7600"):
            with self.subTest(endpoint):
                self.coordinator(listen=endpoint, word="remuda keygen")
                self.start("agent", "--coordinator", endpoint,
                           word="remuda keygen")
                self.start("jobs", "--coordinator", endpoint,
                           word="remuda keygen")

    def test_an_open_api_beside_keys(self):
        self.coordinator("--keys", str(self.cluster.keys), "--api",
                         "127.0.0.1:0", word="remuda token")

    def test_files_that_others_may_read(self):
        keys = self.cluster.keys
        for path, good, bad, mends in (
                (keys, 0o700, 0o750, "chmod 700"),
                (keys / "server.key", 0o600, 0o640, "chmod 600"),
                (keys / "allowed", 0o700, 0o777, "chmod go-w"),
                (keys / "allowed/op.json", 0o600, 0o666, "chmod go-w")):
            with self.subTest(path.name):
                path.chmod(bad)
                self.coordinator("--keys", str(keys), word=f"{mends} {path}")
                path.chmod(good)
        key = pathlib.Path(self.cluster.key("fleet"))
        key.chmod(0o604)
        for command in ("agent", "jobs"):
            self.start(command, "--coordinator", "tcp://127.0.0.1:9", "--key",
                       str(key), word=f"chmod 600 {key}")

    def test_folders_and_files_that_are_none(self):
        keys = self.cluster.keys
        self.coordinator("--keys", str(keys / "none"), word="none")
        self.start("agent", "--coordinator", "tcp://127.0.0.1:9", "--key",
                   str(keys / "allowed/op.json"), word="op.json")
        self.start("keygen", str(keys), "--agent", "op", word="there already")
        self.start("keygen", str(keys), "--agent", "O'p", word="no name")
        shutil.rmtree(keys / "allowed")
        self.coordinator("--keys", str(keys), word="allowed")

    def test_no_secret_is_ever_printed(self):
        keys = self.cluster.keys
        secrets = [fields(path)["secret"] for path in
                   (keys / "server.key", *(keys / "peers").iterdir())]
        self.cluster.coordinator()
        self.cluster.agent()
        self.cluster.agents_online(1)
        said = subprocess.run([REMUDA, "keygen", keys, "--viewer", "v",
                               "--json"], capture_output=True, text=True,
                              check=True)
        secrets.append(fields(keys / "peers/v.key")["secret"])
        text = said.stdout + said.stderr
        text += "".join(path.read_text()
                        for path in self.cluster.folder.glob("*.log"))
        for secret in secrets:
            self.assertNotIn(secret, text)


if __name__ == "__main__":
    unittest.main()
