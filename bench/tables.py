#!/usr/bin/python3
"""The tutorial's tables: pages and pictures, beside what one would write.

    bazel build //cli:remuda //bench:libcurl_in_flight //plugins/image:image.so
    bench/tables.py                 all of it, medians of three, in turn
    bench/tables.py --quick         small sizes, to see that it works
    bench/tables.py --only A1,B

A1: pages of 2 KB from nginx on loopback, 200 at once: http.fetch, curl, h2load.
A2: the titles of such pages: http.crawl, and the tutorial's crawler, as it is
    and with lxml. A3: pages that come 50 ms after they were asked for, 200 at
once and all at once. A4: the tutorial's own rows, with a function that blocks
and one that does not, as scripts and as jobs. B: thumbnails: the plugin image,
a multiprocessing Pool with PIL, and vipsthumbnail under xargs.

Every run of a job has a new agent; its memory is the peak of all its processes,
CPU what they used. Servers are on the same cores; what they cost is told below
each table. Needs nginx, h2load, curl, vipsthumbnail and, of Debian's Python,
aiohttp, bs4, lxml and PIL; a table whose programs are missing is left out.
"""

import argparse
import contextlib
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

import in_flight  # noqa: E402
import page_server  # noqa: E402
import scaling  # noqa: E402
from cluster import free_port, wait_until  # noqa: E402
from comparison import Comparison, cpu_of, tree_of  # noqa: E402
from in_flight import Job, program  # noqa: E402

TUTORIAL = ROOT / "bench/tutorial"
PYTHON = "/usr/bin/python3"
AT_ONCE = 200
DELAY = 0.05
# Debian's libnginx-mod-http-echo lets nginx answer late; without it a server in
# Python does, which needs as much of the cores as the client.
ECHO = pathlib.Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
NGINX = """
{module}
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type text/html; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder};
    location / {{ {page} }}
    location = /page.html {{ }} }}
}}
"""


class Server:
    """The base of what it serves, and what it has used of the cores."""

    def __init__(self, port, process):
        self.port = port
        self.pid = process.pid
        self.url = f"http://127.0.0.1:{port}"

    def cpu(self):
        return cpu_of(tree_of(self.pid))


@contextlib.contextmanager
def nginx(folder, delay=0):
    """Serves pages, as long after they were asked for as `delay`, in seconds,
    which needs ECHO."""
    port = free_port()
    (folder / "page.html").write_text(page_server.BODY)
    # Its workers are somebody else, who has to find the page.
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        NGINX.format(
            folder=folder, port=port,
            module=f"load_module {ECHO};" if delay else "",
            page=f"echo_sleep {delay}; echo_exec /page.html;" if delay
            else "try_files /page.html =404;"))
    process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf"],
                               stderr=subprocess.DEVNULL)
    try:
        server = Server(port, process)
        wait_until(lambda: answers(server.url), "nginx answers")
        yield server
    finally:
        process.terminate()
        process.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status == 200
    except OSError:
        return False


def serve_late(port, ready, delay):
    in_flight.more_descriptors()
    page_server.serve(port, delay, ready.set)


@contextlib.contextmanager
def late(serve, delay):
    """A server that answers after a delay, in a process of its own."""
    port = free_port()
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=serve, args=(port, ready, delay))
    process.start()
    try:
        ready.wait()
        yield Server(port, process)
    finally:
        process.terminate()
        process.join()


class Counted:
    """Ways that also tell what a server used while they ran."""

    def __init__(self, server):
        self.server = server
        self.used = {}

    def way(self, name, run):
        def counted():
            before = self.server.cpu()
            took = run()
            self.used.setdefault(name, []).append(self.server.cpu() - before)
            return took

        return counted

    def ways(self, ways):
        return {name: self.way(name, run) for name, run in ways.items()}

    def show(self):
        parts = ", ".join(f"{name} {sum(used) / len(used):.2f}"
                          for name, used in self.used.items())
        print(f"The server's own CPU seconds, the mean: {parts}\n")


