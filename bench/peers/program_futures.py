"""concurrent.futures and asyncio: program_futures.py processes|threads|asyncio.
"""

import asyncio
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from program import batch, noop, one_by_one, run_true_for, serve

COROUTINES = 10_000
COMMANDS = 4


def of_pool(pool, chunk, chunk_of_commands):
    def single(size):
        futures = [pool.submit(noop, index) for index in range(size)]
        return sum(future.result() is None for future in futures)

    return {
        "array": lambda n: batch(n, lambda size: sum(
            1 for _ in pool.map(noop, range(size), chunksize=chunk))),
        "single": lambda n: batch(n, single),
        "one": lambda n: one_by_one(n, lambda: pool.submit(noop).result()),
        "command": lambda n: batch(n, lambda size: sum(
            1 for _ in pool.map(run_true_for, range(size),
                                chunksize=chunk_of_commands))),
    }


async def coroutine(index):
    return noop(index)


async def gathered(size):
    done = 0
    for first in range(0, size, COROUTINES):
        some = range(first, min(size, first + COROUTINES))
        done += len(await asyncio.gather(*map(coroutine, some)))
    return done


async def singly(size):
    done = 0
    for first in range(0, size, COROUTINES):
        tasks = [asyncio.create_task(coroutine(index)) for index in
                 range(first, min(size, first + COROUTINES))]
        for task in tasks:
            await task
        done += len(tasks)
    return done


async def commands(size):
    left = iter(range(size))

    async def run():
        done = 0
        for _ in left:
            process = await asyncio.create_subprocess_exec("/bin/true")
            done += await process.wait() == 0
        return done

    return sum(await asyncio.gather(*(run() for _ in range(COMMANDS))))


def of_asyncio():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    async def one():
        await asyncio.create_task(coroutine(0))

    def run(action):
        return lambda size: loop.run_until_complete(action(size))

    return {
        "array": lambda n: batch(n, run(gathered)),
        "single": lambda n: batch(n, run(singly)),
        "one": lambda n: one_by_one(
            n, lambda: loop.run_until_complete(one())),
        "command": lambda n: batch(n, run(commands)),
    }


def main():
    kind = sys.argv[1]
    if kind == "asyncio":
        serve(of_asyncio())
    elif kind == "threads":
        with ThreadPoolExecutor(2) as pool:
            serve(of_pool(pool, 1, 1))
    else:
        with ProcessPoolExecutor(2) as pool:
            serve(of_pool(pool, 64, 8))


if __name__ == "__main__":
    main()
