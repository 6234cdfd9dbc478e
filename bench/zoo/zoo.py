#!/usr/bin/python3
"""Marks the verdict against the truth.

Runs each workload of animals.py and animals.cc on each executor that it may run
on, in turn, on one agent that is warm, and asks for the verdict on each run.
What it predicts for the others is set beside what those measured: tasks a
second over the whole of a job, the median of its runs. The verdict that counts
is that on the run in the middle. `--facts` runs the tutorial's own code
instead, on threads of one interpreter and on the loop. `--auto` runs each on
`executor: auto` that learns, beside the fixed ones (learning.py).

    bazel build //cli:remuda //bench/zoo:animals.so && bench/zoo/zoo.py
    bench/zoo/zoo.py --part 1/4 --json > 1.json; bench/zoo/zoo.py --show *.json
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "bench/zoo"
sys.path.insert(0, str(ROOT / "acceptance"))

import learning  # noqa: E402
from cluster import Cluster, free_port, job_text  # noqa: E402

PYTHON = "/usr/bin/python3"
PAGE_SECONDS = "0.02"  # as from far away
PLUGIN = os.environ.get("ZOO_PLUGIN", ROOT / "bazel-bin/bench/zoo/animals.so")
THREADS, PROCESSES, LOOP = "thread-pool", "process-pool", "async"


class Animal:
    """A workload: how many tasks make a run of some two seconds on each
    executor, and what else its spec says."""

    def __init__(self, name, threads=None, processes=None, loop=None, *,
                 amount=None, concurrency=None, args=()):
        self.name = name
        counts = {LOOP: loop, THREADS: threads, PROCESSES: processes}
        self.tasks = {kind: count for kind, count in counts.items() if count}
        self.amount = amount
        self.lines = [f"concurrency: {concurrency}"] if concurrency else []
        self.args = ", ".join(["'{{item}}'", *args])

    def spec(self, executor, count, url="", function=None, size=None):
        prefer = "auto" if executor == "auto" else f"{{prefer: {executor}}}"
        lines = [f"executor: {prefer}",
                 f"tasks: {{range: {{from: 1, to: {count}}}}}", *self.lines]
        if self.amount:
            return job_text(self.name, f"zoo.{self.name}", [
                *lines, f"with: {{amount: {self.amount}, n: '{{{{item}}}}'}}"])
        args = self.args.replace("URL", url) + (f", {size}" if size else "")
        return job_text(self.name.replace("_", "-"), "python", [
            *lines, f"with: {{function: 'animals:{function or self.name}', "
            f"path: ['{HERE}'], python: {PYTHON}, args: [{args}]}}"])


ANIMALS = [
    Animal("cpu_heavy", 120, 120, concurrency=2),
    Animal("json_parse", 800, 800),
    Animal("regex", 120, 120, concurrency=2),
    Animal("hashing", 240, 240, concurrency=2),
    Animal("compressing", 400, 400),
    Animal("thumbnail", 140, 140, concurrency=2),
    Animal("numpy_large", 80, 80),
    Animal("numpy_small", 140, 140, concurrency=2),
    Animal("sleeping", 4000, 128),
    Animal("reading", 1200, 1200),
    Animal("syncing", 2000, 800),
    Animal("http", 3000, 180, args=["URL"]),
    Animal("subprocesses", 1500, 1500),
    Animal("wait_and_count", 1600, 180),
    Animal("one_lock", 700, 700),
    Animal("bursty", 400, 400),
    Animal("tiny", 80_000, 100_000),
    Animal("async_sleeping", 4000, 128, 5000, concurrency=100),
    Animal("async_counting", 700, 700, 700, concurrency=100),
    Animal("async_blocking", 4000, 128, 128, concurrency=100),
    Animal("async_http", 2000, 180, 4000, concurrency=100,
           args=["URL"]),
    Animal("crawling", 1500, 180, 2500, concurrency=50,
           args=["URL"]),
    Animal("hashes", 400, 400, amount=10_000),
    Animal("sorts", 400, 400, amount=200_000),
    Animal("streams", 200, 200, amount=1),
    Animal("sleeps", 4000, 128, amount=30),
    Animal("reads", 400, 400, amount=50),
    Animal("locks", 400, 400, amount=10_000),
    Animal("waits", None, 128, 5000, amount=30, concurrency=100),
    Animal("counts", None, 400, 400, amount=10_000, concurrency=100),
]


@contextlib.contextmanager
def pages():
    """Serves pages as one far away; yields the address."""
    port = free_port()
    with subprocess.Popen([PYTHON, HERE.parent / "page_server.py",
                           str(port), PAGE_SECONDS],
                          stdout=subprocess.PIPE) as server:
        try:
            server.stdout.readline()
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.kill()


class Zoo:
    """One agent, and the server of pages."""

    def __init__(self, cluster, url):
        self.cluster = cluster
        self.url = url
        cluster.coordinator()
        cluster.agent()
        cluster.agents_online(1)

    def choice(self, text):
        """Where `executor: auto` runs it."""
        said = self.cluster.remuda(
            "plan", self.cluster.spec("plan", text), "--json").stdout
        return json.loads(said)["jobs"][0]["executor"]

    def job(self, text):
        job = self.cluster.run(self.cluster.spec("spec", text))
        if job["state"] != "succeeded":
            raise SystemExit(f"{text}\n{job['state']}; "
                             + str(self.cluster.results(job["id"])[0]))
        return job

    def run(self, text):
        """Tasks a second of the whole job, and the verdict on it."""
        job = self.job(text)
        said = self.cluster.remuda("explain", job["id"], "--json").stdout
        return (job["tasks"]["succeeded"] / job["duration_seconds"],
                json.loads(said)["verdicts"][0])


@contextlib.contextmanager
def zoo_of_its_own():
    with pages() as url, Cluster() as cluster:
        yield Zoo(cluster, url)


def look_at(zoo, animal, runs):
    """A row for each executor that the workload began on."""
    for executor in animal.tasks:
        # Starts workers and makes what tasks work on.
        zoo.run(animal.spec(executor, 24, url=zoo.url))
    ran = {executor: [] for executor in animal.tasks}
    for _ in range(runs):
        for executor, count in animal.tasks.items():
            ran[executor].append(
                zoo.run(animal.spec(executor, count, url=zoo.url)))
    speed, verdicts = {}, {}
    for executor, pairs in ran.items():
        pairs.sort(key=lambda pair: pair[0])
        speed[executor], verdicts[executor] = pairs[len(pairs) // 2]
    auto = zoo.choice(animal.spec("auto", 8, url=zoo.url))
    rows = []
    for executor, said in verdicts.items():
        predictions = [
            {"on": one["executor"], "gain": one["gain"],
             "measured": speed[one["executor"]] / speed[executor]}
            for one in said["predictions"]]
        advised = said["best"] or said["leaning"] or executor
        if said["code"] == "batch":
            predictions = [in_batches(zoo, animal, executor, said,
                                      speed[executor])]
        rows.append({
            "name": animal.name, "on": executor, "is_auto": executor == auto,
            "code": said["code"],
            "advised": advised, "best": max(speed, key=speed.get),
            "loses": 1 - speed[advised] / max(speed.values()),
            "predictions": predictions, "speeds": [
                round(pair[0], 1) for pair in ran[executor]],
            "measures": said["measures"], "bound": said["bound"],
            "sentence": said["sentence"]})
    return rows


def in_batches(zoo, animal, executor, said, before):
    """What larger tasks gain, by as much as the verdict said."""
    size = said["batch_tasks"]
    count = max(2000 // size, 1) * 100
    after, _ = zoo.run(animal.spec(executor, count, size=size,
                                   function=f"{animal.name}_many"))
    return {"on": f"batches of {size}", "gain": said["gain"],
            "measured": after * size / before}


def is_near(one):
    return abs(one["gain"]["middle"] / one["measured"] - 1) <= 0.25


def number(gain):
    return f"{gain:.0f}" if gain >= 10 else f"{gain:.2f}"


def counts(rows):
    """How many verdicts were right, and how many predictions near."""
    predictions = [one for row in rows for one in row["predictions"]]
    right = sum(row["loses"] <= 0.05 for row in rows)
    near = sum(map(is_near, predictions))
    within = sum(one["gain"]["low"] <= one["measured"] <= one["gain"]["high"]
                 for one in predictions)
    return (f"advised within 5% of the best: {right} of {len(rows)}; gains "
            f"predicted within 25% of the measured: {near} of "
            f"{len(predictions)}, which are within their intervals: {within}")


def show(rows):
    """The table in Markdown, and what it comes to."""
    print("| workload | on | verdict | best measured | advice loses | "
          "predicted gain | measured |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        said = row["code"]
        if row["advised"] != row["on"]:
            said += (" to " if said == "move" else ", better ") + row["advised"]
        print(f"| {row['name']} | {row['on']}{'*' * row['is_auto']} | {said} | "
              f"{row['best']} | {max(row['loses'], 0):.0%} | "
              + "; ".join(f"{one['on']} {number(one['gain']['middle'])} "
                          f"({number(one['gain']['low'])} to "
                          f"{number(one['gain']['high'])})"
                          for one in row["predictions"]) + " | "
              + "; ".join(number(one["measured"])
                          + ("" if is_near(one) else " !")
                          for one in row["predictions"]) + " |")
    auto = [row for row in rows if row["is_auto"]]
    harm = sum(row["code"] == "move" and row["loses"] > 0.05 for row in rows)
    print(f"\nFrom where `executor: auto` starts (*), {counts(auto)}.")
    print(f"From every executor, {counts(rows)}.")
    print(f"Moves that would lose over 5%: {harm}.")


def facts():
    """The tutorial's code: what does the verdict say of it?"""
    tutorial = f"path: ['{ROOT}/bench/tutorial'], python: {PYTHON}"
    sums = job_text("cpu-heavy", "python", [
        "executor: thread-pool", "concurrency: 2",
        "tasks: {range: {from: 1, to: 24}}",
        f"with: {{function: 'cpu_heavy:cpu_heavy', {tutorial}, "
        "args: [2000000]}"])
    thumbs = Animal("thumbnail", concurrency=2).spec(THREADS, 100)
    crawl = job_text("crawl", "python", [
        "executor: async", "concurrency: 50",
        "tasks: {range: {from: 1, to: 3000}}",
        f"with: {{function: 'crawler:fetch_and_parse', {tutorial}, "
        "args: ['URL{{item}}'], "
        "setup: {session: 'crawler:open_session'}}"])
    for text in (sums, thumbs, crawl):
        with zoo_of_its_own() as zoo:
            text = text.replace("URL", zoo.url)
            zoo.run(text)
            _, said = zoo.run(text)
        print(said["sentence"])
        for one in said["advice"]:
            print("  " + one["text"])


