"""Both forms of a plugin's handlers: coroutines that wait by the thousand in
one worker, and blocking ones on threads; and what bad ones cost."""

import json
import os
import pathlib
import selectors
import socket
import threading
import unittest

from cluster import job_text, processes_with, wait_until
from embedded_test import Folder

EXAMPLES = pathlib.Path(os.getcwd()) / "plugins/example"
IN_FLIGHT = 1000


def plugin(name):
    return str(EXAMPLES / f"{name}.so")


class Server:
    """Answers when so many are connected, and not before."""

    def __init__(self, count):
        self.count = count
        self.connections = []
        self.all_here = threading.Event()
        self.go_on = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.stopped, self.stop = socket.socketpair()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        wait = selectors.DefaultSelector()
        wait.register(self.listener, selectors.EVENT_READ)
        wait.register(self.stopped, selectors.EVENT_READ)
        while len(self.connections) < self.count:
            for key, _ in wait.select():
                if key.fileobj is self.stopped:
                    return
                self.connections.append(self.listener.accept()[0])
        self.all_here.set()
        self.go_on.wait()
        for connection in self.connections:
            connection.sendall(b"four words make this")
            connection.close()

    def close(self):
        self.go_on.set()
        self.stop.close()
        self.listener.close()


class Forms(Folder):
    def spec(self, kind, lines):
        path = self.folder / "job.yaml"
        path.write_text(job_text("plugin", kind, lines))
        return path

    def wild(self, items, *more):
        self.environment["REMUDA_PLUGINS"] = plugin("wild")
        return self.spec("test.wild", [
            f"tasks: {{items: [{', '.join(items)}]}}",
            'with: {how: "{{item}}"}', *more])

    def job(self):
        return json.loads(self.remuda("job", 1, "--json")[0])["jobs"][0]

    def outputs(self):
        out, _ = self.remuda("results", 1, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def log(self, task):
        return self.remuda("logs", 1, "--task", task, "--stderr")[0]

    def test_a_thousand_coroutines_wait_in_a_few_workers(self):
        server = Server(IN_FLIGHT)
        self.addCleanup(server.close)
        spec = self.spec("example.ask", [
            f"tasks: {{range: {{from: 1, to: {IN_FLIGHT}}}}}",
            f"with: {{port: {server.port}}}"])
        run = self.start("run", spec, "--plugin", plugin("ask"))
        wait_until(lambda: server.all_here.is_set() or run.poll() is not None,
                   "all tasks are connected")
        workers = processes_with("worker\0003\0--plugin\0" + plugin("ask"))
        server.go_on.set()
        out, err = run.communicate()
        self.assertEqual(run.returncode, 0, out + err)
        self.assertGreaterEqual(len(workers), 1)
        self.assertLessEqual(len(workers), os.cpu_count())
        self.assertEqual([task["output"] for task in self.outputs()],
                         [{"words": 4}] * IN_FLIGHT)
        self.assertEqual(self.job()["executor"], "async")
        self.assertRegex(self.log(0), r"^info: answer number \d+: 4 words\n$")

    def test_those_that_wait_for_their_turn_say_so(self):
        # Each gives way once and then holds the loop.
        self.remuda("run", self.wild(["hold"] * 8))
        said = json.loads(self.remuda("explain", 1, "--json")[0])
        measures = said["verdicts"][0]["measures"]
        self.assertGreater(measures["loop_wait_share"], 0.3, measures)

    def test_a_crash_in_a_coroutine_costs_its_task_alone(self):
        items = ["end"] * 30 + ["crash"] + ["end"] * 30 + ["throw"]
        self.remuda("run", self.wild(items), code=1)
        tasks = self.outputs()
        self.assertEqual([task["state"] for task in tasks],
                         ["failed" if item in ("crash", "throw")
                          else "succeeded" for item in items])
        self.assertIn("SIGSEGV", json.dumps(tasks[30]))
        self.assertIn("thrown on purpose", json.dumps(tasks[-1]))

    def test_a_crash_of_offloaded_work_is_its_tasks(self):
        # A neighbour holds the loop when it happens, and is innocent.
        items = ["hold"] * 2 + ["crash_elsewhere"] + ["hold"] * 6
        self.remuda("run", self.wild(items), code=1)
        self.assertEqual([task["state"] for task in self.outputs()],
                         ["failed" if item == "crash_elsewhere"
                          else "succeeded" for item in items])
        self.assertIn("SIGSEGV", json.dumps(self.outputs()[2]))

    def test_cancel_ends_what_waits_and_what_is_offloaded(self):
        files = [self.folder / f"began-{i}" for i in range(21)]
        run = self.start("run", self.wild([
            *(f'"for_ever {file}"' for file in files[:20]),
            f'"work_for_ever {files[20]}"']))
        wait_until(lambda: all(file.exists() for file in files),
                   "all tasks run")
        told = wait_until(lambda: self.job()["progress"],
                          "they have said how far they are")
        self.assertEqual({(one["fraction"], one["text"]) for one in told},
                         {(0.5, "half of it")})
        self.remuda("cancel", 1)
        run.communicate()
        job = self.job()
        self.assertEqual(job["state"], "cancelled")
        self.assertEqual(self.log(0), "warning: waits for ever\n")

    def test_a_timeout_stops_a_coroutine_and_no_other(self):
        spec = self.wild(["end"] * 5 + ["for_ever", "work_for_ever"],
                         "timeout: 1s")
        self.remuda("run", spec, code=1)
        self.assertEqual([task["state"] for task in self.outputs()],
                         ["succeeded"] * 5 + ["timed_out"] * 2)

    def test_who_holds_the_loop_is_named(self):
        self.remuda("run", self.wild(["end"] * 5 + ["block"]))
        found = self.job()["findings"]
        self.assertEqual([one["code"] for one in found], ["loop_blocked"])
        self.assertEqual(found[0]["function"], "test.wild")
        self.assertIn("task 5 of job type 'test.wild' has held the event loop",
                      json.dumps(found[0]))

    def test_a_coroutine_may_run_alone_in_a_process(self):
        spec = self.wild(["end", "crash", "throw", "end"],
                         "executor: process-pool")
        self.remuda("run", spec, code=1)
        self.assertEqual([task["state"] for task in self.outputs()],
                         ["succeeded", "failed", "failed", "succeeded"])

    def test_thread_safe_handlers_run_on_threads(self):
        (self.folder / "a.txt").write_text("two words")
        lines = ["tasks: {range: {from: 1, to: 50}}",
                 f"with: {{file: {self.folder}/a.txt}}"]
        spec = self.spec("example.words", [*lines, "executor: thread-pool"])
        self.remuda("run", spec, "--plugin", plugin("words"))
        self.assertEqual([task["output"] for task in self.outputs()],
                         [{"words": 2}] * 50)
        # Each thread keeps its own count.
        self.assertRegex(self.log(49), r"is file \d+ of this thread\n$")
        spec = self.spec("example.words", [*lines, "executor: async"])
        _, err = self.remuda("plan", spec, "--plugin", plugin("words"), code=2)
        self.assertIn("cannot run on the executor 'async'", err)

    def test_what_a_blocking_handler_logs_is_its_tasks(self):
        for number in range(1, 4):
            (self.folder / f"{number}.txt").write_text("a word\n")
        spec = self.spec("example.words", [
            "tasks: {range: {from: 1, to: 3}}",
            f'with: {{file: "{self.folder}/{{{{item}}}}.txt"}}'])
        self.remuda("run", spec, "--plugin", plugin("words"))
        for task in range(3):
            self.assertIn(f"{self.folder}/{task + 1}.txt is file",
                          self.log(task))

    def test_a_plugin_of_version_1_goes_on_working(self):
        spec = self.spec("test.first", ["tasks: {range: {from: 1, to: 3}}"])
        self.remuda("run", spec, "--plugin", plugin("first"))
        self.assertEqual([task["output"] for task in self.outputs()],
                         ["of version 1"] * 3)


if __name__ == "__main__":
    unittest.main()
