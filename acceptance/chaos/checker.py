"""Holds the ledger, the clients' history and the store to the promises.

Nobody has an excuse: neither an agent that is cut off nor one that is stopped,
whose spawner ends what runs with the lease.

One thing is no fault: tasks that share a worker (thread-pool, async) and
lose it by the fault of another begin anew in the same attempt, in another
worker of the same agent (docs/decisions/0013-workers-host-every-executor.md).
"""

import bisect
import datetime
import itertools
import json
import sqlite3
import time
from collections import Counter, defaultdict

LOSSES_MAX = 5
MIB = 1 << 20
RESIDENT_BYTES_MAX = 512 * MIB
VIOLATIONS_TOLD = 40


class Ends:
    """Where a run ended at the latest.

    Without a line of its own a run was ended from outside: by what the driver
    did, which it noted before, or by its agent, which says in its log that it
    stopped what it had or registered anew (and then stops what is no longer
    its own). The checks count it as alive until the first of these, and no
    longer. One that lives on ends with a line, and then that counts.
    """

    LOGGED = ("self_fenced", "registered")
    # The shell's clock has 100 ticks a second, and a log line is a little
    # later than what it tells.
    SLACK_SECONDS = 0.1

    def __init__(self, runs, notes):
        # Of each name: from where to where in the ledger it was done.
        self.of = defaultdict(list)
        doing = {}
        for note in notes:
            if note.what == "done":  # ends the kill that it follows
                begun = doing.pop(note.whom, None)
                if begun is not None:
                    self.of[note.whom][begun] = (
                        self.of[note.whom][begun][0], note.place)
                continue
            doing[note.whom] = len(self.of[note.whom])
            self.of[note.whom].append((note.place, note.place))
        lines = sorted([(run.start, run.at) for run in runs]
                       + [(note.place, note.at) for note in notes])
        self.places = [place for place, _ in lines]
        self.times = list(itertools.accumulate(
            (at for _, at in lines), max))

    def add_log(self, agent, path):
        """What an agent did by itself; its log has the wall clock's time."""
        offset = time.clock_gettime(time.CLOCK_BOOTTIME) - time.time()
        for line in path.read_text().splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue  # cut off by a kill
            if said.get("event") in self.LOGGED:
                at = datetime.datetime.fromisoformat(
                    said["time"].replace("Z", "+00:00")).timestamp() + offset
                self.of[agent].append(tuple(
                    self.places[max(0, bisect.bisect_right(
                        self.times, at + sign * self.SLACK_SECONDS) - 1)]
                    for sign in (-1, 1)))
        self.of[agent].sort()

    def place(self, run):
        """A place up to which it certainly lived, if nothing killed it."""
        if run.end is not None:
            return run.end
        found = []
        for whom in (run.agent, run.key, "coord"):
            for begin, end in self.of[whom]:
                if begin <= run.start <= end:
                    return run.start  # it began while that was being done
                if begin > run.start:
                    found.append(begin)
                    break
        return min(found, default=run.start)


