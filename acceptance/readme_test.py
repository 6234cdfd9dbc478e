"""Every command printed in the documentation runs as printed.

The ```sh blocks of one page run in order in one shell, in a copy of what a
clone holds after the build, with a HOME of its own.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from cluster import PATIENCE, REMUDA, ROOT

# Commands that are not run here, each with the reason.
NOT_RUN = {
    "./quickstart": "builds with Bazel, which does not nest; CI's machine "
                    "runs it by hand",
    "./test": "is what runs this test",
}


def shell_blocks(page):
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S)


def is_run(line):
    return line.split("#")[0].strip() not in NOT_RUN


class Documentation(unittest.TestCase):
    def pages(self):
        found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
        return [page for page in found if shell_blocks(page)]

    def test_every_command_runs(self):
        self.assertIn(ROOT / "README.md", self.pages())
        for page in self.pages():
            with self.subTest(page.name):
                self.run_page(page)

    def run_page(self, page):
        lines = [line for block in shell_blocks(page)
                 for line in block.splitlines() if is_run(line)]
        with tempfile.TemporaryDirectory(prefix="remuda-docs-") as folder:
            clone = pathlib.Path(folder) / "clone"
            (clone / "bazel-bin/cli").mkdir(parents=True)
            (clone / "bazel-bin/cli/remuda").symlink_to(
                pathlib.Path(REMUDA).resolve())
            for part in ("jobs/examples", "bench/tutorial",
                         "deploy/prometheus", "workers/perl"):
                shutil.copytree(ROOT / part, clone / part)
            home = pathlib.Path(folder) / "home"
            home.mkdir()
            said = pathlib.Path(folder) / "said"
            with open(said, "wb") as output:
                shell = subprocess.Popen(
                    ["bash", "-euxo", "pipefail", "-c", "\n".join(lines)],
                    cwd=clone, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, start_new_session=True,
                    env={"HOME": str(home), "PATH": os.environ["PATH"]})
            try:
                code = shell.wait(PATIENCE)
            finally:
                # What the page starts in the background ends with it.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
            self.assertEqual(code, 0, said.read_text())


if __name__ == "__main__":
    unittest.main()
