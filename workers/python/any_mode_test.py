"""What holds in every mode of the worker, by running it."""

import json
import os
import signal
import sys
import tempfile
import unittest

from worker_driver import WorkerTest, worker_file

MODULE = """
import asyncio, os, pathlib, sys, logging

def pair(function):
    '''For modes of plain functions; `a_NAME` is the same as an async def.'''
    async def other(*args, **kwargs):
        await asyncio.sleep(0)
        return function(*args, **kwargs)
    globals()["a_" + function.__name__] = other
    return function

@pair
def double(x): return 2 * x
@pair
def greet(name, greeting="hello"): return f"{greeting}, {name}"
@pair
def fail(): raise ValueError("bad row")
@pair
def leave(): sys.exit(3)
@pair
def give_set(): return {"rows": [{1}]}
@pair
def raw(n): return {"data": bytes(n)}
@pair
def size_of(data): return [type(data).__name__, len(data)]
@pair
def name_of(path): return [isinstance(path, pathlib.Path), path.name]
@pair
def make_file(name, n=10):
    pathlib.Path(name).write_bytes(b"x" * n)
    return pathlib.Path(name)
@pair
def elsewhere(path): return pathlib.Path(path)
@pair
def talk(n=1):
    for i in range(n): print("line", i)
    print("bad", file=sys.stderr)
    sys.stdout.buffer.write(b"bytes\\n")
    sys.stdout.flush()
    logging.getLogger("x").warning("logged")
@pair
def flood():
    for i in range(17 << 10): print("x" * 1023)
@pair
def nothing(): pass
@pair
def program(): os.system("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
@pair
def whoami():
    import remuda
    task = remuda.task()
    return [task.index, task.attempt, task.job, remuda.stopping()]
@pair
def stepwise():
    import remuda
    for i in range(50): remuda.progress(i / 50, f"step {i}")
    remuda.log("done")
@pair
def nested(): return asyncio.run(asyncio.sleep(0))
@pair
def using(session, x): return [session.made, x]
@pair
def group(): raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])

class Session:
    count = 0
    def __init__(self):
        Session.count += 1
        self.made = Session.count
    def __enter__(self): return self
    def __exit__(self, *_): open("closed", "a").write("x")
def make_session(): return Session()
async def make_session_later():
    await asyncio.sleep(0)
    return Session()
class Both:
    made = 1
    def __enter__(self): raise TypeError("use async with")
    def __exit__(self, *_): pass
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
def make_both(): return Both()
def make_badly(): raise RuntimeError("no such host")
def once(): open("once", "a").write("x")
"""


