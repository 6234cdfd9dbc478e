"""Mode `process`: one task at a time, on the main thread."""

import collections
import os
import resource
import signal
import threading
import time

from .descendants import end_those_of_process
from .failures import came_amid_import
from .lock_probe import LockProbe
from .output import FileOutput
from .run_queue import RUN_QUEUE_TASK_NS_MIN, RunQueue
from .runner import Runner
from .setups import Setups
from .task import TaskStopped, current, tasks_of
from .worker import RESULTS_KEPT_NS, Worker, ending_of, ending_of_error, result_messages

CREDITS = 1024  # tasks that it is willing to hold
# What the worker itself does before and after a task's code is not the task's, unless
# it takes longer, as it imports the function then, or writes a large result.
OWN_NS_MAX = 1_000_000


def children_cpu():
    """Of programs that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class ProcessMode(Worker):
    mode = "process"

    def __init__(self, channel, cell, welcome):
        super().__init__(channel, cell, welcome)
        self.messages = collections.deque()
        self.tasks = collections.deque()
        self.results = []
        self.results_since = 0
        self.output = FileOutput(self.log_folder)
        self.runner = Runner()
        self.setups = Setups(self.runner.run)
        self.run_queue = RunQueue(threading.get_native_id())
        self.children_cpu = children_cpu()
        self.draining = False
        self.half_imported = False  # no next task can rely on its modules
        self.main_thread = threading.get_ident()
        # While a task runs the signal handler may do what the main loop does
        # between tasks, as that cannot be in the middle of it.
        self.in_task = False
        self.nudged = False  # a signal came when no task ran
        self.current = self.latest = None
        self.code_began = self.code_ended = 0  # of its function
        # Without the lock there is nothing to keep.
        self.lock_probe = None
        if self.facts["gil"]:
            self.lock_probe = LockProbe(lambda: self.current, lambda: self.latest)
        signal.signal(signal.SIGTERM, self.on_signal)
        # A process that a task forks is not the worker.
        os.register_at_fork(
            after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL)
        )

    def on_signal(self, _number, _frame):
        """The pool has something that will not wait until the task's end."""
        if not self.in_task:
            self.nudged = True
            return
        self.in_task = False
        self.messages.extend(self.channel.receive(wait=False))
        self.flush()
        task = self.current
        for message in list(self.messages):
            if message.get("type") != "cancel":
                continue
            self.messages.remove(message)
            if message.get("id") == str(task.number) and not task.stop_sent:
                task.stop_sent = True
                self.in_task = True
                # An async def is cancelled as its loop does it; should it wait
                # in code of C, the exception gets it out of there.
                raise TaskStopped("the task was asked to stop")
        self.in_task = True

    def run(self):
        self.ready(CREDITS)
        while True:
            while self.messages:
                self.handle(self.messages.popleft())
            if self.half_imported:
                self.give_back()
            if self.tasks:
                self.run_task(self.tasks.popleft())
                continue
            self.flush()
            self.cell.rest()
            if self.draining:
                self.setups.close()
                self.runner.close()
                return
            self.messages.extend(self.channel.receive(wait=True))
            self.run_queue.since_last()

    def give_back(self):
        """Leaves the tasks that it holds to a worker that is whole."""
        for task in self.tasks:
            self.add({"id": str(task.number), "ending": "returned"})
        self.tasks.clear()
        self.draining = True

    def handle(self, message):
        kind = message.get("type")
        if kind == "tasks":
            self.tasks.extend(tasks_of(message))
        elif kind == "prepare":
            self.prepare_for(message)
        elif kind == "drain":
            self.draining = True
        elif kind == "ping":
            self.channel.send([{"type": "pong", "number": message.get("number")}])
        # A cancel of a task that is not running comes too late.

    def prepare_for(self, message):
        """Imports what the next tasks may call. What goes wrong is said by
        the first of them."""
        parameters = message.get("parameters") or {}
        try:
            folders = self.folders_of(parameters)
            self.functions.get(parameters["function"], folders, message.get("job"))
        except BaseException:
            pass

    def run_task(self, task):
        if self.results and (
            time.monotonic_ns() - self.results_since > RESULTS_KEPT_NS
        ):
            self.flush()
        number = task.number
        if not self.cell.begin(number):
            self.add({"id": str(number), "ending": "returned"})
            return
        environ = os.environ
        environ["REMUDA_JOB_ID"] = str(task.job)
        environ["REMUDA_TASK_INDEX"] = str(task.index)
        environ["REMUDA_ATTEMPT"] = str(task.attempt)
        used = resource.getrusage(resource.RUSAGE_SELF)
        start = time.monotonic_ns()
        result = self.call(task)
        if task.stop_sent:
            end_those_of_process(start)
        end = time.monotonic_ns()
        own = 0
        if self.code_began - start < OWN_NS_MAX:
            own = self.code_began - start
        if end - self.code_ended < OWN_NS_MAX:
            own += end - self.code_ended
        took = end - start - own
        if signal.getsignal(signal.SIGTERM) != self.on_signal:
            signal.signal(signal.SIGTERM, self.on_signal)  # the task took it
        used_now = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used_now.ru_utime + used_now.ru_stime - used.ru_utime - used.ru_stime
        cpu -= own / 1e9
        result["id"] = str(number)
        result["wall_ns"] = took
        result["switches_voluntary"] = used_now.ru_nvcsw - used.ru_nvcsw
        result["switches_involuntary"] = used_now.ru_nivcsw - used.ru_nivcsw
        if took > RUN_QUEUE_TASK_NS_MIN:  # shorter ones had no programs run
            before, self.children_cpu = self.children_cpu, children_cpu()
            cpu += self.children_cpu - before
            waited = self.run_queue.since_last()
            if waited is not None:
                result["run_queue_ns"] = waited
            held = self.lock_share(task)
            if held is not None:
                result["gil_held_ns"] = int(held * took)
        else:  # what it takes to ask is as long as the shortest
            cpu = min(cpu, took / 1e9)
        result["cpu_ns"] = int(max(0.0, cpu) * 1e9)
        logs = self.output.take(number)
        if logs:
            self.flush()
            self.channel.send(logs)
        self.add(result)
        if took > RESULTS_KEPT_NS:
            self.flush()

    def lock_share(self, task):
        """Of the task's time, how much it kept the interpreter's lock."""
        if self.lock_probe is None:
            return 0.0
        self.lock_probe.begin()
        return self.lock_probe.share(task.parameters.get("function"))

    def call(self, task):
        self.current = self.latest = task
        self.code_began = self.code_ended = time.monotonic_ns()
        if self.lock_probe is not None:
            self.lock_probe.wake()
        token = current.set(task)
        try:
            self.in_task = True
            if self.nudged:
                self.nudged = False
                self.on_signal(signal.SIGTERM, None)
            call = self.prepare(task)
            function, kwargs = call.function, call.kwargs
            if call.setups:
                kwargs = {**kwargs, **self.setups.get(call.setups, function)}
            self.code_began = time.monotonic_ns()
            value = function.call(*call.args, **kwargs)
            lag = None
            if function.form == "async" and hasattr(value, "__await__"):
                value = self.runner.run(value)
                lag = self.runner.lag_ns()
            self.code_ended = time.monotonic_ns()
            self.in_task = False
            result = ending_of(function.name, value, task)
            if lag is not None:
                result["loop_lag_ns"] = lag
        except BaseException as error:  # the next task is not to blame
            self.code_ended = time.monotonic_ns()
            self.in_task = False
            result = ending_of_error(error)
            if task.stop_sent and came_amid_import(error):
                self.half_imported = True
        self.current = None
        current.reset(token)
        task.ended = True
        if task.stop_sent:
            return {"ending": "cancelled", "error": result.get("error", "")}
        return result

    def add(self, result):
        if not self.results:
            self.results_since = time.monotonic_ns()
        self.results.append(result)

    def flush(self):
        if self.results:
            results, self.results = self.results, []
            self.channel.send(result_messages(results))

    def send_from_task(self, messages):
        """For code of the task; the signal handler does not come between."""
        if threading.get_ident() != self.main_thread:
            self.channel.send(messages)
            return
        inside = self.in_task
        self.in_task = False
        self.channel.send(messages)
        self.in_task = inside
        if inside and self.nudged:
            self.nudged = False
            self.on_signal(signal.SIGTERM, None)

    def last_words(self, job, text):
        results = self.results
        task = self.current
        if task is not None:
            results.append({"id": str(task.number), "ending": "error", "error": text})
        for held in self.tasks:
            end = {"id": str(held.number), "ending": "returned"}
            if held.job == job:
                end = {**end, "ending": "error", "error": text}
            results.append(end)
        return result_messages(results)
