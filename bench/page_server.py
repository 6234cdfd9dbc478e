#!/usr/bin/python3
"""A server of pages of about 2 KB, made once, at as little cost as may be.

`page_server.py PORT [SECONDS]` answers so long after it was asked, at once if
nothing is said, until it is ended; it says so when it begins.
"""

import asyncio
import sys

BODY = ("<html><head><title>Page</title></head><body>"
        + "<p>text <a href='/x'>link</a></p>" * 55 + "</body></html>")
ANSWER = (f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
          f"Content-Length: {len(BODY)}\r\n\r\n{BODY}").encode()


class Pages(asyncio.Protocol):
    def __init__(self, delay):
        self.delay = delay

    def connection_made(self, transport):
        self.transport = transport
        self.end = b""

    def data_received(self, data):
        data = self.end + data
        self.end = data[-3:]
        answers = ANSWER * data.count(b"\r\n\r\n")
        if answers and self.delay:
            asyncio.get_running_loop().call_later(
                self.delay, self.transport.write, answers)
        elif answers:
            self.transport.write(answers)


def serve(port, delay, on_ready):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Pages(delay), "127.0.0.1", port, backlog=1000)
        on_ready()
        await server.serve_forever()

    asyncio.run(main())


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0,
          lambda: print("serving", flush=True))
