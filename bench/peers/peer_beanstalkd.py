"""beanstalkd, with a client and two workers that speak its protocol."""

import sys

from peer import Peer, Sample
from processes import HERE, Driver, Process, end_all, free_port

WORKERS = 2


class Beanstalkd(Peer):
    label = "beanstalkd"
    packages = ("beanstalkd",)
    programs = ("beanstalkd",)
    options = ()
    settings = (f"{WORKERS} Python workers, each with 32 reserves on their "
                "way; 500 puts on their way")
    durability = "none: in memory; it keeps no results"
    forms = {"array": "singly, pipelined: it has no batches",
             "single": "pipelined", "python": "singly, pipelined",
             "one": "the answer through a tube of its own"}

    def __enter__(self):
        port = free_port()
        self.processes = []
        program = [sys.executable, f"{HERE}/program_beanstalkd.py"]
        try:
            self.processes.append(Process(
                ["beanstalkd", "-l", "127.0.0.1", "-p", port,
                 *self.log_options()], self.folder,
                "beanstalkd").serve_on(port))
            for number in range(WORKERS):
                self.processes.append(Process(
                    [*program, "worker", port], self.folder,
                    f"worker{number}"))
            self.driver = Driver([*program, "client", port], self.folder,
                                 "client")
            self.processes.append(self.driver)
        except BaseException:
            end_all(self.processes)
            raise
        return self

    def __exit__(self, *_):
        end_all(self.processes)

    def log_options(self):
        return ()

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


class BeanstalkdSynced(Beanstalkd):
    label = "beanstalkd, fsync each"
    settings = "as above, with -b FOLDER -f 0"
    durability = ("each put and delete is written to its log with an fsync; "
                  "it keeps no results")
    reasons = {"command": "no other than beanstalkd's in memory",
               "python": "no other than beanstalkd's in memory"}

    def log_options(self):
        (self.folder / "log").mkdir(exist_ok=True)
        return ("-b", self.folder / "log", "-f", 0)
