"""What is checked before a function's first task, and while modules load."""

import json
import os
import subprocess
import sys
import unittest

from worker_driver import WorkerTest, worker_file


class Preflight:
    slots = 4

    def refused(self, text, *parts):
        self.write("p", text)
        error = self.failed(self.worker.run("p:f"), *parts)
        # Those after it are not harmed.
        self.write("fine", "async def f(): return 1\n")
        self.assertEqual(self.succeeded(self.worker.run("fine:f")), 1)
        return error

    def test_an_import_that_forks(self):
        self.refused(
            "import os\n\nif os.fork() == 0: os._exit(0)\nasync def f(): pass\n",
            f"'p' forks a process while it is imported ({self.file('p.py')}:3)",
            'if __name__ == "__main__":',
        )

    def test_an_import_that_starts_processes_by_multiprocessing(self):
        for method in ("fork", "spawn"):
            self.refused(
                f"""
                import multiprocessing
                async def f(): pass
                context = multiprocessing.get_context("{method}")
                context.Process(target=print).start()
                """,
                "while it is imported",
                "p.py:5",
                'if __name__ == "__main__":',
            )

    def test_an_import_that_starts_a_pool(self):
        self.refused(
            """
            from concurrent.futures import ProcessPoolExecutor
            def work(x): return x
            async def f(): pass
            with ProcessPoolExecutor(2) as pool:
                print(list(pool.map(work, [1, 2])))
            """,
            "while it is imported",
            'if __name__ == "__main__":',
        )

    def test_an_import_that_starts_a_program(self):
        self.refused(
            """
            import subprocess
            try:
                subprocess.run(["true"])
            except Exception:
                pass
            async def f(): pass
            """,
            "'p' starts a program",
            "p.py:4",
        )

    def test_a_program_behind_the_guard_is_no_matter(self):
        self.write(
            "p",
            """
            import subprocess, ctypes.util
            ctypes.util.find_library("m")  # a library that starts programs
            async def f(): return 1
            if __name__ == "__main__":
                subprocess.run(["true"])
            """,
        )
        self.assertEqual(self.succeeded(self.worker.run("p:f")), 1)

    def test_an_import_that_does_not_end(self):
        worker = self.worker = self.start_worker(import_seconds=0.5)
        self.write("p", "import time\ntime.sleep(600)\nasync def f(): pass\n")
        ids = worker.start("p:f", count=5)
        worker.wait_until(lambda: worker.closed)
        self.assertEqual(worker.process.wait(60), 0)
        self.assertEqual(sorted(worker.ends), ids)
        for each in ids:
            self.failed(
                worker.ends[each],
                "importing 'p' took longer than 0.5 s",
                f"{self.file('p.py')}:2",
                'if __name__ == "__main__":',
            )

    def test_tasks_of_other_jobs_are_given_back(self):
        worker = self.worker = self.start_worker(import_seconds=1)
        self.write("p", "import time\ntime.sleep(600)\nasync def f(): pass\n")
        self.write("fine", "async def f(): pass\n")
        bad = worker.start("p:f", job="1", count=2)
        good = worker.start("fine:f", job="2", count=2)
        worker.wait_until(lambda: worker.closed)
        for each in bad:
            self.failed(worker.ends[each], "took longer")
        for each in good:
            if each in worker.ends:
                self.assertEqual(worker.ends[each]["ending"], "returned")

    def test_syntax_errors_and_missing_libraries_are_shown(self):
        self.refused("def f(:\n", "SyntaxError")
        self.write("q", "import nosuch_library\ndef f(): pass\n")
        self.failed(
            self.worker.run("q:f"), "ModuleNotFoundError", "nosuch_library", "q.py"
        )
        self.failed(self.worker.run("q:f"), f"in {sys.executable}", "`python`")
        self.write("r", "f = 5\n")
        self.failed(self.worker.run("r:f"), "of type int, not a function")

    def test_an_import_that_exits(self):
        self.refused("import sys\nsys.exit(2)\n", "SystemExit")


