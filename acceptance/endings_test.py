"""Ways to end: each in the right state, with words a person understands."""

import base64
import http.server
import socket
import threading
import unittest

from cluster import Cluster, job_text, processes_with, wait_until

MODULE = """
import os, time
def good(n): return {"n": n}
def raises(n): raise ValueError(f"row {n} is bad")
def exits(n): os._exit(7)
def prints(n):
    print("hello from", n)
    return n
"""


class Endings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.__exit__, None)
        cls.cluster.coordinator()
        cls.cluster.agent("--slots", "process-pool=4")
        cls.cluster.agents_online(1)
        (cls.cluster.folder / "zoo.py").write_text(MODULE)

    def one(self, type_, with_, extra=(), code=1):
        """Runs one task between two healthy neighbours' jobs."""
        spec = self.cluster.spec("one", job_text(
            self.id().rsplit(".")[-1].replace("_", "-")[:60], type_,
            [f"with: {with_}", *extra]))
        job = self.cluster.run(spec, code=code)
        return job, self.cluster.results(job["id"])[0]

    def neighbours(self):
        spec = self.cluster.spec("neighbours", job_text(
            "neighbours", "sleep", ["executor: process-pool",
                                    "with: {seconds: 0.05}",
                                    "tasks: {range: {from: 1, to: 60}}"]))
        return self.cluster.submit(spec)

    def check_neighbours(self, job):
        done = self.cluster.wait(job)
        self.assertEqual(done["tasks"]["succeeded"], 60)
        self.assertEqual(done["attempts"], 60)

    def test_exit_code_3(self):
        job, row = self.one("command", "{argv: [/bin/sh, -c, 'exit 3']}")
        self.assertEqual(row["state"], "failed")
        self.assertEqual(row["output"]["exit_code"], 3)
        self.assertIn("3", row["error"])
        self.assertEqual(job["tasks"]["failed"], 1)

    def test_segmentation_fault(self):
        beside = self.neighbours()
        _, row = self.one("command", "{argv: [/bin/sh, -c, 'kill -SEGV $$']}")
        self.assertEqual(row["state"], "failed")
        self.assertEqual(row["output"]["signal"], "SIGSEGV")
        self.assertIn("SIGSEGV", row["error"])
        self.check_neighbours(beside)

    def test_ten_megabytes_of_output(self):
        job, row = self.one(
            "command",
            "{argv: [/usr/bin/python3, -c, "
            "'print(\"x\" * 63 + \"\\n\", end=\"\") ; "
            "import sys; sys.stdout.write((\"y\" * 63 + \"\\n\") * 163839)']}",
            code=0)
        output = row["output"]
        self.assertEqual(output["stdout_bytes"], 10 << 20)
        self.assertTrue(output["truncated"])
        self.assertTrue(output["stdout"].startswith("x" * 63))
        self.assertLess(len(output["stdout"]), 80 << 10)
        whole = self.cluster.remuda("logs", job["id"]).stdout
        self.assertEqual(len(whole), 10 << 20)
        self.assertEqual(whole[:64], "x" * 63 + "\n")
        self.assertEqual(whole.count("\n"), 163840)

    def test_output_that_is_not_utf8(self):
        _, row = self.one(
            "command", "{argv: [/usr/bin/printf, '\\377\\376']}", code=0)
        self.assertEqual(base64.b64decode(row["output"]["stdout"]["base64"]),
                         b"\xff\xfe")

    def test_time_out_with_grandchildren(self):
        beside = self.neighbours()
        marker = f"stubborn-{self.cluster.folder.name}"
        job, row = self.one(
            "command",
            "{argv: [/bin/sh, -c, 'trap \"\" TERM; (setsid sleep 600 &); "
            f"sleep 600; sleep 600'], env: {{MARK: {marker}}}}}",
            ["timeout: 500ms"])
        self.assertEqual(row["state"], "timed_out")
        self.assertIn("500", row["error"])
        wait_until(lambda: not processes_with(marker), "no process left")
        self.assertEqual(job["tasks"]["timed_out"], 1)
        self.check_neighbours(beside)

    def test_no_such_program(self):
        _, row = self.one("command", "{argv: [no-such-program-here]}")
        self.assertEqual(row["state"], "failed")
        self.assertIn("no-such-program-here", row["error"])

    def test_url_that_refuses(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        _, row = self.one("http.fetch", f"{{url: 'http://127.0.0.1:{port}/'}}")
        self.assertEqual(row["state"], "failed")
        self.assertIn("refused", row["error"])
        self.assertIn(str(port), row["error"])

    def test_url_that_hangs(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            port = silent.getsockname()[1]
            _, row = self.one("http.fetch",
                              f"{{url: 'http://127.0.0.1:{port}/'}}",
                              ["timeout: 700ms"])
        self.assertEqual(row["state"], "timed_out")
        self.assertIn("700", row["error"])

    def test_http_404(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                             Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/x"
            _, row = self.one("http.crawl", f"{{url: '{url}'}}")
            server.shutdown()
        self.assertEqual(row["state"], "failed")
        self.assertIn("404", row["error"])
        self.assertEqual(row["output"]["status"], 404)

    def python(self, function, code, extra=()):
        return self.one("python",
                        f"{{function: 'zoo:{function}', path: ['.']}}",
                        ["tasks: {items: [5]}", *extra], code=code)

    def test_python_value(self):
        _, row = self.python("good", 0)
        self.assertEqual(row["output"], {"n": 5})

    def test_python_raises(self):
        _, row = self.python("raises", 1)
        self.assertEqual(row["state"], "failed")
        self.assertIn("ValueError: row 5 is bad", row["error"])
        self.assertIn("zoo.py", row["error"])

    def test_python_exits(self):
        beside = self.neighbours()
        _, row = self.python("exits", 1)
        self.assertEqual(row["state"], "failed")
        self.assertIn("7", row["error"])
        self.check_neighbours(beside)

    def test_python_prints(self):
        job, row = self.python("prints", 0)
        self.assertEqual(row["output"], 5)
        self.assertIn("hello from 5",
                      self.cluster.remuda("logs", job["id"]).stdout)

    def test_python_module_that_is_missing(self):
        _, row = self.one("python", "{function: 'nowhere_to_be_found:f'}",
                          ["tasks: {items: [5]}"])
        self.assertEqual(row["state"], "failed")
        self.assertIn("nowhere_to_be_found", row["error"])

    def test_failed_tasks_are_tried_again(self):
        job, row = self.one("command", "{argv: [/bin/false]}",
                            ["retry: {attempts: 3, backoff: {initial: 10ms}}"])
        self.assertEqual(row["attempts"], 3)
        self.assertEqual(job["attempts"], 3)


if __name__ == "__main__":
    unittest.main()
