"""What holds where tasks run side by side: threads, and the loop."""

import json
import os
import signal
import time
import unittest

from worker_driver import WorkerTest

THREADS = """
import ctypes, os, sys, threading, time

barrier = threading.Barrier(4, timeout=60)
def meet(): return barrier.wait() >= 0
def wait_for(path):
    open(path + ".began", "w").close()
    try:
        while not os.path.exists(path): time.sleep(0.005)
    finally:
        print("cleaned up")
    return "done"
def stubborn(path):
    open(path + ".began", "w").close()
    while not os.path.exists(path):
        try:
            time.sleep(0.005)
        except BaseException:
            pass
    return "done"
def polite(path):
    import remuda
    open(path + ".began", "w").close()
    while not remuda.stopping(): time.sleep(0.002)
    return "stopped early"
async def async_wait(path):
    import asyncio
    open(path + ".began", "w").close()
    try:
        await asyncio.sleep(600)
    finally:
        print("cancelled")
def talk(x):
    for i in range(20):
        print(x, i)
        time.sleep(0.001)
class Session:
    def __init__(self): self.thread = threading.get_ident()
def make(): return Session()
def use(session):
    barrier.wait()
    return [session.thread == threading.get_ident(), id(session)]
def crash(): ctypes.string_at(0)
def fork(): return os.fork()
def pool():
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(1) as pool: return pool.map(abs, [1])
def program():
    import subprocess
    return subprocess.run(["echo", "x"], stdout=subprocess.PIPE).stdout.decode()
def spin(n): return sum(i * i for i in range(n))
"""

LOOP = """
import asyncio, ctypes, json, os, subprocess, sys, time
import remuda

async def nap(seconds): await asyncio.sleep(seconds)
async def compute(path):
    while not os.path.exists(path):
        end = time.thread_time() + 0.005
        while time.thread_time() < end: pass
        await asyncio.sleep(0)
async def number(x):
    await asyncio.sleep(0.001)
    return x
async def wait_for(path):
    open(path + ".began", "w").close()
    try:
        while not os.path.exists(path): await asyncio.sleep(0.005)
    finally:
        print("cleaned up")
    return "done"
async def stubborn(path):
    open(path + ".began", "w").close()
    while not os.path.exists(path):
        try:
            await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            pass
    return "done"
async def talk(x):
    for i in range(20):
        print(x, i)
        await asyncio.sleep(0.001)
async def child(x):
    await asyncio.sleep(0.001)
    print("child", x)
async def parent(x):
    await asyncio.gather(child(x), child(x))
    task = asyncio.create_task(child(x))
    await task
async def hold(path):
    '''Holds the loop until the test has seen who does.'''
    async def inner():
        open(path + ".began", "w").close()
        while not os.path.exists(path):
            time.sleep(0.01)
    await asyncio.create_task(inner())
def spin_hard(n): return sum(i * i for i in range(n))
async def keeps_lock():
    # One call of C code that does not let go of the lock.
    return len(ctypes.PyDLL(None).__class__.__name__) + nothing()
def nothing():
    sleep = ctypes.PyDLL(None).usleep
    sleep(1_000_000)
    return 0
async def crash(): ctypes.string_at(0)
async def leave(): sys.exit(3)
async def child_leaves():
    async def inner(): sys.exit(4)
    await asyncio.create_task(inner())
async def fork(): return os.fork()
async def program():
    return subprocess.run(["echo", "x"], stdout=subprocess.PIPE).stdout.decode()
async def leaves_hold(path):
    global left
    async def later():
        await asyncio.sleep(0.1)
        await hold(path)
    left = asyncio.create_task(later())
async def raises(x):
    await asyncio.sleep(0)
    raise ValueError(x)
async def orphan():
    asyncio.create_task(nap(0.01))
async def who():
    return [asyncio.current_task() is not None, asyncio.current_task().get_name() != ""]
class Session:
    made = 0
    async def __aenter__(self):
        await asyncio.sleep(0.01)
        Session.made += 1
        return self
    async def __aexit__(self, *_):
        open("closed", "a").write("x")
def make(): return Session()
async def use(session): return session.made
async def use_timeout():
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except asyncio.TimeoutError:
        return "timed out"
"""


