"""Work that waits with an agent, over real processes: whoever is idle gets a
share of it, and what matters more does not wait behind.

The tasks are commands whose length is their item. An agent that has seen only
short ones takes many more of the same work, which then turn out to be long.
"""

import json
import unittest

from cluster import Cluster, job_text, wait_until

SLOTS = 2
LONG_TASKS = 40
# Says who runs it: the parent is the agent's.
TASK = 'echo "$PPID $2" >> "$1"; sleep "$2"'


class Handover(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.__exit__, None, None, None)
        self.lines = self.cluster.folder / "begun"
        self.lines.touch()
        self.coordinator = self.cluster.coordinator()
        self.agent = self.cluster.agent("--slots", f"process-pool={SLOTS}")
        self.cluster.agents_online(1)

    def spec(self, name, items, priority=0):
        argv = ["sh", "-c", TASK, "sh", str(self.lines), "{{item}}"]
        return self.cluster.spec(name, job_text(name, "command", [
            f"with: {json.dumps({'argv': argv})}",
            f"priority: {priority}",
            f"tasks: {{items: {json.dumps(items)}}}"]))

    def begun(self, item):
        """The parents of the tasks with that item, one a task."""
        lines = self.lines.read_text().split("\n")
        return [line.split()[0] for line in lines
                if line.endswith(f" {item}")]

    def start_long_ones(self):
        """After short ones; returns when they run and the others wait."""
        self.cluster.run(self.spec("short", ["0.001"] * 600))
        job = self.cluster.submit(self.spec("long", ["2"] * LONG_TASKS))
        wait_until(lambda: len(self.begun("2")) >= SLOTS, "long ones run")
        return job

    def test_an_agent_that_joins_gets_its_share(self):
        job = self.start_long_ones()
        self.cluster.agent("--slots", f"process-pool={SLOTS}")
        self.cluster.agents_online(2)
        done = self.cluster.wait(job)
        self.assertEqual(done["tasks"]["succeeded"], LONG_TASKS)
        self.assertEqual(done["attempts"], LONG_TASKS)
        parents = self.begun("2")
        self.assertEqual(len(parents), LONG_TASKS)
        shares = sorted(parents.count(one) for one in set(parents))
        self.assertEqual(len(shares), 2)
        self.assertGreaterEqual(shares[0], LONG_TASKS // 4)

    def test_what_matters_more_does_not_wait_behind(self):
        job = self.start_long_ones()
        urgent = self.cluster.run(self.spec("urgent", ["0"], priority=9))
        self.assertEqual(urgent["tasks"]["succeeded"], 1)
        # What ran, what was next in line, and some for a slow machine.
        self.assertLessEqual(len(self.begun("2")), LONG_TASKS // 2)
        self.cluster.remuda("cancel", str(job))


if __name__ == "__main__":
    unittest.main()
