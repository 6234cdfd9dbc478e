"""beanstalkd's protocol: program_beanstalkd.py worker|client PORT."""

import socket
import sys
import time

from program import batch, noop, one_by_one, run_true, serve

RESERVES = 32
ON_THEIR_WAY = 500


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", buffering=1 << 18)

    def send(self, text):
        self.socket.sendall(text)

    def line(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("beanstalkd has gone")
        return line

    def expect(self, word):
        line = self.line()
        if not line.startswith(word):
            raise RuntimeError(f"{line} instead of {word}")
        return line

    def reserved(self):
        """(id, body) of the answer to a reserve."""
        _, number, size = self.expect(b"RESERVED").split()
        return number, self.file.read(int(size) + 2)[:-2]


def put(body):
    return b"put 0 0 60 %d\r\n%s\r\n" % (len(body), body)


def work(port):
    """Answers are read in the order of the questions, which are counted.

    A body names the function and, after a colon, the tube for the answer.
    """
    functions = {b"noop": noop, b"true": run_true}
    connection = Connection(port)
    connection.send(b"watch tasks\r\nignore default\r\n")
    connection.expect(b"WATCHING")
    connection.expect(b"WATCHING")
    tube = b"default"
    while True:
        # beanstalkd reads no further while a reserve waits: so one at first,
        # and more while there is plenty.
        connection.send(b"reserve\r\n")
        wanted = 1
        while wanted:
            number, body = connection.reserved()
            jobs = [(number, body)]
            for _ in range(wanted - 1):
                line = connection.line()
                if line.startswith(b"TIMED_OUT"):
                    continue
                _, number, size = line.split()
                jobs.append((number,
                             connection.file.read(int(size) + 2)[:-2]))
            questions, answers = [], []
            for number, body in jobs:
                name, _, answer = body.partition(b":")
                functions[name]()
                if answer and answer != tube:
                    tube = answer
                    questions.append(b"use %s\r\n" % tube)
                    answers.append(b"USING")
                if answer:
                    questions.append(put(b""))
                    answers.append(b"INSERTED")
                questions.append(b"delete %s\r\n" % number)
                answers.append(b"DELETED")
            enough = len(jobs) == wanted
            wanted = min(2 * wanted, RESERVES) if enough else 1
            questions.append(b"reserve\r\n")
            questions += [b"reserve-with-timeout 0\r\n"] * (wanted - 1)
            connection.send(b"".join(questions))
            for answer in answers:
                connection.expect(answer)


class Client:
    def __init__(self, port):
        self.connection = Connection(port)
        self.connection.send(b"use tasks\r\nwatch answers\r\n"
                             b"ignore default\r\n")
        self.connection.expect(b"USING")
        self.connection.expect(b"WATCHING")
        self.connection.expect(b"WATCHING")

    def deleted(self):
        """How many tasks have been done so far."""
        self.connection.send(b"stats-tube tasks\r\n")
        size = int(self.connection.expect(b"OK").split()[1])
        for line in self.connection.file.read(size + 2).splitlines():
            if line.startswith(b"cmd-delete:"):
                return int(line.split()[1])
        raise RuntimeError("no cmd-delete")

    def submit(self, name, size):
        before = self.deleted()
        one = put(name)
        sent = min(size, ON_THEIR_WAY)
        self.connection.send(one * sent)
        for received in range(1, size + 1):
            self.connection.expect(b"INSERTED")
            # Half of what may be on its way in one write.
            if received % (ON_THEIR_WAY // 2) == 0 and sent < size:
                more = min(ON_THEIR_WAY // 2, size - sent)
                self.connection.send(one * more)
                sent += more
        while self.deleted() - before < size:
            time.sleep(0.001)
        return self.deleted() - before

    def one(self):
        self.connection.send(put(b"noop:answers") + b"reserve\r\n")
        self.connection.expect(b"INSERTED")
        number, _ = self.connection.reserved()
        self.connection.send(b"delete %s\r\n" % number)
        self.connection.expect(b"DELETED")


def main():
    role, port = sys.argv[1], int(sys.argv[2])
    if role == "worker":
        work(port)
    client = Client(port)
    serve({
        "noop": lambda n: batch(n, lambda size: client.submit(b"noop", size)),
        "true": lambda n: batch(n, lambda size: client.submit(b"true", size)),
        "one": lambda n: one_by_one(n, client.one),
    })


main()
