"""`executor: auto` that learns: moves, stays, remembers, and never flaps."""

import json
import unittest

from cluster import Cluster, job_text, metric, wait_until

MODULE = """
import time

def sleeps(n):
    time.sleep(0.1)
    return n

def counts(n):
    end = time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    return n

def deceives(n):
    # Waits outside of its worker's first thread's sight: on threads each one
    # waits for all.
    import threading, fcntl
    with open(__file__ + ".lock", "w") as file:
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
            time.sleep(0.1)
    return n
"""

SAFE = "executor: {auto: [thread-pool, process-pool]}"
SLOTS = ("--slots", "process-pool=2,thread-pool=32")


class Learning(unittest.TestCase):
    def spec(self, cluster, function, tasks, executor=SAFE, name=None):
        (cluster.folder / "work.py").write_text(MODULE)
        name = name or function
        return cluster.spec(name, job_text(name, "python", [
            executor, f"tasks: {{range: {{from: 1, to: {tasks}}}}}",
            f"with: {{function: 'work:{function}', args: ['{{{{item}}}}']}}"]))

    def outputs(self, cluster, job):
        return [row["output"] for row in cluster.results(job)]

    def test_a_job_that_waits_moves_to_threads_and_the_next_begins_there(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent(*SLOTS)
            cluster.agents_online(1)
            job = cluster.run(self.spec(cluster, "sleeps", 400))
            self.assertEqual(job["executor"], "thread-pool", job)
            self.assertTrue(job["executor_reason"].startswith(
                "moved from process-pool to thread-pool after "), job)
            self.assertIn(" and kept: ", job["executor_reason"])
            self.assertEqual(self.outputs(cluster, job["id"]),
                             list(range(1, 401)))
            self.assertEqual(job["attempts"], 400)
            text = coordinator.metrics()
            for result in ("tried", "kept"):
                self.assertEqual(metric(
                    text, "remuda_executor_moves_total", result=result,
                    **{"from": "process_pool", "to": "thread_pool"}), 1)
            said = cluster.remuda("explain", job["id"], "--json").stdout
            (tried,) = json.loads(said)["verdicts"][0]["tried"]
            self.assertEqual((tried["executor"], tried["instead_of"],
                              tried["kept"], tried["job"]),
                             ("thread-pool", "process-pool", True, job["id"]))
            self.assertIn(", and is kept",
                          cluster.remuda("explain", job["id"]).stdout)
            self.assertIn(", and is kept", cluster.remuda("advise").stdout)

            # What was learned outlives the coordinator.
            coordinator.kill()
            cluster.coordinator()
            cluster.agents_online(1)
            second = cluster.run(self.spec(cluster, "sleeps", 200))
            self.assertEqual(second["executor"], "thread-pool", second)
            self.assertTrue(
                second["executor_reason"].startswith("learned on "), second)
            self.assertIn("of process-pool, measured over",
                          second["executor_reason"])

            # Only if the code is declared safe.
            unsafe = cluster.run(self.spec(cluster, "sleeps", 20,
                                           "executor: auto", "unsafe"))
            self.assertEqual(unsafe["executor"], "process-pool", unsafe)

            # A lock file pins it, and nothing is tried.
            lock = cluster.folder / "remuda.lock.yaml"
            cluster.remuda("advise", "--lock", lock)
            self.assertIn("executor: thread-pool", lock.read_text())
            pinned = cluster.run(self.spec(cluster, "sleeps", 40,
                                           "executor: auto", "pinned"))
            self.assertEqual(pinned["executor"], "thread-pool", pinned)
            self.assertTrue(pinned["executor_reason"].startswith(
                "remuda.lock.yaml pins it: "), pinned)
            plan = json.loads(cluster.remuda(
                "plan", cluster.folder / "pinned.yaml", "--json").stdout)
            self.assertEqual(plan["jobs"][0]["executor"], "thread-pool")
            lock.write_text(lock.read_text().replace("    reason:",
                                                     "    raeson:"))
            refused = cluster.remuda("run", cluster.folder / "pinned.yaml",
                                     code=2)
            self.assertIn("remuda.lock.yaml:", refused.stderr)
            self.assertIn("'raeson', did you mean 'reason'?", refused.stderr)

    def test_code_that_computes_or_is_not_declared_safe_stays(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent(*SLOTS)
            cluster.agents_online(1)
            counts = cluster.run(self.spec(cluster, "counts", 150))
            self.assertEqual(counts["executor"], "process-pool", counts)
            sleeps = cluster.run(self.spec(cluster, "sleeps", 150,
                                           "executor: auto"))
            self.assertEqual(sleeps["executor"], "process-pool", sleeps)
            self.assertEqual(metric(coordinator.metrics(),
                                    "remuda_executor_moves_total"), 0)

    def test_what_loses_goes_back_and_is_not_tried_again(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent(*SLOTS)
            cluster.agents_online(1)
            moves = []
            for _ in range(3):
                job = cluster.run(self.spec(cluster, "deceives", 200))
                self.assertEqual(job["executor"], "process-pool", job)
                self.assertEqual(self.outputs(cluster, job["id"]),
                                 list(range(1, 201)))
                moves.append(metric(coordinator.metrics(),
                                    "remuda_executor_moves_total",
                                    result="tried"))
            self.assertEqual(moves, [1, 1, 1])
            lock = cluster.remuda("advise", "--lock", "-").stdout
            self.assertIn("executor: process-pool", lock)

    def test_kill_9_amid_moves_loses_nothing(self):
        with Cluster() as cluster:
            coordinator = cluster.coordinator()
            cluster.agent(*SLOTS)
            cluster.agents_online(1)
            job = cluster.submit(self.spec(cluster, "sleeps", 600))
            # While it drains or has just moved, and once it has.
            wait_until(lambda: metric(
                coordinator.metrics(), "remuda_executor_moves_total",
                result="tried") == 1, "a trial to begin")
            coordinator.kill()
            coordinator = cluster.coordinator()
            wait_until(lambda: cluster.job(job)["executor"] == "thread-pool",
                       "the job to move")
            coordinator.kill()
            cluster.coordinator()
            done = cluster.wait(job)
            self.assertEqual(done["state"], "succeeded", done)
            self.assertEqual(done["executor"], "thread-pool", done)
            rows = cluster.results(job)
            self.assertEqual([row["output"] for row in rows],
                             list(range(1, 601)))
            self.assertEqual({row["state"] for row in rows}, {"succeeded"})


if __name__ == "__main__":
    unittest.main()
