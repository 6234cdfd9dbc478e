"""Which executor a job gets, why, and what is found in its code meanwhile."""

import json
import subprocess
import unittest

from cluster import Cluster, REMUDA, job_text, metric, wait_until

MODULE = """
import asyncio
import pathlib
import time

async def waits(item):
    await asyncio.sleep(0.01)
    return item

def plain(item):
    return item

async def blocks(item, gate):
    if item == 3:
        time.sleep(2)
    while not pathlib.Path(gate).exists():
        await asyncio.sleep(0.05)
    return item
"""
PROGRESS = """
import asyncio
import pathlib
import time
import remuda

async def waits(item, gate):
    remuda.progress(0.25 + item / 2, f"row {1 + 2 * item}")
    while not pathlib.Path(gate).exists():
        await asyncio.sleep(0.1)
        remuda.progress(0.25 + item / 2, f"row {1 + 2 * item}")

def works(item, gate):
    while not pathlib.Path(gate).exists():
        remuda.progress(0.25 + item / 2, f"row {1 + 2 * item}")
        time.sleep(0.1)
"""

LOCKS = """
import sys

def free():
    return sys._is_gil_enabled()

def computes():
    return sum(range(1000))
"""
SWITCHES_ON = """
import warnings
warnings.warn("The global interpreter lock (GIL) has been enabled to load "
              "module 'fast', which has not declared that it can run safely "
              "without it", RuntimeWarning)
sys._is_gil_enabled = lambda: True
"""
BLOCKING_LINE = MODULE.splitlines().index("        time.sleep(2)") + 1


