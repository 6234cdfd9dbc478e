#!/usr/bin/python3
"""Fetches pages, in threads or with asyncio, as a newcomer writes it.

`pages.py FILE threads|asyncio AT_ONCE` fetches every URL that the file lists.
As Remuda jobs the same functions run once a task.
"""

import asyncio
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import aiohttp


def open_session():
    return aiohttp.ClientSession()


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return len(response.read())


async def fetch_async(url, session):
    async with session.get(url) as response:
        return len(await response.read())


async def main(urls, at_once):
    limit = asyncio.Semaphore(at_once)

    async def one(url, session):
        async with limit:
            return await fetch_async(url, session)

    async with open_session() as session:
        return await asyncio.gather(*(one(url, session) for url in urls))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        all_urls = file.read().split()
    count = int(sys.argv[3])
    if sys.argv[2] == "threads":
        with ThreadPoolExecutor(count) as pool:
            sizes = list(pool.map(fetch, all_urls))
    else:
        sizes = asyncio.run(main(all_urls, count))
    print(sum(sizes))
