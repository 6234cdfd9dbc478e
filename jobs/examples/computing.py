"""Computes: in Python, in numpy, and beside an event loop."""

import asyncio
import hashlib


def cpu_heavy(n):
    return sum(i * i for i in range(n))


def double_and_add_list(n):
    """x * 2 + y over two lists, in Python."""
    x = [float(i % 1000) for i in range(n)]
    y = [float(i % 7) for i in range(n)]
    return sum(a * 2 + b for a, b in zip(x, y))


def double_and_add_numpy(n):
    """The same over two arrays; needs numpy where the agent runs."""
    import numpy

    x = numpy.arange(n) % 1000.0
    y = numpy.arange(n) % 7.0
    return float((x * 2 + y).sum())


def digest(text):
    for _ in range(20000):
        text = hashlib.sha256(text.encode()).hexdigest()
    return text


async def fetch_and_digest(name):
    """Waits on the loop, and has the computing done by another process."""
    import remuda

    await asyncio.sleep(0.05)
    return await remuda.offload(digest, name, to="process")
