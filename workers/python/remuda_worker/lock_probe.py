"""How much of the time a task keeps the interpreter's lock.

Code that computes in Python keeps it, whatever lets threads run side by side lets
it go. In a process with one task nobody else asks for the lock, so that this cannot
be seen from how the task runs: a thread of the probe's own wakes now and then, and
whether it then has to wait for the lock says who has it.
"""

import collections
import signal
import threading
import time

from .run_queue import RunQueue

# At first often, as short jobs want to be known too: a task that keeps the lock is
# made to hand it over at each look, which costs it some 0.1 ms.
LOOK_SECONDS = 0.02
LOOKS_OFTEN = 64
LOOK_SECONDS_LATER = 0.1

# A thread that was woken on time has the lock at once, if it is free.
TAKEN_NS = 300_000
LOOKS_KEPT = 64
LOOKS_MIN = 8  # fewer say nothing
IDLE_LOOKS = 10  # without a task, after which it sleeps until there is one


class LockProbe:
    """Looks at the lock while a task runs.

    Thread: begin(), wake() and share() on that of the tasks.
    """

    def __init__(self, task_of, latest_of):
        self.task_of = task_of  # gives the task that runs, or None
        self.latest_of = latest_of  # and the one that ran last
        self.thread = None
        self.awake = threading.Event()
        self.function = None
        # True where the lock was taken; of one function.
        self.looks = collections.deque(maxlen=LOOKS_KEPT)

    def begin(self):
        """Starts it, if it has not begun."""
        if self.thread is not None:
            return
        self.awake.set()
        self.thread = threading.Thread(target=self.run, daemon=True)
        # A signal that asks the task to stop has to interrupt the task's thread.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.thread.start()
        except RuntimeError:  # no more threads: then nothing is known
            pass
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def wake(self):
        """A task begins."""
        if not self.awake.is_set():
            self.awake.set()

    def share(self, function):
        """Of the time that the function's tasks took lately; None: unknown."""
        looks = self.looks
        if self.function != function or len(looks) < LOOKS_MIN:
            return None
        return sum(looks) / len(looks)

    def run(self):
        run_queue = RunQueue(threading.get_native_id())
        idle = seen = 0
        while True:
            task = self.task_of()
            if task is None:
                idle += 1
                if idle > IDLE_LOOKS:
                    idle = 0
                    self.awake.clear()
                    if self.task_of() is None:
                        self.awake.wait()
                    continue
            else:
                idle = 0
            seconds = LOOK_SECONDS if seen < LOOKS_OFTEN else LOOK_SECONDS_LATER
            run_queue.since_last()
            due = time.monotonic_ns() + int(seconds * 1e9)
            time.sleep(seconds)
            late = time.monotonic_ns() - due
            waited = run_queue.since_last() or 0  # for a processor
            after = self.task_of()
            taken = late - waited > TAKEN_NS
            # Code of C keeps the lock to its end, which often is the task's: then
            # looks begin and end when no task runs. Nobody else keeps it.
            if taken:
                idle = 0
                task = after = after or task or self.latest_of()
            if task is None or after is None:
                continue
            function = task.parameters.get("function")
            if after.parameters.get("function") != function:
                continue
            if function != self.function:
                self.looks.clear()
                self.function = function
                seen = 0
            seen += 1
            self.looks.append(taken)
