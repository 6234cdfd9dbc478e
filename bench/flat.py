#!/usr/bin/python3
"""Whether cost stays flat under history, live jobs and a restart.

Three questions, each answered beside what it is compared with:
- dispatch: the coordinator's CPU seconds for a task of an array, with a long
  history and many live jobs, beside a coordinator that has neither;
- accept: how long POST /v1/jobs takes for a range of that many tasks, beside
  a range of one;
- restart: how long after kill -9 with that many tasks pending and many
  running the next coordinator answers and has its agent back, and whether
  any task was begun twice.

    bazel build //cli:remuda && bench/flat.py --tasks 1000000 --jobs 1000
"""

import argparse
import contextlib
import http.client
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, job_text, metric, wait_until  # noqa: E402

BATCHES = {"long arrays": (1_000_000, ""),
           "64 at once": (20_000, "concurrency: 64")}


def cpu_nanoseconds(pid):
    """What the scheduler gave all threads of a process."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def range_of(tasks):
    return f"tasks: {{range: {{from: 1, to: {tasks}}}}}"


class Side:
    """A cluster on which arrays are run; `loaded` with what should not cost."""

    def __init__(self, args, loaded):
        self.args = args
        self.loaded = loaded
        self.cluster = Cluster()
        self.per_task = {name: [] for name in BATCHES}

    def __enter__(self):
        self.coordinator = self.cluster.coordinator("--api", "127.0.0.1:0")
        self.cluster.agent("--slots", "process-pool=0,async=20000")
        self.cluster.agents_online(1)
        if self.loaded:
            self.load()
        for name in BATCHES:
            self.run(name)
            self.per_task[name].clear()
        return self

    def __exit__(self, *args):
        self.cluster.__exit__(*args)

    def load(self):
        jobs, tasks = self.args.jobs, self.args.tasks
        api = Poster(self.coordinator.said["api"])
        for number in range(jobs):
            api.post(job_text(f"past-{number}", "noop",
                              [range_of(max(1, tasks // jobs))]))
        self.wait_live(0)
        for number in range(jobs // 2):
            # One task runs for as long as the benchmark, the others wait.
            api.post(job_text(f"runs-{number}", "sleep", [
                "executor: async", "concurrency: 1", range_of(1000),
                "with: {seconds: 36000}"]))
            api.post(job_text(f"waits-{number}", "command", [
                range_of(1000), "with: {argv: [/bin/true]}"]))
        self.wait_live(jobs // 2 * 2)

    def wait_live(self, jobs):
        def live():
            return metric(self.coordinator.metrics(), "remuda_jobs_live")

        wait_until(lambda: live() == jobs, f"{jobs} live jobs", patience=600)

    def run(self, name):
        tasks, line = BATCHES[name]
        spec = self.cluster.spec("array", job_text("array", "noop", [
            "executor: async", range_of(tasks), *([line] if line else [])]))
        pid = self.coordinator.process.pid
        before = cpu_nanoseconds(pid)
        job = self.cluster.run(spec)
        assert job["tasks"]["succeeded"] == tasks, job
        self.per_task[name].append((cpu_nanoseconds(pid) - before) / tasks)


class Poster:
    """Submits over one REST connection."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.split("//")[-1])

    def post(self, text):
        self.connection.request("POST", "/v1/jobs", text,
                                {"Content-Type": "application/yaml"})
        reply = self.connection.getresponse()
        said = reply.read()
        assert reply.status == 202, (reply.status, said)
        return said

    def seconds(self, text):
        begin = time.perf_counter()
        self.post(text)
        return time.perf_counter() - begin


def dispatch(args):
    with Side(args, loaded=False) as empty, Side(args, loaded=True) as full:
        for _ in range(args.runs):
            for name in BATCHES:
                for side in (empty, full):
                    side.run(name)
        print(f"## Dispatch, {args.tasks:,} tasks of history, {args.jobs:,} "
              "live jobs\n\n| arrays | empty ns/task | loaded ns/task | ratio |"
              "\n|---|---|---|---|")
        for name in BATCHES:
            low, high = (statistics.median(side.per_task[name])
                         for side in (empty, full))
            print(f"| {name} | {low:,.0f} | {high:,.0f} | {high / low:.2f} |")
        print(flush=True)


def accept(args):
    with Cluster() as cluster:
        api = Poster(cluster.coordinator("--api", "127.0.0.1:0").said["api"])
        found = {1: [], args.tasks: []}
        for _ in range(20):
            for tasks, times in found.items():
                times.append(api.seconds(job_text("one", "noop", [
                    "executor: async", range_of(tasks)])))
        print("## Accept, a job by REST, durable\n")
        for tasks, times in found.items():
            print(f"- {tasks:,} tasks: median "
                  f"{statistics.median(times) * 1e3:.2f} ms, most "
                  f"{max(times) * 1e3:.2f} ms")
        print(flush=True)


def restart(args):
    with Cluster() as cluster:
        coordinator = cluster.coordinator()
        cluster.agent("--slots", "async=10000")
        cluster.agents_online(1)
        job = cluster.submit(cluster.spec("many", job_text("many", "sleep", [
            "executor: async", range_of(args.tasks + 10_000),
            "with: {seconds: 20}"])))
        wait_until(lambda: cluster.job(job)["tasks"]["running"] >= 10_000,
                   "10,000 tasks to run")
        coordinator.kill()
        begin = time.monotonic()
        cluster.coordinator()
        started = time.monotonic() - begin
        before = cluster.job(job)
        answered = time.monotonic() - begin
        cluster.agents_online(1)
        back = time.monotonic() - begin
        # All that ran at the kill have ended, each in its first try.
        wait_until(lambda: cluster.job(job)["tasks"]["succeeded"] >= 10_000,
                   "the running tasks to end")
        cluster.remuda("cancel", job)
        after = cluster.wait(job, code=None)
        print(f"## Restart, {args.tasks:,} pending and "
              f"{before['tasks']['running']:,} running\n\n"
              f"- listening after {started:.2f} s, first answer after "
              f"{answered:.2f} s, agent back after {back:.2f} s\n"
              f"- infrastructure losses {after['infrastructure_losses']}, "
              f"attempts {after['attempts']:,}, "
              f"succeeded {after['tasks']['succeeded']:,}\n", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=("dispatch", "accept", "restart"))
    args = parser.parse_args()
    for part in (accept, restart, dispatch):
        if args.only in (None, part.__name__):
            part(args)


if __name__ == "__main__":
    main()
