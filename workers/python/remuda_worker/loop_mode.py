"""Mode `loop`: up to `slots` tasks in flight on one event loop."""

import asyncio
import collections
import sys
import time

from .descendants import end_programs, note_programs
from .driven import Driven, Step, task_factory
from .lags import Lags
from .pace import RAISE_SECONDS, Pace
from .setups import Setups
from .side_by_side import SideBySide
from .task import current, tasks_of
from .turns import Turns
from .watchdog import BLOCKED_SECONDS, Watchdog
from .worker import ending_of, ending_of_error

CLOSE_SECONDS = 5  # for closing what set-up made


class LoopMode(SideBySide):
    """Thread: the main thread, except the watchdog's findings."""

    mode = "loop"

    def run(self):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.setups = Setups()
        self.waiting = collections.deque()
        self.running = 0
        self.pace = Pace(self.slots)
        self.begin_due = False
        self.raise_due = False
        self.flush_due = False
        self.step = Step(int(BLOCKED_SECONDS * 1e9), self.on_long_step)
        self.turns = Turns(self.loop, self.step)
        self.lags = Lags(self.loop, self.step, self.held, self.say_full)
        self.watchdog = Watchdog(self)
        TopLevel.owner = self
        self.loop.set_task_factory(
            task_factory(self.cell.numbers, self.step, asyncio.Task)
        )
        note_programs(self.loop)
        self.loop.set_exception_handler(on_loop_error)
        self.loop.add_reader(self.channel.fd, self.read)
        self.offer()
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
                if not self.lags.armed:  # nothing was held for a while
                    self.pace.start_over()
                    self.lags.begin()
                self.watchdog.wake()
            elif kind == "cancel":
                self.cancel(int(message["id"]))
            elif kind == "drain":
                self.draining = True
            elif kind == "ping":
                pong = {"type": "pong", "number": message.get("number")}
                self.channel.send([pong])
        self.begin_soon()
        self.stop_if_done()

    def begin_soon(self):
        if not self.waiting:
            return
        if self.running < self.pace.in_flight_max:
            if not self.begin_due:
                self.begin_due = True
                self.pace.note_turn()
                self.loop.call_soon(self.begin_some)
        elif not self.raise_due and self.running < self.slots:
            self.raise_due = True
            self.loop.call_later(RAISE_SECONDS, self.raise_pace)

    def raise_pace(self):
        self.raise_due = False
        self.pace.double()
        self.begin_soon()

    def begin_some(self):
        self.begin_due = False
        for _ in range(self.pace.next_turn(self.running)):
            if not self.waiting:
                break
            self.begin(self.waiting.popleft())
        self.begin_soon()
        self.offer()

    def offer(self):
        credits = self.pace.new_credits(self.running)
        if credits is not None:
            self.ready(credits)

    def say_full(self):
        self.channel.send([{"type": "full"}])

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
        self.begin_soon()

    def note(self, task, ending):
        if task.began:
            ending["cpu_ns"] = int(task.held_ns * self.lags.cpu_share)
            if self.lags.queue_share is not None:
                ending["run_queue_ns"] = int(task.held_ns * self.lags.queue_share)
            # Before each step but the first it, or a child, waited for something.
            ending["switches_voluntary"] = max(0, task.steps - 1)
            if self.turns.are_known:
                rest = time.monotonic_ns() - task.began - task.held_ns
                ending["loop_wait_ns"] = max(0, min(task.turn_ns, rest))
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
        self.offer()
        self.stop_if_done()

    def stop_if_done(self):
        if self.draining and not self.held:
            self.finished = True
            self.loop.stop()

    def on_long_step(self, driven, began, took):
        self.watchdog.on_long_step(driven, began, took)

    def findings_of(self, function):
        from .blocking_calls import findings_of

        return super().findings_of(function) + findings_of(function)


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
