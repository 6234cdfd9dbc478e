"""What a task has started ends when the task is stopped."""

import os
import time
import unittest

from worker_driver import WorkerTest

MODULE = """
import asyncio, os, pathlib, subprocess, time

STUBBORN = "trap '' TERM; sleep 600 & echo $! > {0}.child; echo $$ > {0}.shell; wait"

def note(name, pid):
    pathlib.Path(HOME, name).write_text(f"{pid}\\n")

def shell(name):
    return ["/bin/sh", "-c", STUBBORN.format(pathlib.Path(HOME, name))]

def serve(name="server"):
    server = subprocess.Popen(["sleep", "600"])
    note(name, server.pid)
    return server

def start(name):
    subprocess.Popen(shell(name), start_new_session=True)

def hang(name, **_):
    start(name)
    while True:
        time.sleep(0.01)

def wait(name, until):
    start(name)
    while not pathlib.Path(HOME, until).exists():
        time.sleep(0.01)

def daemon(name):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(name, os.getpid())
            time.sleep(600)
        os._exit(0)
    os.wait()
    while True:
        time.sleep(0.01)

async def a_start(name):
    await asyncio.create_subprocess_exec(*shell(name), start_new_session=True)

async def a_hang(name, **_):
    await a_start(name)
    await asyncio.sleep(600)

async def a_hang_while_it_starts(name, until):
    class Slow(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            while not pathlib.Path(HOME, until).exists():
                time.sleep(0.01)

    subprocess.Popen, fast = Slow, subprocess.Popen
    try:
        await a_hang(name)
    finally:
        subprocess.Popen = fast

async def a_wait(name, until):
    await a_start(name)
    while not pathlib.Path(HOME, until).exists():
        await asyncio.sleep(0.01)

async def a_serve(name="server"):
    server = await asyncio.create_subprocess_exec("sleep", "600")
    note(name, server.pid)
    return server
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Descendants:
    prefix = ""

    def setUp(self):
        super().setUp()
        self.write("m", f"HOME = {self.worker.home!r}\n" + MODULE)

    def begin(self, function, *args, **parameters):
        function = f"m:{self.prefix}{function}"
        return self.worker.start(function, args=list(args), **parameters)[0]

    def process(self, name):
        """The number that a task wrote down."""
        def written():
            try:
                with open(self.file(name)) as file:
                    return file.read().endswith("\n")
            except OSError:
                return False

        self.assertTrue(self.worker.wait_until(written), self.worker.words())
        with open(self.file(name)) as file:
            pid = int(file.read())
        self.addCleanup(lambda: alive(pid) and os.kill(pid, 9))
        return pid

    def stop(self, number):
        self.worker.cancel(number)
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")

    def assert_gone(self, pid):
        self.assertTrue(self.worker.wait_until(lambda: not alive(pid)))

    def test_all_that_a_stopped_task_has_started_ends(self):
        number = self.begin("hang", "x")
        started = [self.process("x.shell"), self.process("x.child")]
        self.stop(number)
        for pid in started:
            self.assert_gone(pid)

    def test_what_setup_has_started_goes_on(self):
        maker = f"m:{self.prefix}serve"
        number = self.begin("hang", "x", setup={"server": maker})
        server, shell = self.process("server"), self.process("x.shell")
        self.stop(number)
        self.assert_gone(shell)
        self.assertTrue(alive(server))

    def test_what_an_ended_task_has_left_goes_on(self):
        self.succeeded(self.worker.end_of(self.begin("start", "before")))
        before = self.process("before.shell")
        # The kernel tells the start of a process by ticks of 10 ms.
        noted = time.monotonic()
        self.worker.wait_until(lambda: time.monotonic() > noted + 0.1)
        number = self.begin("hang", "x")
        shell = self.process("x.shell")
        self.stop(number)
        self.assert_gone(shell)
        self.assertTrue(alive(before))


class Neighbours:
    def test_what_a_neighbour_has_started_goes_on(self):
        neighbour = self.begin("wait", "y", "done")
        other = self.process("y.shell")
        number = self.begin("hang", "x")
        shell = self.process("x.shell")
        self.stop(number)
        self.assert_gone(shell)
        self.assertTrue(alive(other))
        with open(self.file("done"), "w"):
            pass
        self.succeeded(self.worker.end_of(neighbour))


class ProcessModeTest(Descendants, WorkerTest):
    mode = "process"

    def start_worker(self, *args, **options):
        environment = {"REMUDA_MARK": "a worker of this test"}
        return super().start_worker(*args, environment=environment, **options)

    def stop(self, number):
        self.worker.cancel(number)
        self.worker.process.send_signal(15)
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")

    def test_a_daemon_of_a_stopped_task_ends(self):
        prctl_subreaper()
        number = self.begin("daemon", "d")
        pid = self.process("d")
        self.stop(number)
        self.assert_gone(pid)


class ProcessModeAsyncTest(ProcessModeTest):
    prefix = "a_"

    def test_a_daemon_of_a_stopped_task_ends(self):
        self.skipTest("is the same for a coroutine")


class ThreadModeTest(Neighbours, Descendants, WorkerTest):
    mode = "threads"


class LoopModeTest(Neighbours, Descendants, WorkerTest):
    mode = "loop"
    prefix = "a_"

    def test_what_is_being_started_ends_too(self):
        number = self.begin("hang_while_it_starts", "x", "go on")
        started = [self.process("x.shell"), self.process("x.child")]
        self.worker.cancel(number)
        with open(self.file("go on"), "w"):
            pass
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")
        for pid in started:
            self.assert_gone(pid)


def prctl_subreaper():
    """Orphans below become this process's children, as the spawner's do."""
    import ctypes

    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


if __name__ == "__main__":
    unittest.main()