class Checker:
    def __init__(self, runs, notes, worker_kills):
        self.runs = defaultdict(list)
        for run in runs:
            self.runs[run.key].append(run)
        self.finals = {note.whom: note.place for note in notes
                       if note.what == "final"}
        self.worker_kills_of = defaultdict(list)
        for note in notes:
            if note.what == "kill_below":
                self.worker_kills_of[note.whom].append(note.place)
        self.ends = Ends(runs, notes)
        self.worker_kills = worker_kills
        self.violations = []
        self.figures = Counter()
        self.seen_jobs = {}

    def wrong(self, *words):
        self.violations.append(" ".join(map(str, words)))

    def job(self, job, said, rows):
        """`said` is the job and `rows` its tasks, as clients see them."""
        if job.answers != {job.job} or job.job in self.seen_jobs:
            self.wrong(job.key, "was accepted as", sorted(job.answers))
        self.seen_jobs[job.job] = job
        counts = said["tasks"]
        states = Counter(row["state"] for row in rows)
        self.figures["jobs"] += 1
        self.figures["tasks"] += job.tasks
        self.figures["attempts"] += said["attempts"]
        self.figures["infrastructure losses"] += said["infrastructure_losses"]
        for state, count in states.items():
            self.figures[state] += count
        if [row["index"] for row in rows] != list(range(job.tasks)):
            self.wrong(job.key, "has not one record for each task:",
                       len(rows), "of", job.tasks)
        if counts["total"] != job.tasks or job.tasks != sum(
                counts[s] for s in counts if s != "total"):
            self.wrong(job.key, "states do not add up:", counts)
        if counts["pending"] or counts["running"]:
            self.wrong(job.key, "has ended with tasks that have not:", counts)
        for state, count in states.items():
            if counts.get(state) != count:
                self.wrong(job.key, state, "counted as", counts.get(state),
                           "recorded as", count)
        self._states(job, said, rows)
        if job.ledgered:
            self._ledger(job, said, rows)

    def _states(self, job, said, rows):
        state = said["state"]
        if job.to_cancel and job.cancel_said == "yes" and state != "cancelled":
            self.wrong(job.key, "was cancelled, and is", state)
        if state != "cancelled" and any(row["state"] == "cancelled"
                                        for row in rows):
            self.wrong(job.key, "has cancelled tasks and is", state)
        unexpected = 0
        for row in rows:
            index, got = row["index"], row["state"]
            if got == "lost" and row["attempts"] < LOSSES_MAX:
                self.wrong(job.key, index, "is lost after", row["attempts"])
            if got in ("lost", "cancelled"):
                continue
            want = "succeeded"
            if job.fail_every and index % job.fail_every == 0:
                want = "failed"
            if job.time_outs and index % 5 == 0:
                want = "timed_out"
            if got == want or (job.time_outs and got == "timed_out"):
                continue
            unexpected += 1
            # A try that was killed counts for a job that allows few.
            if job.tries == 1 or got != "failed":
                self.wrong(job.key, index, "is", got, "instead of", want,
                           row.get("error"))
        self.figures["failed by kills"] += unexpected
        if unexpected > self.worker_kills:
            self.wrong(job.key, unexpected, "tasks failed by",
                       self.worker_kills, "kills")

    def _ledger(self, job, said, rows):
        runs = self.runs.pop(job.key, [])
        by_task = defaultdict(list)
        for run in runs:
            by_task[run.task].append(run)
            if run.job != job.job:
                self.wrong(job.key, run, "ran for a job that nobody has")
        self.figures["starts"] += len(runs)
        self.figures["starts without an end"] += sum(
            run.end is None for run in runs)
        for row in rows:
            self._task(job, row, by_task.get(row["index"], []))
        # What a cancel met in a slot before its first line counts as tried:
        # docs/JOB_STATES.md, "Begun".
        waited = sum(max(0, row["attempts"] - len(by_task[row["index"]]))
                     for row in rows if row["state"] == "cancelled")
        self.figures["tries that a cancel met before their start"] += waited
        self._attempts(job, said["attempts"] - waited, said, len(runs))
        if job.limit:
            self._limit(job, runs)
        final = self.finals.get(job.key)
        for run in runs:
            if final is not None and run.start > final:
                self.wrong(f"{job.key} started after its end", run)

    def _task(self, job, row, runs):
        index = row["index"]
        if row["state"] == "succeeded":
            fence, pid, item = self._output(job, row)
            made = [run for run in runs if (run.fence, run.pid) ==
                    (fence, pid) and run.end is not None]
            if not made:
                self.wrong(job.key, index, "has a result that no run made:",
                           row["output"])
            if any(run.fence > fence for run in runs):
                self.wrong(job.key, index, "was tried again after its success")
            if item is not None and item != row["item"]:
                self.wrong(job.key, index, "has another's result:", item)
        elif row["state"] in ("failed", "timed_out") and not runs:
            self.wrong(job.key, index, row["state"], "and never ran")
        runs.sort(key=lambda run: run.start)
        for one, other in zip(runs, runs[1:]):
            if one.fence == other.fence:
                self._again(job, one, other)
            elif one.fence > other.fence:
                self.wrong(f"{job.key} {index} fences fell", other)
            if self.ends.place(one) > other.start:
                self.wrong(f"{job.key} {index} ran twice at once", one, other)

    def _again(self, job, one, other):
        """Two starts of one attempt."""
        kills = self.worker_kills_of[one.agent]
        at = bisect.bisect_right(kills, one.start)
        if (job.hosted and one.agent == other.agent and one.pid != other.pid
                and at < len(kills) and kills[at] < other.start):
            self.figures["begun anew as a neighbour's worker was killed"] += 1
        else:
            self.wrong(job.key, "attempt", (one.task, one.fence),
                       "started again:", one, other)

    def _output(self, job, row):
        output = row["output"]
        if isinstance(output, list):
            return output
        return [*map(int, output["stdout"].split()[-2:]), None]

    def _attempts(self, job, attempts, said, starts):
        own = attempts - said["infrastructure_losses"]
        over = attempts - starts
        # Given to an executor, and killed before its first line.
        self.figures["attempts that were killed before their line"] += max(
            0, over)
        self.figures["starts that nobody counted"] += max(0, -over)
        if own > starts + self.worker_kills:
            self.wrong(job.key, own, "tries of its own, but", starts, "starts")

    def _limit(self, job, runs):
        alive = []
        most = 0
        for run in sorted(runs, key=lambda run: run.start):
            alive = [other for other in alive
                     if self.ends.place(other) > run.start]
            alive.append(run)
            most = max(most, len(alive))
            if len(alive) <= job.limit:
                continue
            self.wrong(job.key, "limit", job.limit, "but", len(alive),
                       "ran at", run.at, alive)
        if most >= job.limit:
            self.figures["jobs that reached their limit"] += 1

    def rest(self):
        """After all jobs: what ran belongs to one of them."""
        for key, runs in self.runs.items():
            self.wrong(len(runs), "runs of", key, "that is no job")

    def store(self, path, jobs):
        """The database, after its coordinator has gone."""
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            def one(query):
                return database.execute(query).fetchone()[0]
            found = one("PRAGMA integrity_check")
            if found != "ok":
                self.wrong("integrity_check:", found)
            live = one("SELECT count(*) FROM jobs WHERE state < 4")
            grants = one("SELECT count(*) FROM grants")
            if live or grants:
                self.wrong("the store has", live, "live jobs and", grants,
                           "grants")
            for table in ("jobs", "definitions", "submissions"):
                count = one(f"SELECT count(*) FROM {table}")
                if count != jobs:
                    self.wrong(table, "has", count, "rows for", jobs, "jobs")
            gaps = one("SELECT max(seq) - min(seq) + 1 - count(*) FROM events")
            if gaps:
                self.wrong("the history has", gaps, "gaps")
            self.figures["events"] = one("SELECT count(*) FROM events")

    def fleet(self, fleet, faults, clients):
        for name, left in faults.survivors:
            self.wrong("processes outlived their agent", name, left)
        for member in fleet.members():
            for code in member.ends:
                self.wrong(member.name, "ended by itself with", code)
            if member.resident_bytes_max > RESIDENT_BYTES_MAX:
                self.wrong(member.name, "grew to",
                           member.resident_bytes_max // MIB, "MiB")
        for broken in clients.broken:
            self.wrong(broken)


def rows_of(fleet, job):
    """The records of a job's tasks, outputs included."""
    command = "results" if job.ledgered else "tasks"
    lines = fleet.remuda(command, job.job, "--json").stdout
    return [json.loads(line) for line in lines.splitlines()]
