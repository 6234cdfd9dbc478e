"""offload(): steps of a task on threads and in other processes."""

import os
import time
import unittest

from worker_driver import WorkerTest

MODULE = """
import asyncio, os, signal, sys, threading, time
import remuda

def cube(x): return x ** 3
def where(): return [os.getpid(), threading.get_ident()]
def wait_for(path):
    open(path + ".began", "w").write(str(os.getpid()))
    while not os.path.exists(path): time.sleep(0.005)
    return "done"
def die(): os.kill(os.getpid(), signal.SIGSEGV)
def exits(): os._exit(9)
def fails(): raise ValueError("inner")
def talks():
    print("from there")
    print("errors", file=sys.stderr)
def gives_lock(): return threading.Lock()
async def later(): pass
class Odd(Exception):
    def __init__(self, a, b): super().__init__(a)
def fails_oddly(): raise Odd(1, 2)

async def call(name, to, *args): return await remuda.offload(globals()[name], *args, to=to)
async def with_keyword(): return await remuda.offload(cube, to="process", x=3)
async def many(to): return await asyncio.gather(*[remuda.offload(cube, i, to=to) for i in range(200)])
async def here_and_there(): return [where(), await remuda.offload(where), await remuda.offload(where, to="process")]
async def a_lambda(): return await remuda.offload(lambda: 1, to="process")
async def a_lock(): return await remuda.offload(cube, threading.Lock(), to="process")
async def nowhere(): return await remuda.offload(cube, 1, to="moon")
async def crash_beside():
    good = asyncio.gather(*[remuda.offload(cube, i, to="process") for i in range(20)])
    bad = asyncio.gather(*[remuda.offload(die, to="process") for i in range(3)], return_exceptions=True)
    return [await good, [str(each) for each in await bad]]
"""


class Offload:
    slots = 8
    modules = {"m": MODULE}

    def call(self, *args, **parameters):
        return self.worker.run("m:call", *args, **parameters)

    def test_runs_elsewhere_and_returns(self):
        for to in ("thread", "process"):
            self.assertEqual(self.succeeded(self.call("cube", to, 3)), 27)
            self.assertEqual(
                self.succeeded(self.worker.run("m:many", to)),
                [i**3 for i in range(200)],
            )
        self.assertEqual(self.succeeded(self.worker.run("m:with_keyword")), 27)
        here, thread, process = self.succeeded(self.worker.run("m:here_and_there"))
        self.assertEqual(here[0], thread[0])
        self.assertNotEqual(here[1], thread[1])
        self.assertNotEqual(here[0], process[0])

    def test_at_most_cpus_processes(self):
        self.worker = self.start_worker(cpus=1)
        pids = {self.succeeded(self.call("where", "process"))[0] for _ in range(5)}
        self.assertEqual(len(pids), 1)

    def test_exceptions_come_back(self):
        for to in ("thread", "process"):
            text = self.failed(self.call("fails", to), "in fails")
            self.assertTrue(text.startswith("ValueError: inner"), text)
        self.failed(self.call("fails_oddly", "process"), "Odd")

    def test_a_crash_fails_that_call_alone(self):
        self.failed(self.call("die", "process"), "killed by SIGSEGV")
        self.failed(self.call("exits", "process"), "exited with code 9")
        good, bad = self.succeeded(self.worker.run("m:crash_beside"))
        self.assertEqual(good, [i**3 for i in range(20)])
        self.assertEqual(len(bad), 3)
        for each in bad:
            self.assertIn("killed by SIGSEGV", each)

    def test_what_cannot_be_pickled_is_named_first(self):
        self.failed(self.worker.run("m:a_lambda"), "<lambda>", 'to="thread"')
        self.failed(self.worker.run("m:a_lock"), "argument 0", "lock", "pickled")
        self.failed(self.call("gives_lock", "process"), "returned", "lock")
        self.failed(self.call("later", "process"), "plain def")
        self.failed(self.worker.run("m:nowhere"), "moon")

    def test_prints_are_the_tasks(self):
        for to in ("thread", "process"):
            number = self.worker.start("m:call", args=["talks", to])[0]
            self.succeeded(self.worker.end_of(number))
            self.assertEqual(self.worker.log(number), "from there\n")
            self.assertEqual(self.worker.log(number, "stderr"), "errors\n")

    def test_a_cancelled_call_ends_its_process(self):
        path = self.file("never")
        number = self.worker.start("m:call", args=["wait_for", "process", path])[0]
        self.wait_for_file("never.began")
        self.worker.wait_until(lambda: os.path.getsize(path + ".began") > 0)
        with open(path + ".began") as file:
            pid = int(file.read())
        self.worker.cancel(number)
        if self.mode == "process":
            self.worker.process.send_signal(15)
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")
        self.assertTrue(self.worker.wait_until(lambda: not is_alive(pid)))
        self.assertEqual(self.succeeded(self.call("cube", "process", 2)), 8)

    def test_its_processes_end_with_the_worker(self):
        pid = self.succeeded(self.call("where", "process"))[0]
        self.assertEqual(self.worker.drain(), 0)
        give_up = time.monotonic() + 60
        while is_alive(pid) and time.monotonic() < give_up:
            time.sleep(0.01)
        self.assertFalse(is_alive(pid))


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class ProcessModeTest(Offload, WorkerTest):
    mode = "process"


class ThreadModeTest(Offload, WorkerTest):
    mode = "threads"


class LoopModeTest(Offload, WorkerTest):
    mode = "loop"

    def test_others_run_meanwhile(self):
        path = self.file("go")
        number = self.worker.start("m:call", args=["wait_for", "thread", path])[0]
        self.wait_for_file("go.began")
        self.assertEqual(self.succeeded(self.call("cube", "thread", 2)), 8)
        self.assertNotIn(number, self.worker.ends)
        with open(path, "w"):
            pass
        self.assertEqual(self.succeeded(self.worker.end_of(number)), "done")


if __name__ == "__main__":
    unittest.main()
