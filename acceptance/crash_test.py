"""kill -9 in the middle: nothing lost, nothing twice, cancels complete."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest
from collections import Counter

from cluster import REMUDA, Cluster, job_text, processes_with, wait_until


def ledger_spec(cluster, name, tasks, seconds, extra=()):
    """Commands that each append `start index` and `end index` to a file.

    The ledger is written by the tasks themselves, outside Remuda; appends
    below PIPE_BUF bytes are atomic.
    """
    ledger = cluster.folder / f"{name}.ledger"
    ledger.touch()
    script = (f"echo start $0 >> {ledger}; sleep {seconds}; "
              f"echo end $0 >> {ledger}")
    text = job_text(name, "command", [
        f"tasks: {{range: {{from: 0, to: {tasks - 1}}}}}",
        "with:",
        f"  argv: [/bin/sh, -c, '{script}', \"{{{{item}}}}\"]", *extra])
    return cluster.spec(name, text), ledger


def count(ledger, word):
    return Counter(line.split()[1]
                   for line in ledger.read_text().splitlines()
                   if line.startswith(word + " "))


class AgentKilled(unittest.TestCase):
    def test_agent_killed_in_the_middle_of_5000_commands(self):
        with Cluster(lease="3s") as cluster:
            cluster.coordinator()
            cluster.agent(), cluster.agent()
            cluster.agents_online(2)
            spec, ledger = ledger_spec(cluster, "killed", 5000, 0.002)
            job = cluster.submit(spec)
            wait_until(lambda: len(count(ledger, "end")) > 1000, "1,000 ends")
            cluster.served[1].kill()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(done["tasks"]["succeeded"], 5000)
            rows = cluster.results(job)
            self.assertEqual([r["index"] for r in rows], list(range(5000)))
            self.assertEqual({r["state"] for r in rows}, {"succeeded"})
            # retry.attempts is 1: had the kill been charged, tasks had failed.
            self.assertEqual(len(count(ledger, "end")), 5000)
            # A loss is an attempt that its agent gave to the executor, which
            # holds a few short tasks beside those that run; and what began in
            # the agent's last 100 ms nobody has heard of.
            losses = done["infrastructure_losses"]
            again = sum(count(ledger, "start").values()) - 5000
            self.assertLessEqual(losses, again + 16)
            self.assertLessEqual(again, losses + 200)
            self.assertEqual(done["attempts"], 5000 + losses)


class CoordinatorKilled(unittest.TestCase):
    def test_coordinator_killed_three_times(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent(), cluster.agent()
            cluster.agents_online(2)
            spec, ledger = ledger_spec(cluster, "restarts", 3000, 0.005)
            job = cluster.submit(spec)
            for kill in (1, 2, 3):
                wait_until(lambda: len(count(ledger, "end")) > 500 * kill,
                           f"{500 * kill} ends")
                coordinator.kill()
                before = len(count(ledger, "end"))
                # Running work goes on without a coordinator.
                wait_until(lambda: len(count(ledger, "end")) > before,
                           "an end while the coordinator is away")
                coordinator = cluster.coordinator()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            self.assertEqual(done["tasks"]["succeeded"], 3000)
            self.assertEqual(done["attempts"], 3000)
            starts = count(ledger, "start")
            self.assertEqual(len(starts), 3000)
            self.assertEqual(max(starts.values()), 1, "a task ran twice")
            self.assertEqual(max(count(ledger, "end").values()), 1)


class Interrupted(unittest.TestCase):
    def test_the_second_interrupt_leaves_before_the_first_was_heard(self):
        """No coordinator is there to take the cancel: leaving is possible all
        the same, and the job is as it was."""
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            spec, ledger = ledger_spec(cluster, "interrupted", 1, 600)
            run = subprocess.Popen(
                [REMUDA, "run", spec], stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                env={**os.environ, "REMUDA_COORDINATOR": cluster.address})
            self.addCleanup(run.communicate)
            self.addCleanup(run.kill)
            wait_until(lambda: count(ledger, "start"), "the task has begun")
            coordinator.kill()
            run.send_signal(signal.SIGINT)
            for line in run.stderr:
                if "Ctrl-C again" in line:
                    break

            def gone():
                # Several that come together are one interrupt.
                run.send_signal(signal.SIGINT)
                return run.poll() is not None

            wait_until(gone, "the command has left", patience=20)
            self.assertEqual(run.returncode, 130)
            cluster.coordinator()
            cluster.agents_online(1)
            self.assertEqual(cluster.job(1)["state"], "running")
            cluster.remuda("cancel", 1)
            self.assertEqual(cluster.wait(1, code=1)["state"], "cancelled")
            self.assertEqual(sum(count(ledger, "start").values()), 1)


class CoordinatorReplaced(unittest.TestCase):
    def test_the_first_job_of_a_new_folder_is_not_the_old_one(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            agent = cluster.agent()
            cluster.agents_online(1)
            old, old_ledger = ledger_spec(cluster, "old", 10, 0)
            new, new_ledger = ledger_spec(cluster, "new", 10, 0)
            cluster.wait(cluster.submit(old))
            coordinator.kill()
            shutil.rmtree(cluster.folder / "state")
            cluster.coordinator()
            job = cluster.submit(new)
            self.assertNotEqual(agent.process.wait(60), 0)
            cluster.agent(name="agent-1")  # as its supervisor would
            self.assertEqual(cluster.wait(job)["state"], "succeeded")
            self.assertEqual(sum(count(old_ledger, "start").values()), 10)
            self.assertEqual(sum(count(new_ledger, "start").values()), 10)


class AgentStopped(unittest.TestCase):
    def test_an_agent_stopped_for_less_and_for_more_than_its_lease(self):
        for seconds in (1.5, 2, 2.5, 5):
            with self.subTest(seconds), Cluster(lease="3s") as cluster:
                cluster.coordinator()
                agent = cluster.agent("--slots", "process-pool=4")
                cluster.agent("--slots", "process-pool=4")
                cluster.agents_online(2)
                spec, ledger = ledger_spec(cluster, "stopped", 40, 0.75)
                job = cluster.submit(spec)
                wait_until(lambda: len(count(ledger, "start")) >= 8, "starts")
                agent.process.send_signal(signal.SIGSTOP)
                time.sleep(seconds)  # the length is the fault
                agent.process.send_signal(signal.SIGCONT)
                done = cluster.wait(job, timeout=60)
                self.assertEqual(done["tasks"]["succeeded"], 40)
                extra = sum(count(ledger, "start").values()) - 40
                self.assertLessEqual(extra, done["infrastructure_losses"])

    def test_what_it_ran_has_ended_before_it_runs_elsewhere(self):
        """It cannot stop its tasks itself; who started them does."""
        with Cluster(lease="20s") as cluster:
            cluster.coordinator()
            agent = cluster.agent("--slots", "process-pool=2", name="stopped")
            cluster.agents_online(1)
            ledger = cluster.folder / "alive"
            ledger.touch()
            gate = cluster.folder / "gate"
            # Who ignores the request to stop has no more time than others.
            script = (f"trap \"\" TERM; while [ ! -e {gate} ]; do "
                      f"echo $0 $$ >> {ledger}; sleep 0.02; done")
            job = cluster.submit(cluster.spec("alive", job_text(
                "alive", "command", [
                    "tasks: {range: {from: 0, to: 1}}", "with:",
                    f"  argv: [/bin/sh, -c, '{script}', \"{{{{item}}}}\"]"])))

            def lives():
                """Of each task, the processes in the order of their lines."""
                found = {"0": [], "1": []}
                for line in ledger.read_text().splitlines():
                    task, pid = line.split()
                    if found[task][-1:] != [pid]:
                        found[task].append(pid)
                return found

            wait_until(lambda: all(lives().values()), "both run")
            cluster.agent("--slots", "process-pool=2")
            cluster.agents_online(2)
            agent.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: all(len(pids) > 1 for pids in lives().values()),
                       "both run again")
            gate.touch()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded")
            # No line of the first one comes after one of the second.
            self.assertEqual([len(pids) for pids in lives().values()], [2, 2])
            self.assertEqual(done["infrastructure_losses"], 2)
            self.assertEqual(done["attempts"], 4)

            # Awake, it takes those deaths for nobody's fault and works on.
            agent.process.send_signal(signal.SIGCONT)
            cluster.agents_online(2)
            again = cluster.spec("again", job_text("again", "command", [
                "tasks: {range: {from: 1, to: 40}}",
                "with: {argv: [sleep, '0.05']}"]))
            self.assertEqual(cluster.run(again)["state"], "succeeded")
            self.assertEqual(cluster.job(job)["attempts"], 4)


class WorkerKilled(unittest.TestCase):
    def test_a_killed_worker_costs_one_attempt(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent("--slots", "process-pool=2")
            cluster.agents_online(1)
            spec = cluster.spec("workers", job_text(
                "workers", "sleep",
                ["executor: process-pool", "with: {seconds: 0.01}",
                 "tasks: {range: {from: 1, to: 400}}",
                 "retry: {attempts: 5, backoff: {initial: 10ms}}"]))
            job = cluster.submit(spec)
            agent = cluster.served[1].process.pid

            def workers():
                found = subprocess.run(
                    ["pgrep", "-f", "^[^ ]+ worker"], capture_output=True,
                    text=True).stdout.split()
                return [p for p in found if under(int(p), agent)]

            for _ in range(3):
                victim = wait_until(workers, "a worker")[0]
                subprocess.run(["kill", "-9", victim])
                wait_until(lambda: victim not in workers(), "its death")
            done = cluster.wait(job)
            self.assertEqual(done["tasks"]["succeeded"], 400)
            self.assertLessEqual(done["attempts"], 403)


def under(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        pid = int(stat.rsplit(")", 1)[1].split()[1])
    return False


class Cancelled(unittest.TestCase):
    def test_cancel_leaves_no_process(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent("--slots", "process-pool=16")
            cluster.agent("--slots", "process-pool=16")
            cluster.agents_online(2)
            marker = f"cancel-{cluster.folder.name}"
            text = job_text("cancelled", "command", [
                "tasks: {range: {from: 1, to: 2000}}",
                "with:",
                "  argv: [/bin/sh, -c, "
                "'trap \"\" TERM; sleep 600 & (setsid sleep 600 &) ; wait']",
                f"  env: {{MARK: {marker}}}"])
            job = cluster.submit(cluster.spec("cancelled", text))
            wait_until(lambda: len(processes_with(marker)) >= 64,
                       "commands running")
            cluster.remuda("cancel", job)
            cancelled = time.monotonic()
            done = cluster.wait(job, code=1)
            wait_until(lambda: not processes_with(marker), "no process left")
            took = time.monotonic() - cancelled
            print(f"no process left {took:.2f} s after the cancel")
            self.assertEqual(done["state"], "cancelled")
            self.assertEqual(done["tasks"]["cancelled"], 2000)
            self.assertEqual(done["tasks"]["running"], 0)


if __name__ == "__main__":
    unittest.main()
