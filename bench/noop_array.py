#!/usr/bin/python3
"""Tasks a second of a `noop` array: separate processes, durable, one agent.

Prints the median of several runs beside two floors measured in the same
session: SQLite commits of the same number of transactions, and a loop of
plain fdatasync calls, because a virtual disk and core vary from hour to hour.

    bazel build //cli:remuda && bench/noop_array.py --tasks 100000 --runs 5

With --curve two clusters run in turn, one of which has keys, and the last line
says what encryption leaves of the speed.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, job_text, metric  # noqa: E402


def fdatasyncs_per_second(seconds=0.5):
    with tempfile.NamedTemporaryFile() as file:
        block = b"x" * 4096
        begin, count = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - begin)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def counters(served):
    text = served.metrics()
    return {"messages": metric(text, "remuda_transport_messages_total"),
            "rows": metric(text, "remuda_store_rows_total"),
            "commits":
                metric(text, "remuda_store_commit_duration_seconds_count")}


class Array:
    """One cluster and its array, which can be run again and again."""

    def __init__(self, args, keys):
        self.tasks = args.tasks
        self.label = "with keys: " if keys else ""
        self.cluster = Cluster(durability=args.durability, keys=keys)
        self.rates = []
        self.executor = None
        self.spec = self.cluster.spec("array", job_text("array", "noop", [
            f"executor: {args.executor}",
            f"tasks: {{range: {{from: 1, to: {args.tasks}}}}}"]))

    def __enter__(self):
        self.coordinator = self.cluster.coordinator()
        self.agent = self.cluster.agent()
        self.cluster.agents_online(1)
        self.cluster.run(self.spec)  # warms caches, workers and credit
        return self

    def __exit__(self, *args):
        self.cluster.__exit__(*args)

    def run(self):
        served = (self.coordinator, self.agent)
        before = counters(self.coordinator)
        cpu = [cpu_seconds(s.process.pid) for s in served]
        job = self.cluster.run(self.spec)
        assert job["tasks"]["succeeded"] == self.tasks
        used = [cpu_seconds(s.process.pid) - c for s, c in zip(served, cpu)]
        after = counters(self.coordinator)
        self.executor = job["executor"]
        self.rates.append(self.tasks / job["duration_seconds"])
        per_task = {key: (after[key] - before[key]) / self.tasks
                    for key in after}
        print(f"{self.label}run {len(self.rates)}: "
              f"{self.rates[-1]:,.0f} tasks/s, "
              f"coordinator {used[0] * 1e6 / self.tasks:.2f} us/task, "
              f"agent {used[1] * 1e6 / self.tasks:.2f} us/task, " +
              ", ".join(f"{key} {value:.5f}"
                        for key, value in per_task.items()) +
              f", {fdatasyncs_per_second():,.0f} fdatasync/s", flush=True)

    def median(self):
        return statistics.median(self.rates)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--executor", default="auto")
    parser.add_argument("--durability", default="full")
    parser.add_argument("--curve", action="store_true")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        arrays = [stack.enter_context(Array(args, keys))
                  for keys in ([False, True] if args.curve else [False])]
        for _ in range(args.runs):
            for array in arrays:
                array.run()
        for array in arrays:
            print(f"{array.label}median {array.median():,.0f} tasks/s of "
                  f"{args.tasks:,} noop tasks, executor {array.executor}, "
                  f"durability {args.durability}, {os.cpu_count()} cores")
        if args.curve:
            print(f"with keys {arrays[1].median() / arrays[0].median():.2f} "
                  "of the speed without")


if __name__ == "__main__":
    main()
