"""Runs the same work in several ways, in turn, and compares the medians."""

import json
import os
import platform
import statistics


def memory_of(processes):
    """Bytes that they keep in memory; a page shared by n counts as 1/n each."""
    total = 0
    for pid in processes:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                for line in file:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def tree_of(pid):
    """A process and all below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


UNITS = {"seconds": 1, "us": 1e6}


def cpu_of(processes):
    """Seconds of CPU that they and their ended children have used."""
    ticks = 0
    for pid in processes:
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


class Comparison:
    """`ways` are functions by name; each returns seconds, (seconds, bytes) or
    (seconds, bytes, CPU seconds). No bytes: it was over before anybody looked,
    which leaves its memory out.

    The first way is what the others are compared with. `unit` is what people
    are shown; JSON has seconds.
    """

    def __init__(self, title, ways, unit="seconds"):
        self.title = title
        self.unit = unit
        self.ways = ways
        self.seconds = {name: [] for name in ways}
        self.bytes = {name: [] for name in ways}
        self.cpu = {name: [] for name in ways}

    def run(self, runs):
        for _ in range(runs):
            for name, way in self.ways.items():
                took = way()
                if isinstance(took, tuple):
                    took, used, *cpu = took
                    if used:
                        self.bytes[name].append(used)
                    self.cpu[name] += cpu
                self.seconds[name].append(took)

    def median(self, name):
        return statistics.median(self.seconds[name])

    def show(self, as_json):
        base = next(iter(self.ways))
        first = statistics.median(self.seconds[base])
        rows = []
        for name, seconds in self.seconds.items():
            row = {"way": name, "seconds": statistics.median(seconds),
                   "least": min(seconds), "most": max(seconds),
                   "ratio": statistics.median(seconds) / first}
            if self.bytes[name]:
                row["bytes"] = statistics.median(self.bytes[name])
            if self.bytes[name] and self.bytes[base]:
                row["bytes_ratio"] = (
                    row["bytes"] / statistics.median(self.bytes[base]))
            if self.cpu[name]:
                row["cpu_seconds"] = statistics.median(self.cpu[name])
            rows.append(row)
        load = os.getloadavg()
        if as_json:
            print(json.dumps({"title": self.title, "rows": rows,
                              "cores": os.cpu_count(), "load": load}))
            return
        print(f"## {self.title}\n\n{platform.machine()}, {os.cpu_count()} "
              f"cores, load {load[0]:.1f}, medians of {len(self.seconds[base])}"
              f"\n\n| way | {self.unit} | least to most | ratio | peak memory "
              "| ratio | CPU seconds |\n|---|---|---|---|---|---|---|")
        for row in rows:
            memory, ratio = (
                form.format(row[name] / unit) if name in row else ""
                for name, form, unit in (("bytes", "{:.0f} MiB", 2**20),
                                         ("bytes_ratio", "{:.2f}", 1)))
            cpu = f"{row['cpu_seconds']:.2f}" if "cpu_seconds" in row else ""
            middle, least, most = (
                f"{row[name] * UNITS[self.unit]:.2f}"
                for name in ("seconds", "least", "most"))
            print(f"| {row['way']} | {middle} | {least} to {most} | "
                  f"{row['ratio']:.2f} | {memory} | {ratio} | {cpu} |")
        print()
