"""What a task may use, kept by control groups and without them.

REMUDA_FILES_TASKS sets how many tasks carry 100 MB in and out.
"""

import json
import os
import pathlib
import secrets
import unittest

from cluster import Cluster, job_text, processes_with, wait_until

HOG = "import time; x = b'x' * (500 << 20); time.sleep(300)"
CONTROLLERS = ("memory", "pids")
MIB = 1 << 20


def group_folders(parent):
    """Groups of our own at the top of each hierarchy, or why there are none.

    The tests' own group may belong to who runs them and is left alone.
    """
    made = []
    for controller in CONTROLLERS:
        folder = pathlib.Path("/sys/fs/cgroup") / controller / parent
        try:
            folder.mkdir()
        except OSError as error:
            for other in made:
                other.rmdir()
            raise unittest.SkipTest(f"no control groups v1 here: {error}")
        made.append(folder)
    return made


class Limits:
    """The promises, which hold however limits are kept."""

    def one(self, type_, with_, extra=(), code=1):
        name = self.id().rsplit(".")[-1].replace("_", "-")[:60]
        spec = self.cluster.spec("one", job_text(
            name, type_, [f"with: {json.dumps(with_)}", *extra]))
        job = self.cluster.run(spec, code=code)
        return job, self.cluster.results(job["id"])[0]

    def one_oom(self, type_, with_, memory):
        """Only what ended as oom is tried again."""
        job, row = self.one(type_, with_, [
            f"resources: {{memory: {memory}}}",
            "retry: {attempts: 2, on: [oom], backoff: {initial: 10ms}}"])
        self.assertEqual(row["state"], "failed")
        self.assertIn(f"limit of {memory}", row["error"])
        self.assertEqual(job["attempts"], 2)
        return job

    def test_the_agent_says_how_limits_are_kept(self):
        log = (self.cluster.folder / "first.log").read_text()
        found = [json.loads(line) for line in log.splitlines()
                 if "limits_found" in line]
        self.assertEqual(len(found), 1)
        self.assertIn(self.kept_by, json.dumps(found[0]))

    def test_a_command_past_its_memory_limit(self):
        self.one_oom("command", {"argv": ["python3", "-c", HOG]}, "64Mi")

    def test_a_child_of_a_command_counts(self):
        self.one_oom(
            "command",
            {"argv": ["sh", "-c", f'python3 -c "{HOG}"; sleep 300']}, "64Mi")

    def test_a_python_task_past_its_memory_limit(self):
        job = self.one_oom(
            "python", {"function": "builtins:eval",
                       "args": ["len(b'x' * (500 << 20))"]}, "128Mi")
        self.assertEqual(job["executor"], "process-pool")

    def test_a_fork_bomb(self):
        mark = "bomb" + secrets.token_hex(8)
        spec = self.cluster.spec("beside", job_text(
            "beside", "command", ["with: {argv: [sh, -c, 'sleep 0.1']}",
                                  "tasks: {range: {from: 1, to: 20}}"]))
        beside = self.cluster.submit(spec)
        _, row = self.one(
            "command",
            {"argv": ["bash", "-c", "b() { b | b & }; b; sleep 300"],
             "env": {"BOMB": mark}})
        self.assertEqual(row["state"], "failed")
        self.assertIn("more than 1024 processes", row["error"])
        self.assertEqual(processes_with(mark), [])
        done = self.cluster.wait(beside)
        self.assertEqual(done["tasks"]["succeeded"], 20)

    def test_a_gigabyte_of_output(self):
        job, row = self.one(
            "command", {"argv": ["head", "-c", str(1 << 30), "/dev/zero"]},
            code=0)
        self.assertTrue(row["output"]["truncated"])
        self.assertEqual(row["output"]["stdout_bytes"], 1 << 30)
        self.check_disk()

    def test_a_gigabyte_of_output_of_python(self):
        (self.cluster.folder / "loud.py").write_text(
            "import os\n"
            "def shout():\n"
            "    block = b'x' * 65535 + b'\\n'\n"
            "    for _ in range(1 << 14): os.write(1, block)\n")
        spec = self.cluster.spec("loud", job_text(
            "loud", "python", ["with: {function: 'loud:shout'}"]))
        job = self.cluster.submit(spec)
        highest = 0

        def ended():
            nonlocal highest
            highest = max(highest, self.open_file_bytes())
            return self.cluster.job(job)["state"] == "succeeded"
        wait_until(ended, "the end of the loud task")
        self.assertLess(highest, 512 * MIB)
        logs = self.cluster.remuda("logs", job).stdout
        self.assertLessEqual(len(logs), 17 * MIB)
        self.check_disk()

    def open_file_bytes(self):
        """What the agent's open files take on the disk, nameless or not."""
        total = 0
        folder = f"/proc/{self.agent.process.pid}/fd"
        for name in os.listdir(folder):
            try:
                total += os.stat(f"{folder}/{name}").st_blocks * 512
            except OSError:
                pass  # closed meanwhile
        return total

    def check_disk(self):
        total = 0
        for path in (self.cluster.folder / "first").rglob("*"):
            try:
                total += path.lstat().st_blocks * 512
            except OSError:
                pass
        self.assertLess(total, 128 * MIB)

    def test_wide_tasks_take_their_slots(self):
        to = self.cluster.folder / "wide"
        code = ("import json, os, time; a = time.monotonic();"
                "time.sleep(0.1); json.dump({'begin': a,"
                "'end': time.monotonic(),"
                "'cpus': os.environ['REMUDA_CPUS'],"
                "'omp': os.environ['OMP_NUM_THREADS']}, open('r.json', 'w'))")
        spec = self.cluster.spec("wide", job_text(
            "wide", "command",
            [f"with: {json.dumps({'argv': ['python3', '-c', code]})}",
             "resources: {cpu: 2}", f"outputs: {{to: {to}, files: [r.json]}}",
             "tasks: {range: {from: 1, to: 8}}"]))
        job = self.cluster.run(spec)
        files = [row["output"]["files"][0]["path"]
                 for row in self.cluster.results(job["id"])]
        self.assertEqual(len(files), 8)
        runs = [json.loads(pathlib.Path(path).read_text()) for path in files]
        for run in runs:
            self.assertEqual((run["cpus"], run["omp"]), ("2", "2"))
            beside = [other for other in runs
                      if other["begin"] < run["begin"] < other["end"]]
            self.assertLess(len(beside), 2)  # two at once have four slots

    def test_tasks_wider_than_every_agent_wait_and_say_why(self):
        spec = self.cluster.spec("wider", job_text(
            "wider", "command", ["with: {argv: ['true']}",
                                 "resources: {cpu: 5}"]))
        job = self.cluster.submit(spec)
        self.assertIn("no online agent has 5 cpus",
                      self.cluster.job(job)["reason"])
        self.cluster.remuda("cancel", job)
        self.cluster.wait(job, code=1)

    def test_files_in_and_out_do_not_pass_through_the_agent(self):
        count = int(os.environ.get("REMUDA_FILES_TASKS", "8"))
        size = 100 * 10**6
        source = self.cluster.folder / "in.bin"
        with open(source, "wb") as file:
            file.write(b"begin")
            file.truncate(size)  # its holes are read as zeros all the same
        to = self.cluster.folder / "files"
        code = ("import sys\n"
                "out = open('out.bin', 'wb')\n"
                "with open(sys.argv[1], 'rb') as file:\n"
                "    while block := file.read(1 << 20):\n"
                "        out.write(block) if block.strip(b'\\0') "
                "else out.seek(len(block), 1)\n"
                "out.truncate()\n")
        spec = self.cluster.spec("files", job_text(
            "files", "command",
            [f"with: {json.dumps({'argv': ['python3', '-c', code, str(source)]})}",
             f"outputs: {{to: {to}, files: ['*.bin']}}",
             f"tasks: {{range: {{from: 1, to: {count}}}}}"]))
        before = self.memory("VmRSS")
        job = self.cluster.run(spec, timeout=1800)
        grown = self.memory("VmHWM") - before
        print(f"{count} tasks, {size} bytes in and out of each: the agent "
              f"grew by {grown // MIB} MiB")
        self.assertLess(grown, 100 * 10**6)
        for row in self.cluster.results(job["id"]):
            (file,) = row["output"]["files"]
            self.assertEqual(file["bytes"], size)
            with open(file["path"], "rb") as out:
                self.assertEqual(out.read(5), b"begin")

    def test_files_of_python_do_not_pass_through_the_agent(self):
        count = int(os.environ.get("REMUDA_FILES_TASKS", "8"))
        size = 100 * 10**6
        source = self.cluster.folder / "python-in.bin"
        with open(source, "wb") as file:
            file.write(b"begin")
            file.truncate(size)
        to = self.cluster.folder / "python-files"
        (self.cluster.folder / "copying.py").write_text(
            "import pathlib\n"
            "def copy(number, source):\n"
            "    out = pathlib.Path('out.bin')\n"
            "    with open(source, 'rb') as file, open(out, 'wb') as to:\n"
            "        while block := file.read(1 << 20):\n"
            "            (to.write(block) if block.strip(b'\\0')\n"
            "             else to.seek(len(block), 1))\n"
            "        to.truncate()\n"
            "    return out\n")
        with_ = {"function": "copying:copy", "args": ["{{item}}", str(source)]}
        spec = self.cluster.spec("copying", job_text(
            "copying", "python",
            ["executor: process-pool", f"with: {json.dumps(with_)}",
             f"outputs: {{to: {to}}}",
             f"tasks: {{range: {{from: 1, to: {count}}}}}"]))
        before = self.memory("VmRSS")
        job = self.cluster.run(spec, timeout=1800)
        grown = self.memory("VmHWM") - before
        print(f"{count} python tasks: the agent grew by {grown // MIB} MiB")
        self.assertLess(grown, 100 * 10**6)
        rows = self.cluster.results(job["id"])
        self.assertEqual(len({row["output"]["file"] for row in rows}), count)
        for row in rows:
            self.assertEqual(row["output"]["bytes"], size)
            with open(row["output"]["file"], "rb") as out:
                self.assertEqual(out.read(5), b"begin")

    def memory(self, name):
        status = pathlib.Path(
            f"/proc/{self.agent.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines()
                   if line.startswith(name + ":")]
        return int(line.split()[1]) << 10

    def test_a_missing_file_and_a_link_are_named(self):
        to = f"outputs: {{to: {self.cluster.folder / 'bad'}, files: ['*.txt']}}"
        _, row = self.one("command", {"argv": ["true"]}, [to])
        self.assertIn("'*.txt'", row["error"])
        _, row = self.one("command",
                          {"argv": ["ln", "-s", "/etc/passwd", "a.txt"]}, [to])
        self.assertIn("symbolic link", row["error"])