class ProcessModeTest(Preflight, WorkerTest):
    mode = "process"

    def test_a_coroutine_of_a_plain_function(self):
        self.write("c", "async def g(): pass\ndef f(): return g()\n")
        self.failed(self.worker.run("c:f"), "plain def that returned a coroutine")

    def test_a_generator(self):
        self.write("y", "def f():\n    open('began', 'w')\n    yield 1\n")
        self.failed(self.worker.run("y:f"), "'y:f' is a def with yield", "a list")

    def test_a_task_may_fork(self):
        self.write(
            "k",
            """
            import os
            def f():
                child = os.fork()
                if child == 0: os._exit(5)
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            """,
        )
        self.assertEqual(self.succeeded(self.worker.run("k:f")), 5)


class ThreadModeTest(Preflight, WorkerTest):
    mode = "threads"

    def test_a_coroutine_of_a_plain_function(self):
        self.write("c", "async def g(): pass\ndef f(): return g()\n")
        self.failed(self.worker.run("c:f"), "plain def that returned a coroutine")


    def test_a_generator(self):
        self.write("y", "def f():\n    yield 1\n")
        self.failed(self.worker.run("y:f"), "'y:f' is a def with yield", "a list")


class LoopModeTest(Preflight, WorkerTest):
    mode = "loop"

    def test_a_wrapped_async_def_is_one(self):
        self.write(
            "w",
            """
            import functools
            def wrap(function):
                @functools.wraps(function)
                def wrapper(*args): return function(*args)
                return wrapper
            @wrap
            async def f(): return 1
            async def with_argument(x): return x
            g = functools.partial(with_argument, 2)
            class Callable:
                async def __call__(self): return 3
            h = Callable()
            """,
        )
        values = [self.succeeded(self.worker.run(f"w:{name}")) for name in "fgh"]
        self.assertEqual(values, [1, 2, 3])


class CheckTest(unittest.TestCase):
    """--check, which looks at the source alone."""

    def setUp(self):
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.write(
            "m.py",
            "raise SystemExit('imported')\n"
            "import time\n"
            "def plain(): pass\n"
            "async def slow(): time.sleep(1)\n"
            "async def fast(): pass\n"
            "class C:\n"
            "    async def method(self):\n"
            "        self.other()\n"
            "    def other(self): time.sleep(1)\n"
            "made = slow\n"
            "async def many():\n    yield 1\n"
            "@made\ndef decorated(): pass\n"
            "def gives():\n    yield 1\n",
        )
        os.mkdir(os.path.join(self.folder.name, "package"))
        self.write("package/__init__.py", "from .inner import f as g\n")
        self.write("package/inner.py", "async def f(): pass\n")

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w") as file:
            file.write(text)

    def check(self, function):
        task = json.dumps({"function": function, "path": [self.folder.name]})
        done = subprocess.run(
            [sys.executable, worker_file(), "--check", task],
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        seen = json.loads(done.stdout)
        where = os.path.basename(seen["file"] or "")
        return seen["form"], where, seen["line"], seen["findings"], seen.get("problem")

    def test_forms(self):
        self.assertEqual(self.check("m:plain"), ("plain", "m.py", 3, [], None))
        self.assertEqual(self.check("m:fast"), ("async", "m.py", 5, [], None))
        self.assertEqual(self.check("package:g")[:3], ("async", "inner.py", 1))
        self.assertEqual(self.check("m:made")[:3], ("unknown", "m.py", 10))
        self.assertEqual(self.check("m:many")[0], "unknown")
        self.assertIn("asynchronous generator", self.check("m:many")[4])
        form, _, line, (finding,), problem = self.check("m:gives")
        self.assertEqual((form, problem), ("plain", None))
        self.assertEqual((finding["code"], finding["line"]), ("result_not_json", line))
        self.assertEqual(self.check("m:decorated")[0], "unknown")
        self.assertIn("decorator", self.check("m:decorated")[4])
        self.assertIn("no 'missing'", self.check("m:missing")[4])
        self.assertIn("'nosuch'", self.check("nosuch:f")[4])

    def test_findings(self):
        findings = self.check("m:slow")[3]
        self.assertEqual(len(findings), 1)
        self.assertEqual(findings[0]["code"], "blocking_call")
        self.assertEqual(findings[0]["function"], "slow")
        self.assertEqual(findings[0]["line"], 4)
        self.assertIn("time.sleep", findings[0]["text"])
        self.assertEqual(self.check("m:C.method")[3][0]["line"], 9)


if __name__ == "__main__":
    unittest.main()
