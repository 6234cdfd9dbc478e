"""An agent that is killed: what it had finished is recorded, not run again."""

import json
import os
import pathlib
import signal
import unittest
from collections import Counter

from cluster import Cluster, job_text, metric, wait_until

LONG = 700_000  # bytes; travels beside the result


def is_alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children_named(parent, word):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat[1]) == parent and word.encode() in line:
            found.append(int(entry.name))
    return found


def count(ledger, word):
    return Counter(line.split()[1]
                   for line in ledger.read_text().splitlines()
                   if line.startswith(word + " "))


def gated(cluster, name, tasks, gate, says):
    """Commands that wait for the gate and then say something."""
    ledger = cluster.folder / f"{name}.ledger"
    ledger.touch()
    script = (f"echo start $0 >> {ledger}; "
              f"while [ ! -e {gate} ]; do sleep 0.02; done; {says}; "
              f"echo end $0 >> {ledger}")
    path = cluster.folder / f"{name}.sh"
    path.write_text(script)
    return cluster.spec(name, job_text(name, "command", [
        f"tasks: {{range: {{from: 0, to: {tasks - 1}}}}}",
        "with:",
        f"  argv: [/bin/sh, -c, '. {path}', \"{{{{item}}}}\"]"])), ledger


def on_disk(folder):
    return b"".join(path.read_bytes()
                    for path in sorted(folder.glob("results.*.log")))


def logged(cluster, name, event):
    lines = (cluster.folder / f"{name}.log").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


class FinishedWork(unittest.TestCase):
    def test_is_recorded_after_both_were_killed(self):
        """Results that nobody had confirmed outlive the agent, once."""
        with Cluster(lease="20s") as cluster:
            coordinator = cluster.coordinator()
            agent = cluster.agent("--slots", "process-pool=8", name="a")
            cluster.agents_online(1)
            short_gate = cluster.folder / "short.gate"
            never = cluster.folder / "never.gate"
            short, short_ledger = gated(cluster, "short", 3, short_gate,
                                        "echo said-by-$0")
            long, long_ledger = gated(
                cluster, "long", 1, short_gate,
                f"head -c {LONG} /dev/zero | tr '\\0' x; echo the-end")
            slow, slow_ledger = gated(cluster, "slow", 2, never, "true")
            jobs = [cluster.submit(path) for path in (short, long, slow)]
            wait_until(lambda: len(count(short_ledger, "start")) == 3
                       and len(count(long_ledger, "start")) == 1
                       and len(count(slow_ledger, "start")) == 2, "starts")

            coordinator.kill()
            short_gate.touch()
            wait_until(lambda: len(count(short_ledger, "end")) == 3
                       and len(count(long_ledger, "end")) == 1, "ends")

            def kept():
                said = agent.metrics()
                waits = metric(said, "remuda_agent_spool_results")
                safe = metric(said, "remuda_agent_spool_kept_results")
                bytes_ = on_disk(cluster.folder / "a")
                return (waits == safe and b"the-end" in bytes_ and
                        all(b"said-by-%d" % i in bytes_ for i in range(3)))

            wait_until(kept, "all that ended is on the agent's disk")
            agent.kill()

            cluster.coordinator()
            cluster.agent("--slots", "process-pool=8", name="a")
            for job in jobs[:2]:
                done = cluster.wait(job)
                self.assertEqual(done["state"], "succeeded")
                self.assertEqual(done["attempts"], done["tasks"]["succeeded"])
                self.assertEqual(done["infrastructure_losses"], 0)
            self.assertEqual(
                [row["output"]["stdout"] for row in cluster.results(jobs[0])],
                [f"said-by-{i}\n" for i in range(3)])
            log = cluster.remuda("logs", jobs[1], "--stdout").stdout
            self.assertEqual(len(log), LONG + len("the-end\n"))
            # One start each of what had ended; what had not runs again, and
            # does not wait for the lease of the process that is gone.
            self.assertEqual(max(count(short_ledger, "start").values()), 1)
            self.assertEqual(max(count(long_ledger, "start").values()), 1)
            never.touch()
            self.assertEqual(cluster.wait(jobs[2])["state"], "succeeded")
            self.assertEqual(set(count(slow_ledger, "start").values()), {2})
            self.assertEqual([a["name"] for a in cluster.agents()], ["a"])
            self.assertTrue(logged(cluster, "a", "results_inherited"))
            # Confirmed, they are gone from the disk.
            wait_until(lambda: on_disk(cluster.folder / "a") == b"",
                       "the log is empty")

    def test_lost_work_does_not_wait_for_the_lease(self):
        with Cluster(lease="10m") as cluster:
            cluster.coordinator()
            agent = cluster.agent(name="a")
            cluster.agents_online(1)
            gate = cluster.folder / "gate"
            spec, ledger = gated(cluster, "job", 1, gate, "true")
            job = cluster.submit(spec)
            wait_until(lambda: count(ledger, "start"), "its start")

            def beats():
                return metric(agent.metrics(),
                              "remuda_transport_messages_total",
                              direction="out", type="heartbeat")

            # A heartbeat later the coordinator has heard of it.
            before = beats()
            wait_until(lambda: beats() > before + 1, "heartbeats")
            agent.kill()
            gate.touch()
            cluster.agent(name="a")
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(sum(count(ledger, "start").values()), 2)
            self.assertEqual(done["infrastructure_losses"], 1)