class SideBySide:
    def begin(self, function, name):
        """Starts a task that says when it began."""
        number = self.worker.start(function, args=[self.file(name)])[0]
        self.wait_for_file(name + ".began")
        return number

    def touch(self, name):
        with open(self.file(name), "w"):
            pass

    def test_a_cancelled_task_cleans_up_and_neighbours_go_on(self):
        stopped = self.begin("m:wait_for", "a")
        goes_on = self.begin("m:wait_for", "b")
        self.worker.cancel(stopped)
        self.assertEqual(self.worker.end_of(stopped)["ending"], "cancelled")
        self.assertEqual(self.worker.log(stopped), "cleaned up\n")
        self.touch("b")
        self.assertEqual(self.succeeded(self.worker.end_of(goes_on)), "done")

    def test_one_that_ignores_a_cancel_is_cancelled_all_the_same(self):
        number = self.begin("m:stubborn", "a")
        self.worker.cancel(number)
        self.worker.cancel(number)
        self.worker.cancel(9999)
        self.worker.send({"type": "ping", "number": 1})
        self.worker.wait_for("pong")
        self.assertNotIn(number, self.worker.ends)
        self.touch("a")
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")

    def test_a_waiting_task_that_is_cancelled_does_not_begin(self):
        worker = self.worker = self.start_worker(slots=1)
        first = self.begin("m:wait_for", "a")
        second = self.worker.start("m:wait_for", args=[self.file("b")])[0]
        worker.cancel(second)
        # At once, however long those before it take.
        self.assertEqual(worker.end_of(second)["ending"], "cancelled")
        self.assertNotIn(first, worker.ends)
        self.touch("a")
        self.succeeded(worker.end_of(first))
        self.assertFalse(os.path.exists(self.file("b.began")))

    def test_at_most_slots_begin(self):
        self.worker = self.start_worker(slots=2)
        self.begin("m:wait_for", "a")
        self.begin("m:wait_for", "b")
        third = self.worker.start("m:wait_for", args=[self.file("c")])[0]
        self.worker.send({"type": "ping", "number": 1})
        self.worker.wait_for("pong")
        self.assertFalse(os.path.exists(self.file("c.began")))
        self.touch("a")
        self.wait_for_file("c.began")
        self.touch("c")
        self.touch("b")
        self.succeeded(self.worker.end_of(third))

    def test_told_to_drain_at_once_it_does_what_it_holds(self):
        self.worker = self.start_worker(slots=16)
        self.write("brief", "import asyncio\nasync def f(): await asyncio.sleep(0.05)\n")
        ids = self.worker.start("brief:f", count=40)
        self.assertEqual(self.worker.drain(), 0)
        self.assertEqual(sorted(self.worker.ends), ids)

    def test_large_results_at_once_stay_within_frames(self):
        self.worker = self.start_worker(slots=16)
        self.write("large", "async def f(): return '\\\\' * (3 << 20)\n")
        for each in self.worker.start("large:f", count=16):
            self.assertEqual(len(self.succeeded(self.worker.end_of(each))), 3 << 20)
        self.assertLess(self.worker.largest_frame, 64 << 20)

    def test_prints_do_not_mix(self):
        ids = self.worker.start("m:talk", items=list(range(8)))
        for x, number in enumerate(ids):
            self.succeeded(self.worker.end_of(number))
            wanted = "".join(f"{x} {i}\n" for i in range(20))
            self.assertEqual(self.worker.log(number), wanted)

    def test_the_signal_term_is_no_end(self):
        number = self.begin("m:wait_for", "a")
        self.worker.process.send_signal(signal.SIGTERM)
        self.touch("a")
        self.assertEqual(self.succeeded(self.worker.end_of(number)), "done")

    def test_forks_are_refused_and_programs_are_not(self):
        self.failed(
            self.worker.run("m:fork"), "RuntimeError", "fork", "to=\"process\""
        )
        self.assertEqual(self.succeeded(self.worker.run("m:program")), "x\n")

    def test_it_dies_of_a_crash_and_says_where(self):
        self.worker.start("m:crash")
        self.worker.wait_until(lambda: self.worker.closed)
        self.assertEqual(self.worker.process.wait(60), -signal.SIGSEGV)
        self.assertIn("in crash", self.worker.words())

    def test_killed_in_the_middle_it_has_sent_what_ended(self):
        self.begin("m:wait_for", "a")
        ids = self.worker.start("m:talk", items=[1, 2])
        for each in ids:
            self.worker.end_of(each)
        self.worker.process.kill()
        self.worker.wait_until(lambda: self.worker.closed)
        self.assertEqual(sorted(self.worker.ends), ids)


