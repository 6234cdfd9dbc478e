"""Computes: in Python, in numpy, and beside an event loop."""

import asyncio
import hashlib
import time


def cpu_heavy(n):
    return sum(i * i for i in range(n))


def double_and_add_list(n):
    """x * 2 + y over two lists, in Python."""
    x = [float(i % 1000) for i in range(n)]
    y = [i % 997 / 2 for i in range(n)]
    start = time.perf_counter()
    result = [a * 2 + b for a, b in zip(x, y)]
    seconds = time.perf_counter() - start
    return {"n": n, "sum": sum(result), "seconds": seconds}


def double_and_add_numpy(n):
    """The same over two arrays; needs numpy where the agent runs."""
    import numpy

    x = numpy.arange(n) % 1000.0
    y = numpy.arange(n) % 997 / 2
    start = time.perf_counter()
    result = x * 2 + y
    seconds = time.perf_counter() - start
    return {"n": n, "sum": float(result.sum()), "seconds": seconds}


def digest(text):
    for _ in range(20000):
        text = hashlib.sha256(text.encode()).hexdigest()
    return text


async def fetch_and_digest(name):
    """Waits on the loop, and has the computing done by another process."""
    import remuda

    await asyncio.sleep(0.05)
    return await remuda.offload(digest, name, to="process")
