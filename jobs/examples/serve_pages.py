#!/usr/bin/python3
"""A small local web site to crawl: serves the HTML files below a folder on
loopback, writes their URLs to a file, and prints the address.

    serve_pages.py FOLDER URLS_FILE [COUNT] [-- COMMAND...]

With a command it serves as long as that runs, and ends as that does.
"""

import functools
import http.server
import itertools
import pathlib
import subprocess
import sys
import threading
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
    arguments, command = sys.argv[1:], []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1:]
    if len(arguments) not in (2, 3):
        sys.exit(__doc__.strip())
    folder = pathlib.Path(arguments[0])
    count = int(arguments[2]) if len(arguments) > 2 else None
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        sys.exit(f"serve_pages: no HTML files below {folder}")
    handler = functools.partial(Handler, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        base = f"http://127.0.0.1:{server.server_port}/"
        with open(arguments[1], "w") as file:
            for page in itertools.islice(pages, count):
                path = urllib.parse.quote(str(page.relative_to(folder)))
                file.write(base + path + "\n")
        print(base, flush=True)
        if not command:
            server.serve_forever()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
