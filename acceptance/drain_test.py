"""SIGTERM to an agent in the middle of each kind of work.

Another agent takes over what it hands back; nothing is lost or charged, and
nothing of it is left running. What cannot end before the deadline is stopped
and handed back too, and the agent leaves in time.
"""

import datetime
import http.server
import json
import os
import signal
import pathlib
import socketserver
import threading
import time
import unittest

from cluster import Cluster, job_text, processes_with, wait_until

# Seconds: the deadline where one is set, how long an agent then waits for its
# results to be confirmed (AgentCore::kFlushMax), and how late a slow machine
# may wake it.
DRAIN = 3
FLUSH = 10
SLOWNESS = 30
PATIENCE = 90

HERE = pathlib.Path(os.getcwd())
ASK = HERE / "plugins/example/ask.so"
WORDS = HERE / "plugins/example/words.so"
PERL = f"perl.eval=perl {HERE / 'workers/perl/worker.pl'}"

CODE = """
import asyncio, os, time

HERE = os.path.dirname(__file__)

def note(n):
    with open(os.path.join(HERE, "ledger"), "a") as file:
        file.write(f"{n}\\n")

def is_shut():
    return os.path.exists(os.path.join(HERE, "shut"))

def work(n):
    note(n)
    time.sleep(0.02)
    while is_shut():
        time.sleep(0.05)
    return n

async def wait(n):
    note(n)
    await asyncio.sleep(0.02)
    while is_shut():
        await asyncio.sleep(0.05)
    return n
"""
GATE = "while [ -e {folder}/shut ]; do sleep 0.05; done"
PERL_CODE = ("do {{ select undef, undef, undef, 0.02 }} while -e "
             "q({folder}/shut); $item")

# Name: type, tasks, lines of the spec, arguments of everybody. {folder} is the
# cluster's; the tasks hang there while it has the file `shut`, but for those
# that know of no files: they take {seconds} or the server's time.
KINDS = {
    "noop": ("noop", 200000, [], []),
    "sleep": ("sleep", 2000, ["with: {{seconds: {seconds}}}",
                              "concurrency: 50"], []),
    "threads": ("sleep", 1000, ["with: {{seconds: {seconds}}}",
                                "executor: thread-pool", "concurrency: 20"],
                []),
    "fetch": ("http.fetch", 2000, ['with: {{url: "{url}{{{{item}}}}"}}',
                                   "concurrency: 50"], []),
    "command": ("command", 300, [
        f'with: {{{{argv: [sh, -c, "sleep 0.02; {GATE}"]}}}}'], []),
    "python": ("python", 300, ['with: {{function: "drained:work"}}',
                               "executor: process-pool"], []),
    "python-threads": ("python", 1000, ['with: {{function: "drained:work"}}',
                                        "executor: thread-pool",
                                        "concurrency: 20"], []),
    "python-async": ("python", 2000, ['with: {{function: "drained:wait"}}',
                                      "executor: async", "concurrency: 50"],
                     []),
    "plugin": ("example.words", 300, ['with: {{file: "{folder}/text"}}'],
               ["--plugin", WORDS]),
    "plugin-threads": ("example.words", 300, [
        'with: {{file: "{folder}/text"}}', "executor: thread-pool",
        "concurrency: 10"], ["--plugin", WORDS]),
    "plugin-coroutines": ("example.ask", 1000, [
        "with: {{port: {port}}}", "executor: async", "concurrency: 50"],
                          ["--plugin", ASK]),
    "perl": ("perl.eval", 300, [f'with: {{{{code: "{PERL_CODE}"}}}}'],
             ["--worker", PERL]),
}


