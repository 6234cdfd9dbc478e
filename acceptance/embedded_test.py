"""The embedded default: processes share a state folder, host it in turn, and
no work is lost when one of them ends, however it ends."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

from cluster import PATIENCE, REMUDA, job_text, wait_until


class Folder(unittest.TestCase):
    """A home of its own, and commands in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="remuda-embed-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.environment = {
            **{key: value for key, value in os.environ.items()
               if not key.startswith("REMUDA_")},
            "HOME": str(self.folder)}
        self.environment.pop("XDG_STATE_HOME", None)

    def start(self, *args):
        process = subprocess.Popen(
            [REMUDA, *map(str, args)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
            env=self.environment, cwd=self.folder)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def remuda(self, *args, code=0):
        process = self.start(*args)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, code, out + err)
        return out, err


class Embedded(Folder):
    def job(self, number):
        out, _ = self.remuda("job", number, "--json")
        return json.loads(out)["jobs"][0]

    def spec(self, name, tasks, script):
        """Tasks that each say so in a file and then run the script."""
        path = self.folder / f"{name}.yaml"
        path.write_text(job_text(name, "command", [
            f"tasks: {{range: {{from: 1, to: {tasks}}}}}",
            "executor: process-pool",
            "with: {argv: [sh, -c, "
            f"'touch {self.folder}/{name}-$0; {script}', '{{{{item}}}}']}}"]))
        return path

    def started(self, name):
        wait_until(lambda: list(self.folder.glob(f"{name}-*")),
                   f"a task of {name} started")

    def host_and_guest(self):
        gate = self.folder / "gate"
        wait = f"while [ ! -e {gate} ]; do sleep 0.05; done"
        host = self.start("run", self.spec("first", 1, wait))
        self.started("first")
        guest = self.start("run", "--json", self.spec("second", 6, wait))
        wait_until(lambda: '"second"' in self.remuda("jobs", "--json")[0],
                   "the guest's job accepted")
        return host, guest, gate

    def check_guest(self, guest):
        out, err = guest.communicate(timeout=PATIENCE)
        self.assertEqual(guest.returncode, 0, out + err)
        job = json.loads(out)["jobs"][0]
        self.assertEqual(job["tasks"]["succeeded"], 6)
        # At most what ran, a task a core, was lost with the host.
        self.assertLessEqual(job["infrastructure_losses"], os.cpu_count())
        self.assertEqual(job["attempts"], 6 + job["infrastructure_losses"])

    def test_a_guest_takes_over_from_a_host_that_is_interrupted(self):
        host, guest, gate = self.host_and_guest()
        host.send_signal(signal.SIGINT)
        host.communicate(timeout=PATIENCE)
        self.assertEqual(host.returncode, 130)
        gate.touch()
        self.check_guest(guest)

    def test_a_guest_takes_over_from_a_host_that_is_killed(self):
        host, guest, gate = self.host_and_guest()
        host.kill()
        host.communicate(timeout=PATIENCE)
        gate.touch()
        self.check_guest(guest)
        # The host's own job goes on as well.
        _, err = self.remuda("wait", "1")
        self.assertIn("succeeded", err)

    def test_a_killed_run_goes_on_without_waiting_for_a_lease(self):
        run = self.start("run", self.spec("long", 2, "sleep 600"))
        self.started("long")
        run.kill()
        run.communicate(timeout=PATIENCE)
        self.assertIn("remuda wait 1", self.job(1)["reason"])
        for mark in self.folder.glob("long-*"):
            mark.unlink()
        again = self.start("wait", "1")
        self.started("long")
        self.assertLessEqual(self.job(1)["infrastructure_losses"],
                             os.cpu_count())
        self.remuda("cancel", "1")
        again.communicate(timeout=PATIENCE)
        self.assertEqual(again.returncode, 1)
        # By the history's own times, so that it matters little how slow the
        # machine is: a lease is 30 s.
        restarted = self.history("term_started")[-1]
        given_up = [at for at in self.history("agent_left") if at > restarted]
        self.assertLess((given_up[0] - restarted) / 1e9, 15)

    def history(self, kind):
        """When the events of a kind happened, in nanoseconds."""
        path = self.folder / ".local/state/remuda/coordinator/remuda.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as database:
            return [at for (at,) in database.execute(
                "SELECT at FROM events WHERE kind = ? ORDER BY seq", (kind,))]

    def test_the_second_interrupt_leaves_at_once(self):
        run = self.start("run", self.spec(
            "stubborn", 1, 'trap "" TERM; sleep 600; sleep 600'))
        self.started("stubborn")
        run.send_signal(signal.SIGINT)
        wait_until(lambda: self.job(1)["state"].startswith("cancel"),
                   "the job being cancelled")
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE)
        self.assertEqual(run.returncode, 130)
        _, err = self.remuda("wait", "1", code=1)
        self.assertIn("cancelled", err)


class Refusals(Folder):
    """What is wrong on the command line is said, with the right exit code."""

    def test_numbers_and_commands(self):
        for args, word in ((("job", "-1"), "-1"), (("job", "x"), "x"),
                           (("wait", "9" * 30), "999"),
                           (("frob",), "no command 'frob'"),
                           (("submit", "x.yaml", "--submission-key", ""),
                            "empty key")):
            with self.subTest(args):
                _, err = self.remuda(*args, code=2)
                self.assertIn(word, err)
        self.assertIn("remuda ", self.remuda("--version")[0])

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([REMUDA, "schema"], stdout=full,
                                  stderr=subprocess.PIPE, text=True,
                                  timeout=PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("could not be written", done.stderr)

    def test_stdin_is_called_by_its_name(self):
        text = job_text("a", "noop", ["tasks: {lines: nowhere.txt}"])
        done = subprocess.run([REMUDA, "plan", "-"], input=text, text=True,
                              capture_output=True, timeout=PATIENCE,
                              cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("<stdin>", done.stderr)
        self.assertIn("nowhere.txt", done.stderr)


if __name__ == "__main__":
    unittest.main()
