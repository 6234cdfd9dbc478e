"""Every program of docs/PLUGINS.md is built as the page says, and works."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from cluster import job_text
from embedded_test import Folder

PAGE = pathlib.Path(os.getcwd()) / "docs/PLUGINS.md"
HEADERS = pathlib.Path(os.getcwd())

# What a job of each prints, on each executor that takes it.
JOBS = {
    "squares.cc": ("demo.squares", "with: {number: 7}", 49,
                   ["process-pool"]),
    "lookups.cc": ("demo.lookups", "priority: 0", {"thread": 1, "words": 2},
                   ["process-pool", "thread-pool"]),
    "beats.cc": ("demo.beats", "priority: 0", 1, ["async", "process-pool"]),
    "zeroes.c": ("demo.zeroes", "priority: 0", 0, ["async", "process-pool"]),
}


def programs():
    """The page's whole plugins, by name."""
    found = {}
    for _, text in re.findall(r"^```(cpp|c)\n(.*?)^```$",
                              PAGE.read_text(), re.S | re.M):
        name = re.match(r"(?://|/\*) (\w+\.cc?)\b", text)
        found[name[1]] = text
    return found


class Page(Folder):
    def build(self, name, text):
        source = self.folder / name
        source.write_text(text)
        command = re.search(r"^    (g\+\+ .*squares\.so)$", PAGE.read_text(),
                            re.M)[1]
        words = command.replace("squares", source.stem).split()
        if name.endswith(".c"):
            words[0:2] = ["gcc", "-std=c99", "-pedantic"]
            words[words.index(f"{source.stem}.cc")] = name
        words[words.index("-I.")] = f"-I{HEADERS}"
        subprocess.run([*words, "-Wall", "-Wextra", "-Werror"], check=True,
                       cwd=self.folder)
        return self.folder / f"{source.stem}.so"

    def test_each_program_runs(self):
        self.assertEqual(set(programs()), set(JOBS))
        number = 0
        for name, text in programs().items():
            built = self.build(name, text)
            kind, line, output, executors = JOBS[name]
            for executor in executors:
                number += 1
                spec = self.folder / "job.yaml"
                spec.write_text(job_text("page", kind, [
                    line, f"executor: {executor}"]))
                self.remuda("run", spec, "--plugin", built)
                out, _ = self.remuda("results", number, "--json")
                self.assertEqual([json.loads(row)["output"]
                                  for row in out.splitlines()], [output],
                                 f"{name} on {executor}")

    def test_no_other_code_is_on_the_page(self):
        fences = re.findall(r"^```(\w*)$", PAGE.read_text(), re.M)
        self.assertEqual(set(fences), {"cpp", "c", ""})
        self.assertEqual(len(fences), 2 * len(JOBS))


if __name__ == "__main__":
    unittest.main()