class AnyMode:
    """Mixed into a test for each mode; `f()` names the form it takes."""

    slots = 4
    modules = {"m": MODULE}
    prefix = ""

    def f(self, name):
        return "m:" + self.prefix + name

    def run_task(self, name, *args, **parameters):
        return self.worker.run(self.f(name), *args, **parameters)

    def test_greets_with_facts(self):
        hello = self.worker.hello
        self.assertEqual(hello["protocol"], 2)
        self.assertEqual(hello["modes"], ["process", "threads", "loop"])
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()
        self.assertIs(hello["facts"]["gil"], gil)
        self.assertRegex(hello["facts"]["version"], r"^3\.\d+\.\d+$")
        self.assertGreaterEqual(self.worker.credits, self.slots)

    def test_calls_with_items_args_and_kwargs(self):
        ids = self.worker.start(self.f("double"), items=[1, "ab", [3]])
        values = [json.loads(self.worker.end_of(each)["output"]) for each in ids]
        self.assertEqual(values, [2, "abab", [3, 3]])
        end = self.run_task("greet", "Ann", kwargs={"greeting": "hi"})
        self.assertEqual(self.succeeded(end), "hi, Ann")
        self.assertGreater(end["wall_ns"], 0)
        self.assertIn("cpu_ns", end)

    def test_a_lock_that_is_switched_on_is_told_about(self):
        """By a stand-in for an interpreter without the lock."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with open(os.path.join(folder.name, "sitecustomize.py"), "w") as file:
            file.write("import sys\nsys._is_gil_enabled = lambda: False\n")
        self.worker = self.start_worker(environment={"PYTHONPATH": folder.name})
        self.assertIs(self.worker.hello["facts"]["gil"], False)
        self.write("free", "async def f(): pass\n")
        self.write(
            "locks",
            """
            import sys, warnings
            warnings.warn(
                "The global interpreter lock (GIL) has been enabled to load module "
                "'fast', which has not declared that it can run safely without it",
                RuntimeWarning,
            )
            sys._is_gil_enabled = lambda: True
            async def f(): pass
            """,
        )
        self.succeeded(self.worker.run("free:f"))
        self.assertEqual(self.worker.of_type("facts"), [])
        self.succeeded(self.worker.run("locks:f"))
        self.succeeded(self.worker.run("locks:f"))
        self.assertIs(self.worker.wait_for("facts")["facts"]["gil"], True)
        findings = self.worker.of_type("finding")
        self.assertEqual([each["code"] for each in findings], ["gil_enabled"])
        self.assertIn("the module 'fast'", findings[0]["text"])

    def test_looks_for_garbage_less_often_and_not_among_modules(self):
        self.write(
            "g",
            """
            import gc
            async def seen():
                among = any(one is gc for one in gc.get_objects())
                return [gc.get_threshold()[0], gc.isenabled(), among]
            """,
        )
        most, enabled, among = self.succeeded(self.worker.run("g:seen"))
        self.assertGreaterEqual(most, 5000)
        self.assertTrue(enabled)
        self.assertFalse(among, "modules are still looked through")

    def test_a_users_own_choice_about_garbage_counts(self):
        self.write(
            "g",
            """
            import gc
            gc.set_threshold(123, 4, 5)
            async def seen(): return gc.get_threshold()
            """,
        )
        self.assertEqual(
            self.succeeded(self.worker.run("g:seen"))[:2], [123, 4]
        )

    def test_a_range_ends_once_each(self):
        ids = self.worker.start(self.f("nothing"), count=3000)
        self.worker.wait_until(lambda: len(self.worker.ends) >= 3000)
        self.assertEqual(sorted(self.worker.ends), ids)
        self.assertEqual(self.worker.twice, [])

    def test_failures_are_explained_and_the_next_runs(self):
        text = self.failed(self.run_task("fail"), "in fail", "m.py")
        self.assertTrue(text.startswith("ValueError: bad row\n"), text)
        self.assertNotIn("remuda_worker", text)
        text = self.failed(self.run_task("leave"))
        self.assertTrue(text.startswith("SystemExit: the function called sys.exit(3)"))
        self.failed(self.run_task("give_set"), "the result['rows'][0] is of type set")
        self.failed(self.run_task("missing"), "it has: ")
        self.failed(self.worker.run("m"), "not of the form module:function")
        self.failed(self.worker.run("nosuch:f"), "cannot import 'nosuch'")
        self.failed(self.run_task("double", args={}), "args must be a list")
        self.assertEqual(self.succeeded(self.run_task("double", 1)), 2)

    def test_groups_of_exceptions(self):
        text = self.failed(self.run_task("group"))
        if not text.startswith("NameError"):  # Python before 3.11
            self.assertTrue(text.startswith("ExceptionGroup: several"), text)
            self.assertIn("ValueError: one", text)

    def test_an_asynchronous_generator_is_refused(self):
        self.write("g", "async def f():\n    yield 1\n")
        self.failed(self.worker.run("g:f"), "asynchronous generator")

    def test_results_that_cannot_be_json_are_told_before_they_are(self):
        self.write(
            "t",
            """
            import pathlib, socket, typing
            class Page: pass
            async def makes(): return 1
            async def page() -> Page: return 1
            async def later() -> "set[str]": return 1
            async def numbers() -> "set": return 1
            async def ends() -> socket.socket: return 1
            async def fine() -> dict: return {}
            async def path() -> pathlib.Path: return 1
            async def any() -> object: return 1
            async def sequence() -> typing.Sequence: return []
            async def unclear() -> "NoSuchName": return 1
            """,
        )
        for name in "makes fine path any sequence unclear".split():
            self.worker.run(f"t:{name}")
        self.assertEqual(self.worker.of_type("finding"), [])
        for name, kind in [("page", "t.Page"), ("later", "set"), ("numbers", "set"), ("ends", "socket")]:
            self.succeeded(self.worker.run(f"t:{name}"))
            self.succeeded(self.worker.run(f"t:{name}"))
            (finding,) = self.worker.of_type("finding")[-1:]
            self.assertEqual(finding["code"], "result_not_json")
            self.assertEqual(finding["function"], name)
            self.assertIn(kind, finding["text"])
            self.assertTrue(finding["file"].endswith("t.py"))
            self.assertGreater(finding["line"], 0)
        self.assertEqual(len(self.worker.of_type("finding")), 4)

    def test_prints_are_the_tasks(self):
        ids = self.worker.start(self.f("talk"), count=20)
        for each in ids:
            self.succeeded(self.worker.end_of(each))
            self.assertIn("line 0\n", self.worker.log(each))
            self.assertIn("bytes\n", self.worker.log(each))
            self.assertEqual(self.worker.log(each, "stderr"), "bad\nlogged\n")
        quiet = self.worker.start(self.f("nothing"))[0]
        self.worker.end_of(quiet)
        self.assertEqual(self.worker.log(quiet), "")

    def test_a_long_log_is_a_file(self):
        number = self.worker.start(self.f("talk"), args=[20000])[0]
        self.succeeded(self.worker.end_of(number))
        message = next(
            each
            for each in self.worker.of_type("log")
            if each["id"] == str(number) and each["stream"] == "stdout"
        )
        self.assertIn("file", message)
        self.assertIn("line 19999\n", self.worker.log(number))
        self.assertGreater(message["bytes"], 64 << 10)

    def test_a_huge_log_is_cut(self):
        number = self.worker.start(self.f("flood"))[0]
        self.succeeded(self.worker.end_of(number))
        message = [e for e in self.worker.of_type("log") if "file" in e][0]
        size = os.path.getsize(os.path.join(self.worker.logs, message["file"]))
        self.assertEqual(size, 16 << 20)
        self.assertEqual(message["bytes"], 17 << 20)

    def test_small_bytes_are_base64(self):
        end = self.run_task("raw", 3)
        self.assertEqual(self.succeeded(end), {"data": {"base64": "AAAA"}})

    def test_large_bytes_are_a_file(self):
        folder = self.worker.outputs
        number = self.worker.start(self.f("raw"), args=[100_000], outputs=folder)[0]
        path = os.path.join(folder, f"{number - 1}.bin")
        self.assertEqual(
            self.succeeded(self.worker.end_of(number)),
            {"data": {"file": path, "bytes": 100_000}},
        )
        self.assertEqual(os.path.getsize(path), 100_000)
        self.assertEqual(os.listdir(folder), [os.path.basename(path)])

    def test_large_bytes_without_a_place_for_them(self):
        self.failed(self.run_task("raw", 100_000), "outputs: {to: FOLDER}")

    def test_a_file_of_its_folder_is_moved(self):
        folder = self.worker.outputs
        number = self.worker.start(
            self.f("make_file"), args=["a.png"], outputs=folder
        )[0]
        path = os.path.join(folder, f"{number - 1}.png")
        self.assertEqual(
            self.succeeded(self.worker.end_of(number)), {"file": path, "bytes": 10}
        )
        self.assertFalse(os.path.exists(self.file("a.png")))
        self.failed(self.run_task("make_file", "b.png"), "outputs: {to: FOLDER}")
        self.failed(self.run_task("elsewhere", "/nosuch"), "no such file")

    def test_a_file_elsewhere_stays(self):
        path = os.path.join(self.worker.folder, "data")
        with open(path, "w") as file:
            file.write("four")
        end = self.run_task("elsewhere", path)
        self.assertEqual(self.succeeded(end), {"file": path, "bytes": 4})
        self.assertTrue(os.path.exists(path))

    def test_arguments_by_reference(self):
        path = os.path.join(self.worker.folder, "data")
        with open(path, "wb") as file:
            file.write(b"\0" * 1000)
        end = self.run_task("size_of", {"bytes_of": path})
        self.assertEqual(self.succeeded(end), ["bytes", 1000])
        end = self.worker.run(self.f("name_of"), kwargs={"path": {"file": path}})
        self.assertEqual(self.succeeded(end), [True, "data"])
        number = self.worker.start(self.f("size_of"), items=[{"bytes_of": path}])[0]
        self.assertEqual(
            self.succeeded(self.worker.end_of(number)), ["bytes", 1000]
        )
        self.failed(
            self.run_task("size_of", {"bytes_of": "/nosuch"}), "argument 0", "/nosuch"
        )

    def test_the_module_remuda(self):
        number = self.worker.start(self.f("whoami"), job="12")[0]
        self.assertEqual(
            self.succeeded(self.worker.end_of(number)), [number - 1, 1, "12", False]
        )
        number = self.worker.start(self.f("stepwise"))[0]
        self.succeeded(self.worker.end_of(number))
        told = self.worker.of_type("progress")
        self.assertEqual(told[0]["id"], str(number))
        self.assertLess(len(told), 10)
        self.assertEqual(self.worker.log(number, "stderr"), "done\n")

    def test_a_file_of_the_job_named_remuda_goes_first(self):
        self.write("remuda", "def task(): return 'mine'\n")
        self.write("n", "import remuda\nasync def f(): return remuda.task()\n")
        self.assertEqual(self.succeeded(self.worker.run("n:f")), "mine")

    def test_set_up_is_made_once_passed_and_closed(self):
        for name in ("make_session", "make_session_later"):
            ids = self.worker.start(
                self.f("using"), items=[1, 2, 3], setup={"session": "m:" + name},
                kwargs={"x": "y"},
            )
            made = {self.succeeded(self.worker.end_of(each))[0] for each in ids}
            if self.mode != "threads":
                self.assertEqual(len(made), 1)
        count = 2 if self.mode != "threads" else len(made)
        self.assertEqual(self.worker.drain(), 0)
        with open(self.file("closed")) as file:
            self.assertGreaterEqual(len(file.read()), count)

    def test_set_up_of_an_async_def_is_entered_as_one(self):
        end = self.run_task(
            "using", setup={"session": "m:make_both"}, kwargs={"x": 2}
        )
        if self.prefix:
            self.assertEqual(self.succeeded(end), [1, 2])
        else:
            self.failed(end, "use async with")

    def test_set_up_that_fails(self):
        end = self.run_task("using", 1, setup={"session": "m:make_badly"})
        self.failed(end, "'m:make_badly', which makes 'session', failed", "no such host")
        end = self.worker.run(
            self.f("using"), kwargs={"session": 1, "x": 1},
            setup={"session": "m:make_session"},
        )
        self.failed(end, "in setup and in kwargs")

    def test_process_set_up_runs_once(self):
        for each in self.worker.start(
            self.f("nothing"), items=[None] * 5, process_setup="m:once"
        ):
            self.succeeded(self.worker.end_of(each))
        with open(self.file("once")) as file:
            self.assertEqual(file.read(), "x")
        end = self.run_task("nothing", process_setup="m:make_badly")
        self.failed(end, "process_setup", "no such host")

    def test_imports_again_for_a_later_job_when_files_changed(self):
        text = "async def f(): return %d\n"
        self.write("v", text % 1)
        self.assertEqual(self.succeeded(self.worker.run("v:f", job="1")), 1)
        self.write("v", text % 2345)
        self.assertEqual(self.succeeded(self.worker.run("v:f", job="1")), 1)
        self.assertEqual(self.succeeded(self.worker.run("v:f", job="2")), 2345)

    def test_what_the_worker_needs_is_not_imported_again(self):
        # A folder of the user that holds the worker too.
        self.write("v", "async def f(): return %d\n" % 1)
        path = [os.path.dirname(worker_file()), self.worker.home]
        self.assertEqual(self.succeeded(self.worker.run("v:f", job="1", path=path)), 1)
        self.write("v", "async def f(): return %d\n" % 2345)
        self.assertEqual(self.succeeded(self.worker.run("v:f", job="2", path=path)), 2345)
        self.assertEqual(self.succeeded(self.worker.run("v:f", job="3")), 2345)

    def test_ping_is_answered(self):
        self.worker.send({"type": "ping", "number": 5}, {"type": "unheard-of"})
        self.assertEqual(self.worker.wait_for("pong")["number"], 5)

    def test_drain_does_what_is_held(self):
        ids = self.worker.start(self.f("double"), items=list(range(500)))
        self.assertEqual(self.worker.drain(), 0)
        self.assertEqual(sorted(self.worker.ends), ids)

    def test_it_ends_with_the_channel(self):
        self.worker.socket.close()
        self.assertEqual(self.worker.process.wait(60), 0)


class LoopOfItsOwn:
    """Mixed into the tests of modes in which an async def has one."""

    def test_for_how_long_its_loop_was_held(self):
        self.write(
            "h",
            """
            import asyncio, time
            async def blocks():
                await asyncio.sleep(0)
                time.sleep(0.1)
            async def child():
                await asyncio.gather(blocks(), asyncio.sleep(0.2))
            async def awaits(): await asyncio.sleep(0.5)
            def plain(): time.sleep(0.1)
            """,
        )
        for function in ("h:blocks", "h:child"):
            end = self.worker.run(function)
            self.assertGreaterEqual(end["loop_lag_ns"], 100_000_000, function)
            self.assertLessEqual(end["loop_lag_ns"], end["wall_ns"])
        end = self.worker.run("h:awaits")
        # Of the half second in which it awaited, nothing held the loop.
        self.assertLessEqual(end["loop_lag_ns"], end["wall_ns"] - 490_000_000)
        self.assertNotIn("loop_lag_ns", self.worker.run("h:plain"))


class ProcessModeTest(AnyMode, WorkerTest):
    mode = "process"

    def test_processor_time_is_with_that_of_programs(self):
        self.assertGreater(self.run_task("program")["cpu_ns"], 10_000_000)
        self.assertLess(self.run_task("nothing")["cpu_ns"], 10_000_000)

    def test_ends_come_in_order(self):
        ids = self.worker.start(self.f("double"), items=list(range(300)))
        self.worker.end_of(ids[-1])
        self.assertEqual(self.worker.order, ids)

    def test_it_imports_what_may_come(self):
        self.write("noted", "open('imported', 'w').close()\ndef f(): return 1\n")
        self.prepare("noted:f")
        self.assertTrue(os.path.exists(os.path.join(self.worker.home, "imported")))
        self.assertEqual(self.worker.run("noted:f")["output"], "1")

    def test_an_import_ahead_that_fails_is_said_by_the_task(self):
        self.write("broken", "raise SystemExit('not now')\n")
        self.prepare("broken:f")
        self.assertIn("not now", self.worker.run("broken:f")["error"])
        self.worker.send({"type": "prepare", "parameters": {"function": 7}})
        self.write("fine", "def f(): return 1\n")
        self.assertEqual(self.worker.run("fine:f")["output"], "1")

    def prepare(self, function):
        parameters = {"function": function, "path": [self.worker.home]}
        self.worker.send(
            {"type": "prepare", "job": "7", "parameters": parameters},
            {"type": "ping", "number": 5},
        )
        self.worker.wait_for("pong")

    def test_an_import_that_was_stopped_midway_is_not_built_upon(self):
        os.mkdir(self.file("half"))
        self.write("half/part", "NAMES = ['f']")
        self.write(
            "half/__init__",
            """
            import time
            from .part import *
            open("importing", "w").close()
            time.sleep(600)
            __all__ = part.NAMES
            def f(item): return item
            """,
        )
        first, second = self.worker.start("half:f", items=[1, 2])
        self.wait_for_file("importing")
        self.worker.cancel(first)
        self.worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.worker.end_of(first)["ending"], "cancelled")
        # For a worker that has not imported the parts of it already.
        self.assertEqual(self.worker.end_of(second)["ending"], "returned")
        self.assertEqual(self.worker.process.wait(60), 0)


class ProcessModeAsyncTest(LoopOfItsOwn, AnyMode, WorkerTest):
    mode = "process"
    prefix = "a_"

    def test_nested_loops_have_a_remedy(self):
        self.failed(self.run_task("nested"), "await the coroutine instead")


class ThreadModeTest(AnyMode, WorkerTest):
    mode = "threads"


class ThreadModeAsyncTest(LoopOfItsOwn, AnyMode, WorkerTest):
    mode = "threads"
    prefix = "a_"


class LoopModeTest(AnyMode, WorkerTest):
    mode = "loop"
    prefix = "a_"

    def test_nested_loops_have_a_remedy(self):
        self.failed(self.run_task("nested"), "await the coroutine instead")

    def test_a_plain_function_is_refused(self):
        self.failed(
            self.worker.run("m:double", 1), "plain def", "executor: thread-pool"
        )


if __name__ == "__main__":
    unittest.main()
