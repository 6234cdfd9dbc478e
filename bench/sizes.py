#!/usr/bin/python3
"""What a no-op costs in arrays of all sizes and among many agents, and what
nothing costs.

- sizes: microseconds of CPU of coordinator and agent for each task of arrays of
  many sizes, in turn on one warm cluster, with and without what a job of one
  task takes; messages and commits of a whole job, as a job's start is made of
  few tasks each; the coordinator's memory at most, of all it has;
- agents: tasks a second of an array with 200 agents and with one, in turn;
- idle: what a coordinator and an agent use that have nothing to do.

    bazel build //cli:remuda && bench/sizes.py [--only agents] [--runs 5]
    bench/sizes.py --quick          small, to see that it works
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, job_text  # noqa: E402
from comparison import memory_of  # noqa: E402
from flat import cpu_nanoseconds, range_of  # noqa: E402
from noop_array import counters  # noqa: E402

SIZES = (1, 2_000, 16_000, 64_000, 1_000_000, 5_000_000)
TASKS_MIN = 128_000  # of a run: small arrays run several times
SINGLE_MAX = 200  # how often the array of one task


def highest_memory(pid):
    """Bytes that it has had in memory at most, since it was last forgotten."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def forget_highest_memory(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Side:
    """A cluster of so many agents, warm."""

    def __init__(self, agents):
        self.cluster = Cluster()
        self.coordinator = self.cluster.coordinator()
        self.agents = [self.cluster.agent() for _ in range(agents)]
        self.cluster.agents_online(agents)
        self.run(200_000)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.cluster.__exit__(*args)

    def cpu(self):
        return self.coordinator_cpu() + sum(
            cpu_nanoseconds(one.process.pid) for one in self.agents)

    def coordinator_cpu(self):
        return cpu_nanoseconds(self.coordinator.process.pid)

    def run(self, tasks):
        """Seconds of a job of that many tasks."""
        job = self.cluster.run(self.cluster.spec("array", job_text(
            "array", "noop", [range_of(tasks)])))
        assert job["tasks"]["succeeded"] == tasks, job
        return job["duration_seconds"]


def sizes(args):
    all_sizes = SIZES[:3] if args.quick else SIZES
    tasks_min = all_sizes[-1] if args.quick else TASKS_MIN
    single_max = 2 if args.quick else SINGLE_MAX
    with Side(1) as side:
        pid = side.coordinator.process.pid
        runs = {size: [] for size in all_sizes}
        for _ in range(args.runs):
            for size in all_sizes:
                times = min(max(tasks_min // size, 1), single_max)
                forget_highest_memory(pid)
                counted = counters(side.coordinator)
                both, own = side.cpu(), side.coordinator_cpu()
                took = [side.run(size) for _ in range(times)]
                both, own = side.cpu() - both, side.coordinator_cpu() - own
                now = counters(side.coordinator)
                runs[size].append({
                    "both": both / times / 1e3, "own": own / times / 1e3,
                    "seconds": statistics.median(took),
                    "memory": highest_memory(pid),
                    **{name: (now[name] - counted[name]) / times
                       for name in ("messages", "commits")}})

        def middle(size, name):
            return statistics.median(run[name] for run in runs[size])

        first = middle(1, "both")
        print(f"## Sizes\n\nA job of one task takes {first:,.0f} us of CPU, "
              "with the requests of the client that watches it: "
              f"{middle(1, 'messages'):.1f} messages, "
              f"{middle(1, 'commits'):.1f} commits.\n\n"
              "| tasks | us a task | without a job of one | least to most | "
              "of which coordinator | messages | commits | seconds | "
              "coordinator at most |\n|" + "--:|" * 9)
        for size in all_sizes[1:]:
            each = [run["both"] / size for run in runs[size]]
            whole = statistics.median(each)
            memory = max(run["memory"] for run in runs[size])
            print(f"| {size:,} | {whole:.3f} | {whole - first / size:.3f} | "
                  f"{min(each):.3f} to {max(each):.3f} | "
                  f"{middle(size, 'own') / size:.3f} | "
                  f"{middle(size, 'messages'):,.1f} | "
                  f"{middle(size, 'commits'):,.1f} | "
                  f"{middle(size, 'seconds'):.3f} | "
                  f"{memory / 2**20:.0f} MiB |")
        print(flush=True)


def agents(args):
    with Side(1) as one, Side(args.agents) as many:
        rates = {one: [], many: []}
        used = {one: [], many: []}
        for _ in range(args.runs):
            for side, found in rates.items():
                before = side.cpu()
                found.append(args.tasks / side.run(args.tasks))
                used[side].append((side.cpu() - before) / args.tasks / 1e3)
        print(f"## Agents, arrays of {args.tasks:,}\n")
        for side, found in rates.items():
            print(f"- {len(side.agents)}: {statistics.median(found):,.0f} "
                  f"tasks/s ({min(found):,.0f} to {max(found):,.0f}), "
                  f"{statistics.median(used[side]):.2f} us of CPU a task")
        ratio = (statistics.median(rates[many])
                 / statistics.median(rates[one]))
        print(f"- {args.agents} beside one: {ratio:.2f}\n", flush=True)


def idle(args):
    with Side(1) as side:
        # What remains of the work before is not what nothing costs.
        time.sleep(args.seconds / 4)
        before = {one: cpu_nanoseconds(one.process.pid)
                  for one in (side.coordinator, *side.agents)}
        began = time.monotonic()
        time.sleep(args.seconds)
        took = time.monotonic() - began
        names = ("coordinator", "agent")
        print(f"## Idle, for {took:.0f} s\n")
        for name, (one, then) in zip(names, before.items()):
            pid = one.process.pid
            share = (cpu_nanoseconds(pid) - then) / 1e9 / took
            print(f"- {name}: {share:.2%} of a core, "
                  f"{memory_of([pid]) / 2**20:.0f} MiB")
        print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", choices=("sizes", "agents", "idle"))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.runs, args.agents, args.tasks, args.seconds = 1, 3, 20_000, 0.2
    os.chdir(ROOT)
    for part in (sizes, agents, idle):
        if args.only in (None, part.__name__):
            part(args)


if __name__ == "__main__":
    main()