class ThreadModeTest(SideBySide, WorkerTest):
    mode = "threads"
    modules = {"m": THREADS}

    def test_tasks_run_at_the_same_time(self):
        for each in self.worker.start("m:meet", count=4):
            self.assertIs(self.succeeded(self.worker.end_of(each)), True)

    def test_a_polite_task_sees_that_it_is_to_stop(self):
        number = self.begin("m:polite", "a")
        self.worker.cancel(number)
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")

    def test_an_async_def_on_a_thread_is_cancelled_at_once(self):
        number = self.begin("m:async_wait", "a")
        self.worker.cancel(number)
        self.assertEqual(self.worker.end_of(number)["ending"], "cancelled")
        self.assertEqual(self.worker.log(number), "cancelled\n")

    def test_set_up_is_of_one_thread(self):
        ids = self.worker.start("m:use", count=4, setup={"session": "m:make"})
        seen = [self.succeeded(self.worker.end_of(each)) for each in ids]
        self.assertTrue(all(own for own, _ in seen), seen)
        self.assertEqual(len({session for _, session in seen}), 4)

    def test_a_pool_of_forked_processes_is_refused(self):
        self.failed(self.worker.run("m:pool"), "executor: process-pool")

    def test_processor_time_is_the_threads_own(self):
        busy = self.worker.run("m:spin", 300_000)
        self.assertGreater(busy["cpu_ns"], 1_000_000)
        self.assertIn("switches_voluntary", busy)
        if os.path.exists("/proc/self/schedstat"):
            self.assertIn("run_queue_ns", busy)
        ids = self.worker.start("m:talk", items=[1])
        self.assertLess(self.worker.end_of(ids[0])["cpu_ns"], 20_000_000)

    def test_cancels_at_every_moment(self):
        """What stops one task never hits the next on its thread."""
        self.worker = self.start_worker(slots=2)
        stopped = []
        for _ in range(60):
            ids = self.worker.start("m:spin", items=[2000] * 5)
            for each in ids[::2]:
                self.worker.cancel(each)
            stopped += ids[::2]
            self.worker.end_of(ids[-1])
        self.worker.wait_until(lambda: len(self.worker.ends) >= 300)
        for number, end in self.worker.ends.items():
            allowed = ["succeeded"]
            if number in stopped:
                allowed.append("cancelled")
            self.assertIn(end["ending"], allowed, end)
        self.assertEqual(len(self.worker.ends), 300)
        self.assertEqual(self.worker.twice, [])

    def test_unsafe_objects_are_found_before_they_run(self):
        self.write(
            "shared",
            """
            import sqlite3, http.client
            database = sqlite3.connect(":memory:", check_same_thread=False)
            idle = sqlite3.connect(":memory:")
            class Mine(http.client.HTTPConnection): pass
            mine = Mine("127.0.0.1")
            def helper(): return mine is None
            def f():
                helper()
                return database.execute("select 1").fetchall()
            """,
        )
        self.succeeded(self.worker.run("shared:f"))
        self.succeeded(self.worker.run("shared:f"))
        found = {each["line"]: each for each in self.worker.of_type("finding")}
        self.assertEqual(sorted(found), [3, 6])
        self.assertEqual({e["code"] for e in found.values()}, {"shared_object"})
        self.assertEqual(found[3]["function"], "f")
        self.assertIn("sqlite3.Connection", found[3]["text"])
        self.assertIn('setup: {database: "module:function"}', found[3]["text"])
        self.assertEqual(found[6]["function"], "helper")
        self.assertEqual(found[6]["file"], self.file("shared.py"))
        self.assertEqual(len(self.worker.of_type("finding")), 2)


