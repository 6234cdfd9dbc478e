#!/usr/bin/python3
"""The tutorial's own code as a script and as a Remuda job.

The crawler over local pages: the script, the job in one worker process and in
two; the sum over eight large numbers with multiprocessing.Pool(2), with one and
with two workers. The server of the pages uses the same cores; agents are warm.

    bazel build //cli:remuda && bench/tutorial_jobs.py --pages 10000 --runs 3
"""

import argparse
import asyncio
import multiprocessing
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, free_port  # noqa: E402
from comparison import Comparison  # noqa: E402

TUTORIAL = ROOT / "bench/tutorial"
PYTHON = "/usr/bin/python3"


def serve(port, ready):
    """Pages of about 2 KB, made once, at as little cost as may be."""
    body = ("<html><head><title>Page</title></head><body>"
            + "<p>text <a href='/x'>link</a></p>" * 55 + "</body></html>")
    answer = (f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
              f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    class Pages(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            self.end = b""

        def data_received(self, data):
            data = self.end + data
            self.end = data[-3:]
            self.transport.write(answer * data.count(b"\r\n\r\n"))

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Pages, "127.0.0.1", port)
        ready.set()
        await server.serve_forever()

    asyncio.run(main())


def timed(command, **kwargs):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **kwargs)
    return time.monotonic() - began


class Agent:
    """A cluster whose workers have run the job once before it is measured."""

    def __init__(self, spec, *args):
        self.cluster = Cluster(durability="full")
        self.cluster.coordinator()
        self.cluster.agent(*args)
        self.cluster.agents_online(1)
        self.run(spec)

    def run(self, spec):
        return self.cluster.run(spec)["duration_seconds"]

    def close(self):
        self.cluster.__exit__(None)


def crawl(pages, runs, as_json):
    port = free_port()
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(port, ready))
    server.start()
    ready.wait()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="remuda-bench-"))
    for name in ("crawler.py", "crawl.yaml"):
        shutil.copy(TUTORIAL / name, folder)
    urls = folder / "urls.txt"
    urls.write_text("".join(f"http://127.0.0.1:{port}/{n}\n"
                            for n in range(pages)))
    spec = folder / "crawl.yaml"
    one, two = (Agent(spec, "--workers", str(n)) for n in (1, 2))
    script = [PYTHON, str(folder / "crawler.py"), str(urls)]
    comparison = Comparison(f"fetch_and_parse over {pages:,} local pages", {
        "script": lambda: timed(script),
        "job, one worker": lambda: one.run(spec),
        "job, two workers": lambda: two.run(spec)})
    comparison.run(runs)
    comparison.show(as_json)
    one.close()
    two.close()
    server.terminate()
    shutil.rmtree(folder)


def cpu_heavy(runs, as_json):
    spec = TUTORIAL / "cpu_heavy.yaml"
    one, two = (Agent(spec, "--slots", f"process-pool={n}") for n in (1, 2))
    script = [PYTHON, str(TUTORIAL / "cpu_heavy.py")]
    comparison = Comparison("cpu_heavy over [10_000_000] * 8", {
        "multiprocessing.Pool(2)": lambda: timed([*script, "2"]),
        "job, two workers": lambda: two.run(spec),
        "multiprocessing.Pool(1)": lambda: timed([*script, "1"]),
        "job, one worker": lambda: one.run(spec)})
    comparison.run(runs)
    comparison.show(as_json)
    one.close()
    two.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("crawl", "cpu_heavy"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.only != "cpu_heavy":
        crawl(args.pages, args.runs, args.json)
    if args.only != "crawl":
        cpu_heavy(args.runs, args.json)


if __name__ == "__main__":
    main()
