#!/usr/bin/python3
"""A server of pages that answers 20 ms after it was asked, as one far away.

`pages.py PORT` serves until it is ended, and says so when it begins.
"""

import asyncio
import sys

DELAY = 0.02
BODY = ("<html><head><title>Page</title></head><body>"
        + "<p>text <a href='/x'>link</a></p>" * 55 + "</body></html>")
ANSWER = (f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
          f"Content-Length: {len(BODY)}\r\n\r\n{BODY}").encode()


class Pages(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.end = b""

    def data_received(self, data):
        data = self.end + data
        self.end = data[-3:]
        if count := data.count(b"\r\n\r\n"):
            asyncio.get_running_loop().call_later(
                DELAY, self.transport.write, ANSWER * count)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Pages, "127.0.0.1", int(sys.argv[1]),
                                      backlog=1000)
    print("serving", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
