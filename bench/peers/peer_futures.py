"""What Python brings along: concurrent.futures and asyncio, in one process.

There is no broker in between and nothing is recorded; they are here because
they are what a newcomer has at hand.
"""

import sys

from peer import Peer, Sample
from processes import HERE, Driver, end_all

NO_BROKER = "none: within one program, results in its memory"


class InPython(Peer):
    kind = None
    durability = NO_BROKER
    encryption = "none needed: no network"

    def __enter__(self):
        self.processes = [Driver(
            [sys.executable, f"{HERE}/program_futures.py", self.kind],
            self.folder, "client")]
        return self

    def __exit__(self, *_):
        end_all(self.processes)

    def ask(self, work, size):
        return Sample(**self.processes[0].ask(work, size))

    def array(self, size):
        return self.ask("array", size)

    def single(self, size):
        return self.ask("single", size)

    def one(self, size):
        return self.ask("one", size)

    def command(self, size):
        return self.ask("command", size)

    def python(self, size):
        return self.ask("array", size)


class ProcessPool(InPython):
    label = "ProcessPoolExecutor"
    kind = "processes"
    settings = "2 processes"
    forms = {"array": "map, chunksize 64", "single": "submit",
             "python": "map, chunksize 64",
             "command": "map, chunksize 8, posix_spawn; no output kept"}


class ProcessPoolSubmit(InPython):
    label = "ProcessPoolExecutor.submit"
    kind = "processes"
    settings = "2 processes"
    forms = {"python": "submit"}
    reasons = {work: "see ProcessPoolExecutor"
               for work in ("array", "single", "one", "command")}

    def python(self, size):
        return self.ask("single", size)


class ThreadPool(InPython):
    label = "ThreadPoolExecutor"
    kind = "threads"
    settings = "2 threads"
    forms = {"array": "map", "single": "submit", "python": "map",
             "command": "map, posix_spawn; no output kept"}


class Asyncio(InPython):
    label = "asyncio"
    kind = "asyncio"
    settings = "one loop, Python's own"
    forms = {"array": "gather, 10,000 at once", "single": "create_task",
             "python": "gather, 10,000 at once",
             "command": "create_subprocess_exec, 4 at once; no output kept"}
