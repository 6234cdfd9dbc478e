"""Python without its global lock (S9), on a real interpreter that has none.

bazel/free_threaded_python makes the interpreter; where there is none, this
says so and tests nothing.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

from cluster import Cluster, job_text

PLACE = pathlib.Path(
    os.environ.get("REMUDA_FREE_THREADED_PYTHON") or
    os.path.expanduser("~/.cache/remuda-free-threaded-python"))
FREE = PLACE / "bin/python3.13t"
WITH_LOCK = "/usr/bin/python3"

# Two calls in one process, each of which needs the other to run while it runs
# itself: they take turns at a number and never wait in a way that would let go
# of a lock. With a lock that is kept for an hour the first turns for ever.
MEETING = """
import sys
import threading

sys.setswitchinterval(3600)
arrived = threading.Lock()
places = []
turn = [0]

def meet(rounds):
    with arrived:
        place = len(places)
        places.append(place)
    while turn[0] < rounds:
        if turn[0] % 2 == place:
            turn[0] += 1
    return [place, threading.get_ident(),
            getattr(sys, "_is_gil_enabled", lambda: True)()]
"""

# An extension that does not say that it works without the lock.
EXTENSION = """
#include <Python.h>

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", 0, -1, 0};

PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
"""
COMPUTES = """
import sys

import fast

def computes():
    return sys._is_gil_enabled()
"""


@unittest.skipUnless(FREE.exists(), f"there is no {FREE}: "
                     "bazel/free_threaded_python makes it")
class FreeThreaded(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.__exit__, None, None, None)
        self.cluster.__enter__()
        self.cluster.coordinator()
        # Both tasks of a job are in one process.
        self.cluster.agent("--workers", "1")
        self.cluster.agents_online(1)

    def spec(self, function, python, lines):
        return self.cluster.spec(function.replace(":", "-"), job_text(
            "free", "python", [
                "executor: thread-pool", *lines,
                f"with: {{function: '{function}', args: [1000], "
                f"python: '{python}'}}"]))

    def facts(self):
        lines = (self.cluster.folder / "agent-1.log").read_text().splitlines()
        return [line["facts"] for line in map(json.loads, lines)
                if line.get("event") == "worker_facts"]

    def test_threads_compute_at_the_same_time(self):
        (self.cluster.folder / "meeting.py").write_text(MEETING)
        two = ["tasks: {items: [1, 2]}", "timeout: 60s"]
        job = self.cluster.run(self.spec("meeting:meet", FREE, two))
        outputs = [row["output"] for row in self.cluster.results(job["id"])]
        self.assertEqual(sorted(place for place, _, _ in outputs), [0, 1])
        self.assertEqual({lock for _, _, lock in outputs}, {False})
        self.assertEqual(len({thread for _, thread, _ in outputs}), 2)
        self.assertEqual(self.cluster.job(job["id"])["findings"], [])
        self.assertIn('"gil":false', self.facts()[-1])

    def test_with_the_lock_they_do_not(self):
        (self.cluster.folder / "meeting.py").write_text(MEETING)
        job = self.cluster.run(
            self.spec("meeting:meet", WITH_LOCK,
                      ["tasks: {items: [1, 2]}", "timeout: 4s"]), code=1)
        self.assertEqual(job["tasks"]["succeeded"], 0)
        self.assertGreaterEqual(job["tasks"]["timed_out"], 1)

    def test_an_extension_that_switches_the_lock_on_is_named(self):
        folder = self.cluster.folder
        (folder / "fast.c").write_text(EXTENSION)
        flags = subprocess.run([f"{FREE}-config", "--includes"], check=True,
                               capture_output=True, text=True).stdout.split()
        subprocess.run(["cc", "-shared", "-fPIC", *flags, "-o",
                        folder / "fast.so", folder / "fast.c"], check=True)
        (folder / "computing.py").write_text(COMPUTES)
        job = self.cluster.run(self.cluster.spec("computing", job_text(
            "computing", "python", [
                "executor: thread-pool",
                "with: {function: 'computing:computes', args: [], "
                f"python: '{FREE}'}}"])))
        self.assertEqual(self.cluster.results(job["id"])[0]["output"], True)
        (finding,) = self.cluster.job(job["id"])["findings"]
        self.assertEqual(finding["code"], "gil_enabled")
        self.assertIn("the module 'fast'", finding["text"])
        self.assertIn('"gil":false', self.facts()[0])
        self.assertIn('"gil":true', self.facts()[-1])


if __name__ == "__main__":
    if not FREE.exists():
        print(f"not tested: there is no {FREE}; bazel/free_threaded_python "
              "makes it", file=sys.stderr)
    unittest.main()
