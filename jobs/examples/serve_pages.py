#!/usr/bin/python3
"""A small local web site to crawl: serves the HTML files below a folder on
loopback, writes their URLs to a file, and prints the address.

    serve_pages.py FOLDER URLS_FILE [COUNT]
"""

import functools
import http.server
import itertools
import pathlib
import sys
import urllib.parse


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    wbufsize = -1  # head and body leave together

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__.strip())
    folder = pathlib.Path(sys.argv[1])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else None
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        sys.exit(f"serve_pages: no HTML files below {folder}")
    handler = functools.partial(Handler, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        base = f"http://127.0.0.1:{server.server_port}/"
        with open(sys.argv[2], "w") as file:
            for page in itertools.islice(pages, count):
                path = urllib.parse.quote(str(page.relative_to(folder)))
                file.write(base + path + "\n")
        print(base, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
