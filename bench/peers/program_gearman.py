"""gearman's protocol: program_gearman.py worker|foreground|background PORT."""

import socket
import struct
import sys
import time

from program import batch, noop, one_by_one, run_true, serve

CAN_DO, PRE_SLEEP, NOOP, SUBMIT, JOB_CREATED = 1, 4, 6, 7, 8
GRAB, NO_JOB, ASSIGN, COMPLETE, SUBMIT_BACKGROUND = 9, 10, 11, 13, 18
GRABS = 32
ON_THEIR_WAY = 500


def packet(kind, *arguments):
    body = b"\0".join(arguments)
    return b"\0REQ" + struct.pack(">II", kind, len(body)) + body


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b""

    def send(self, packets):
        self.socket.sendall(b"".join(packets))

    def receive(self):
        """[(kind, body)] of at least one packet."""
        while True:
            found, at = [], 0
            while len(self.bytes) - at >= 12:
                kind, size = struct.unpack_from(">II", self.bytes, at + 4)
                if len(self.bytes) - at - 12 < size:
                    break
                found.append((kind, self.bytes[at + 12:at + 12 + size]))
                at += 12 + size
            self.bytes = self.bytes[at:]
            if found:
                return found
            more = self.socket.recv(1 << 18)
            if not more:
                raise ConnectionError("gearmand has gone")
            self.bytes += more


def work(port):
    """Keeps GRABS grabs on their way; sleeps when none of them got a job."""
    functions = {b"noop": noop, b"true": run_true}
    connection = Connection(port)
    connection.send([packet(CAN_DO, name) for name in functions])
    connection.send([packet(GRAB)] * GRABS)
    grabs = GRABS
    while True:
        answers = []
        for kind, body in connection.receive():
            if kind == ASSIGN:
                handle, name, _ = body.split(b"\0", 2)
                functions[name]()
                answers += [packet(COMPLETE, handle, b""), packet(GRAB)]
            elif kind == NO_JOB:
                grabs -= 1
                if grabs == 0:
                    answers.append(packet(PRE_SLEEP))
            elif kind == NOOP:
                answers += [packet(GRAB)] * (GRABS - grabs)
                grabs = GRABS
        if answers:
            connection.send(answers)


class Client:
    def __init__(self, port, background):
        self.connection = Connection(port)
        self.background = background
        self.submitted = 0

    def send(self, kind, name, count):
        """Each with a name of its own: gearmand runs equal ones once."""
        first, self.submitted = self.submitted, self.submitted + count
        self.connection.send([packet(kind, name, b"%d" % number, b"")
                              for number in range(first, first + count)])

    def submit(self, name, size):
        """All of them, ON_THEIR_WAY at a time, until the last has ended."""
        kind = SUBMIT_BACKGROUND if self.background else SUBMIT
        answer = JOB_CREATED if self.background else COMPLETE
        sent = min(size, ON_THEIR_WAY)
        self.send(kind, name, sent)
        done = 0
        while done < size:
            ended = sum(kind == answer
                        for kind, _ in self.connection.receive())
            done += ended
            more = min(ended, size - sent)
            sent += more
            if more:
                self.send(kind, name, more)
        if self.background:
            self.wait_until_empty(name)
        return done

    def wait_until_empty(self, name):
        """By the text protocol: nothing is queued and nothing runs."""
        while True:
            self.connection.socket.sendall(b"status\n")
            text = b""
            while not text.endswith(b".\n"):
                text += self.connection.socket.recv(1 << 16)
            for line in text.splitlines():
                fields = line.split(b"\t")
                if fields[0] == name and fields[1] == b"0":
                    return
            time.sleep(0.002)


def main():
    role, port = sys.argv[1], int(sys.argv[2])
    if role == "worker":
        work(port)
    client = Client(port, role == "background")
    serve({
        "noop": lambda n: batch(n, lambda size: client.submit(b"noop", size)),
        "true": lambda n: batch(n, lambda size: client.submit(b"true", size)),
        "one": lambda n: one_by_one(n, lambda: client.submit(b"noop", 1)),
    })


main()
