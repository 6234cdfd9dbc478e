#!/usr/bin/python3
"""Thousands of tasks in flight, beside programs that do nothing else.

A server on loopback answers after a second, or `--answer-after`. `http.fetch`
on one agent is compared with a bare libcurl program, Python's `async def` with a
bare asyncio program, which has one process: on one worker, and by default. Memory is
the peak and CPU the sum of all processes of the agent, for each run a new one.

    bazel build //cli:remuda //bench:libcurl_in_flight && bench/in_flight.py
"""

import argparse
import asyncio
import multiprocessing
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, free_port, job_text  # noqa: E402
from comparison import Comparison, cpu_of, memory_of, tree_of  # noqa: E402

LIBCURL = pathlib.Path(os.environ.get(
    "LIBCURL_IN_FLIGHT", ROOT / "bazel-bin/bench/libcurl_in_flight"))
MANY = ROOT / "bench/tutorial/many.py"
PYTHON = "/usr/bin/python3"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def more_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def serve(port, ready, after):
    more_descriptors()

    class Late(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, _data):
            asyncio.get_running_loop().call_later(after, self.answer)

        def answer(self):
            if not self.transport.is_closing():
                self.transport.write(ANSWER)
                self.transport.close()

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Late, "127.0.0.1", port,
                                          backlog=20000)
        ready.set()
        await server.serve_forever()

    asyncio.run(main())


class Peak:
    """The most memory that a process and all below it have had."""

    def __init__(self, pid):
        self.pid = pid
        self.bytes = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(0.1):
            self.bytes = max(self.bytes, memory_of(tree_of(self.pid)))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def program(command):
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with Peak(process.pid) as peak:
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return took, peak.bytes, used.ru_utime + used.ru_stime


class Job:
    """A new agent for each run, so that its peak is this run's."""

    def __init__(self, type_, lines, *args, slots="async=20000"):
        self.type = type_
        self.lines = lines
        self.args = ("--slots", slots, *args)

    def __call__(self):
        with Cluster() as cluster:
            cluster.coordinator()
            agent = cluster.agent(*self.args)
            cluster.agents_online(1)
            spec = cluster.spec("many", job_text("many", self.type,
                                                 self.lines))
            idle = cpu_of(tree_of(agent.process.pid))
            with Peak(agent.process.pid) as peak:
                job = cluster.run(spec)
            cpu = cpu_of(tree_of(agent.process.pid)) - idle
            assert job["state"] == "succeeded", job
            return job["duration_seconds"], peak.bytes, cpu


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--answer-after", type=float, default=1,
                        help="seconds; with some more all are in flight at "
                        "once on any machine, as memory is asked about")
    parser.add_argument("--only", choices=("native", "python"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    more_descriptors()
    port = free_port()
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(port, ready,
                                                          args.answer_after))
    server.start()
    ready.wait()
    fan_out = f"tasks: {{range: {{from: 1, to: {args.tasks}}}}}"
    url = f"http://127.0.0.1:{port}/"
    native = Comparison(f"{args.tasks:,} requests at once", {
        "bare libcurl": lambda: program([LIBCURL, url, str(args.tasks)]),
        "http.fetch": Job("http.fetch", [fan_out, f'with: {{url: "{url}"}}'])})
    coroutines = [
        fan_out, "executor: async",
        f'with: {{function: "many:ask", args: ["127.0.0.1", {port}], '
        f'path: ["{MANY.parent}"], python: {PYTHON}}}']
    python = Comparison(f"{args.tasks:,} coroutines at once", {
        "bare asyncio": lambda: program(
            [PYTHON, str(MANY), "127.0.0.1", str(port), str(args.tasks)]),
        "python on async, one worker": Job("python", coroutines,
                                           "--workers", "1"),
        "python on async, up to one a core": Job("python", coroutines)})
    comparisons = {"native": native, "python": python}
    try:
        for name, comparison in comparisons.items():
            if args.only not in (None, name):
                continue
            comparison.run(args.runs)
            comparison.show(args.json)
    finally:
        server.terminate()


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
