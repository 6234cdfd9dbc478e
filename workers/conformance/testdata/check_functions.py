"""What `remuda worker-check` asks of the Python worker, in every mode."""

import asyncio
import builtins
import time


async def echo(**arguments):
    return arguments


async def fail(text):
    raise RuntimeError(text)


async def sleep(seconds):
    await asyncio.sleep(seconds)


async def block(seconds):
    time.sleep(seconds)


async def print(text):
    builtins.print(text)
