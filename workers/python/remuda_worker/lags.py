"""How late the loop does what is due, and whether it has time for more."""

import collections
import threading
import time

from .run_queue import RunQueue

LAG_SECONDS = 0.05  # how often the loop's lag is measured
LAGS_MAX = 64  # measurements that are kept

# A loop is full when steps that compute have taken this much of the time since the
# last measurement, and there have been so many such steps in a row of these, as any
# code does something long once. While the machine runs something else nobody
# computes, however long that makes a step: that time does not count.
FULL_SHARE = 0.6
FULL_STEPS = 4


class Lags:
    """Measures while tasks are held.

    Thread: the loop's.
    """

    def __init__(self, loop, step, held, on_full):
        self.loop = loop
        self.step = step
        self.held = held
        self.on_full = on_full  # called while the loop is full
        self.armed = False
        self.latest = collections.deque(maxlen=LAGS_MAX)
        # Of a step's time, by the last measurement: on a processor, and without one
        # while it was ready; None: not known.
        self.cpu_share = 1.0
        self.queue_share = None
        self.full_steps = 0
        self.due = 0.0
        self.run_queue = RunQueue(threading.get_native_id())
        self.cpu = self.at = 0  # at the last measurement

    def begin(self):
        if not self.armed:
            self.armed = True
            self.full_steps = 0
            self.run_queue.since_last()
            self.start_over(time.thread_time_ns(), time.monotonic_ns())
            self.arm()

    def arm(self):
        self.due = self.loop.time() + LAG_SECONDS
        self.loop.call_at(self.due, self.measure)

    def start_over(self, cpu, now):
        self.cpu, self.at = cpu, now
        self.step.held_ns = self.step.computed_ns = self.step.computed = 0

    def measure(self):
        step = self.step
        lag = max(0, int((self.loop.time() - self.due) * 1e9))
        now, cpu = time.monotonic_ns(), time.thread_time_ns()
        self.latest.append((now, lag))
        if step.held_ns > 1_000_000:
            self.cpu_share = min(1.0, (cpu - self.cpu) / step.held_ns)
        waited = self.run_queue.since_last()  # for a processor
        if step.held_ns > 1_000_000 and waited is not None:
            self.queue_share = min(1.0, waited / step.held_ns)
        waited = waited or 0
        computed = min(step.computed_ns - waited, cpu - self.cpu)
        if computed > FULL_SHARE * (now - self.at - waited):
            self.full_steps += step.computed
            if self.full_steps >= FULL_STEPS:
                self.on_full()
        else:
            self.full_steps = 0
        self.start_over(cpu, now)
        if self.held:
            self.arm()
        else:
            self.armed = False

    def worst_since(self, began):
        if time.monotonic_ns() - began < LAG_SECONDS * 1e9:
            return None
        return max((lag for at, lag in self.latest if at >= began), default=None)