class SlowSite:
    """Answers after a moment, and not at all while it is shut: HTTP by `url`,
    and a few words to whoever connects to `port`."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.held = 0
        self.asked = []
        lock = threading.Lock()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with lock:
                    site.held += 1
                    site.asked.append(self.path)
                time.sleep(0.02)
                site.open.wait()
                with lock:
                    site.held -= 1
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")
                except OSError:
                    self.close_connection = True  # it was given up

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, *_):
                pass  # clients that went away in the middle

        class Words(socketserver.BaseRequestHandler):
            def handle(self):
                time.sleep(0.02)
                site.open.wait()
                self.request.sendall(b"four words make this")

        class WordsServer(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, *_):
                pass

        pages = Server(("127.0.0.1", 0), Handler)
        words = WordsServer(("127.0.0.1", 0), Words)
        self.servers = [pages, words]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{pages.server_port}/"
        self.port = words.server_address[1]

    def close(self):
        self.open.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Drain(unittest.TestCase):
    def setUp(self):
        self.site = SlowSite()
        self.addCleanup(self.site.close)

    def start(self, cluster, kind, seconds, *agent_args):
        """An agent named `first` with a job of this kind, and its number."""
        type_, tasks, lines, args = KINDS[kind]
        cluster.coordinator(*args)
        first = cluster.agent("--slots", "process-pool=2", *args, *agent_args,
                              name="first")
        cluster.agents_online(1)
        (cluster.folder / "drained.py").write_text(CODE)
        text = cluster.folder / "text"
        if (cluster.folder / "shut").exists():
            os.mkfifo(text)  # who reads it waits for one who writes
        else:
            text.write_text("a word\n" * 500000)
        lines = [line.format(folder=cluster.folder, seconds=seconds,
                             url=self.site.url, port=self.site.port)
                 for line in lines]
        spec = cluster.spec("drained", job_text("drained", type_, [
            f"tasks: {{range: {{from: 0, to: {tasks - 1}}}}}", *lines]))
        return first, cluster.submit(spec, *args), tasks

    def leave(self, cluster, kind, first):
        """SIGTERM, and another agent; all of the first one is gone."""
        first.process.terminate()
        cluster.agent("--slots", "process-pool=2", *KINDS[kind][3],
                      name="second")
        self.gone(cluster, first)

    def gone(self, cluster, first):
        self.assertEqual(first.process.wait(PATIENCE), 0)
        self.assertEqual(processes_with(str(cluster.folder / "first")), [])

    def took(self, cluster, words):
        """Seconds from SIGTERM to leaving, both as the agent's log has them.

        `words` are how it left.
        """
        begun, ended = [], []
        for line in (cluster.folder / "first.log").read_text().splitlines():
            entry = json.loads(line)
            if entry["event"] == "draining":
                begun.append(entry)
            elif entry["event"] == "drained":
                ended.append(entry)
        self.assertEqual((len(begun), len(ended)), (1, 1))
        self.assertIn(words, ended[0]["message"])
        times = [datetime.datetime.fromisoformat(
            entry["time"].replace("Z", "+00:00")) for entry in begun + ended]
        return (times[1] - times[0]).total_seconds()

    def drain(self, kind):
        with Cluster(durability="relaxed") as cluster:
            first, job, tasks = self.start(cluster, kind, 0.02)
            wait_until(lambda: cluster.job(job)["tasks"]["succeeded"] > 0,
                       "some have ended")
            if kind == "fetch":
                wait_until(lambda: self.site.held > 0, "fetches in flight")
            self.leave(cluster, kind, first)
            self.took(cluster, "everything is settled")
            ended = cluster.wait(job)
            self.assertEqual(ended["tasks"]["succeeded"], tasks)
            self.assertEqual(ended["infrastructure_losses"], 0)
            self.assertEqual(ended["attempts"], tasks)
            wanted = list(range(tasks))
            if kind.startswith("python"):
                ledger = (cluster.folder / "ledger").read_text().split()
                self.assertEqual(sorted(map(int, ledger)), wanted)
            if kind == "fetch":
                self.assertEqual(sorted(int(path[1:]) for path in
                                        self.site.asked), wanted)

    def test_nothing_is_lost(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.drain(kind)

    def drain_past_the_deadline(self, kind):
        with Cluster(durability="relaxed") as cluster:
            shut = cluster.folder / "shut"
            shut.touch()
            self.site.open.clear()
            first, job, tasks = self.start(cluster, kind, 3600,
                                           "--drain", f"{DRAIN}s")
            wait_until(lambda: cluster.job(job)["tasks"]["running"] >= 2,
                       "two run")
            self.leave(cluster, kind, first)
            took = self.took(cluster, "everything is settled")
            # What cannot end is stopped a second before the deadline, not
            # sooner; and the agent leaves when that is settled, in any case
            # ten seconds after it.
            self.assertGreaterEqual(took, DRAIN - 1)
            self.assertLess(took, DRAIN + FLUSH + SLOWNESS)
            shut.unlink()
            writer = os.open(cluster.folder / "text", os.O_RDWR)
            words = cluster.folder / "words"
            words.write_text("a word\n")
            words.rename(cluster.folder / "text")
            os.close(writer)  # who had begun to read finds the end
            self.site.open.set()
            if kind in ("sleep", "threads"):
                # They would last for an hour: it is enough that they run.
                wait_until(lambda: cluster.job(job)["tasks"]["running"] >= 2,
                           "they run on the other agent")
                cluster.remuda("cancel", job)
                return
            ended = cluster.wait(job)
            self.assertEqual(ended["tasks"]["succeeded"], tasks)
            self.assertGreater(ended["infrastructure_losses"], 0)
            self.assertEqual(ended["attempts"],
                             tasks + ended["infrastructure_losses"])

    def test_what_cannot_end_in_time_is_handed_back(self):
        for kind in KINDS:
            if kind == "noop":
                continue  # there is nothing in which it could be stuck
            with self.subTest(kind=kind):
                self.drain_past_the_deadline(kind)

    def test_it_leaves_though_nobody_confirms(self):
        """A coordinator that stands still: the results cannot be settled."""
        with Cluster(durability="relaxed", lease="20s") as cluster:
            kind = "python"
            first, job, tasks = self.start(cluster, kind, 0.02,
                                           "--drain", f"{DRAIN}s")
            wait_until(lambda: cluster.job(job)["tasks"]["succeeded"] > 0,
                       "some have ended")
            coordinator = cluster.served[0].process
            coordinator.send_signal(signal.SIGSTOP)
            first.process.terminate()
            self.gone(cluster, first)
            took = self.took(cluster, "unsettled")
            self.assertGreaterEqual(took, DRAIN + FLUSH)
            self.assertLess(took, DRAIN + FLUSH + SLOWNESS)
            coordinator.send_signal(signal.SIGCONT)
            cluster.agent("--slots", "process-pool=2", name="second")
            ended = cluster.wait(job)
            self.assertEqual(ended["tasks"]["succeeded"], tasks)


if __name__ == "__main__":
    unittest.main()