def compare(title, server, ways, runs):
    counted = Counted(server)
    comparison = Comparison(title, counted.ways(ways))
    comparison.run(runs)
    comparison.show(False)
    counted.show()
    return comparison


def curl(server, pages):
    return lambda: program([
        "curl", "--stderr", "/dev/null", "--fail", "--parallel",
        "--parallel-max", str(AT_ONCE), "-o", "/dev/null",
        f"{server.url}/[1-{pages}]"])


def job(kind, server, pages, at_once=AT_ONCE, limit="agent"):
    """So many at once because the agent has no more slots, or because the job
    asks for no more, which the coordinator keeps: one ends, is recorded, and
    only then the next leaves for an agent."""
    lines = [f"tasks: {{range: {{from: 1, to: {pages}}}}}",
             f'with: {{url: "{server.url}/{{{{item}}}}"}}']
    if limit == "agent":
        return Job(kind, lines, slots=f"async={at_once}")
    return Job(kind, [*lines, f"concurrency: {at_once}"])


def table_a1(args, folder):
    with nginx(folder) as server:
        title = f"A1: {args.pages:,} pages of 2 KB, {AT_ONCE} at once"
        compare(title, server, {
            "curl --parallel": curl(server, args.pages),
            "http.fetch": job("http.fetch", server, args.pages),
            "http.fetch, limited by the job": job(
                "http.fetch", server, args.pages, limit="job"),
            "h2load, kept alive": lambda: program([
                "h2load", "--h1", "-n", str(args.pages), "-c",
                str(min(AT_ONCE, args.pages)), "-t", "1", server.url]),
        }, args.runs)


def table_a2(args, folder):
    with nginx(folder) as server:
        urls = folder / "urls.txt"
        urls.write_text("".join(f"{server.url}/{n}\n"
                                for n in range(args.pages)))
        script = TUTORIAL / "crawler.py"
        lxml = folder / "crawler_lxml.py"
        lxml.write_text(script.read_text().replace('"html.parser"', '"lxml"'))
        compare(f"A2: the titles of {args.pages:,} pages", server, {
            "the tutorial's crawler": lambda: program(
                [PYTHON, str(script), str(urls)]),
            "the same with lxml": lambda: program(
                [PYTHON, str(lxml), str(urls)]),
            "http.crawl": job("http.crawl", server, args.pages),
        }, args.runs)


def late_pages(folder):
    return nginx(folder, DELAY) if ECHO.exists() else late(serve_late, DELAY)


def table_a3(args, folder):
    ideal = args.pages / AT_ONCE * DELAY
    with late_pages(folder) as server:
        comparison = compare(
            f"A3: {args.pages:,} pages after {DELAY * 1e3:.0f} ms, {AT_ONCE} "
            f"at once, from {'nginx' if ECHO.exists() else 'Python'}", server, {
                "curl --parallel": curl(server, args.pages),
                "http.fetch": job("http.fetch", server, args.pages),
                "http.fetch, limited by the job": job(
                    "http.fetch", server, args.pages, limit="job"),
            }, args.runs)
        print(f"Of the ideal {ideal:.2f} s: http.fetch "
              f"{comparison.median('http.fetch') / ideal:.2f}, curl "
              f"{comparison.median('curl --parallel') / ideal:.2f}\n")
    # A connection each: the server closes it after its answer.
    with late(in_flight.serve, DELAY) as server:
        compare(
            f"A3: {args.pages:,} requests at once, answered after "
            f"{DELAY * 1e3:.0f} ms", server, {
                "bare libcurl": lambda: program(
                    [in_flight.LIBCURL, server.url, str(args.pages)]),
                "http.fetch": job("http.fetch", server, args.pages,
                                  args.pages),
            }, args.runs)


