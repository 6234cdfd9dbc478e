"""A worker in mode `process` with one fault, named by its argument.

With `none` it keeps every promise of docs/WORKER_PROTOCOL.md.
"""

import json
import mmap
import os
import signal
import socket
import struct
import sys
import time

FAULT = sys.argv[1]


class Stopped(Exception):
    pass


class Worker:
    def __init__(self):
        fd = int(os.environ["REMUDA_WORKER_FD"])
        cell_fd = int(os.environ["REMUDA_WORKER_CELL_FD"])
        for each in (fd, cell_fd):
            os.set_inheritable(each, FAULT == "descriptors")
        self.channel = socket.socket(fileno=fd)
        self.cell = memoryview(mmap.mmap(cell_fd, 64)).cast("Q")
        self.buffer = b""
        self.tasks = []
        self.kept = []
        self.running = None
        self.draining = False
        signal.signal(signal.SIGTERM, self.on_sigterm)

    def send(self, **message):
        body = json.dumps(message).encode()
        self.channel.sendall(struct.pack(">I", len(body)) + body)

    def receive(self, flags=0):
        """Takes in messages; waits for some unless told not to."""
        try:
            data = self.channel.recv(1 << 16, flags)
        except BlockingIOError:
            return
        if not data:
            if FAULT == "channel_end":
                signal.pause()
            os._exit(0)
        if FAULT == "split_frames" and not self.buffer and len(data) < 4:
            os._exit(3)  # it takes each read to begin with a whole length
        self.buffer += data
        while len(self.buffer) >= 4:
            (size,) = struct.unpack(">I", self.buffer[:4])
            if FAULT == "big_frame" and size > 1 << 20:
                os._exit(3)
            if len(self.buffer) < 4 + size:
                return
            body = self.buffer[4 : 4 + size]
            self.buffer = self.buffer[4 + size :]
            if FAULT == "text":
                body = body.decode("ascii", "replace").encode()
            self.handle(json.loads(body))

    def handle(self, message):
        kind = message["type"]
        if kind == "welcome":
            if FAULT != "ready":
                self.send(type="ready", credits=2000)
        elif kind == "tasks":
            self.add_tasks(message)
        elif kind == "cancel":
            if self.running == message["id"] and FAULT != "cancel":
                self.running = None
                raise Stopped
            if FAULT == "cancel_unknown" and message["id"] == "999999":
                os._exit(3)
        elif kind == "drain":
            self.draining = True
        elif kind == "ping":
            if FAULT != "ping":
                self.send(type="pong", number=message["number"])
        elif FAULT == "unknown_type":
            raise ValueError(kind)

    def add_tasks(self, message):
        if FAULT == "unknown_member":
            known = {"type", "job", "job_type", "parameters", "tasks", "range"}
            if not known.issuperset(message):
                os._exit(3)
        if FAULT == "numbers":
            struct.pack("<q", int(message["job"]))
        shared = message.get("parameters", {})
        tasks = message.get("tasks")
        if tasks is None:
            span = message["range"]
            count = span["count"] - (FAULT == "range")
            tasks = [{"id": str(int(span["id"]) + i)} for i in range(count)]
        for task in tasks:
            own = task.get("parameters", shared)
            if FAULT == "batch" and len(tasks) == 50:
                own = tasks[0]["parameters"]
            if FAULT == "shared" and shared:
                own = shared
            self.tasks.append((task["id"], message["job_type"], own))

    def on_sigterm(self, _number, _frame):
        if FAULT == "sigterm" and self.running is None:
            os._exit(3)
        if self.running is not None:
            self.receive(socket.MSG_DONTWAIT)

    def end(self, number, **end):
        self.send(type="results", results=[{"id": number, **end}])
        if FAULT == "once":
            self.send(type="results", results=[{"id": number, **end}])

    def run_task(self, number, kind, parameters):
        if FAULT != "cell_current":
            self.cell[0] = int(number)
        first, end = self.cell[1], self.cell[2]
        if first <= int(number) < end and FAULT != "cell_revoked":
            return {"ending": "returned"}
        try:
            self.running = number
            output = self.call(number, kind, parameters)
            self.running = None
        except Stopped:
            return {"ending": "cancelled"}
        except RuntimeError as error:
            self.running = None
            return {"ending": "error", "error": str(error)}
        return {"ending": "succeeded", "output": json.dumps(output)}

    def call(self, number, kind, parameters):
        if kind == "check.fail":
            raise RuntimeError("" if FAULT == "error" else parameters["text"])
        if kind == "check.sleep":
            wanted = parameters["seconds"] * (0.5 if FAULT == "turns" else 1)
            time.sleep(wanted)
        elif kind == "check.print":
            if FAULT == "log_first":
                return None
            if FAULT != "prints":
                os.write(1, parameters["text"].encode())
        else:
            return parameters
        return None

    def run(self):
        number = 1 if FAULT == "hello" else 2
        self.send(type="hello", protocol=number, language="python", pid=os.getpid())
        if FAULT == "ready":
            self.send(type="ready", credits=2000)
        begun = 0
        while True:
            while self.tasks:
                task = self.tasks.pop(0)
                end = self.run_task(*task)
                begun += 1
                if FAULT == "echo":
                    end["output"] = '"something else"'
                if FAULT == "many" and begun == 5000:
                    continue
                self.end_in_order(*task, end)
            self.cell[0] = 0
            if self.draining:
                os._exit(1 if FAULT == "drain" else 0)
            self.receive()

    def end_in_order(self, number, kind, parameters, end):
        if FAULT == "order" and parameters.get("seconds") == 0.02:
            self.kept = [(number, end)]  # until the next one has ended
            return
        self.end(number, **end)
        for kept in self.kept:
            self.end(kept[0], **kept[1])
        self.kept = []
        if FAULT == "log_first" and kind == "check.print":
            self.send(type="log", id=number, stream="stdout", bytes=20, text="printed by task 4711")
        if FAULT == "frames" and number == "1":
            self.send(type="applause", id=number)


Worker().run()
