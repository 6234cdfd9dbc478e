"""Drives the Python worker as an agent does, for tests and measurements."""

import glob
import json
import mmap
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_SECONDS = 60  # reaching it is a failure


def worker_file():
    """The packed worker: built beside this file, or packed now."""
    built = os.path.join(HERE, "remuda_worker.pyz")
    if os.path.exists(built):
        return built
    global _packed
    if _packed is None:
        _packed = tempfile.TemporaryDirectory()
        out = os.path.join(_packed.name, "remuda_worker.pyz")
        files = glob.glob(os.path.join(HERE, "remuda_worker", "*.py"))
        packer = os.path.join(HERE, "pack_worker.py")
        subprocess.run([sys.executable, packer, out, *files], check=True)
    return os.path.join(_packed.name, "remuda_worker.pyz")


_packed = None


class Worker:
    """One worker process, and what it has said."""

    def __init__(self, mode, slots=1, python=None, environment=None, **welcome):
        self.folder = tempfile.mkdtemp(prefix="worker-")
        self.home = os.path.join(self.folder, "home")
        self.logs = os.path.join(self.folder, "logs")
        self.outputs = os.path.join(self.folder, "outputs")
        os.mkdir(self.home)
        os.mkdir(self.logs)
        ours, theirs = socket.socketpair()
        cell = os.memfd_create("cell")
        os.ftruncate(cell, 64)
        self.cell = memoryview(mmap.mmap(cell, 64)).cast("Q")
        with open(os.path.join(self.folder, "stdout"), "a+b") as out, open(
            os.path.join(self.folder, "stderr"), "a+b"
        ) as errors:
            self.process = subprocess.Popen(
                [python or sys.executable, worker_file()],
                pass_fds=[theirs.fileno(), cell],
                env={
                    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                    "REMUDA_WORKER_FD": str(theirs.fileno()),
                    "REMUDA_WORKER_CELL_FD": str(cell),
                    **(environment or {}),
                },
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        theirs.close()
        os.close(cell)
        self.socket = ours
        self.received = bytearray()
        self.needed = 0  # bytes, until there is a whole frame
        self.messages = []  # all but results
        self.ends = {}
        self.order = []  # ids, as they ended
        self.twice = []
        self.next_id = 1
        self.closed = False
        self.largest_frame = 0
        self.hello = self.wait_for("hello")
        self.send(
            {
                "type": "welcome",
                "protocol": 2,
                "log_folder": self.logs,
                "mode": mode,
                "slots": slots,
                **welcome,
            }
        )
        self.credits = self.wait_for("ready")["credits"]

    def send(self, *messages):
        data = b""
        for message in messages:
            body = json.dumps(message).encode()
            data += struct.pack(">I", len(body)) + body
        self.socket.sendall(data)

    def read(self, seconds):
        """Takes in what arrives within the time; false if nothing did."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            if not selector.select(seconds):
                return False
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:  # it ended with tasks that it had not read
            data = b""
        if not data:
            self.closed = True
            return False
        self.received += data
        if len(self.received) < self.needed:
            return True
        self.needed = 0
        at = 0
        while len(self.received) - at >= 4:
            (size,) = struct.unpack_from(">I", self.received, at)
            self.largest_frame = max(self.largest_frame, size)
            if len(self.received) - at - 4 < size:
                self.needed = 4 + size
                break
            self.take(json.loads(self.received[at + 4 : at + 4 + size]))
            at += 4 + size
        del self.received[:at]
        return True

    def take(self, message):
        if message["type"] != "results":
            self.messages.append(message)
            return
        for end in message["results"]:
            number = int(end["id"])
            if number in self.ends:
                self.twice.append(number)
            self.ends[number] = end
            self.order.append(number)

    def wait_until(self, condition, seconds=PATIENCE_SECONDS):
        give_up = time.monotonic() + seconds
        while not condition():
            left = give_up - time.monotonic()
            if left <= 0 or self.closed:
                return condition()
            self.read(min(left, 0.05))
        return True

    def of_type(self, kind):
        return [each for each in self.messages if each["type"] == kind]

    def wait_for(self, kind, count=1):
        if not self.wait_until(lambda: len(self.of_type(kind)) >= count):
            raise AssertionError(f"no {kind}; it wrote: {self.words()}")
        return self.of_type(kind)[-1]

    def words(self):
        with open(os.path.join(self.folder, "stderr"), errors="replace") as file:
            return file.read()[-4000:]

    def start(self, function, items=None, count=1, job="7", **parameters):
        """Gives tasks; the list of their ids."""
        folder = parameters.pop("path", [self.home])
        outputs = parameters.pop("outputs", None)
        message = {
            "type": "tasks",
            "job_type": "python",
            "job": job,
            "parameters": {"function": function, "path": folder, **parameters},
        }
        if outputs:
            message["outputs"] = outputs
        first = self.next_id
        if items is None:
            message["range"] = {
                "id": str(first),
                "count": count,
                "index": str(first - 1),
                "attempt": 1,
            }
        else:
            count = len(items)
            message["tasks"] = [
                {
                    "id": str(first + i),
                    "index": str(first + i - 1),
                    "attempt": 1,
                    "item": item,
                }
                for i, item in enumerate(items)
            ]
        self.next_id += count
        self.send(message)
        return list(range(first, first + count))

    def end_of(self, number):
        if not self.wait_until(lambda: number in self.ends):
            raise AssertionError(f"task {number} has no end; {self.words()}")
        return self.ends[number]

    def run(self, function, *args, **parameters):
        if args:
            parameters["args"] = list(args)
        return self.end_of(self.start(function, **parameters)[0])

    def log(self, number, stream="stdout"):
        """What a task printed."""
        for message in self.of_type("log"):
            if int(message["id"]) == number and message["stream"] == stream:
                if "file" in message:
                    with open(os.path.join(self.logs, message["file"])) as file:
                        return file.read()
                return message["text"]
        return ""

    def cancel(self, number):
        self.send({"type": "cancel", "id": str(number)})

    def drain(self):
        """Its exit status."""
        self.send({"type": "drain"})
        self.wait_until(lambda: self.closed)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self):
        self.socket.close()
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(PATIENCE_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


class WorkerTest(unittest.TestCase):
    """A test with a worker, and modules for it to import."""

    mode = "process"
    slots = 4
    modules = {}

    def setUp(self):
        self.worker = self.start_worker()

    def start_worker(self, mode=None, slots=None, **options):
        worker = Worker(mode or self.mode, slots or self.slots, **options)
        self.addCleanup(worker.close)
        for name, text in self.modules.items():
            self.write(name, text, worker)
        return worker

    def write(self, name, text, worker=None):
        worker = worker or self.worker
        with open(os.path.join(worker.home, name + ".py"), "w") as file:
            file.write(textwrap.dedent(text))

    def succeeded(self, end):
        self.assertEqual(end["ending"], "succeeded", end.get("error"))
        return json.loads(end["output"])

    def failed(self, end, *parts):
        self.assertEqual(end["ending"], "error", end)
        for part in parts:
            self.assertIn(part, end["error"])
        return end["error"]

    def file(self, name):
        return os.path.join(self.worker.home, name)

    def wait_for_file(self, name):
        found = self.worker.wait_until(lambda: os.path.exists(self.file(name)))
        self.assertTrue(found, self.worker.words())
