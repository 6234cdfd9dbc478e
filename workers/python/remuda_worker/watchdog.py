"""Notices, while it lasts, that one task holds the event loop."""

import linecache
import os
import re
import sys
import threading
import time

from .preflight import users_frame
from .run_queue import RunQueue

BLOCKED_SECONDS = float(os.environ.pop("REMUDA_LOOP_BLOCKED_SECONDS", "0.25"))
TOLD_AGAIN_SECONDS = 1.0
LOOKS = 4  # in the time after which a loop counts as blocked

REMEDIES = {
    "time.sleep": "await asyncio.sleep() instead",
}
REMEDY = (
    "await remuda.offload(function, ...) for what blocks or computes, or use "
    "executor: thread-pool"
)


class Watchdog:
    """Looks at the loop's step from a thread of its own.

    Code of C that keeps the interpreter's lock stops this thread as well: such
    a step is told about afterwards, and the finding says so.
    """

    def __init__(self, worker):
        self.worker = worker
        self.step = worker.step
        self.main = threading.get_ident()
        self.stopped = threading.Event()
        self.awake = threading.Event()  # set while there is something to watch
        self.told_at = 0.0
        self.run_queue = RunQueue(threading.get_native_id())
        self.queued = self.run_queue.last  # at the latest look
        self.seen = None  # the `began` of the step at that look
        self.queued_before = None  # at the look before that step was seen
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()

    def wake(self):
        """There is something to watch. Thread: the loop's."""
        if not self.awake.is_set():
            # Code that keeps the interpreter's lock may come before the first look.
            self.queued = self.run_queue.read()
            self.awake.set()

    def stop(self):
        self.stopped.set()
        self.awake.set()

    def run(self):
        step = self.step
        looked = time.monotonic()
        while not self.stopped.wait(BLOCKED_SECONDS / LOOKS):
            if not self.worker.held:
                self.awake.clear()
                if not self.worker.held:
                    self.awake.wait()
                looked = time.monotonic()
            late = time.monotonic() - looked > BLOCKED_SECONDS
            looked = time.monotonic()
            task, began = step.task, step.began
            before, self.queued = self.queued, self.run_queue.read()
            if task is None:
                continue
            if began != self.seen:
                self.seen, self.queued_before = began, before
            if self.lasted(began) < BLOCKED_SECONDS:
                continue
            if step.told == began and (
                time.monotonic() - self.told_at < TOLD_AGAIN_SECONDS
            ):
                continue
            # An interpreter without the lock has all threads stop for this, and so
            # waits for code that does not.
            frame = sys._current_frames().get(self.main)
            late = late or time.monotonic() - looked > BLOCKED_SECONDS
            if step.task is task and step.began == began:
                self.tell(task, began, self.lasted(began), frame, late)

    def lasted(self, began):
        """How long the step has lasted, in seconds of a processor or of waiting for
        something else."""
        return (time.monotonic_ns() - began - self.waited(began)) / 1e9

    def waited(self, began):
        """How long the loop's thread then waited for a processor, in ns.

        That is a busy machine's fault, and no task's.
        """
        before = self.queued_before if began == self.seen else self.queued
        now = self.run_queue.read()
        return 0 if before is None or now is None else now - before

    def tell(self, task, began, lasted, frame, late):
        self.step.told = began
        self.told_at = time.monotonic()
        users, inner = users_frame(frame)
        finding = blocked(task, lasted)
        where = "in code that cannot be named"
        called = None
        if users is not None:
            place(finding, users.f_code, users.f_lineno)
            called = called_thing(users, inner)
            where = place_text(finding)
        if called:
            where += f", inside {called}"
        if late:
            where += (
                " (seen late, as it ran code that keeps the interpreter's lock: this "
                "is where it let go)"
            )
        remedy = REMEDIES.get(called, REMEDY)
        finding["text"] = (
            f"task {task.index} has held the event loop for {lasted:.1f} s {where}, "
            f"and all others on it wait: {remedy}"
        )
        self.worker.channel.send([finding])

    def on_long_step(self, driven, began, took):
        """After a step; on the loop's thread."""
        if self.step.told == began:
            return
        seconds = (took - self.waited(began)) / 1e9
        if seconds < BLOCKED_SECONDS:
            return
        finding = blocked(driven.task, seconds)
        code = getattr(driven.coroutine, "cr_code", None)
        where = ""
        if code is not None:
            place(finding, code, code.co_firstlineno)
            where = f" {place_text(finding)}"
        finding["text"] = (
            f"task {driven.task.index} held the event loop for {seconds:.1f} s{where}; "
            "it is seen late, as it ran code that keeps the interpreter's lock, "
            f"so which line it was is not known: {REMEDY}"
        )
        self.worker.channel.send([finding])


def blocked(task, seconds):
    finding = {
        "type": "finding",
        "code": "loop_blocked",
        "job": str(task.job),
        "seconds": round(seconds, 3),
    }
    if not task.ended:  # else it is what the task left running
        finding["id"] = str(task.number)
    return finding


def place(finding, code, line):
    finding["function"] = getattr(code, "co_qualname", code.co_name)
    finding["file"] = code.co_filename
    finding["line"] = line


def place_text(finding):
    file = os.path.basename(finding["file"])
    return f"in {finding['function']} ({file}:{finding['line']})"


def without_comment(line):
    """The code of a line; what its comment calls is not called."""
    import tokenize

    lines = iter([line])
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type == tokenize.COMMENT:
                return line[: token.start[1]]
    except (tokenize.TokenError, SyntaxError):
        pass  # it goes on in the next line
    return line


def called_thing(users, inner):
    """What the user's line called: by the frame of it, or by its text."""
    if inner is not None:
        module = inner.f_globals.get("__name__", "")
        name = getattr(inner.f_code, "co_qualname", inner.f_code.co_name)
        return f"{module}.{name}"
    line = linecache.getline(users.f_code.co_filename, users.f_lineno)
    line = without_comment(line)
    names = re.findall(r"([A-Za-z_][\w.]*)\s*\(", line)
    names = [name for name in names if name not in ("if", "while", "return", "for")]
    if not names:
        return None
    # The outermost call of the line runs last; what it is called by in the
    # module it comes from says more than how it was imported.
    function = users.f_globals.get(names[-1])
    module = getattr(function, "__module__", None)
    if module in ("time", "socket", "subprocess", "select"):
        return f"{module}.{names[-1]}"
    return names[-1]