class ByGroups(Limits, unittest.TestCase):
    kept_by = "cgroup v1 memory, pids"

    @classmethod
    def setUpClass(cls):
        parent = "remuda-accept-" + secrets.token_hex(4)
        cls.groups = group_folders(parent)
        cls.inside = ["env", f"REMUDA_CGROUP={parent}"]
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.leave)
        cls.cluster.coordinator()
        cls.agent = cls.cluster.agent("--slots", "process-pool=4",
                                      name="first", inside=cls.inside)
        cls.cluster.agents_online(1)

    @classmethod
    def leave(cls):
        cls.cluster.__exit__(None)
        for folder in cls.groups:
            for left in folder.iterdir():
                if left.is_dir():
                    for inner in left.iterdir():
                        if inner.is_dir():
                            inner.rmdir()
                    left.rmdir()
            folder.rmdir()

    def left(self):
        return [str(path) for folder in self.groups
                for path in folder.iterdir() if path.is_dir()]

    def test_z_groups_go_with_their_agent(self):
        """Last by name, as it ends the agent."""
        spec = self.cluster.spec("long", job_text(
            "long", "command", ["with: {argv: [sleep, '300']}",
                                "resources: {memory: 64Mi}"]))
        job = self.cluster.submit(spec)
        wait_until(lambda: self.cluster.job(job)["tasks"]["running"] == 1,
                   "the task runs")
        wait_until(lambda: len(self.left()) == 2, "groups of both kinds")
        self.agent.kill()
        second = self.cluster.agent("--slots", "process-pool=4",
                                    name="second", inside=self.inside)
        first = f"-{self.agent.process.pid}-"
        wait_until(lambda: not any(first in path for path in self.left()),
                   "the groups of a killed agent go with the next one")
        self.cluster.remuda("cancel", job)
        self.assertEqual(second.stop(), 0)
        self.assertEqual(self.left(), [])


class BySampling(Limits, unittest.TestCase):
    kept_by = "sampling only"

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.__exit__, None)
        cls.cluster.coordinator()
        cls.agent = cls.cluster.agent(
            "--slots", "process-pool=4", name="first",
            inside=["env", "REMUDA_LIMITS=sampling"])
        cls.cluster.agents_online(1)


if __name__ == "__main__":
    unittest.main()
