#!/usr/bin/python3
"""Marks the verdict against the truth.

Runs each workload of animals.py on each executor that it may run on, alone on
this machine, and asks for the verdict on each run. What it predicts for the
others is set beside what those measured. `--facts` runs the tutorial's own
code instead, on threads of one interpreter and on the loop.

    bazel build //cli:remuda && bench/zoo/zoo.py [--only NAME,...] [--facts]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, free_port, job_text  # noqa: E402

PYTHON = "/usr/bin/python3"
PLAIN = ["thread-pool", "process-pool"]
ANY = ["async", "thread-pool", "process-pool"]

# name, tasks of a run, executors
ANIMALS = [
    ("cpu_heavy", 40, PLAIN), ("json_parse", 100, PLAIN),
    ("regex", 60, PLAIN), ("hashing", 60, PLAIN), ("compressing", 40, PLAIN),
    ("thumbnail", 60, PLAIN), ("numpy_large", 60, PLAIN),
    ("numpy_small", 60, PLAIN), ("sleeping", 80, PLAIN),
    ("reading", 120, PLAIN), ("subprocesses", 400, PLAIN),
    ("wait_and_count", 120, PLAIN), ("one_lock", 100, PLAIN),
    ("tiny", 20_000, PLAIN), ("async_sleeping", 80, ANY),
    ("async_counting", 100, ANY), ("async_blocking", 40, ANY),
]


class Zoo:
    def __init__(self, cluster):
        self.cluster = cluster
        cluster.coordinator()
        cluster.agent()
        cluster.agents_online(1)

    def verdict(self, job):
        said = self.cluster.remuda("explain", job, "--json").stdout
        return json.loads(said)["verdicts"][0]

    def run(self, name, function, source, executor, *lines):
        spec = self.cluster.spec("spec", job_text(name, "python", [
            f"executor: {executor}", *lines[1:],
            f"with: {{function: '{function}', path: ['{source}'], "
            f"python: {PYTHON}, {lines[0]}}}"]))
        job = self.cluster.run(spec)
        if job["state"] != "succeeded":
            raise SystemExit(f"{name} on {executor}: {job['state']}; "
                             + str(self.cluster.results(job["id"])[0]))
        return self.verdict(job["id"])


def animal(zoo, name, tasks, executors):
    """One row for each executor that the workload began on."""
    source = ROOT / "bench/zoo"
    ran = {}
    for executor in executors:
        # The first run starts workers and makes what tasks work on.
        for count in (16, tasks):
            ran[executor] = zoo.run(
                name.replace("_", "-"), f"animals:{name}", source, executor,
                "args: ['{{item}}']",
                f"tasks: {{range: {{from: 1, to: {count}}}}}")
    speed = {executor: said["measures"]["per_second"]
             for executor, said in ran.items()}
    best = max(speed, key=speed.get)
    rows = []
    for executor, said in ran.items():
        advised = said["best"] or executor
        row = {"name": name, "on": executor, "code": said["code"],
               "advised": advised, "best": best,
               "loses": 1 - speed[advised] / speed[best], "predictions": []}
        for one in said["predictions"]:
            row["predictions"].append({
                "executor": one["executor"], "gain": one["gain"],
                "measured": speed[one["executor"]] / speed[executor]})
        row["sentence"] = said["sentence"]
        rows.append(row)
    return rows


def show(rows):
    print(f"{'workload':16}{'on':14}{'verdict':18}{'advised':14}{'best':14}"
          f"{'loses':>6}  predicted beside measured")
    right = near = within = predictions = alarms = 0
    for row in rows:
        right += row["loses"] <= 0.05
        alarms += row["code"] == "move" and row["loses"] > 0.05
        words = []
        for one in row["predictions"]:
            gain, measured = one["gain"], one["measured"]
            predictions += 1
            near += abs(gain["middle"] / measured - 1) <= 0.25
            within += gain["low"] <= measured <= gain["high"]
            words.append(f"{one['executor']} {gain['middle']:.2f} "
                         f"({gain['low']:.2f} to {gain['high']:.2f}) "
                         f"{measured:.2f}")
        print(f"{row['name']:16}{row['on']:14}{row['code']:18}"
              f"{row['advised']:14}{row['best']:14}{row['loses']:>6.0%}  "
              + "; ".join(words))
    print(f"advised within 5% of the best: {right} of {len(rows)}; predicted "
          f"within 25% of the measured: {near} of {predictions}, within its "
          f"interval: {within}; moves that would lose over 5%: {alarms}")


def facts(zoo):
    """The tutorial's code: what does the verdict say of it?"""
    sums = zoo.run("cpu-heavy", "cpu_heavy:cpu_heavy", ROOT / "bench/tutorial",
                   "thread-pool", "args: [2000000]",
                   "tasks: {range: {from: 1, to: 24}}", "concurrency: 2")
    thumbs = zoo.run("thumbnail", "animals:thumbnail", ROOT / "bench/zoo",
                     "thread-pool", "args: ['{{item}}']",
                     "tasks: {range: {from: 1, to: 60}}", "concurrency: 2")
    folder = zoo.cluster.folder / "pages"
    folder.mkdir()
    body = "<p>text <a href='/x'>link</a></p>" * 55
    (folder / "page.html").write_text(
        f"<html><head><title>Page</title></head><body>{body}</body></html>")
    port = free_port()
    server = subprocess.Popen(
        [PYTHON, "-c", "import sys; sys.path.insert(0, sys.argv[2]); "
         "import multiprocessing, tutorial_jobs; "
         "tutorial_jobs.serve(int(sys.argv[1]), multiprocessing.Event())",
         str(port), str(ROOT / "bench")])
    try:
        time.sleep(1)
        crawl = zoo.run(
            "crawl", "crawler:fetch_and_parse", ROOT / "bench/tutorial",
            "async", "args: ['{{item}}'], "
            "setup: {session: 'crawler:open_session'}",
            f"tasks: {{items: {['http://127.0.0.1:%d/' % port] * 2000}}}",
            "concurrency: 50")
    finally:
        server.kill()
        server.wait()
    for said in (sums, thumbs, crawl):
        print(said["sentence"])
        for one in said["advice"]:
            print("  " + one["text"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="workloads, with commas between")
    parser.add_argument("--facts", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with Cluster() as cluster:
        zoo = Zoo(cluster)
        if args.facts:
            return facts(zoo)
        only = args.only.split(",") if args.only else None
        rows = []
        for name, tasks, executors in ANIMALS:
            if only is None or name in only:
                rows += animal(zoo, name, tasks, executors)
        if args.json:
            print(json.dumps(rows))
        else:
            show(rows)


if __name__ == "__main__":
    main()
