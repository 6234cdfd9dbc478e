"""`remuda worker-check` over the workers that ship."""

import json
import os
import subprocess
import unittest

REMUDA = os.environ["REMUDA_BINARY"]
HERE = os.getcwd()
FUNCTIONS = os.path.join(HERE, "workers/conformance/testdata")
PYTHON = ["--type", "python", "--parameters", json.dumps({
    "function": "check_functions:{{check}}", "path": [FUNCTIONS],
    "kwargs": "ARGUMENTS"}).replace('"ARGUMENTS"', "{{arguments}}")]


def check(*arguments):
    """The exit status and the lines of a check."""
    done = subprocess.run([REMUDA, "worker-check", "--json", *arguments],
                          stdout=subprocess.PIPE, check=False, timeout=600)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, lines


class WorkerCheck(unittest.TestCase):
    def passes(self, modes, *arguments):
        status, lines = check(*arguments)
        bad = [line for line in lines if line["verdict"] != "passed"]
        self.assertEqual(bad, [])
        self.assertEqual(status, 0)
        self.assertEqual({line["mode"] for line in lines}, modes)
        self.assertGreaterEqual(len(lines), 27 * len(modes))

    def test_python_passes_in_every_mode(self):
        self.passes({"process", "threads", "loop"}, *PYTHON, "python3",
                    os.path.join(HERE, "workers/python/remuda_worker.pyz"))

    def test_native_passes_in_every_mode(self):
        self.passes({"process", "threads", "loop"}, "--", REMUDA, "worker",
                    "3")

    def test_perl_passes_with_sixty_lines(self):
        worker = os.path.join(HERE, "workers/perl/worker.pl")
        self.passes({"process"}, "perl", worker)
        with open(worker, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertLessEqual(len(lines), 60)
        self.assertLessEqual(max(map(len, lines)), 100)

    def test_node_passes(self):
        self.passes({"process"}, "node",
                    os.path.join(HERE, "workers/node/worker.js"))

    def test_what_is_no_worker_fails_by_name(self):
        status, lines = check("--patience", "2", "/bin/cat")
        self.assertEqual(status, 1)
        self.assertEqual([line["check"] for line in lines
                          if line["verdict"] == "failed"], ["hello"])


if __name__ == "__main__":
    unittest.main()
