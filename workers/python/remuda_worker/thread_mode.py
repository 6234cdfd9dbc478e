"""Mode `threads`: up to `slots` tasks at a time, each on a thread."""

import collections
import os
import queue
import resource
import sys
import threading
import time

from .descendants import end_those_of_thread
from .run_queue import RUN_QUEUE_TASK_NS_MIN, RunQueue
from .runner import Runner
from .setups import Setups
from .side_by_side import CREDITS_BEYOND_SLOTS, SideBySide
from .task import TaskStopped, current, tasks_of
from .worker import ending_of, ending_of_error

CLOSE_SECONDS = 5  # for closing what the threads' set-up made
SEND_SECONDS = 0.0005  # how long ends are kept for company


class ThreadMode(SideBySide):
    """Reads on one thread, imports on the main thread, runs on the others.

    Threads wake one another in a chain: whoever takes a task has one more woken if
    there is more to do, and nobody is woken while one wakes. So a task that waits
    lets the next begin at once, and short ones, which keep the interpreter's lock,
    are run by few threads that do not fight for it.

    Thread: `pending`, `threads`, `idle` and `waking` under `room`.
    """

    mode = "threads"

    def __init__(self, channel, cell, welcome):
        super().__init__(channel, cell, welcome)
        self.received = queue.SimpleQueue()  # for the main thread
        self.room = threading.Condition()
        self.pending = collections.deque()  # prepared, in order
        self.threads = []
        self.idle = 0
        self.waking = False  # a thread was woken or started and has not yet looked
        self.closing = False
        self.anything_to_send = threading.Event()

    def run(self):
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.send_ends, daemon=True).start()
        self.ready(self.slots + CREDITS_BEYOND_SLOTS)
        while True:
            message = self.received.get()
            if message["type"] == "drain":
                break
            self.add_tasks(message)
        self.finish()

    def read(self):
        try:
            while True:
                for message in self.channel.receive(wait=True):
                    self.handle(message)
        except BaseException:
            end_worker()  # nobody else reads

    def handle(self, message):
        kind = message.get("type")
        if kind == "tasks":
            tasks = list(tasks_of(message))
            with self.lock:
                self.held.update((task.number, task) for task in tasks)
            self.received.put({"type": "tasks", "tasks": tasks})
        elif kind == "drain":
            self.received.put(message)
        elif kind == "cancel":
            self.cancel(int(message["id"]))
        elif kind == "ping":
            self.channel.send([{"type": "pong", "number": message.get("number")}])

    # The main thread.

    def add_tasks(self, message):
        for task in message["tasks"]:
            if task.stop_sent:
                self.end_and_tell(task, {"ending": "cancelled"})
                continue
            token = current.set(task)
            try:
                call = self.prepare(task)
            except BaseException as error:
                self.end_and_tell(task, ending_of_error(error))
                continue
            finally:
                current.reset(token)
            self.dispatch(task, call)

    def dispatch(self, task, call):
        with self.room:
            self.pending.append((task, call))
            self.wake_one()

    def wake_one(self):
        if self.waking:
            return
        if self.idle > 0:
            self.waking = True
            self.room.notify()
        elif len(self.threads) < self.slots:
            self.waking = True
            thread = threading.Thread(target=self.work, daemon=True)
            self.threads.append(thread)
            thread.start()

    def finish(self):
        """Does what is held; then each thread closes what it made."""
        with self.room:
            self.closing = True
            self.room.notify_all()
        # Which grows meanwhile, by threads that those before still start.
        for thread in self.threads:
            while thread.is_alive():
                thread.join(CLOSE_SECONDS)
                if not self.held:
                    break  # it hangs in a close of the user's
        self.flush()

    def findings_of(self, function):
        from .shared_objects import findings_of

        return super().findings_of(function) + findings_of(function)

    # The threads of tasks.

    def work(self):
        try:
            self.run_tasks()
        except BaseException:
            end_worker()  # a slot would be lost, with the task in it

    def run_tasks(self):
        runner = Runner()
        setups = Setups(runner.run)
        run_queue = RunQueue(threading.get_native_id())
        waited = True  # a new thread was woken as well
        measures = False  # since tasks are long enough for it
        while True:
            with self.room:
                if waited:
                    self.waking = False
                waited = False
                while not self.pending and not self.closing:
                    self.idle += 1
                    self.room.wait()
                    self.idle -= 1
                    self.waking = False
                    waited = True
                if not self.pending:
                    break
                task, call = self.pending.popleft()
                if self.pending:
                    self.wake_one()
            if waited or measures:
                run_queue.since_last()  # what came before is nobody's
            measures = self.run_task(task, call, runner, setups, run_queue)
        setups.close()
        runner.close()
        run_queue.close()

    def run_task(self, task, call, runner, setups, run_queue):
        """Whether it took long enough to measure what it waited for."""
        token = current.set(task)
        used = resource.getrusage(resource.RUSAGE_THREAD)
        cpu = time.thread_time_ns()
        ending = None
        if self.enter(task, runner):
            ending = self.attempt(task, call, runner, setups)
        current.reset(token)
        if task.stop_sent and task.began:
            end_those_of_thread(threading.get_native_id(), task.began)
        if ending is None:
            ending = {"ending": "cancelled"}
        ending["cpu_ns"] = time.thread_time_ns() - cpu
        now = resource.getrusage(resource.RUSAGE_THREAD)
        ending["switches_voluntary"] = now.ru_nvcsw - used.ru_nvcsw
        ending["switches_involuntary"] = now.ru_nivcsw - used.ru_nivcsw
        is_long = time.monotonic_ns() - task.began > RUN_QUEUE_TASK_NS_MIN
        if is_long:
            waited = run_queue.since_last()
            if waited is not None:
                ending["run_queue_ns"] = waited
        self.end_and_tell(task, ending)
        return is_long

    def enter(self, task, runner):
        """From here on the task can be stopped; false if it is already."""
        with self.lock:
            if task.stop_sent:
                return False
            task.runner = (threading.get_ident(), runner)
            task.began = time.monotonic_ns()
        return True

    def attempt(self, task, call, runner, setups):
        """The ending; None if what stopped the task came when it had ended.

        TaskStopped is raised at most once, at any step from enter() to
        leave(): none of it may get out of here.
        """
        ending = None
        tried = False
        while True:
            try:
                if not tried:
                    tried = True
                    ending = self.call(task, call, runner, setups)
                self.leave(task)
                return ending
            except TaskStopped:
                continue

    @staticmethod
    def call(task, call, runner, setups):
        try:
            function, kwargs = call.function, call.kwargs
            if call.setups:
                kwargs = {**kwargs, **setups.get(call.setups, function)}
            value = function.call(*call.args, **kwargs)
            if function.form != "async" or not hasattr(value, "__await__"):
                return ending_of(function.name, value, task)
            ending = ending_of(function.name, runner.run(value), task)
            lag = runner.lag_ns()
            if lag is not None:
                ending["loop_lag_ns"] = lag
            return ending
        except BaseException as error:  # the next task is not to blame
            return ending_of_error(error)

    def leave(self, task):
        """From here on nothing is raised in the task's thread."""
        with self.lock:
            ident, task.runner = task.runner, None
            if ident is not None and task.stop_sent:
                raise_in_thread(ident[0], None)

    def end_and_tell(self, task, ending):
        if self.end(task, ending):
            self.flush()
        elif not self.anything_to_send.is_set():
            self.anything_to_send.set()

    def send_ends(self):
        """Sends ends that nobody else has sent, a little later."""
        while True:
            self.anything_to_send.wait()
            self.anything_to_send.clear()
            # With nothing else to do there is no company to wait for.
            if self.pending:
                time.sleep(SEND_SECONDS)
            self.flush()

    # The reader.

    def cancel(self, number):
        with self.lock:
            task = self.held.get(number)
            if task is None or task.stop_sent:
                return
            task.stop_sent = True
            if task.runner is not None:
                ident, runner = task.runner
                if not runner.stop():
                    raise_in_thread(ident, TaskStopped)
            elif task.began:
                return  # it is about to end
        if not task.began:  # it waits for a thread, and need not any more
            self.end_and_tell(task, {"ending": "cancelled"})


def end_worker():
    """For a mistake of the worker's own."""
    sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
    os._exit(1)


def raise_in_thread(ident, kind):
    """Raises `kind` in the thread as soon as it runs Python; None: no more.

    Code of C, as a wait for a socket, is not interrupted.
    """
    try:
        from ctypes import c_ulong, py_object, pythonapi
    except ImportError:  # a Python without ctypes: force will have to do
        return
    wanted = None if kind is None else py_object(kind)
    pythonapi.PyThreadState_SetAsyncExc(c_ulong(ident), wanted)
