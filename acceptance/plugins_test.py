"""Plugins: their job types run in workers, and a bad plugin costs no agent."""

import json
import os
import pathlib
import subprocess
import unittest

from cluster import PATIENCE, REMUDA, job_text
from embedded_test import Folder

EXAMPLES = pathlib.Path(os.getcwd()) / "plugins/example"


def plugin(name):
    return str(EXAMPLES / f"{name}.so")


class Plugins(Folder):
    def spec(self, kind, lines):
        path = self.folder / "job.yaml"
        path.write_text(job_text("plugin", kind, lines))
        return path

    def outputs(self):
        out, _ = self.remuda("results", 1, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def test_words_are_counted(self):
        for number in range(1, 21):
            (self.folder / f"{number}.txt").write_text("a word\n" * number)
        spec = self.spec("example.words", [
            "tasks: {range: {from: 1, to: 20}}",
            f'with: {{file: "{self.folder}/{{{{item}}}}.txt"}}'])
        self.remuda("run", spec, "--plugin", plugin("words"))
        self.assertEqual(
            [task["output"] for task in self.outputs()],
            [{"words": 2 * number} for number in range(1, 21)])

    def test_what_a_handler_throws_is_its_tasks_error(self):
        spec = self.spec("example.words", ["with: {file: /does/not/exist}"])
        self.remuda("run", spec, "--plugin", plugin("words"), code=1)
        self.assertIn("cannot read /does/not/exist",
                      json.dumps(self.outputs()))

    def test_a_crash_costs_its_task_alone(self):
        spec = self.spec("test.broken", [
            "tasks: {items: [end, crash, end, throw, end]}",
            'with: {how: "{{item}}"}'])
        self.environment["REMUDA_PLUGINS"] = plugin("broken_runs")
        self.remuda("run", spec, code=1)
        tasks = self.outputs()
        self.assertEqual(
            [task["state"] for task in tasks],
            ["succeeded", "failed", "succeeded", "failed", "succeeded"])
        self.assertIn("SIGSEGV", json.dumps(tasks[1]))
        self.assertIn("thrown on purpose", json.dumps(tasks[3]))

    def test_parameters_are_checked(self):
        spec = self.spec("example.words", ["with: {fil: a}"])
        _, err = self.remuda("plan", spec, "--plugin", plugin("words"),
                             code=2)
        self.assertIn("file", err)

    def test_bad_plugins_are_left_out_with_the_reason(self):
        cases = {
            plugin("broken_aborts"): "crashes when it is loaded: Aborted",
            plugin("broken_hangs"): "after 10 s",
            plugin("broken_closesall"): "after 10 s",
            plugin("broken_otherversion"):
                "version 99 of the plugin interface, and this Remuda knows 1 "
                "to 2: it needs a newer Remuda",
            plugin("broken_newerhost"): "built for a newer Remuda",
            plugin("broken_takenname"): "a job type 'http.fetch' already",
            str(self.folder / "none.so"): "cannot load",
            str(self.folder / "plugin.json"): "is a shared object",
        }
        arguments = []
        for path in cases:
            arguments += ["--plugin", path]
        out, err = self.remuda("types", "--json", *arguments, "--plugin",
                               plugin("words"))
        for path, reason in cases.items():
            self.assertIn(f"plugin {path} is left out", err)
            self.assertIn(reason, err)
        self.assertIn("example.words", out)
        self.assertNotIn("test.broken", out)

    def test_the_probe_prints_the_manifest(self):
        done = subprocess.run(
            [REMUDA, "plugin-probe", plugin("words")], check=True,
            stdout=subprocess.PIPE, timeout=PATIENCE)
        manifest = json.loads(done.stdout)
        self.assertEqual(manifest["abi"], 2)
        self.assertEqual([kind["name"] for kind in manifest["job_types"]],
                         ["example.words"])


if __name__ == "__main__":
    unittest.main()
