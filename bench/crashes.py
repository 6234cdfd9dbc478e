#!/usr/bin/python3
"""What one task in a hundred that dies costs the others.

Runs an array clean and with deaths, in turn, on one agent with two slots of
the process pool, and compares the medians. Tasks compute for 0, 1 and 10 ms;
they die of SIGSEGV, or by leaving the process. Each run must end with exactly
the failures that were planted, each naming how, and no worker more than before.

    bazel build //cli:remuda //bench:crashing.so && bench/crashes.py
    bench/crashes.py --kinds python --milliseconds 0 --how exit --runs 5
"""

import argparse
import contextlib
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, job_text, metric, wait_until  # noqa: E402
from comparison import Comparison  # noqa: E402

PLUGIN = ROOT / "bazel-bin/bench/crashing.so"
EVERY = 100
SLOTS = 2

CODE = """
import os, signal, time

def work(n, milliseconds, every, how):
    end = time.perf_counter() + milliseconds / 1000
    while milliseconds and time.perf_counter() < end:
        pass
    if every and n % every == every // 2:
        if how == "exit":
            os._exit(7)
        signal.raise_signal(signal.SIGSEGV)  # this thread, as a bug would
    return n

async def wait(n, milliseconds, every, how):
    return work(n, milliseconds, every, how)
"""

WORDS = {"segv": "SIGSEGV", "exit": "exited with code 7"}
# Name: job type, executor, function.
KINDS = {
    "python": ("python", "process-pool", "work"),
    "native": ("bench.crashing", "process-pool", None),
    "python-threads": ("python", "thread-pool", "work"),
    "python-async": ("python", "async", "wait"),
}


class Bench:
    """One agent, which is warm; each run is a job of its own."""

    def __init__(self, tasks):
        self.tasks = tasks
        self.cluster = Cluster(durability="full")
        self.cluster.coordinator("--plugin", str(PLUGIN))
        self.agent = self.cluster.agent(
            "--slots", f"process-pool={SLOTS}", "--plugin", str(PLUGIN))
        self.cluster.agents_online(1)
        (self.cluster.folder / "crashing.py").write_text(CODE)

    def close(self):
        self.cluster.__exit__(None)

    def workers(self):
        return metric(self.agent.metrics(), "remuda_executor_workers")

    def settled_workers(self):
        """What there are at rest: the metric is a moment behind."""
        seen = []
        while len(seen) < 4 or len(set(seen[-4:])) > 1:
            seen.append(self.workers())
            time.sleep(0.5)
        return seen[-1]

    def run(self, kind, milliseconds, how, every):
        type_, executor, function = KINDS[kind]
        arguments = (f'n: "{{{{item}}}}", milliseconds: {milliseconds}, '
                     f"every: {every}, how: {how}")
        if function:
            arguments = (f'function: "crashing:{function}", '
                         f"kwargs: {{{arguments}}}")
        spec = self.cluster.spec("crashing", job_text("crashing", type_, [
            f"executor: {executor}",
            f"tasks: {{range: {{from: 0, to: {self.tasks - 1}}}}}",
            f"with: {{{arguments}}}"]))
        said = self.cluster.remuda("run", spec, "--json", "--plugin", PLUGIN,
                                   code=1 if every else 0)
        (job,) = json.loads(said.stdout)["jobs"]
        deaths = self.tasks // every if every else 0
        ended = job["tasks"]
        assert ended["succeeded"] == self.tasks - deaths, ended
        assert ended["failed"] == deaths, ended
        if every:
            self.check(job, how, deaths)
        return job["duration_seconds"]

    def check(self, job, how, deaths):
        rows = self.cluster.results(job["id"], "--failed")
        assert len(rows) == deaths, len(rows)
        for row in rows:
            assert row["index"] % EVERY == EVERY // 2, row
            assert WORDS[how] in row["error"], row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=["python", "native"],
                        choices=KINDS)
    parser.add_argument("--milliseconds", nargs="+", type=float,
                        default=[0, 1, 10])
    parser.add_argument("--how", nargs="+", default=["segv"], choices=WORDS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with contextlib.closing(Bench(args.tasks)) as bench:
        compare(bench, args)


def compare(bench, args):
    for kind in args.kinds:
        for milliseconds in args.milliseconds:
            for how in args.how:
                def run(every, kind=kind, milliseconds=milliseconds, how=how):
                    return bench.run(kind, milliseconds, how, every)

                run(0)  # starts the workers
                before = bench.settled_workers()
                comparison = Comparison(
                    f"{kind}, {args.tasks:,} tasks of {milliseconds:g} ms, "
                    f"one in {EVERY} dies of {WORDS[how]}",
                    {"clean": lambda: run(0), "dying": lambda: run(EVERY)})
                comparison.run(args.runs)
                comparison.show(args.json)
                wait_until(lambda: bench.workers() <= before,
                           f"at most {before} workers")


if __name__ == "__main__":
    main()
