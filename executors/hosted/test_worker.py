"""A worker for tests of the hosted executor: types noop and sleep, and `test`.

The parameter `do` of a task of type `test` says what goes wrong:
  die: the process kills itself         deaf: does not stop when asked
  block: holds the loop for good        exit: the process exits
  mute: holds the loop, and the watchdog says nothing (as all here)
  wrong: reports the end of a task that it was never given
  twice: reports its own end twice      print: writes to standard error, dies
  job: returns the REMUDA_CPUS that it sees
  together: the ends of four such tasks, one after another, are told as one
And what is to be seen of a loop, until the task is asked to stop:
  full: it says that it is full         blocked: it tells of a blocked loop
  burn: it uses a processor, and says nothing of it
It gives as many credits as it has slots, or the second argument until a task
  more: raises them
"""

import json
import mmap
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time


class Worker:
    def __init__(self):
        self.socket = socket.socket(fileno=int(os.environ["REMUDA_WORKER_FD"]))
        self.cell = mmap.mmap(int(os.environ["REMUDA_WORKER_CELL_FD"]), 64)
        self.lock = threading.Lock()
        self.ended = threading.Condition()
        self.held = set()
        self.stops = {}
        self.together = []

    def send(self, **message):
        body = json.dumps(message).encode()
        with self.lock:
            self.socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        """None when the agent is gone."""
        head = self.read(4)
        return None if head is None else json.loads(self.read(*struct.unpack(">I", head)))

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                return None
            data += piece
        return data

    def run(self):
        modes = sys.argv[1].split(",") if len(sys.argv) > 1 else ["loop", "threads"]
        self.send(type="hello", protocol=2, pid=os.getpid(), modes=modes)
        welcome = self.receive()
        if welcome is None:
            return
        self.mode = welcome["mode"]
        self.turns = queue.Queue()  # what the loop is to do next
        if self.mode == "loop":
            threading.Thread(target=self.turn, daemon=True).start()
        credits = int(sys.argv[2]) if len(sys.argv) > 2 else welcome["slots"]
        self.send(type="ready", credits=credits)
        while True:
            message = self.receive()
            if message is None:
                break
            if message["type"] == "drain":
                with self.ended:
                    self.ended.wait_for(lambda: not self.held)
                break
            if message["type"] == "tasks":
                for task in tasks_of(message):
                    self.begin(*task)
            elif message["type"] == "cancel":
                stop = self.stops.get(int(message["id"]))
                if stop is not None:
                    stop.set()
            elif message["type"] == "ping":
                self.turns.put(("pong", message["number"]))
        os._exit(0)

    def turn(self):
        """One thread runs every task's first step, as a loop would."""
        while True:
            what, value = self.turns.get()
            if what == "pong":
                self.send(type="pong", number=value)
                continue
            if what == "deaf":
                self.say_deaf(value)
                continue
            number, kind, parameters = value
            self.current(number)
            self.step(number, kind, parameters)
            self.current(0)

    def current(self, number):
        struct.pack_into("=Q", self.cell, 0, number)

    def begin(self, number, kind, parameters):
        self.stops[number] = threading.Event()
        with self.ended:
            self.held.add(number)
        if self.mode == "loop":
            self.turns.put(("task", (number, kind, parameters)))
        else:
            threading.Thread(
                target=self.step, args=(number, kind, parameters), daemon=True
            ).start()

    def step(self, number, kind, parameters):
        do = parameters.get("do")
        if do in ("die", "print"):
            if do == "print":
                print("last words", file=sys.stderr, flush=True)
            time.sleep(parameters.get("after", 0))
            os.kill(os.getpid(), signal.SIGSEGV)
            time.sleep(60)
        elif do == "exit":
            os._exit(3)
        elif do in ("block", "mute"):
            while True:
                time.sleep(0.01)
        elif do == "wrong":
            self.send(type="result", id="4711")
        elif do == "twice":
            self.end(number, "succeeded")
            self.send(type="result", id=str(number))
        elif do == "deaf" and self.mode == "loop":
            self.turns.put(("deaf", number))  # after this step
        elif do == "deaf":
            self.say_deaf(number)
        elif do in ("full", "blocked", "burn", "more"):
            threading.Thread(target=self.show, args=(number, do), daemon=True).start()
        elif do == "together":
            self.end_together(number)
        elif do == "job":
            self.end(number, "succeeded", output=json.dumps(os.environ["REMUDA_CPUS"]))
        elif kind == "sleep":
            seconds = parameters.get("seconds")
            if not isinstance(seconds, (int, float)):
                self.end(number, "error", error="seconds must be a number")
            else:
                threading.Thread(
                    target=self.sleep, args=(number, seconds), daemon=True
                ).start()
        else:
            self.end(number, "succeeded")

    def end_together(self, number):
        with self.ended:
            self.together.append(number)
            if len(self.together) < 4:
                return
            # Together longer than the worker has lived.
            each = lived_ns() // 2
            self.send(
                type="results",
                results=[
                    {
                        "id": str(min(self.together)),
                        "count": 4,
                        "ending": "succeeded",
                        "output": str(each),
                        "wall_ns": 4 * each,
                        "cpu_ns": 4_000,
                        "run_queue_ns": 8_000,
                        "loop_wait_ns": 12_000,
                    }
                ],
            )
            self.held.difference_update(self.together)
            self.ended.notify_all()

    def say_deaf(self, number):
        self.send(type="finding", code="deaf", job="1", id=str(number), text="")

    def show(self, number, what):
        stop = self.stops[number]
        if what == "more":
            self.send(type="ready", credits=100)
        while not stop.wait(0 if what == "burn" else 0.02):
            if what == "full":
                self.send(type="full")
                self.send(type="finding", code="shown", job="1", text="")
            elif what == "blocked":
                self.send(type="finding", code="loop_blocked", job="1", text="")
        self.end(number, "cancelled")

    def sleep(self, number, seconds):
        began = time.monotonic_ns()
        stopped = self.stops[number].wait(seconds)
        self.end(
            number,
            "cancelled" if stopped else "succeeded",
            wall_ns=time.monotonic_ns() - began,
        )

    def end(self, number, ending, **more):
        entry = {"id": str(number), "ending": ending, **more}
        self.send(type="results", results=[entry])
        with self.ended:
            self.held.discard(number)
            self.ended.notify_all()


def lived_ns():
    """For how long this process has been there."""
    with open("/proc/self/stat") as file:
        began = int(file.read().rsplit(")", 1)[1].split()[19])
    ticks = os.sysconf("SC_CLK_TCK")
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began * 10**9 // ticks


def tasks_of(message):
    shared = message.get("parameters") or {}
    several = message.get("range")
    if several is not None:
        first = int(several["id"])
        for number in range(first, first + several["count"]):
            yield number, message["job_type"], shared
        return
    for task in message["tasks"]:
        yield int(task["id"]), message["job_type"], task.get("parameters", shared)


if __name__ == "__main__":
    Worker().run()