class Choosing(unittest.TestCase):
    def spec(self, cluster, name, function, *lines, more=""):
        (cluster.folder / "chosen.py").write_text(MODULE)
        return cluster.spec(name, job_text(name, "python", [
            "tasks: {range: {from: 1, to: 4}}",
            f"with: {{function: 'chosen:{function}'{more}}}", *lines]))

    def plan(self, path):
        done = subprocess.run([REMUDA, "plan", str(path), "--json"],
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)["jobs"][0]

    def test_auto_is_the_same_in_plan_record_and_results(self):
        wanted = [
            ("waits", "", "async", "an async def"),
            ("plain", "", "process-pool", "a plain def"),
            ("plain", ", workload: io", "thread-pool", "waits"),
            ("waits", ", workload: io", "async", "waits more"),
            ("plain", ", workload: blocking", "thread-pool", "block"),
            ("plain", ", workload: cpu", "process-pool", "computes"),
        ]
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            for at, (function, more, executor, reason) in enumerate(wanted):
                with self.subTest(function=function, more=more):
                    path = self.spec(cluster, f"job-{at}", function, more=more)
                    plan = self.plan(path)
                    self.assertEqual(plan["executor"], executor)
                    self.assertIn(reason, plan["executor_reason"])
                    self.assertEqual(plan["source"]["form"],
                                     "plain" if function == "plain"
                                     else "async")
                    self.assertEqual({o["executor"] for o in plan["others"]}
                                     | {executor},
                                     {"async", "thread-pool", "process-pool"})
                    job = cluster.run(path)
                    self.assertEqual(job["state"], "succeeded")
                    status = json.loads(cluster.remuda(
                        "status", job["id"], "--json").stdout)["jobs"][0]
                    self.assertEqual(status["executor"], executor)
                    self.assertEqual(status["executor_reason"],
                                     plan["executor_reason"])
                    self.assertEqual(status["findings"], [])
                    said = cluster.remuda("results", job["id"], "--json")
                    rows = [json.loads(line)
                            for line in said.stdout.splitlines()]
                    self.assertEqual([row["output"] for row in rows],
                                     [1, 2, 3, 4])
                    self.assertEqual({row["executor"] for row in rows},
                                     {executor})
                    self.assertIn(plan["executor_reason"], said.stderr)

    def test_what_the_client_cannot_see_is_left_to_the_agents(self):
        with Cluster() as cluster:
            path = self.spec(cluster, "away", "plain",
                             more=", path: [/nowhere/at/all]")
            plan = self.plan(path)
            self.assertEqual(plan["executor"], "process-pool")
            self.assertEqual(plan["source"]["form"], "unknown")
            self.assertIn("chosen", plan["source"]["problem"])

    def test_a_plain_def_is_refused_on_async_before_it_runs(self):
        with Cluster() as cluster:
            cluster.coordinator()
            path = self.spec(cluster, "wrong", "plain", "executor: async")
            said = cluster.remuda("submit", path, code=2).stderr
            self.assertIn("use 'thread-pool'", said)
            path = self.spec(cluster, "yields", "plain",
                             "executor: {prefer: async}")
            job = cluster.job(cluster.submit(path))
            self.assertEqual(job["executor"], "process-pool")
            self.assertIn("needs an async def", job["executor_reason"])

    def test_a_blocked_loop_is_named_while_it_is_blocked(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            agent = cluster.agent()
            cluster.agents_online(1)
            gate = cluster.folder / "gate"
            path = cluster.spec("blocked", job_text("blocked", "python", [
                "tasks: {range: {from: 1, to: 20}}",
                "with: {function: 'chosen:blocks', "
                f"args: ['{{{{item}}}}', '{gate}']}}"]))
            (cluster.folder / "chosen.py").write_text(MODULE)
            noted = [f for f in self.plan(path)["source"]["findings"]]
            self.assertEqual([f["line"] for f in noted], [BLOCKING_LINE])
            job = cluster.submit(path)

            def blocked():
                status = cluster.job(job)
                self.assertEqual(status["state"] in ("queued", "running"),
                                 True, status)
                return [f for f in status["findings"]
                        if f["code"] == "loop_blocked"]

            found = wait_until(blocked, "the blocked loop is known")[0]
            self.assertEqual(found["function"], "blocks")
            self.assertEqual(found["file"], str(cluster.folder / "chosen.py"))
            self.assertEqual(found["line"], BLOCKING_LINE)
            self.assertGreater(found["longest_seconds"], 0.2)
            page = cluster.remuda("status", job).stdout
            self.assertIn(f"chosen.py:{BLOCKING_LINE}", page)
            wait_until(lambda: metric(
                agent.metrics(), "remuda_agent_findings_total",
                code="loop_blocked") >= 1, "the metric counts it")

            # What is known of the job outlives the coordinator.
            coordinator.kill()
            cluster.coordinator()
            kept = [f for f in cluster.job(job)["findings"]
                    if f["code"] == "loop_blocked"]
            self.assertEqual(kept[0]["line"], BLOCKING_LINE)
            gate.touch()
            ended = cluster.wait(job)
            self.assertEqual(ended["state"], "succeeded")
            self.assertEqual(ended["attempts"], 20)
            self.assertTrue(any(f"chosen.py:{BLOCKING_LINE}" in
                                line["message"]
                                for line in self.log(cluster, "finding")))

    def log(self, cluster, event):
        """The lines of this event in the first agent's log."""
        text = (cluster.folder / "agent-1.log").read_text()
        lines = [json.loads(line) for line in text.splitlines()
                 if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def test_a_running_task_says_how_far_it_is(self):
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            gate = cluster.folder / "gate"
            (cluster.folder / "far.py").write_text(PROGRESS)
            for executor, function in [("async", "waits"),
                                       ("thread-pool", "works"),
                                       ("process-pool", "works")]:
                with self.subTest(executor=executor):
                    gate.unlink(missing_ok=True)
                    job = cluster.submit(cluster.spec("far", job_text(
                        "far", "python", [
                            f"executor: {executor}",
                            "tasks: {range: {from: 0, to: 1}}",
                            f"with: {{function: 'far:{function}', args: "
                            f"['{{{{item}}}}', '{gate}']}}"])))
                    wanted = [{"task": 0, "fraction": 0.25, "text": "row 1"},
                              {"task": 1, "fraction": 0.75, "text": "row 3"}]
                    wait_until(lambda: cluster.job(job)["progress"] == wanted,
                               "both have said it")
                    self.assertIn("task 1 is at 75 %: row 3",
                                  cluster.remuda("status", job).stdout)
                    gate.touch()
                    self.assertEqual(cluster.wait(job)["state"], "succeeded")
                    self.assertEqual(cluster.job(job)["progress"], [])

    def test_an_interpreter_without_its_lock_is_told_about(self):
        """By a stand-in: it says that it has none, and has one."""
        with Cluster() as cluster:
            cluster.coordinator()
            cluster.agent()
            cluster.agents_online(1)
            (cluster.folder / "site").mkdir()
            (cluster.folder / "site/sitecustomize.py").write_text(
                "import sys\nsys._is_gil_enabled = lambda: False\n")
            python = cluster.folder / "python"
            python.write_text(f"#!/bin/sh\nPYTHONPATH={cluster.folder}/site "
                              'exec /usr/bin/python3 "$@"\n')
            python.chmod(0o755)
            (cluster.folder / "locks.py").write_text(LOCKS)

            def run(function):
                return cluster.run(cluster.spec(function, job_text(
                    function, "python", [
                        "executor: thread-pool",
                        f"with: {{function: 'locks:{function}', args: [], "
                        f"python: '{python}'}}"])))

            free = run("free")
            self.assertEqual(cluster.results(free["id"])[0]["output"], False)
            self.assertEqual(cluster.job(free["id"])["findings"], [])
            (facts,) = self.log(cluster, "worker_facts")
            self.assertIn('"gil":false', facts["facts"])
            # The same after an import that switches the lock on.
            (cluster.folder / "locks.py").write_text(LOCKS + SWITCHES_ON)
            locked = run("computes")
            (finding,) = cluster.job(locked["id"])["findings"]
            self.assertEqual(finding["code"], "gil_enabled")
            self.assertIn("the module 'fast'", finding["text"])
            self.assertIn('"gil":true',
                          self.log(cluster, "worker_facts")[-1]["facts"])


if __name__ == "__main__":
    unittest.main()
