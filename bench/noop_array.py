#!/usr/bin/python3
"""Tasks a second of a `noop` array: separate processes, durable, one agent.

Prints the median of several runs beside two floors measured in the same
session: SQLite commits of the same number of transactions, and a loop of
plain fdatasync calls, because a virtual disk and core vary from hour to hour.

    bazel build //cli:remuda && bench/noop_array.py --tasks 100000 --runs 5
"""

import argparse
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--executor", default="auto")
    parser.add_argument("--durability", default="full")
    args = parser.parse_args()
    with Cluster(durability=args.durability) as cluster:
        coordinator = cluster.coordinator()
        agent = cluster.agent()
        cluster.agents_online(1)
        spec = cluster.spec("array", job_text("array", "noop", [
            f"executor: {args.executor}",
            f"tasks: {{range: {{from: 1, to: {args.tasks}}}}}"]))
        cluster.run(spec)  # warms caches, workers and credit
        rates = []
        for run in range(args.runs):
            before = counters(coordinator)
            cpu = [cpu_seconds(s.process.pid) for s in (coordinator, agent)]
            job = cluster.run(spec)
            assert job["tasks"]["succeeded"] == args.tasks
            used = [cpu_seconds(s.process.pid) - c
                    for s, c in zip((coordinator, agent), cpu)]
            after = counters(coordinator)
            rates.append(args.tasks / job["duration_seconds"])
            per_task = {key: (after[key] - before[key]) / args.tasks
                        for key in after}
            print(f"run {run + 1}: {rates[-1]:,.0f} tasks/s, "
                  f"coordinator {used[0] * 1e6 / args.tasks:.2f} us/task, "
                  f"agent {used[1] * 1e6 / args.tasks:.2f} us/task, " +
                  ", ".join(f"{key} {value:.5f}"
                            for key, value in per_task.items()) +
                  f", {fdatasyncs_per_second():,.0f} fdatasync/s",
                  flush=True)
        print(f"median {statistics.median(rates):,.0f} tasks/s of "
              f"{args.tasks:,} noop tasks, executor {job['executor']}, "
              f"durability {args.durability}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
