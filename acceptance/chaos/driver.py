"""One run: jobs flow, faults come, and at the end everything is checked."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import sys
import time
from dataclasses import dataclass, field

from checker import MIB, VIOLATIONS_TOLD, Checker, rows_of
from clients import Clients
from faults import KILLS, NETWORK, STOPS, Faults
from fleet import Fleet
from jobs import Jobs
from ledger import Ledger

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from cluster import metric, processes_with, wait_until  # noqa: E402
from network import Network, can_make_namespaces  # noqa: E402

TURN_SECONDS = 0.02
PATIENCE_SECONDS = 900  # until all jobs ended after the last fault
SLOTS = "process-pool=3,thread-pool=8,async=200"
FAULTS = {"kills": KILLS, "stops": STOPS, "network": NETWORK}


@dataclass
class Options:
    seed: int = 1
    cycles: int = 20             # faults
    tasks: int = 2000
    agents: int = 3
    lease_seconds: float = 2.0
    faults: tuple = tuple(FAULTS)
    pause_seconds: float = 0.6   # between two faults, on average
    job_tasks: int = 200
    keep: bool = False


@dataclass
class Report:
    options: Options
    violations: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)
    folder: str = ""

    def text(self):
        lines = [f"# Chaos, seed {self.options.seed}", "",
                 "| figure | value |", "|---|---|"]
        lines += [f"| {name} | {value:,} |" if isinstance(value, int)
                  else f"| {name} | {value} |"
                  for name, value in self.figures.items()]
        lines += ["", f"{len(self.violations)} violations"]
        lines += ["- " + text for text in self.violations[:VIOLATIONS_TOLD]]
        return "\n".join(lines) + "\n"


class Run:
    def __init__(self, options, fleet):
        self.options = options
        self.fleet = fleet
        self.random = random.Random(options.seed)
        self.ledger = Ledger(fleet.folder)
        self.jobs = Jobs(self.random, self.ledger, options.job_tasks)
        self.clients = None
        weights = {}
        for word in options.faults:
            if word != "network" or fleet.network:
                weights.update(FAULTS[word])
        self.faults = Faults(fleet, self.ledger, self.random, weights)
        self.cancels = []
        self.began = time.monotonic()

    def go(self):
        options = self.options
        self.fleet.supervise()
        self.clients = Clients(self.fleet, self.ledger, self.random)
        wait_until(lambda: self._online() == options.agents, "the agents")
        submitted, done, next_fault = 0, 0, time.monotonic()
        while done < options.cycles or submitted < options.tasks:
            self._turn(self.faults.busy())
            ahead = sum(job.tasks for job in self.clients.outstanding())
            if ahead < options.job_tasks * 12:
                submitted += self._submit()
            if done < options.cycles and time.monotonic() >= next_fault:
                done += self.faults.one() is not None
                next_fault = time.monotonic() + self.random.expovariate(
                    1 / options.pause_seconds)
        self.faults.end_all()
        healed = time.monotonic()
        deadline = healed + PATIENCE_SECONDS
        while self.clients.outstanding() and time.monotonic() < deadline:
            self._turn(())
        return time.monotonic() - healed

    def _online(self):
        return sum(a["state"] == "online" for a in self.fleet.agents())

    def _turn(self, paused):
        self.faults.turn()
        self.fleet.supervise(paused)
        self.fleet.watch_memory()
        now = time.monotonic()
        for when, job in self.cancels[:]:
            if when <= now:
                self.clients.cancel(job)
                self.cancels.remove((when, job))
        time.sleep(TURN_SECONDS)  # the pace, no condition

    def _submit(self):
        job = self.jobs.next()
        self.clients.submit(job)
        if job.to_cancel:
            self.cancels.append(
                (time.monotonic() + self.random.uniform(0.3, 6), job))
        return job.tasks

    def check(self, recovered, others=0):
        runs, notes = self.ledger.read()
        counts = self.faults.counts
        checker = Checker(runs, notes,
                          counts.get("kill_worker", 0)
                          + counts.get("kill_spawner", 0) * 3)
        for name in self.fleet.agents_by_name:
            checker.ends.add_log(name, self.fleet.folder / f"{name}.log")
        for job in self.clients.outstanding():
            checker.wrong(job.key, job.job, job.sort, "never ended")
        for job in self.clients.jobs:
            if job.state:
                checker.job(job, job.said, rows_of(self.fleet, job))
        checker.rest()
        broken = metric(self.fleet.coord.served.metrics(),
                        "remuda_invariant_violations_total")
        if broken:
            checker.wrong("remuda_invariant_violations_total is", broken)
        self._end(checker)
        checker.store(self.fleet.folder / "state" / "remuda.sqlite",
                      len(self.clients.jobs) + others)
        checker.fleet(self.fleet, self.faults, self.clients)
        return self._report(checker, recovered)

    def _end(self, checker):
        self.clients.end()
        for member in reversed(self.fleet.members()):
            member.killed = True
            member.served.stop()
        marker = str(self.fleet.folder)
        try:
            wait_until(lambda: not processes_with(marker), "no process", 20)
        except AssertionError:
            checker.wrong("processes are left:", processes_with(marker))

    def _report(self, checker, recovered):
        figures = {"seconds": round(time.monotonic() - self.began),
                   "seconds from the last fault to the last end":
                       round(recovered, 1),
                   "lease": f"{self.options.lease_seconds} s",
                   "kill -9 of processes": self.faults.kills}
        figures.update(("fault: " + name, count) for name, count in
                       sorted(self.faults.counts.items()))
        figures.update(checker.figures)
        figures["clients killed"] = self.clients.killed
        figures["submitted again"] = self.clients.resubmissions
        for member in self.fleet.members():
            figures[f"{member.name}: lives"] = member.lives
            figures[f"{member.name}: memory at most, MiB"] = (
                member.resident_bytes_max // MIB)
        return Report(self.options, checker.violations, figures,
                      str(self.fleet.folder))


def run(options):
    names = [f"a{number + 1}" for number in range(options.agents)]
    reason = ("not asked for" if "network" not in options.faults
              else can_make_namespaces())
    with contextlib.ExitStack() as stack:
        network = None
        if reason is None:
            network = stack.enter_context(Network("coord", "client", *names))
        fleet = Fleet(names, options.lease_seconds, SLOTS, network)
        one = None
        try:
            one = Run(options, fleet)
            report = one.check(one.go())
        finally:
            if one and one.clients:
                one.clients.end()
            fleet.end()
        if not network:
            report.figures["network faults"] = f"none: {reason}"
        if report.violations or options.keep:
            print(f"kept: {fleet.folder}", file=sys.stderr)
        else:
            shutil.rmtree(fleet.folder, ignore_errors=True)
        return report
