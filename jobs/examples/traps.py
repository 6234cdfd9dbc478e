"""What goes wrong with concurrency in Python, one function a trap."""

import asyncio
import os
import sqlite3
import time

import remuda  # the worker's own module: nothing to install

shared = sqlite3.connect(":memory:", check_same_thread=False)


async def blocks_the_loop(_number):
    time.sleep(0.6)  # await asyncio.sleep(0.6) lets the others run


async def nests_a_loop(_number):
    return asyncio.run(asyncio.sleep(0))  # await it instead


def uses_what_threads_share(_number):
    return shared.execute("SELECT 1").fetchone()[0]


def forgets_to_await(_number):
    return asyncio.sleep(0)


def returns_what_is_not_json(_number) -> set:
    return {1, 2, 3}  # a list can be sent, a set cannot


def yields(_number):
    yield 1  # a generator is no result: return a list


async def hands_over_a_lambda(_number):
    # To a process goes what can be pickled: a def at the top of a module.
    return await remuda.offload(lambda: 1, to="process")


async def hands_over_a_connection(_number):
    return await remuda.offload(str, shared, to="process")


def forks(_number):
    return os.fork()  # subprocess starts a program without the threads' locks


def is_not_async(_number):
    return None  # `executor: async` for this is refused before anything runs
