"""bench/tables.py and bench/sizes.py, small: each table has its rows, and
nothing stays behind."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from comparison import Comparison  # noqa: E402

ROWS = {
    "A1": ("curl --parallel", "http.fetch", "http.fetch, limited by the job",
           "h2load, kept alive"),
    "A2": ("the tutorial's crawler", "the same with lxml", "http.crawl"),
    "A3": ("curl --parallel", "http.fetch", "http.fetch, limited by the job",
           "bare libcurl"),
    "A4": ("one after another", "200 threads", "thread-pool, 200",
           "asyncio, 200", "async, 200"),
}


class Tables(unittest.TestCase):
    def run_program(self, name, *args):
        return subprocess.run(
            [sys.executable, str(ROOT / "bench" / name), *args],
            capture_output=True, text=True, timeout=600,
            stdin=subprocess.DEVNULL, env={
                **os.environ,
                "LIBCURL_IN_FLIGHT": str(ROOT / "bench/libcurl_in_flight")})

    def test_quick_tables_have_their_rows(self):
        done = self.run_program("tables.py", "--quick", "--only",
                                ",".join(ROWS))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("is left out", done.stdout)
        for name, rows in ROWS.items():
            self.assertIn(f"## {name}: ", done.stdout)
            for row in rows:
                self.assertIn(f"\n| {row} | ", done.stdout)
        # A3 is two tables with a server each; nginx serves the first.
        self.assertEqual(done.stdout.count("The server's own CPU"),
                         len(ROWS) + 1)
        self.assertIn("200 at once, from nginx\n", done.stdout)
        self.assertIn("Of the ideal 0.10 s: http.fetch ", done.stdout)

    def test_quick_sizes_have_their_rows(self):
        done = self.run_program("sizes.py", "--quick")
        self.assertEqual(done.returncode, 0, done.stderr)
        for row in ("\n| 2,000 | ", "\n| 16,000 | ", "\n- 1: ", "\n- 3: ",
                    "\n- 3 beside one: ", "\n- coordinator: ", "\n- agent: "):
            self.assertIn(row, done.stdout)

    def test_memory_that_nobody_saw_is_left_out(self):
        comparison = Comparison("ways", {
            "over at once": lambda: (0.001, 0, 0.001),
            "seen": lambda: (1.0, 3 << 20, 0.5)})
        comparison.run(2)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            comparison.show(False)
        self.assertIn("| over at once | 0.00 | 0.00 to 0.00 | 1.00 |  |  | "
                      "0.00 |\n", said.getvalue())
        self.assertIn("| 3 MiB |  | 0.50 |\n", said.getvalue())

    def test_a_table_that_there_is_not_is_named(self):
        done = self.run_program("tables.py", "--only", "A9")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no table A9", done.stderr)


if __name__ == "__main__":
    unittest.main()
