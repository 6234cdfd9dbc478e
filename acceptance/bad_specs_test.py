"""Bad specs: exit code 2, the position and the remedy named, nothing stored,
under 100 MB and in a bounded time each."""

import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

from cluster import REMUDA, Cluster, job_text

HEAD = "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: bad}\n"
BOMB = ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [" + ",".join(f"*{chr(97 + i)}"
                                                  for _ in range(9)) + "]\n"
    for i in range(9)))


def needs(name, other):
    return (f"apiVersion: remuda/v1\nkind: Job\nmetadata: {{name: {name}}}\n"
            f"spec: {{type: noop, needs: [{other}]}}\n")


# Name -> (text, what the message must hold beside file and position).
BAD = {
    "broken_yaml": (HEAD + "spec: {type: noop\n", []),
    "empty_file": ("", []),
    "not_a_map": ("- 1\n- 2\n", []),
    "wrong_version": (HEAD.replace("v1", "v9") + "spec: {type: noop}\n",
                      ["remuda/v1"]),
    "wrong_kind": (HEAD.replace("kind: Job", "kind: Jobb") +
                   "spec: {type: noop}\n", ["Job"]),
    "unknown_key": (HEAD + "spec: {type: noop, concurency: 3}\n",
                    ["concurency", "concurrency"]),
    "wrong_type": (HEAD + "spec: {type: noop, concurrency: many}\n",
                   ["concurrency", "number"]),
    "missing_file": (HEAD + "spec: {type: http.crawl, "
                     "tasks: {lines: nowhere.txt}, "
                     "with: {url: \"{{item}}\"}}\n", ["nowhere.txt"]),
    "alias_bomb": (BOMB + HEAD + "spec: {type: noop}\n", ["alias"]),
    "self_reference": (HEAD + "spec: &x [*x]\n", ["alias"]),
    "huge_scalar": (HEAD + "spec: {type: noop}\n# " + "x" * (2 << 20), []),
    "deep": (HEAD + "spec: " + "[" * 3000 + "]" * 3000 + "\n", []),
    "duplicate_key": (HEAD + "spec:\n  type: noop\n  type: sleep\n",
                      ["type"]),
    "unknown_type": (HEAD + "spec: {type: nop}\n", ["nop", "noop"]),
    "executor_not_supported": (
        HEAD + "spec: {type: http.fetch, executor: process-pool, "
        "with: {url: 'http://127.0.0.1/'}}\n", ["async"]),
    "empty_fan_out": (HEAD + "spec: {type: noop, tasks: {items: []}}\n", []),
    "cyclic_needs": (needs("one", "two") + "---\n" + needs("two", "one"),
                     ["one", "two"]),
    "unquoted_braces": (HEAD + "spec:\n  type: sleep\n"
                        "  tasks: {range: {from: 1, to: 3}}\n"
                        "  with: {seconds: {{item}}}\n", ["quote"]),
    "missing_parameter": (HEAD + "spec: {type: command}\n", ["argv"]),
    "unknown_parameter": (HEAD + "spec: {type: sleep, "
                          "with: {second: 1, seconds: 1}}\n", ["second"]),
    "negative": (HEAD + "spec: {type: noop, concurrency: -1}\n",
                 ["concurrency"]),
    "bad_duration": (HEAD + "spec: {type: noop, timeout: soon}\n",
                     ["timeout", "30s"]),
    "two_sources": (HEAD + "spec: {type: noop, tasks: "
                    "{range: {from: 1, to: 2}, items: [1]}}\n", []),
    "step_zero": (HEAD + "spec: {type: noop, tasks: "
                  "{range: {from: 1, to: 2, step: 0}}}\n", ["step"]),
    "not_yet": (HEAD + "spec: {type: noop, deadline: 2h}\n",
                ["deadline", "not supported yet"]),
    "bad_utf8": ((HEAD + "spec: {type: noop}\n# ").encode() + b"\xff\n", []),
    "nul_byte": ((HEAD + "spec: {type: noop}\n# ").encode() + b"\0\n", []),
}


class BadSpecs(unittest.TestCase):
    def test_each_is_refused_clearly_and_stores_nothing(self):
        self.assertGreaterEqual(len(BAD), 20)
        with Cluster() as cluster:
            cluster.coordinator()
            for name, (text, words) in BAD.items():
                with self.subTest(name):
                    self.check(cluster, name, text, words)
            self.assertIn('"jobs":[]',
                          cluster.remuda("jobs", "--json").stdout)

    def check(self, cluster, name, text, words):
        path = cluster.folder / f"{name}.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        process = subprocess.Popen(
            [REMUDA, "submit", str(path)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "REMUDA_COORDINATOR": cluster.address})
        out, error = process.communicate(timeout=60)
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        self.assertEqual(process.returncode, 2, error)
        self.assertEqual(out, "")
        self.assertIn(f"{name}.yaml:", error)
        if name != "missing_file":
            self.assertRegex(error, rf"{name}\.yaml:\d+")
        for word in words:
            self.assertIn(word, error)
        self.assertLess(len(error), 20_000)
        print(f"{name}: {used:.2f} s of CPU: {error.splitlines()[0]}")

    def plan(self, path, text):
        """Its exit code, and the most memory that it had, in KiB."""
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with open(os.devnull, "w") as null:
            pid = os.posix_spawn(
                REMUDA, [REMUDA, "plan", str(path)], os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, null.fileno(), 1),
                              (os.POSIX_SPAWN_DUP2, null.fileno(), 2)])
            _, status, usage = os.wait4(pid, 0)
        return os.waitstatus_to_exitcode(status), usage.ru_maxrss

    def test_memory_stays_bounded(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "spec.yaml"
            # What the program takes by itself, and under a sanitizer by far
            # the most of it.
            code, least = self.plan(path, job_text("good", "noop", []))
            self.assertEqual(code, 0)
            for name, (text, _) in BAD.items():
                with self.subTest(name):
                    code, most = self.plan(path, text)
                    self.assertEqual(code, 2)
                    self.assertLess(most, max(100 << 10, 3 * least), name)

    def test_half_of_a_file_is_not_accepted(self):
        with Cluster() as cluster:
            cluster.coordinator()
            good = job_text("good", "noop", [])
            bad = job_text("bad", "nosuch", [])
            path = cluster.spec("both", good + "---\n" + bad)
            cluster.remuda("submit", path, code=2)
            self.assertIn('"jobs":[]',
                          cluster.remuda("jobs", "--json").stdout)


if __name__ == "__main__":
    unittest.main()
