#!/usr/bin/python3
"""A crawler as a newcomer to asyncio writes it.

Alone it is a script: `crawler.py FILE` fetches every URL that the file lists,
fifty at once, and prints how many titles it found. As a Remuda job (crawl.yaml)
the same function runs once a task, with the session made once for each loop.
"""

import asyncio
import sys

import aiohttp
from bs4 import BeautifulSoup

AT_ONCE = 50


def open_session():
    return aiohttp.ClientSession()


async def fetch_and_parse(url, session):
    async with session.get(url) as response:
        text = await response.text()
    return str(BeautifulSoup(text, "html.parser").title.string)


async def main(urls):
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(url, session):
        async with limit:
            return await fetch_and_parse(url, session)

    async with open_session() as session:
        return await asyncio.gather(*(one(url, session) for url in urls))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        titles = asyncio.run(main(file.read().split()))
    print(len(titles))