def part(animals, text):
    """Every Nth of them, from the Kth on: K/N."""
    which, parts = map(int, text.split("/"))
    return animals[which - 1::parts]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="workloads, with commas between")
    parser.add_argument("--part", default="1/1", help="K/N: one part of N")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--facts", action="store_true")
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", nargs="+", metavar="FILE",
                        help="the table of what --json printed")
    args = parser.parse_args()
    if args.show:
        rows = [row for file in args.show
                for row in json.loads(pathlib.Path(file).read_text())]
        order = [animal.name for animal in ANIMALS]
        rows.sort(key=lambda row: order.index(row["name"]))
        return (learning.show if args.auto else show)(rows)
    animals = ANIMALS
    if args.only:
        wanted = args.only.split(",")
        animals = [animal for animal in ANIMALS if animal.name in wanted]
    os.environ["REMUDA_PLUGINS"] = str(PLUGIN)
    if args.facts:
        return facts()
    rows = []
    for animal in part(animals, args.part):
        # Workers that another workload has left would change the result.
        with zoo_of_its_own() as zoo:
            rows += ([learning.look_at(zoo, animal)] if args.auto
                     else look_at(zoo, animal, args.runs))
    if args.json:
        print(json.dumps(rows))
    else:
        (learning.show if args.auto else show)(rows)


if __name__ == "__main__":
    main()