class LoopModeTest(SideBySide, WorkerTest):
    mode = "loop"
    modules = {"m": LOOP}

    def test_ten_thousand_in_flight(self):
        self.worker = self.start_worker(slots=10_000)
        # Imports, and a first measure.
        self.succeeded(self.worker.run("m:nap", 0))
        before = self.memory()
        start = time.monotonic()
        ids = self.worker.start("m:nap", args=[1], count=10_000)
        self.worker.wait_until(lambda: len(self.worker.ends) >= 10_001)
        took = time.monotonic() - start
        self.assertEqual(sorted(self.worker.ends), [1, *ids])
        # One after the other would take hours.
        self.assertLess(took, 50)
        self.assertLess(self.memory() - before, 80 << 20)

    def test_those_that_wait_leave_the_loop_time(self):
        self.worker = self.start_worker(slots=2_000)
        ids = self.worker.start("m:nap", args=[0.3], count=2_000)
        for each in ids:
            self.succeeded(self.worker.end_of(each))
        self.assertEqual(self.worker.of_type("full"), [])

    def test_steps_that_compute_fill_the_loop(self):
        ids = self.worker.start("m:compute", args=[self.file("a")], count=4)
        self.worker.wait_for("full")
        self.touch("a")
        for each in ids:
            self.succeeded(self.worker.end_of(each))

    def test_it_asks_for_more_as_tasks_begin(self):
        self.worker = self.start_worker(slots=1_000)
        given = self.worker.credits
        self.assertLess(given, 100)
        ids = self.worker.start("m:wait_for", args=[self.file("a")], count=given)

        def asks():
            return self.worker.of_type("ready")[-1]["credits"]

        self.worker.wait_until(lambda: asks() > given)
        self.assertGreater(asks(), given)
        self.touch("a")
        for each in ids:
            self.succeeded(self.worker.end_of(each))

    def memory(self):
        with open(f"/proc/{self.worker.process.pid}/status") as file:
            for line in file:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) << 10
        return 0

    def test_results_are_those_of_their_tasks(self):
        self.worker = self.start_worker(slots=100)
        ids = self.worker.start("m:number", items=list(range(2000)))
        self.worker.wait_until(lambda: len(self.worker.ends) >= 2000)
        values = [json.loads(self.worker.ends[each]["output"]) for each in ids]
        self.assertEqual(values, list(range(2000)))

    def test_children_count_for_their_task(self):
        ids = self.worker.start("m:parent", items=[1, 2, 3])
        for x, number in enumerate(ids, 1):
            self.succeeded(self.worker.end_of(number))
            self.assertEqual(self.worker.log(number), f"child {x}\n" * 3)

    def test_the_cell_holds_whose_code_runs(self):
        quiet = self.begin("m:wait_for", "q")
        number = self.worker.start("m:hold", args=[self.file("h")])[0]
        self.wait_for_file("h.began")
        # The child of the task is its own code.
        for _ in range(5):
            self.assertEqual(self.worker.cell[0], number)
        self.worker.wait_for("finding")
        self.touch("h")
        self.succeeded(self.worker.end_of(number))
        self.worker.wait_until(lambda: self.worker.cell[0] == 0)
        self.touch("q")
        self.succeeded(self.worker.end_of(quiet))
        self.worker.wait_until(lambda: self.worker.cell[0] == 0)
        self.assertEqual(self.worker.cell[0], 0)

    def test_a_blocked_loop_is_told_about_while_it_lasts(self):
        number = self.worker.start("m:hold", args=[self.file("h")])[0]
        self.wait_for_file("h.began")

        def told():
            return [
                e for e in self.worker.of_type("finding") if e["code"] == "loop_blocked"
            ]

        self.worker.wait_until(lambda: len(told()) >= 2)
        self.assertNotIn(number, self.worker.ends)
        self.touch("h")
        self.succeeded(self.worker.end_of(number))
        for each in told():
            self.assertEqual(each["id"], str(number))
            self.assertEqual(each["job"], "7")
            self.assertIn("inner", each["function"])
            self.assertEqual(each["file"], self.file("m.py"))
            self.assertGreaterEqual(each["seconds"], 0.25)
        line = LOOP.splitlines().index("            time.sleep(0.01)") + 1
        self.assertIn(line, {each["line"] for each in told()})
        self.assertGreater(told()[1]["seconds"] - told()[0]["seconds"], 0.9)
        self.assertIn("time.sleep", " ".join(each["text"] for each in told()))

    def test_code_that_keeps_the_lock_is_told_about_afterwards(self):
        # What an import waits for a processor is not a later step's.
        self.succeeded(self.worker.run("m:nap", 0))
        number = self.worker.start("m:keeps_lock")[0]
        self.succeeded(self.worker.end_of(number))
        self.worker.wait_for("finding")
        found = [
            e for e in self.worker.of_type("finding") if e["code"] == "loop_blocked"
        ]
        self.assertEqual(len(found), 1, found)
        self.assertGreaterEqual(found[0]["seconds"], 0.5, found)
        self.assertIn("seen late", found[0]["text"])
        self.assertIn("the interpreter's lock", found[0]["text"])
        self.assertIn(found[0]["function"], ("keeps_lock", "nothing"))

    def test_what_a_task_leaves_running_is_not_its_own_any_more(self):
        path = self.file("o")
        number = self.worker.start("m:leaves_hold", args=[path])[0]
        self.succeeded(self.worker.end_of(number))
        self.wait_for_file("o.began")
        self.assertEqual(self.worker.cell[0], 0)
        finding = self.worker.wait_for("finding")
        self.assertNotIn("id", finding)
        self.touch("o")
        self.assertEqual(self.succeeded(self.worker.run("m:number", 5)), 5)

    def test_it_rests_when_it_holds_nothing(self):
        self.succeeded(self.worker.run("m:nap", 0.1))

        def wakings():
            total = 0
            folder = f"/proc/{self.worker.process.pid}/task"
            for thread in os.listdir(folder):
                with open(f"{folder}/{thread}/status") as file:
                    for line in file:
                        if line.startswith("voluntary_ctxt_switches"):
                            total += int(line.split()[1])
            return total

        before = wakings()
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            self.worker.read(0.5)
            now = wakings()
            if now - before <= 2:
                break
            before = now
        self.assertLessEqual(now - before, 2)

    def test_a_short_step_is_not_told_about(self):
        for each in self.worker.start("m:number", items=list(range(200))):
            self.succeeded(self.worker.end_of(each))
        self.assertEqual(self.worker.of_type("finding"), [])

    def test_blocking_calls_are_found_before_they_run(self):
        self.write(
            "slow",
            """
            import time, asyncio
            import urllib.request as net
            from time import sleep as rest
            def unused(): time.sleep(9)
            def fetch(url): return net.urlopen(url)
            async def f(early=True):
                await asyncio.sleep(0)
                await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0)
                if early: return 1
                def local(): rest(1)
                local()
                fetch("x")
                return (lambda: time.sleep(5))
            """,
        )
        self.succeeded(self.worker.run("slow:f"))
        self.succeeded(self.worker.run("slow:f"))
        found = self.worker.of_type("finding")
        self.assertEqual(
            [(e["code"], e["function"], e["line"]) for e in found],
            [("blocking_call", "fetch", 6), ("blocking_call", "f.local", 11)],
        )
        self.assertIn("urllib.request.urlopen", found[0]["text"])
        self.assertIn("await asyncio.sleep", found[1]["text"])
        # The next job is told as well, though this worker has looked already.
        for job in ("8", "7", "8"):
            (other,) = self.worker.start("slow:f", job=job)
            self.succeeded(self.worker.end_of(other))
        found = self.worker.of_type("finding")
        self.assertEqual([each["job"] for each in found], ["7", "7", "8", "8"])
        self.assertEqual(found[1]["text"], found[3]["text"])

    def test_exits_of_children_and_orphans_harm_nobody(self):
        waits = self.begin("m:wait_for", "w")
        self.failed(self.worker.run("m:leave"), "sys.exit(3)")
        self.failed(self.worker.run("m:child_leaves"), "sys.exit(4)")
        self.succeeded(self.worker.run("m:orphan"))
        self.failed(self.worker.run("m:raises", "row"), "ValueError: row")
        self.assertEqual(self.succeeded(self.worker.run("m:who")), [True, True])
        self.assertEqual(self.succeeded(self.worker.run("m:use_timeout")), "timed out")
        self.touch("w")
        self.assertEqual(self.succeeded(self.worker.end_of(waits)), "done")

    def test_set_up_of_a_loop_is_made_once_by_many(self):
        ids = self.worker.start("m:use", count=4, setup={"session": "m:make"})
        seen = [self.succeeded(self.worker.end_of(each)) for each in ids]
        self.assertEqual(seen, [1, 1, 1, 1])
        self.worker.drain()
        with open(self.file("closed")) as file:
            self.assertEqual(file.read(), "x")

    def test_usage_says_what_a_task_did_to_the_loop(self):
        end = self.worker.run("m:nap", 0.3)
        self.assertGreaterEqual(end["wall_ns"], 300_000_000)
        self.assertLess(end["cpu_ns"], end["wall_ns"] / 2)
        self.assertIn("loop_lag_ns", end)


if __name__ == "__main__":
    unittest.main()
