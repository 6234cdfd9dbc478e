#!/usr/bin/python3
"""Asks a slow server over one connection each; standard library only.

`many.py HOST PORT COUNT` asks COUNT times at once as a bare asyncio program.
"""

import asyncio
import sys


async def ask(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return len(answer)


async def main(host, port, count):
    return await asyncio.gather(*(ask(host, port) for _ in range(count)))


if __name__ == "__main__":
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(len(asyncio.run(main(host, port, count))))
