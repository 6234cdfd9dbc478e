"""Servers of peers on loopback, and the programs that ask them for work."""

import json
import os
import signal
import socket
import subprocess
import time

PATIENCE = 60
# Names where a program of the peers looks for the others.
HERE = os.path.dirname(os.path.abspath(__file__))


def wait_until(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"never came true: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """One process with all that it starts: a session of its own."""

    def __init__(self, command, folder, name, **settings):
        self.log = folder / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], cwd=folder, stderr=log,
                stdin=settings.pop("stdin", subprocess.DEVNULL),
                stdout=settings.pop("stdout", log), start_new_session=True,
                **settings)
        self.name = name

    def alive(self):
        return self.process.poll() is None

    def serve_on(self, port):
        """Waits until it listens."""
        wait_until(lambda: listens(port) or not self.alive(),
                   f"{self.name} listens")
        if not self.alive():
            raise RuntimeError(f"{self.name} ended: {self.tail()}")
        return self

    def tail(self):
        lines = self.log.read_text(errors="replace").splitlines()
        return " / ".join(lines[-3:])

    def end(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


class Driver(Process):
    """A client of a peer in a process of its own, asked by lines of JSON.

    {"work": ..., "size": ...} is answered by the members of a Sample, or by
    {"error": ...}. The first line says that it is ready.
    """

    def __init__(self, command, folder, name, **settings):
        super().__init__(command, folder, name, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True, **settings)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"{self.name} ended: {self.tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, work, size):
        self.process.stdin.write(json.dumps({"work": work, "size": size})
                                 + "\n")
        self.process.stdin.flush()
        return self.read()


def end_all(processes):
    """The last started first."""
    while processes:
        processes.pop().end()
