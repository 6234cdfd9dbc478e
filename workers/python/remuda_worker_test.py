"""Tests of the worker's parts, and of the worker by hand."""

import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from remuda_worker import arguments, failures, results
from remuda_worker.channel import Cell
from remuda_worker.functions import Functions
from remuda_worker.task import TaskFailed
from worker_driver import worker_file


class DescribeTest(unittest.TestCase):
    def test_names_type_and_place(self):
        describe = results.describe_unserialisable
        self.assertIsNone(describe({"a": [1, 2.5, None, "x", True]}))
        self.assertEqual(
            describe({"rows": [1, {2, 3}]}), "the result['rows'][1] is of type set"
        )
        self.assertEqual(
            describe([float("nan")]), "the result[0] is nan, which JSON does not have"
        )
        self.assertEqual(describe({(1, 2): 3}), "the result has a key of type tuple")
        self.assertIn("not valid Unicode", describe(["\ud800"]))
        loop = []
        loop.append(loop)
        self.assertIn("nested too deeply", describe(loop))

    def test_to_json_says_what_to_do(self):
        self.assertEqual(results.to_json({"a": "ü"}), '{"a":"ü"}')
        with self.assertRaisesRegex(TaskFailed, "of type set"):
            results.to_json({1})
        with self.assertRaisesRegex(TaskFailed, "limit is"):
            results.to_json("x" * (results.OUTPUT_BYTES_MAX + 1))


class ArgumentsTest(unittest.TestCase):
    def test_item_is_the_argument_unless_some_are_named(self):
        arguments_of = arguments.arguments_of
        self.assertEqual(arguments_of({}, 5), ([5], {}))
        self.assertEqual(arguments_of({}, None), ([], {}))
        self.assertEqual(arguments_of({"args": [1]}, 5), ([1], {}))
        self.assertEqual(arguments_of({"kwargs": {"a": 1}}, 5), ([], {"a": 1}))
        with self.assertRaises(TaskFailed):
            arguments_of({"args": {}}, None)


class FunctionsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.functions = Functions()
        self.addCleanup(self.functions.forget)
        sys.dont_write_bytecode = True

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name + ".py"), "w") as file:
            file.write(text)

    def get(self, name, job="1", folder=None):
        return self.functions.get(name, (folder or self.folder.name,), job).call

    def test_imports_once_in_a_job_and_again_when_the_file_changed(self):
        self.write("counted", "def f(): return 1\n")
        self.assertEqual(self.get("counted:f")(), 1)
        self.write("counted", "def f(): return 22\n")
        path = os.path.join(self.folder.name, "counted.py")
        os.utime(path, ns=(1, 1))
        self.assertEqual(self.get("counted:f")(), 1)
        self.assertEqual(self.get("counted:f", job="2")(), 22)

    def test_modules_of_one_name_in_two_folders(self):
        self.write("twice", "def f(): return 'here'\n")
        with tempfile.TemporaryDirectory() as other:
            with open(os.path.join(other, "twice.py"), "w") as file:
                file.write("def f(): return 'there'\n")
            self.assertEqual(self.get("twice:f")(), "here")
            self.assertEqual(self.get("twice:f", folder=other)(), "there")
            self.assertEqual(self.get("twice:f")(), "here")

    def test_says_what_is_missing(self):
        self.write("small", "def one(): pass\n")
        with self.assertRaisesRegex(TaskFailed, "it has: one"):
            self.get("small:two")
        with self.assertRaisesRegex(TaskFailed, self.folder.name):
            self.get("nosuch:f")
        with self.assertRaisesRegex(TaskFailed, "module:function"):
            self.get("small")
        # A module that lacks something else fails with its own traceback.
        self.write("needy", "import nosuch_library\n")
        with self.assertRaisesRegex(ModuleNotFoundError, "nosuch_library"):
            self.get("needy:f")


class ExceptionTest(unittest.TestCase):
    def test_the_last_line_comes_first(self):
        try:
            int("x")
        except ValueError as error:
            text = failures.describe_exception(error)
        lines = text.splitlines()
        self.assertTrue(lines[0].startswith("ValueError: invalid literal"), text)
        self.assertEqual(lines[1], "Traceback (most recent call last):")


class PackingTest(unittest.TestCase):
    def test_the_same_files_give_the_same_bytes(self):
        packer = os.path.join(HERE, "pack_worker.py")
        source = os.path.join(HERE, "remuda_worker", "results.py")
        packed = []
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a", "b"):
                out = os.path.join(folder, name)
                subprocess.run(
                    [sys.executable, packer, out, source],
                    check=True,
                    env={**os.environ, "PYTHONHASHSEED": "0"},
                )
                with open(out, "rb") as file:
                    packed.append(file.read())
        self.assertEqual(packed[0], packed[1])


class CellTest(unittest.TestCase):
    def test_does_not_begin_what_was_taken_back(self):
        fd = os.memfd_create("cell")
        os.ftruncate(fd, 64)
        cell = Cell(fd)
        pool = mmap.mmap(fd, 64)
        self.assertTrue(cell.begin(7))
        self.assertEqual(struct.unpack_from("=Q", pool, 0), (7,))
        struct.pack_into("=QQ", pool, 8, 9, 11)
        self.assertEqual(
            [cell.begin(n) for n in (8, 9, 10, 11)], [True, False, False, True]
        )
        cell.rest()
        self.assertEqual(struct.unpack_from("=Q", pool, 0), (0,))


class ByHandTest(unittest.TestCase):
    def run_worker(self, *arguments, text=""):
        return subprocess.run(
            [sys.executable, worker_file(), *arguments],
            input=text,
            capture_output=True,
            text=True,
        )

    def test_prints_the_result(self):
        task = json.dumps({"function": "math:sqrt", "args": [4]})
        for done in (self.run_worker("--task", task), self.run_worker(text=task)):
            self.assertEqual((done.returncode, done.stdout), (0, "2.0\n"), done)

    def test_async_functions_set_up_and_the_module_remuda(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "h.py"), "w") as file:
                file.write(
                    "import asyncio, remuda\n"
                    "def make(): return 20\n"
                    "def cube(x): return x ** 3\n"
                    "async def f(x, base):\n"
                    "    await asyncio.sleep(0)\n"
                    "    remuda.progress(0.5)\n"
                    "    power = await remuda.offload(cube, x, to='process')\n"
                    "    return base + power + remuda.task().index\n"
                )
            task = {"function": "h:f", "args": [3], "path": [folder]}
            task["setup"] = {"base": "h:make"}
            done = self.run_worker("--task", json.dumps(task))
            self.assertEqual((done.returncode, done.stdout), (0, "47\n"), done)

    def test_errors_go_to_stderr(self):
        done = self.run_worker("--task", '{"function":"math:sqrt","args":[-1]}')
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertTrue(done.stderr.startswith("ValueError"), done.stderr)
        self.assertEqual(self.run_worker("--task", "{").returncode, 2)
        self.assertEqual(self.run_worker("--help").returncode, 2)


if __name__ == "__main__":
    unittest.main()
