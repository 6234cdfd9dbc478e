"""A zygote of the Python worker, with this test as the spawner.

What spawner and pool make of it is tested in executors/process_pool.
"""

import array
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from worker_driver import PATIENCE_SECONDS, worker_file

PR_SET_CHILD_SUBREAPER = 36
SPARE = "-zygote" + "-" * 24


class ZygoteTest(unittest.TestCase):
    def setUp(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.folder = tempfile.mkdtemp(prefix="zygote-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.errors = os.path.join(self.folder, "errors")

    def start(self, use="process", spawner=None, **more):
        """What is last in the environment has to be last, as in the agent's."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PYTHONWARNINGS": "always::DeprecationWarning",
            "REMUDA_WORKER_FD": "3",
            "REMUDA_WORKER_CELL_FD": "4",
            **more,
            "REMUDA_MARK": "m-1" + SPARE,
            "REMUDA_ZYGOTE": f"{use} {spawner or os.getpid()}",
        }
        with open(self.errors, "ab") as errors:
            null = os.open("/dev/null", os.O_RDWR)
            high = os.dup(theirs.fileno())
            pid = os.fork()
            if pid == 0:
                os.dup2(null, 0)
                os.dup2(null, 1)
                os.dup2(errors.fileno(), 2)
                os.dup2(high, 9)
                os.dup2(9, 3)
                os.closerange(4, 256)
                os.execvpe(sys.executable, [sys.executable, worker_file()], environment)
            os.close(null)
            os.close(high)
        theirs.close()
        self.addCleanup(ours.close)
        self.addCleanup(self.end, pid)
        return pid, ours

    @staticmethod
    def end(pid):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def receive(self, ours):
        ready, _, _ = select.select([ours], [], [], PATIENCE_SECONDS)
        self.assertTrue(ready, "nothing came")
        return ours.recv(1024)

    def ask(self, ours, mark):
        """Asks for a worker; returns its pid, channel and the pipe by which it
        is told to begin."""
        mine, channel = socket.socketpair()
        cell = os.memfd_create("cell")
        os.ftruncate(cell, 64)
        waits, begins = os.pipe()
        with open(self.errors, "ab") as errors:
            given = [errors.fileno()] * 2 + [channel.fileno(), cell, waits]
            ours.sendmsg(
                [mark.encode() + b"\0" + self.folder.encode()],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))],
            )
        channel.close()
        os.close(cell)
        os.close(waits)
        said = {message[:1]: message[1:] for message in
                (self.receive(ours), self.receive(ours))}
        self.assertEqual(set(said), {b"f", b"w"})
        self.addCleanup(mine.close)
        self.addCleanup(self.end, int(said[b"w"]))
        return int(said[b"w"]), mine, begins

    def call(self, mine, mode, function, arguments):
        """Greets the worker and has one task done; its result."""
        mine.settimeout(PATIENCE_SECONDS)
        stream = mine.makefile("rwb")

        def read():
            (length,) = struct.unpack(">I", stream.read(4))
            return json.loads(stream.read(length))

        def write(message):
            body = json.dumps(message).encode()
            stream.write(struct.pack(">I", len(body)) + body)
            stream.flush()

        hello = read()
        self.assertEqual(hello["type"], "hello")
        write({"type": "welcome", "protocol": 2, "log_folder": self.folder,
               "mode": mode, "slots": 1})
        self.assertEqual(read()["type"], "ready")
        parameters = {"function": function, "path": [self.folder],
                      "args": arguments}
        write({"type": "tasks", "job_type": "python", "job": "1",
               "parameters": parameters,
               "range": {"id": "1", "count": 1, "index": "0", "attempt": 1}})
        while True:
            message = read()
            if message["type"] == "results":
                (result,) = message["results"]
                self.assertEqual(result["ending"], "succeeded", result)
                stream.close()
                return hello, json.loads(result["output"])

    def test_forked_workers_run_tasks_in_each_mode(self):
        with open(os.path.join(self.folder, "code.py"), "w") as file:
            file.write(
                "import os, random, sys\n"
                "def look():\n"
                "    return [random.random(), os.environ.get('REMUDA_MARK'),\n"
                "            'REMUDA_ZYGOTE' in os.environ, os.getcwd()]\n"
                "async def later():\n"
                "    return look()\n"
            )
        for mode in ("process", "threads", "loop"):
            pid, ours = self.start(use=mode)
            self.assertEqual(self.receive(ours), b"r", mode)
            seen = set()
            for number in (7, 12345):
                mark = f"m-{number}"
                worker, mine, begins = self.ask(ours, mark)
                with open(f"/proc/{worker}/environ", "rb") as file:
                    environ = file.read().rstrip(b"\0").split(b"\0")
                self.assertEqual(environ[-1], b"REMUDA_MARK=" + mark.encode())
                os.write(begins, b"b")
                os.close(begins)
                name = "later" if mode == "loop" else "look"
                hello, said = self.call(mine, mode, "code:" + name, [])
                self.assertEqual(hello["pid"], worker)
                self.assertEqual(os.getsid(worker), worker)
                self.assertEqual(said[1:], [mark, False, self.folder])
                seen.add(said[0])
                mine.close()
                os.waitpid(worker, 0)  # a child of this process
            self.assertEqual(len(seen), 2, "random numbers differ")
            self.assertEqual(len(os.listdir(f"/proc/{pid}/task")), 1)
            self.end(pid)
        with open(self.errors, "rb") as file:
            self.assertEqual(file.read(), b"", "as of a fork beside threads")

    def test_a_worker_that_is_not_told_to_begin_ends(self):
        _, ours = self.start()
        self.assertEqual(self.receive(ours), b"r")
        worker, mine, begins = self.ask(ours, "m-2")
        os.close(begins)
        _, status = os.waitpid(worker, 0)
        self.assertEqual(status, 127 << 8)
        self.assertEqual(mine.recv(1), b"", "it said something")

    def test_what_is_unfit_ends_at_once(self):
        code = os.path.join(self.folder, "code")
        os.mkdir(code)
        for line in (
            "threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "kept = open('/dev/null')",
        ):
            with open(os.path.join(code, "sitecustomize.py"), "w") as file:
                file.write("import threading\n" + line + "\n")
            pid, ours = self.start(PYTHONPATH=code)
            self.assertEqual(self.receive(ours), b"", line)
            os.waitpid(pid, 0)
        # A program in between would not be seen by whoever asks.
        pid, ours = self.start(spawner=1)
        self.assertEqual(self.receive(ours), b"")
        os.waitpid(pid, 0)

    def test_it_ends_with_its_socket(self):
        pid, ours = self.start()
        self.assertEqual(self.receive(ours), b"r")
        ours.close()
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


if __name__ == "__main__":
    unittest.main()
