"""Runs works over systems in turn and gathers the rows of their tables."""

import contextlib
import pathlib
import shutil
import sys
import tempfile

import figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST = 50  # so much, to see how fast a system is


class Context:
    """Where systems keep their data and find our programs."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="remuda-peers-"))
        self.root.chmod(0o755)  # PostgreSQL runs as somebody else
        self.count = 0

    def folder_of(self, system):
        self.count += 1
        folder = self.root / f"{self.count}-{type(system).__name__}"
        folder.mkdir()
        return folder

    def program(self, name):
        return ROOT / "bazel-bin" / "bench" / name

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Contest:
    """One work: starts who can do it, runs them in turn, keeps samples.

    A system that fails is left out with what it said, and the others go on.
    """

    def __init__(self, work, systems, seconds, runs, quick, context):
        self.work = work
        self.most = work.most_quick if quick else work.most
        self.seconds = seconds
        self.runs = runs
        self.context = context
        self.left_out = {}
        self.samples = {}
        self.able = []
        for system in systems:
            if system.can(work.name):
                self.able.append(system)
            elif work.name in system.reasons:
                self.left_out[system.label] = system.reasons[work.name]
            else:
                self.left_out[system.label] = "it cannot"

    def run(self):
        with contextlib.ExitStack() as stack:
            sizes, running = {}, {}
            for system in self.able:
                peer = self.attempt(system, lambda: stack.enter_context(
                    system(self.context)))
                if peer is None:
                    continue
                size = self.attempt(system, lambda: self.fitting(peer))
                if size:
                    sizes[system], running[system] = size, peer
            for _ in range(self.runs):
                for system, peer in list(running.items()):
                    sample = self.attempt(system, lambda: self.measure(
                        peer, sizes[system]))
                    if sample is None:
                        del running[system]
                    else:
                        self.samples.setdefault(system, []).append(sample)
        return self

    def attempt(self, system, action):
        try:
            return action()
        except Exception as error:  # told in the report
            say(f"  {system.label}: {error!r}")
            self.left_out[system.label] = f"failed: {error}"
            self.samples.pop(system, None)
            return None

    def measure(self, peer, size):
        sample = getattr(peer, self.work.name)(size)
        if self.work.latency:
            p50, p99 = figures.latencies(sample)
            say(f"  {peer.label}: p50 {p50:,.0f}, p99 {p99:,.0f} us")
        else:
            say(f"  {peer.label}: {sample.rate:,.0f} {self.work.unit}")
        return sample

    def fitting(self, peer):
        """The size that takes about as long as a run should; warms up."""
        if self.work.latency:
            getattr(peer, self.work.name)(10)
            sample = getattr(peer, self.work.name)(10)
            slowest = max(sample.latencies_us or [sample.p50_us])
            return max(30, min(self.most,
                               int(self.seconds * 1e6 / slowest)))
        size = min(FIRST, self.most)
        getattr(peer, self.work.name)(size)  # starts workers, fills caches
        while True:
            sample = getattr(peer, self.work.name)(size)
            wanted = figures.next_size(self.seconds, sample, self.most)
            if sample.seconds > 2 * self.seconds:
                return wanted
            # What a run costs however small it is must not decide, so the
            # size grows until a run really takes that long.
            if sample.seconds >= self.seconds / 2 or size >= self.most:
                return size
            size = min(self.most, max(4 * size, min(wanted, 20 * size)))

    def table(self):
        rows = [{"label": system.label,
                 "form": system.forms.get(self.work.name, ""),
                 **figures.summary(self.work, samples)}
                for system, samples in self.samples.items()]
        for row in rows:
            row["ratio"] = figures.ratio(self.work, row, rows[0])
        return {"work": self.work.name, "title": self.work.title,
                "unit": self.work.unit, "rows": rows,
                "left_out": self.left_out}
