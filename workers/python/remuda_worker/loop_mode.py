"""Mode `loop`: up to `slots` tasks in flight on one event loop."""

import asyncio
import collections
import sys
import time

from .descendants import end_programs, note_programs
from .driven import Driven, Step, task_factory
from .setups import Setups
from .side_by_side import CREDITS_BEYOND_SLOTS, SideBySide
from .task import current, tasks_of
from .watchdog import BLOCKED_SECONDS, Watchdog
from .worker import ending_of, ending_of_error

CLOSE_SECONDS = 5  # for closing what set-up made
LAG_SECONDS = 0.05  # how often the loop's lag is measured
LAGS_MAX = 64  # measurements that are kept


class Lags:
    """How late the loop does what is due, and its use of the processor."""

    def __init__(self, loop, step, held):
        self.loop = loop
        self.step = step
        self.held = held  # nothing is measured while nothing is held
        self.armed = False
        self.latest = collections.deque(maxlen=LAGS_MAX)
        self.cpu_share = 1.0  # of a step's time, by the last measurement
        self.cpu = time.thread_time_ns()
        self.due = 0.0

    def begin(self):
        if not self.armed:
            self.armed = True
            self.cpu, self.step.held_ns = time.thread_time_ns(), 0
            self.arm()

    def arm(self):
        self.due = self.loop.time() + LAG_SECONDS
        self.loop.call_at(self.due, self.measure)

    def measure(self):
        lag = max(0, int((self.loop.time() - self.due) * 1e9))
        self.latest.append((time.monotonic_ns(), lag))
        cpu = time.thread_time_ns()
        if self.step.held_ns > 1_000_000:
            self.cpu_share = min(1.0, (cpu - self.cpu) / self.step.held_ns)
        self.cpu, self.step.held_ns = cpu, 0
        if self.held:
            self.arm()
        else:
            self.armed = False

    def worst_since(self, began):
        if time.monotonic_ns() - began < LAG_SECONDS * 1e9:
            return None
        return max((lag for at, lag in self.latest if at >= began), default=None)


class LoopMode(SideBySide):
    """Thread: the main thread, except the watchdog's findings."""

    mode = "loop"

    def run(self):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.setups = Setups()
        self.waiting = collections.deque()
        self.running = 0
        self.flush_due = False
        self.step = Step(int(BLOCKED_SECONDS * 1e9), self.on_long_step)
        self.lags = Lags(self.loop, self.step, self.held)
        self.watchdog = Watchdog(self)
        TopLevel.owner = self
        self.loop.set_task_factory(
            task_factory(self.cell.numbers, self.step, asyncio.Task)
        )
        note_programs(self.loop)
        self.loop.set_exception_handler(on_loop_error)
        self.loop.add_reader(self.channel.fd, self.read)
        self.ready(self.slots + CREDITS_BEYOND_SLOTS)
        self.watchdog.start()
        self.finished = False
        while not self.finished:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                continue  # of a child task; the one that awaits it has it too
        self.watchdog.stop()
        self.loop.run_until_complete(self.close())
        self.flush()

    async def close(self):
        try:
            await asyncio.wait_for(self.setups.close_on_loop(), CLOSE_SECONDS)
        except asyncio.TimeoutError:
            print("closing what setup made took too long", file=sys.stderr)

    def read(self):
        for message in self.channel.receive(wait=False):
            kind = message.get("type")
            if kind == "tasks":
                for task in tasks_of(message):
                    self.held[task.number] = task
                    self.waiting.append(task)
                self.lags.begin()
                self.watchdog.awake.set()
            elif kind == "cancel":
                self.cancel(int(message["id"]))
            elif kind == "drain":
                self.draining = True
            elif kind == "ping":
                pong = {"type": "pong", "number": message.get("number")}
                self.channel.send([pong])
        self.begin_waiting()
        self.stop_if_done()

    def begin_waiting(self):
        while self.waiting and self.running < self.slots:
            self.begin(self.waiting.popleft())

    def begin(self, task):
        if task.ended:  # cancelled while it waited
            return
        token = current.set(task)
        numbers = self.cell.numbers
        numbers[0] = task.number  # the import may be its first code
        try:
            call = self.prepare(task)
            if call.setups:
                coroutine = self.call_with_setups(call)
            else:
                coroutine = call.function.call(*call.args, **call.kwargs)
            if not hasattr(coroutine, "send"):
                coroutine = awaited(coroutine, call.function.name)
            task.began = time.monotonic_ns()
            driven = TopLevel(coroutine, task)
            driven.name = call.function.name
            self.running += 1
            task.runner = self.loop.create_task(driven)
        except BaseException as error:
            self.note(task, ending_of_error(error))
        finally:
            numbers[0] = 0
            current.reset(token)

    async def call_with_setups(self, call):
        made = await self.setups.get_on_loop(call.setups)
        return await call.function.call(*call.args, **{**call.kwargs, **made})

    def cancel(self, number):
        task = self.held.get(number)
        if task is None or task.stop_sent:
            return
        task.stop_sent = True
        if task.runner is not None:
            task.runner.cancel()
        elif not task.began:  # it waits for a slot, and need not any more
            self.note(task, {"ending": "cancelled"})

    def on_end(self, task, name, value, error):
        """Called in the last step of a task, when nothing of it runs on."""
        if error is None:
            ending = ending_of(name, value, task)
        else:
            ending = ending_of_error(error)
        task.runner = None
        if task.stop_sent and task.programs:
            end_programs(task)
        self.running -= 1
        self.note(task, ending)
        if self.waiting and not self.flush_due:
            self.loop.call_soon(self.begin_waiting)

    def note(self, task, ending):
        if task.began:
            ending["cpu_ns"] = int(task.held_ns * self.lags.cpu_share)
            lag = self.lags.worst_since(task.began)
            if lag is not None:
                ending["loop_lag_ns"] = lag
        if self.end(task, ending):
            self.flush()
        elif not self.flush_due:
            self.flush_due = True
            self.loop.call_soon(self.flush_soon)

    def flush_soon(self):
        self.flush_due = False
        self.flush()
        self.begin_waiting()
        self.stop_if_done()

    def stop_if_done(self):
        if self.draining and not self.held:
            self.finished = True
            self.loop.stop()

    def on_long_step(self, driven, began, took):
        self.watchdog.on_long_step(driven, began, took)

    def check(self, function, task):
        super().check(function, task)
        from .blocking_calls import findings_of

        findings = findings_of(function, task.job)
        if findings:
            self.channel.send(findings)


class TopLevel(Driven):
    """The coroutine of the task itself, whose end is the task's."""

    __slots__ = ("name",)

    owner = None  # as there is one loop

    def send(self, value):
        try:
            return Driven.send(self, value)
        except StopIteration as end:
            self.end(end.value, None)
        except BaseException as error:
            self.end(None, error)
        raise StopIteration

    def throw(self, *error):
        try:
            return Driven.throw(self, *error)
        except StopIteration as end:
            self.end(end.value, None)
        except BaseException as failure:
            self.end(None, failure)
        raise StopIteration

    def end(self, value, error):
        self.owner.on_end(self.task, self.name, value, error)


async def awaited(value, name):
    """For what a wrapped async def returned: a future, or not even that."""
    if hasattr(value, "__await__"):
        return await value
    return value


def on_loop_error(_loop, context):
    """What asyncio would log: errors that no task has seen."""
    import traceback

    error = context.get("exception")
    print(context.get("message"), file=sys.stderr)
    if error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
