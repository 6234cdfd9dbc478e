#!/usr/bin/python3
"""What can be tested of the contest without any peer."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import figures  # noqa: E402
import measuring  # noqa: E402
import packages  # noqa: E402
import report  # noqa: E402
import systems  # noqa: E402
import works  # noqa: E402
from peer import Peer, Sample  # noqa: E402
from processes import Driver  # noqa: E402

RATE, LATENCY = works.WORKS["array"], works.WORKS["one"]


class FakeContext:
    def folder_of(self, _):
        return pathlib.Path(tempfile.gettempdir())


class Fast(Peer):
    label, rate, asked = "fast", 1000.0, ()
    forms = {"array": "at once"}

    def __init__(self, context):
        super().__init__(context)
        self.asked = []

    def array(self, size):
        self.asked.append(size)
        return Sample(seconds=size / self.rate, done=size)


class Slow(Fast):
    label, rate = "slow", 250.0


class Late(Fast):
    label = "late"

    def array(self, size):
        return Sample(seconds=0.4 + size / 100_000, done=size)


class Broken(Fast):
    label = "broken"

    def array(self, size):
        raise RuntimeError("it fell over")


class Unfit(Peer):
    label, reasons = "unfit", {"array": "has none"}


class FiguresTest(unittest.TestCase):
    def test_percentiles_are_values_that_were_seen(self):
        values = list(range(1, 101))
        self.assertEqual(figures.percentile(values, 50), 50)
        self.assertEqual(figures.percentile(values, 99), 99)
        self.assertEqual(figures.percentile([7], 99), 7)
        self.assertEqual(figures.percentile([3, 1, 2], 50), 2)

    def test_a_rate_is_summed_up_by_its_median(self):
        row = figures.summary(RATE, [Sample(seconds=s, done=100)
                                     for s in (1.0, 4.0, 2.0)])
        self.assertEqual((row["median"], row["least"], row["most"]),
                         (50.0, 25.0, 100.0))
        self.assertEqual((row["size"], row["runs"]), (100, 3))

    def test_a_latency_is_the_median_of_the_runs_p50_and_p99(self):
        runs = [Sample(done=3, latencies_us=[10, 20, 90]),
                Sample(done=3, p50_us=40, p99_us=50),
                Sample(done=3, latencies_us=[1, 2, 3])]
        row = figures.summary(LATENCY, runs)
        self.assertEqual((row["median"], row["p99"]), (20, 50))

    def test_over_one_means_that_the_base_is_better(self):
        self.assertEqual(figures.ratio(RATE, {"median": 50}, {"median": 100}),
                         2)
        self.assertEqual(
            figures.ratio(LATENCY, {"median": 300}, {"median": 100}), 3)

    def test_a_size_fits_the_time_and_is_round(self):
        at = figures.next_size
        self.assertEqual(at(1.5, Sample(seconds=1, done=700), 10**6), 1000)
        self.assertEqual(at(2.0, Sample(seconds=1, done=321), 10**6), 600)
        self.assertEqual(at(2.0, Sample(seconds=1, done=10**6), 5000), 5000)
        self.assertEqual(at(0.1, Sample(seconds=1, done=2), 100), 1)

    def test_figures_are_readable(self):
        self.assertEqual([figures.human(x) for x in
                          (1234567.8, 99.94, 0.123, None)],
                         ["1,234,568", "99.9", "0.12", ""])


class WorksTest(unittest.TestCase):
    def test_the_registry_gives_its_works_in_order(self):
        self.assertEqual([work.name for work in works.chosen("one,array")],
                         ["array", "one"])
        with self.assertRaisesRegex(KeyError, "no work 'sing'"):
            works.chosen("sing")

    def test_every_system_does_a_work_or_says_why_not(self):
        for system in systems.SYSTEMS:
            for work in works.WORKS:
                self.assertNotEqual(
                    system.can(work), bool(system.reasons.get(work)),
                    f"{system.__name__}, {work}")

    def test_every_system_states_what_a_row_has_to(self):
        labels = [system.label for system in systems.SYSTEMS]
        self.assertEqual(len(set(labels)), len(labels))
        for system in systems.SYSTEMS:
            for fact in ("label", "settings", "durability", "encryption"):
                self.assertTrue(getattr(system, fact), system.__name__)
            self.assertLessEqual(set(system.forms), set(works.WORKS))

    def test_systems_are_chosen_by_how_their_names_begin(self):
        self.assertEqual([system.label for system in
                          systems.chosen("gearman,relay")],
                         ["gearman", "gearman, SQLite queue",
                          "floor: four-hop ZeroMQ relay"])
        self.assertEqual(systems.chosen(""), list(systems.SYSTEMS))
        with self.assertRaisesRegex(KeyError, "no system 'ray'"):
            systems.chosen("ray")


class ContestTest(unittest.TestCase):
    def table(self, *contestants):
        said, sys.stderr = sys.stderr, open(os.devnull, "w")
        try:
            return measuring.Contest(RATE, contestants, 1.0, 3, False,
                                     FakeContext()).run().table()
        finally:
            sys.stderr.close()
            sys.stderr = said

    def test_each_gets_what_fits_and_is_compared_with_the_first(self):
        table = self.table(Fast, Slow)
        self.assertEqual([(row["label"], row["size"], row["runs"])
                          for row in table["rows"]],
                         [("fast", 1000, 3), ("slow", 200, 3)])
        self.assertEqual([row["ratio"] for row in table["rows"]], [1, 4])
        self.assertEqual(table["rows"][0]["form"], "at once")

    def test_what_a_run_costs_at_least_does_not_make_it_small(self):
        row = self.table(Late)["rows"][0]
        self.assertGreaterEqual(0.4 + row["size"] / 100_000, 0.5)

    def test_what_fails_or_cannot_is_left_out_with_the_reason(self):
        table = self.table(Fast, Broken, Unfit)
        self.assertEqual(len(table["rows"]), 1)
        self.assertEqual(table["left_out"], {
            "broken": "failed: it fell over", "unfit": "has none"})


class ReportTest(unittest.TestCase):
    def setUp(self):
        row = {"least": 1.0, "most": 3.0, "size": 1000, "runs": 3}
        self.rate = {
            "work": "array", "title": "An array <of> no-ops",
            "unit": "tasks/s", "left_out": {"xargs": "runs commands only"},
            "rows": [{"label": "Remuda", "form": "a range", "median": 4000.0,
                      "ratio": 1.0, **row},
                     {"label": "a & b", "form": "", "median": 1000.0,
                      "ratio": 4.0, **row}]}
        self.latency = {
            "work": "one", "title": "One at a time", "unit": "microseconds",
            "left_out": {}, "rows": [{"label": "Remuda", "form": "",
                                      "median": 250.0, "p99": 900.0,
                                      "ratio": 1.0, **row}]}
        self.whole = {
            "date": "2026-01-02", "version": "v1", "runs": 3,
            "tables": [self.rate, self.latency],
            "missing": {"Celery": "celery: no such package"},
            "machine": {"processor": "P", "cores": 2, "memory_gib": 8,
                        "kernel": "Linux 6", "system": "Debian",
                        "load_before": 0.1, "load_after": 0.5},
            "systems": [{"label": "Remuda", "settings": "s",
                         "durability": "FULL", "encryption": "none"}]}

    def test_markdown_has_rows_reasons_and_the_machine(self):
        text = report.markdown(self.whole)
        for part in ("| a & b |  | 1,000 | 1.00 to 3.00 | 1,000 | 4.00 |",
                     "| Remuda |  | 250 | 900 |", "- xargs: runs commands",
                     "- Celery: celery: no such", "P, 2 cores, 8 GiB",
                     "| Remuda | s | FULL | none |", "load 0.1 before"):
            self.assertIn(part, text)

    def test_every_line_of_a_table_has_as_many_columns_as_its_head(self):
        columns = None
        for line in report.markdown(self.whole).splitlines():
            if not line.startswith("|"):
                columns = None
                continue
            columns = columns or line.count("|")
            self.assertEqual(line.count("|"), columns, line)

    def test_a_table_without_rows_is_still_a_table(self):
        self.rate["rows"] = []
        self.assertIn("tasks/s", report.markdown(self.whole))
        self.assertIn("</svg>", report.plot(self.rate))

    def test_a_plot_is_svg_with_a_bar_a_row_as_long_as_its_figure(self):
        drawn = xml.dom.minidom.parseString(report.plot(self.rate))
        bars = [float(bar.getAttribute("width")) for bar in
                drawn.getElementsByTagName("rect")[1:]]
        self.assertEqual(len(bars), 2)
        self.assertAlmostEqual(bars[0] / bars[1], 4, places=1)
        self.assertIn("a & b", [text.firstChild.data for text in
                                drawn.getElementsByTagName("text")])

    def test_reports_of_single_works_are_joined(self):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for number, table in enumerate((self.rate, self.latency)):
                files.append(pathlib.Path(folder) / f"{number}.json")
                files[-1].write_text(json.dumps(
                    {**self.whole, "tables": [table]}))
            said = subprocess.run(
                [sys.executable, HERE / "run", "--from-json", *files],
                capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout, report.markdown(self.whole))

    def test_a_name_that_is_none_is_a_usage_error(self):
        said = subprocess.run([sys.executable, HERE / "run", "--only", "ray"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(said.returncode, 2)
        self.assertIn("no system 'ray'", said.stderr)


class PackagesTest(unittest.TestCase):
    def test_a_peer_that_is_not_there_says_why(self):
        class Needy(Peer):
            label, packages, npm = "needy", ("one", "two"), True
        self.assertEqual(packages.missing(Needy, {"two": "two: refused"},
                                          None), "two: refused")
        self.assertEqual(packages.missing(Needy, {}, "npm: refused"),
                         "npm: refused")
        self.assertIsNone(packages.missing(Needy, {}, None))
        Needy.programs = ("no-such-program",)
        self.assertEqual(packages.missing(Needy, {}, None),
                         "there is no no-such-program")

    def test_the_lock_file_is_pinned_and_names_no_registry(self):
        wanted = json.loads((HERE / "package.json").read_text())
        lock = json.loads((HERE / "package-lock.json").read_text())
        self.assertEqual(lock["packages"][""]["dependencies"],
                         wanted["dependencies"])
        for version in wanted["dependencies"].values():
            self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        for name, package in lock["packages"].items():
            self.assertNotIn("resolved", package, name)
            if name:
                self.assertIn("integrity", package, name)


class DriverTest(unittest.TestCase):
    def driver(self, folder):
        program = pathlib.Path(folder) / "asked.py"
        program.write_text(
            f"import sys\nsys.path.insert(0, {str(HERE)!r})\n"
            "sys.dont_write_bytecode = True\n"
            "from program import batch, one_by_one, serve\n"
            "def stray(size):\n    print('stray')\n    return size\n"
            "serve({'batch': lambda n: batch(n, stray),\n"
            "       'short': lambda n: batch(n, lambda size: size - 1),\n"
            "       'one': lambda n: one_by_one(n, lambda: None)})\n")
        return Driver([sys.executable, program], pathlib.Path(folder), "asked")

    def test_a_program_answers_by_lines_of_json(self):
        with tempfile.TemporaryDirectory() as folder:
            driver = self.driver(folder)
            try:
                sample = Sample(**driver.ask("batch", 5))
                self.assertEqual(sample.done, 5)
                self.assertEqual(len(Sample(
                    **driver.ask("one", 3)).latencies_us), 3)
                with self.assertRaisesRegex(RuntimeError, "4 of 5"):
                    driver.ask("short", 5)
                self.assertEqual(driver.ask("batch", 2)["done"], 2)
                driver.process.kill()
                with self.assertRaisesRegex(RuntimeError, "asked ended"):
                    driver.read()
            finally:
                driver.end()


if __name__ == "__main__":
    unittest.main()