def table_a4(args, folder):
    pages = args.pages // 10
    with late(serve_late, DELAY) as server:
        urls = folder / "urls.txt"
        urls.write_text("".join(f"{server.url}/{n}\n" for n in range(pages)))
        script = [PYTHON, str(TUTORIAL / "pages.py"), str(urls)]

        def way(*words):
            return lambda: program([*script, *words])

        def python(function, executor, slots, more=""):
            return Job("python", [
                f"tasks: {{lines: {urls}}}", f"executor: {executor}",
                f'with: {{function: "pages:{function}", args: ["{{{{item}}}}"],'
                f" path: ['{TUTORIAL}'], python: {PYTHON}{more}}}"],
                slots=f"{executor}={slots}")

        session = ', setup: {session: "pages:open_session"}'

        compare(f"A4: {pages:,} pages after {DELAY * 1e3:.0f} ms, in Python",
                server, {
                    "one after another": way("threads", "1"),
                    "20 threads": way("threads", "20"),
                    "200 threads": way("threads", "200"),
                    "thread-pool, 20": python("fetch", "thread-pool", 20),
                    "thread-pool, 200": python("fetch", "thread-pool", 200),
                    "asyncio, 50": way("asyncio", "50"),
                    "asyncio, 200": way("asyncio", "200"),
                    "async, 50": python("fetch_async", "async", 50,
                                        session),
                    "async, 200": python("fetch_async", "async", 200,
                                         session),
                }, args.runs)


def table_b(args, folder):
    pictures = folder / "pictures"
    scaling.make_pictures(pictures, args.pictures)
    processes = os.cpu_count()
    files = folder / "files.txt"
    files.write_text("".join(f"{pictures}/{n}.jpg\n"
                             for n in range(args.pictures)))
    small = folder / "small"
    small.mkdir()
    vips = (f"VIPS_CONCURRENCY=1 xargs -P {processes} -n 1 vipsthumbnail "
            f"--size '800x800>' -o '{small}/%s.jpg[strip]' < {files}")

    def plugin():
        with contextlib.closing(scaling.Agent(processes)) as agent:
            return agent.run(pictures, args.pictures)

    comparison = Comparison(
        f"B: {args.pictures:,} thumbnails of 1600x1200, {processes} processes",
        {
            "vipsthumbnail under xargs": lambda: program(["sh", "-c", vips]),
            "multiprocessing.Pool, PIL": lambda: program(
                [PYTHON, str(TUTORIAL / "thumbnails.py"), str(files),
                 str(small), str(processes)]),
            "image.thumbnail": plugin,
        })
    comparison.run(args.runs)
    comparison.show(False)


TABLES = {
    "A1": (table_a1, ("nginx", "curl", "h2load"), ()),
    "A2": (table_a2, ("nginx",), ("aiohttp", "bs4", "lxml")),
    "A3": (table_a3, ("curl",), ()),
    "A4": (table_a4, (), ("aiohttp",)),
    "B": (table_b, ("vips", "vipsthumbnail", "xargs"), ("PIL",)),
}


def missing(programs, modules):
    return [one for one in programs if shutil.which(one) is None] + [
        f"Python's {one}" for one in modules
        if subprocess.run([PYTHON, "-c", f"import {one}"], check=False,
                          stderr=subprocess.DEVNULL).returncode]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(TABLES),
                        help="with commas")
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    if args.quick:
        args.pages, args.pictures, args.runs = 400, 20, 1
    asked = args.only.split(",")
    if unknown := sorted(set(asked) - set(TABLES)):
        parser.error(f"there is no table {unknown[0]}")
    in_flight.more_descriptors()
    for name in asked:
        table, programs, modules = TABLES[name]
        if lacking := missing(programs, modules):
            print(f"{name} is left out: there is no {', '.join(lacking)}\n")
            continue
        with tempfile.TemporaryDirectory(prefix="remuda-bench-") as folder:
            table(args, pathlib.Path(folder))


if __name__ == "__main__":
    os.chdir(ROOT)
    os.environ["PATH"] += ":/usr/sbin"  # where Debian has nginx
    main()
