"""Small workloads, each of a kind of its own; zoo.py runs them.

Each takes the number of its task. What it works on is made once a process.
"""

import asyncio
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib


@functools.lru_cache(None)
def text(size):
    words = "The quick brown fox jumps over 13 lazy dogs. "
    return (words * (size // len(words) + 1))[:size]


@functools.lru_cache(None)
def picture():
    import io

    from PIL import Image

    image = Image.effect_noise((1600, 1200), 64).convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def cpu_heavy(_n):
    return sum(i * i for i in range(1_000_000))


def json_parse(_n):
    rows = [{"id": i, "name": "row", "tags": ["a", "b"]} for i in range(4_000)]
    return len(json.loads(json.dumps(rows)))


def regex(_n):
    return len(re.findall(r"(\w+) (\w+) (?=\d+)", text(600_000)))


def hashing(_n):
    return hashlib.sha256(text(24 << 20).encode()).hexdigest()[:8]


def compressing(_n):
    return len(zlib.compress(text(4 << 20).encode(), 9))


def thumbnail(_n):
    import io

    from PIL import Image

    image = Image.open(io.BytesIO(picture()))
    image.thumbnail((800, 800))
    file = io.BytesIO()
    image.save(file, "JPEG")
    return len(file.getvalue())


def numpy_large(_n):
    import numpy

    x = numpy.arange(4_000_000) % 1000.0
    return float((x * 2 + x).sum())


def numpy_small(_n):
    import numpy

    x = numpy.arange(50.0)
    for _ in range(20_000):
        x = x * 1.0001 + 0.1
    return float(x.sum())


def sleeping(_n):
    time.sleep(0.03)


def reading(_n):
    size = 0
    with open(sys.executable, "rb", buffering=0) as file:
        for _ in range(8):
            file.seek(0)
            while block := file.read(1 << 16):
                size += len(block)
    return size


def syncing(_n):
    with tempfile.TemporaryFile(dir="/var/tmp") as file:
        for _ in range(4):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())


def http(_n, url):
    with urllib.request.urlopen(url) as answer:
        return len(answer.read())


def subprocesses(_n):
    return subprocess.run(["true"], check=True).returncode


def wait_and_count(_n):
    time.sleep(0.02)
    return sum(i * i for i in range(100_000))


LOCK = threading.Lock()


def one_lock(_n):
    with LOCK:
        return sum(i * i for i in range(200_000))


def tiny(n):
    return sum(i * i for i in range(n % 200))


def tiny_many(n, size):
    return [tiny(n * size + i) for i in range(size)]


def bursty(n):
    # One in twenty takes half of the time that all do.
    return sum(i * i for i in range(3_800_000 if n % 20 == 7 else 200_000))


async def async_sleeping(_n):
    await asyncio.sleep(0.03)


async def async_counting(_n):
    await asyncio.sleep(0.001)
    return sum(i * i for i in range(200_000))


async def async_blocking(_n):
    time.sleep(0.03)


async def get(url):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            return await answer.text()


async def async_http(_n, url):
    return len(await get(url))


async def crawling(_n, url):
    from bs4 import BeautifulSoup

    return str(BeautifulSoup(await get(url), "html.parser").title.string)
