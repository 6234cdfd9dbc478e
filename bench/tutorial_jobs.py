#!/usr/bin/python3
"""The tutorial's own code as a script and as a Remuda job.

The crawler over local pages: the script, the job in one worker process and in
two; the sum over eight large numbers with multiprocessing.Pool(2), with one and
with two workers. The server of the pages uses the same cores; agents are warm.

    bazel build //cli:remuda && bench/tutorial_jobs.py --pages 10000 --runs 3
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, free_port  # noqa: E402
from comparison import Comparison, cpu_of, tree_of  # noqa: E402
from page_server import serve  # noqa: E402

TUTORIAL = ROOT / "bench/tutorial"
PYTHON = "/usr/bin/python3"


def serve_at_once(port, ready):
    serve(port, 0, ready.set)


def timed(command):
    """How long it took, and what it used of the cores."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return took, used.ru_utime + used.ru_stime


class Agent:
    """A cluster whose workers have run the job once before it is measured."""

    def __init__(self, spec, *args):
        self.cluster = Cluster(durability="full")
        self.coordinator = self.cluster.coordinator().process.pid
        self.agent = self.cluster.agent(*args).process.pid
        self.cluster.agents_online(1)
        self.run(spec)

    def run(self, spec):
        return self.cluster.run(spec)["duration_seconds"]

    def cpu(self):
        """Seconds of CPU so far, by whose they are."""
        below = [pid for pid in tree_of(self.agent) if pid != self.agent]
        return {"coordinator": cpu_of([self.coordinator]),
                "agent": cpu_of([self.agent]), "workers": cpu_of(below)}

    def close(self):
        self.cluster.__exit__(None)


class Shares:
    """Who used the cores while a way ran: medians of all its runs."""

    def __init__(self, server):
        self.server = server
        self.runs = {}

    def of_script(self, way, command):
        def run():
            before = cpu_of([self.server])
            took, used = timed(command)
            self.note(way, {"server": cpu_of([self.server]) - before,
                            "script": used})
            return took

        return run

    def of_job(self, way, agent, spec):
        def run():
            def now():
                return {"server": cpu_of([self.server]), **agent.cpu()}

            before = now()
            took = agent.run(spec)
            self.note(way, {name: after - before[name]
                            for name, after in now().items()})
            return took

        return run

    def note(self, way, seconds):
        self.runs.setdefault(way, []).append(seconds)

    def medians(self):
        return {way: {name: statistics.median(run[name] for run in runs)
                      for name in runs[0]}
                for way, runs in self.runs.items()}

    def show(self, script_seconds, as_json):
        """`script_seconds` is how long the script took.

        What the pages and the script's own code cost is what any number of
        workers has to do as well, so no program that shares these cores with
        the server is faster than that divided by the cores.
        """
        medians = self.medians()
        least = sum(medians["script"].values()) / os.cpu_count()
        if as_json:
            print(json.dumps({"title": "CPU seconds", "ways": medians,
                              "least_seconds": least}))
            return
        for way, seconds in medians.items():
            parts = ", ".join(f"{name} {used:.2f}"
                              for name, used in seconds.items())
            print(f"{way}: CPU seconds: {parts}")
        print(f"script and server alone fill {os.cpu_count()} cores for "
              f"{least:.2f} s: {script_seconds / least:.2f} times the script "
              "is the most that is possible\n")


def crawl(pages, runs, as_json):
    port = free_port()
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=serve_at_once, args=(port, ready))
    server.start()
    ready.wait()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="remuda-bench-"))
    for name in ("crawler.py", "crawl.yaml"):
        shutil.copy(TUTORIAL / name, folder)
    urls = folder / "urls.txt"
    urls.write_text("".join(f"http://127.0.0.1:{port}/{n}\n"
                            for n in range(pages)))
    spec = folder / "crawl.yaml"
    one, two = (Agent(spec, "--workers", str(n)) for n in (1, 2))
    script = [PYTHON, str(folder / "crawler.py"), str(urls)]
    shares = Shares(server.pid)
    comparison = Comparison(f"fetch_and_parse over {pages:,} local pages", {
        "script": shares.of_script("script", script),
        "job, one worker": shares.of_job("job, one worker", one, spec),
        "job, two workers": shares.of_job("job, two workers", two, spec)})
    comparison.run(runs)
    comparison.show(as_json)
    shares.show(comparison.median("script"), as_json)
    one.close()
    two.close()
    server.terminate()
    shutil.rmtree(folder)


def cpu_heavy(runs, as_json):
    spec = TUTORIAL / "cpu_heavy.yaml"
    one, two = (Agent(spec, "--slots", f"process-pool={n}") for n in (1, 2))
    script = [PYTHON, str(TUTORIAL / "cpu_heavy.py")]
    comparison = Comparison("cpu_heavy over [10_000_000] * 8", {
        "multiprocessing.Pool(2)": lambda: timed([*script, "2"])[0],
        "job, two workers": lambda: two.run(spec),
        "multiprocessing.Pool(1)": lambda: timed([*script, "1"])[0],
        "job, one worker": lambda: one.run(spec)})
    comparison.run(runs)
    comparison.show(as_json)
    one.close()
    two.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("crawl", "cpu_heavy"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.only != "cpu_heavy":
        crawl(args.pages, args.runs, args.json)
    if args.only != "crawl":
        cpu_heavy(args.runs, args.json)


if __name__ == "__main__":
    main()
