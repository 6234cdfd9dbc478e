"""What goes wrong with concurrency in Python, one function a trap."""

import asyncio
import sqlite3
import time

shared = sqlite3.connect(":memory:", check_same_thread=False)


async def blocks_the_loop(_number):
    time.sleep(0.6)  # await asyncio.sleep(0.6) lets the others run


async def nests_a_loop(_number):
    return asyncio.run(asyncio.sleep(0))  # await it instead


def uses_what_threads_share(_number):
    return shared.execute("SELECT 1").fetchone()[0]


def forgets_to_await(_number):
    return asyncio.sleep(0)


def is_not_async(_number):
    return None  # `executor: async` for this is refused before anything runs
