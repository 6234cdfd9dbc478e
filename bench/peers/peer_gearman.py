"""gearmand, with a client and two workers that speak its protocol themselves.

Debian has no Python client, and the protocol is small; speaking it directly,
several packets to a write, is faster than the usual libraries are.
"""

import sys

from peer import Peer, Sample
from processes import HERE, Driver, Process, end_all, free_port

WORKERS = 2


class Gearman(Peer):
    label = "gearman"
    packages = ("gearman-job-server",)
    programs = ("gearmand",)
    queue = ()
    settings = (f"1 I/O thread, {WORKERS} Python workers with 32 grabs on "
                "their way, foreground jobs, 500 on their way")
    durability = "none: in memory"
    background = False
    forms = {"array": "singly, pipelined: it has no batches",
             "single": "pipelined", "python": "singly, pipelined"}

    def __enter__(self):
        self.port = free_port()
        self.processes = []
        try:
            self.processes.append(Process(
                ["gearmand", "--listen", "127.0.0.1", "--port", self.port,
                 "--threads", 1, "--log-file", "stderr", "--pid-file",
                 self.folder / "pid", *self.queue_options()],
                self.folder, "gearmand").serve_on(self.port))
            for number in range(WORKERS):
                self.processes.append(self.program("worker", number))
            self.driver = self.program("background" if self.background
                                       else "foreground", "")
        except BaseException:
            end_all(self.processes)
            raise
        return self

    def queue_options(self):
        return ()

    def program(self, role, number):
        command = [sys.executable, f"{HERE}/program_gearman.py", role,
                   self.port]
        if role == "worker":
            return Process(command, self.folder, f"worker{number}")
        self.processes.append(Driver(command, self.folder, "client"))
        return self.processes[-1]

    def __exit__(self, *_):
        end_all(self.processes)

    def array(self, size):
        return Sample(**self.driver.ask("noop", size))

    def single(self, size):
        return Sample(**self.driver.ask("noop", size))

    def python(self, size):
        return Sample(**self.driver.ask("noop", size))

    def command(self, size):
        return Sample(**self.driver.ask("true", size))

    def one(self, size):
        return Sample(**self.driver.ask("one", size))


class GearmanSqlite(Gearman):
    label = "gearman, SQLite queue"
    settings = "as above, with its SQLite queue; background jobs"
    durability = ("accepted jobs in SQLite with a commit and fsync each; "
                  "results are not kept")
    background = True
    reasons = {"one": "a background job has no result to wait for",
               "command": "no other than gearman's in memory",
               "python": "no other than gearman's in memory"}

    def queue_options(self):
        return ("--queue-type", "libsqlite3", "--libsqlite3-db",
                self.folder / "queue.sqlite")
