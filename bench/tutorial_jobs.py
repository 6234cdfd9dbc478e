#!/usr/bin/python3
"""The tutorial's own code as a script and as a Remuda job.

The crawler over local pages, the script and the job on one core each, and the
job on two; the sum over eight large numbers with multiprocessing.Pool(2), with
one and with two workers. The server of the pages uses the same cores.

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
ONE_CORE = ["taskset", "-c", "0"]


def serve(port, ready):
    """Pages of about 2 KB, made once."""
    body = ("<html><head><title>Page</title></head><body>"
            + "<p>text <a href='/x'>link</a></p>" * 55 + "</body></html>")
    answer = (f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
              f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    async def client(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main():
        server = await asyncio.start_server(client, "127.0.0.1", port)
        ready.set()
        await server.serve_forever()

    asyncio.run(main())


def timed(command, **kwargs):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **kwargs)
    return time.monotonic() - began


class Agent:
    """A cluster whose agent is started with `prefix`, and warm."""

    def __init__(self, *args, prefix=()):
        self.cluster = Cluster(durability="full")
        self.cluster.coordinator()
        self.cluster.agent(*args, inside=prefix)
        self.cluster.agents_online(1)

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
    one, two = Agent(prefix=ONE_CORE), Agent()
    script = [PYTHON, str(folder / "crawler.py"), str(urls)]
    comparison = Comparison(f"fetch_and_parse over {pages:,} local pages", {
        "script, one core": lambda: timed([*ONE_CORE, *script]),
        "job, one core": lambda: one.run(folder / "crawl.yaml"),
        "job, two workers": lambda: two.run(folder / "crawl.yaml")})
    comparison.run(runs)
    comparison.show(as_json)
    one.close()
    two.close()
    server.terminate()
    shutil.rmtree(folder)


def cpu_heavy(runs, as_json):
    one, two = (Agent("--slots", f"process-pool={n}") for n in (1, 2))
    spec = TUTORIAL / "cpu_heavy.yaml"
    script = [PYTHON, str(TUTORIAL / "cpu_heavy.py")]
    comparison = Comparison("cpu_heavy over [10_000_000] * 8", {
        "multiprocessing.Pool(2)": lambda: timed([*script, "2"]),
        "job, two workers": lambda: two.run(spec),
        "job, one worker": lambda: one.run(spec)})
    comparison.run(runs)
    comparison.show(as_json)
    one.close()
    two.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    crawl(args.pages, args.runs, args.json)
    cpu_heavy(args.runs, args.json)


if __name__ == "__main__":
    main()
