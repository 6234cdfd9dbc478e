#!/usr/bin/python3
"""What a task that does nothing costs on each executor, beside Python's own.

Wall time a task, in batches, through the whole executor and one worker
process: on the agent's own loop and threads, in a warm native worker, in the
Python worker; and the same with asyncio, ThreadPoolExecutor and
ProcessPoolExecutor, in turn. A benchmark that has not been built is left out.

    bazel build //executors:executor_benchmark \\
        //executors/process_pool:process_pool_benchmark \\
        //executors/hosted:hosted_benchmark && bench/executor_costs.py
"""

import argparse
import asyncio
import json
import pathlib
import re
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from comparison import Comparison

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = ROOT / "bazel-bin"
IN_AGENT = "executors/executor_benchmark"
POOL = "executors/process_pool/process_pool_benchmark"
HOSTED = "executors/hosted/hosted_benchmark"
# The first benchmark of these that exists, and what the cost should be below.
OURS = {
    "in-agent async": ([(IN_AGENT, "noop_MakeAsync/1024/")], 1),
    "in-agent thread-pool": ([(IN_AGENT, "noop_MakeThreadPool/1024/")], 3),
    "warm C++ worker": ([(IN_AGENT, "noop_MakeProcess[A-Za-z]*/1024/"),
                         (POOL, "BM_NativeNoop/1/")], 10),
    "Python worker, process-pool": ([(POOL, "BM_PythonCall/1/")], 40),
    "Python worker, threads": ([(HOSTED, "BM_PythonThreads/64/")], 40),
    "Python worker, loop": ([(HOSTED, "BM_PythonLoop/10000/")], 60),
}


def nothing(_=None):
    pass


async def later():
    pass


def found(program, pattern):
    """The name of the benchmark, None if there is none."""
    if not (BUILT / program).exists():
        return None
    listed = subprocess.run([BUILT / program, "--benchmark_list_tests"],
                            capture_output=True, text=True, check=True)
    names = (name for name in listed.stdout.split() if re.search(pattern, name))
    return next(names, None)


def benchmark(program, name, seconds):
    """Runs one where it finds its data; seconds a task."""
    done = subprocess.run(
        [BUILT / program, f"--benchmark_filter=^{re.escape(name)}$",
         f"--benchmark_min_time={seconds}", "--benchmark_format=json"],
        cwd=BUILT / f"{program}.runfiles" / "remuda", capture_output=True,
        text=True, check=True)
    (row,) = json.loads(done.stdout)["benchmarks"]
    return 1 / row["items_per_second"]


def of_asyncio(count):
    async def all_of_them():
        began = time.perf_counter()
        await asyncio.gather(*[later() for _ in range(count)])
        return (time.perf_counter() - began) / count

    return asyncio.run(all_of_them())


def of_submit(pool, count):
    began = time.perf_counter()
    for each in [pool.submit(nothing) for _ in range(count)]:
        each.result()
    return (time.perf_counter() - began) / count


def of_map(pool, count):
    began = time.perf_counter()
    for _ in pool.map(nothing, range(count), chunksize=64):
        pass
    return (time.perf_counter() - began) / count


def our_ways(seconds):
    ways, goals = {}, {}
    for way, (places, goal) in OURS.items():
        for program, pattern in places:
            name = found(program, pattern)
            if name is not None:
                ways[way] = (lambda program=program, name=name:
                             benchmark(program, name, seconds))
                goals[way] = goal
                break
    return ways, goals


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=20_000,
                        help="of Python's own executors, each time")
    parser.add_argument("--seconds", type=float, default=0.3,
                        help="that a benchmark of ours runs each time")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    ours, goals = our_ways(args.seconds)
    # Made before there are threads, as it forks.
    with ProcessPoolExecutor(1) as processes, ThreadPoolExecutor(64) as threads:
        of_submit(processes, 100)
        of_submit(threads, 100)
        comparison = Comparison("A task that does nothing", {
            "asyncio.gather": lambda: of_asyncio(args.tasks),
            "ThreadPoolExecutor(64).submit":
                lambda: of_submit(threads, args.tasks),
            "ProcessPoolExecutor(1).submit":
                lambda: of_submit(processes, args.tasks),
            "ProcessPoolExecutor(1).map, chunks of 64":
                lambda: of_map(processes, args.tasks),
            **ours}, unit="us")
        comparison.run(args.runs)
        comparison.show(args.json)
    if not args.json:
        for way, goal in goals.items():
            print(f"{way}: under {goal} us is wanted, "
                  f"{comparison.median(way) * 1e6:.2f} us it is")
        for way in OURS.keys() - ours.keys():
            print(f"{way}: not built")


if __name__ == "__main__":
    main()
