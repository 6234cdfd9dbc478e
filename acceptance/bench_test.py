"""`remuda bench`: figures of every kind, and nothing left behind."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from cluster import REMUDA

# By name, with whether it has a p99 and whether it has a size.
FIGURES = {"relay": (True, False), "appends": (False, False),
           "sqlite_rows": (False, False), "spawns": (False, False),
           "noop_array": (False, True), "commands": (False, True),
           "python": (False, True), "one_at_a_time": (True, True)}


class Bench(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="remuda-bench-"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def bench(self, *args, seconds="0.05"):
        return subprocess.run(
            [REMUDA, "bench", "--seconds", seconds, "--state",
             str(self.folder / "state"), *args], capture_output=True,
            text=True, timeout=300, stdin=subprocess.DEVNULL,
            # It measures itself, whatever coordinator there is.
            env={**os.environ, "REMUDA_COORDINATOR": "tcp://127.0.0.1:1"})

    def test_json_has_all_figures(self):
        done = self.bench("--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual(said["durability"], "full")
        self.assertTrue(said["machine"] and said["version"])
        self.assertEqual({row["name"] for row in said["figures"]},
                         set(FIGURES))
        for row in said["figures"]:
            has_p99, has_size = FIGURES[row["name"]]
            self.assertIsNone(row["left_out"], row)
            self.assertGreater(row["value"], 0, row)
            self.assertEqual(row["p99"] is not None, has_p99, row)
            self.assertEqual(row["size"] is not None, has_size, row)
        self.assertEqual(list((self.folder / "state").iterdir()), [])

    def test_words_name_what_was_left_out(self):
        path = os.environ["PATH"]
        empty = self.folder / "empty"
        empty.mkdir()
        os.environ["PATH"] = str(empty)
        try:
            done = self.bench()
        finally:
            os.environ["PATH"] = path
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertTrue(lines[0].startswith("Remuda "))
        self.assertRegex(done.stdout, r"an array of no-ops +[\d,]+ tasks/s")
        self.assertRegex(done.stdout,
                         r"a Python function .*(calls/s|left out: )")

    def test_a_time_that_is_none_is_a_usage_error(self):
        self.assertEqual(self.bench(seconds="0").returncode, 2)


if __name__ == "__main__":
    unittest.main()