class Leftovers(unittest.TestCase):
    def test_of_a_killed_spawner_end_with_the_next_agent(self):
        """A session of its own escapes who is not there to look."""
        with Cluster() as cluster:
            cluster.coordinator()
            agent = cluster.agent(name="a")
            cluster.agents_online(1)
            note = cluster.folder / "pid"
            stays = cluster.folder / "stays.sh"
            stays.write_text(f"echo $$ > {note}.new; mv {note}.new {note}; "
                             "exec sleep 1000")
            spec = cluster.spec("leaves", job_text("leaves", "command", [
                "tasks: {range: {from: 1, to: 1}}",
                "with:",
                f"  argv: [/bin/sh, -c, 'setsid sh {stays} & sleep 1000']"]))
            cluster.submit(spec)
            wait_until(note.exists, "the task left something")
            left = int(note.read_text())
            spawners = children_named(agent.process.pid, "spawner")
            self.assertTrue(spawners)
            agent.process.send_signal(signal.SIGSTOP)
            for pid in spawners:
                os.kill(pid, signal.SIGKILL)
            agent.kill()
            self.assertTrue(is_alive(left), "nobody was there to look")
            cluster.agent(name="a")
            wait_until(lambda: not is_alive(left), "the next agent looks")
            self.assertTrue(logged(cluster, "a", "orphans_killed"))


class ForeignLogs(unittest.TestCase):
    def test_are_set_aside_and_said(self):
        for name, content in (
                ("foreign", b"something that is not ours"),
                ("newer", b"RMDARSLT\x63\0\0\0 of a later build")):
            with self.subTest(name), Cluster() as cluster:
                cluster.coordinator()
                cluster.agent(name="a").kill()
                (cluster.folder / "a" / "results.0.log").write_bytes(content)
                cluster.agent(name="a")
                cluster.agents_online(1)
                spec = cluster.spec("noop", job_text("noop", "noop", []))
                self.assertEqual(cluster.wait(cluster.submit(spec))["state"],
                                 "succeeded")
                self.assertEqual(len(logged(cluster, "a", "spool_set_aside")),
                                 1)
                aside = cluster.folder / "a" / "results.0.log.set-aside"
                self.assertEqual(aside.read_bytes(), content)

    def test_a_copy_of_the_folder_is_another_agent(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent(name="a")
            cluster.agents_online(1)
            copy = cluster.folder / "b"
            copy.mkdir()
            for path in (cluster.folder / "a").glob("*.*"):
                if path.is_file():
                    (copy / path.name).write_bytes(path.read_bytes())
            cluster.agent(name="b")
            cluster.agents_online(2)
            self.assertTrue(logged(cluster, "b", "agent_is_new"))


if __name__ == "__main__":
    unittest.main()
