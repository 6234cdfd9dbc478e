"""What a task costs that does nothing, beside the executors of Python itself.

Usage: worker_benchmark.py [TASKS]

Microseconds of wall time a task, the best of three rounds; the worker's
include the frames in both directions, in batches, as an agent sends them.
"""

import asyncio
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from worker_driver import Worker

ROUNDS = 3
MODULE = "def plain(): pass\nasync def later(): pass\n"
PEER_TASKS_MAX = 20_000  # submit to a process pool is slow


def plain(_=None):
    pass


async def later():
    pass


def best(measure):
    return min(measure() for _ in range(ROUNDS))


def of_worker(mode, slots, function, count):
    worker = Worker(mode, slots)
    try:
        with open(os.path.join(worker.home, "noop.py"), "w") as file:
            file.write(MODULE)
        worker.run(function)

        def measure():
            start = time.perf_counter()
            last = worker.start(function, count=count)[-1]
            worker.wait_until(lambda: len(worker.ends) >= last)
            return (time.perf_counter() - start) / count

        return best(measure)
    finally:
        worker.close()


def of_asyncio(count):
    async def all_of_them():
        start = time.perf_counter()
        await asyncio.gather(*[later() for _ in range(count)])
        return (time.perf_counter() - start) / count

    return best(lambda: asyncio.run(all_of_them()))


def of_submit(pool, count):
    def measure():
        start = time.perf_counter()
        for each in [pool.submit(plain) for _ in range(count)]:
            each.result()
        return (time.perf_counter() - start) / count

    pool.submit(plain).result()
    return best(measure)


def of_map(pool, count):
    def measure():
        start = time.perf_counter()
        for _ in pool.map(plain, range(count), chunksize=64):
            pass
        return (time.perf_counter() - start) / count

    return best(measure)


def main(count):
    peers = min(count, PEER_TASKS_MAX)
    rows = [
        ("worker, process", lambda: of_worker("process", 1, "noop:plain", count)),
        ("worker, process, async def", lambda: of_worker("process", 1, "noop:later", count)),
        ("worker, threads, 1 slot", lambda: of_worker("threads", 1, "noop:plain", count)),
        ("worker, threads, 64 slots", lambda: of_worker("threads", 64, "noop:plain", count)),
        ("worker, loop, 10,000 slots", lambda: of_worker("loop", 10_000, "noop:later", count)),
        ("asyncio.gather", lambda: of_asyncio(count)),
    ]
    for name, measure in rows:
        print(f"{name:36} {measure() * 1e6:8.2f}", flush=True)
    with ThreadPoolExecutor(64) as pool:
        cost = of_submit(pool, peers)
        print(f"{'ThreadPoolExecutor(64).submit':36} {cost * 1e6:8.2f}", flush=True)
    with ProcessPoolExecutor(1) as pool:
        cost = of_submit(pool, peers)
        print(f"{'ProcessPoolExecutor(1).submit':36} {cost * 1e6:8.2f}", flush=True)
        cost = of_map(pool, peers)
        print(f"{'ProcessPoolExecutor(1).map, 64':36} {cost * 1e6:8.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
