"""bench/tables.py, small: each table has its rows, and nothing stays behind."""

import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
ROWS = {
    "A1": ("curl --parallel", "http.fetch", "h2load, kept alive"),
    "A2": ("the tutorial's crawler", "the same with lxml", "http.crawl"),
    "A4": ("one after another", "200 threads", "thread-pool, 200",
           "asyncio, 200", "async, 200"),
}


class Tables(unittest.TestCase):
    def run_tables(self, *args):
        return subprocess.run(
            [sys.executable, str(ROOT / "bench/tables.py"), *args],
            capture_output=True, text=True, timeout=600,
            stdin=subprocess.DEVNULL, env=dict(os.environ))

    def test_quick_tables_have_their_rows(self):
        done = self.run_tables("--quick", "--only", ",".join(ROWS))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("is left out", done.stdout)
        for name, rows in ROWS.items():
            self.assertIn(f"## {name}: ", done.stdout)
            for row in rows:
                self.assertIn(f"\n| {row} | ", done.stdout)
        self.assertEqual(done.stdout.count("The server's own CPU"), len(ROWS))

    def test_a_table_that_there_is_not_is_named(self):
        done = self.run_tables("--only", "A9")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no table A9", done.stderr)


if __name__ == "__main__":
    unittest.main()
