"""Dask distributed: a scheduler and workers as processes of their own."""

import os
import sys

from peer import Peer, Sample
from processes import HERE, Driver, Process, end_all, free_port


class Dask(Peer):
    label = "Dask distributed"
    packages = ("python3-distributed", "python3-dask")
    settings = "2 worker processes with 1 thread each, no dashboard, pure=False"
    durability = "none: in memory"
    forms = {"array": "map, batches of 1,000", "single": "submit",
             "python": "map, batches of 1,000", "command": "map"}

    def __enter__(self):
        port = free_port()
        self.processes = []
        env = {**os.environ, "PYTHONPATH": HERE, "PYTHONWARNINGS": "ignore"}
        address = f"tcp://127.0.0.1:{port}"
        try:
            self.processes.append(Process(
                [sys.executable, "-m", "distributed.cli.dask_scheduler",
                 "--host", "127.0.0.1", "--port", port, "--no-dashboard"],
                self.folder, "scheduler", env=env).serve_on(port))
            for number in range(2):
                self.processes.append(Process(
                    [sys.executable, "-m", "distributed.cli.dask_worker",
                     address, "--host", "127.0.0.1", "--nthreads", 1,
                     "--no-dashboard", "--local-directory",
                     self.folder / f"worker{number}"],
                    self.folder, f"worker{number}", env=env))
            self.driver = Driver(
                [sys.executable, f"{HERE}/program_dask.py", address],
                self.folder, "client", env=env)
            self.processes.append(self.driver)
        except BaseException:
            end_all(self.processes)
            raise
        return self

    def __exit__(self, *_):
        end_all(self.processes)

    def array(self, size):
        return Sample(**self.driver.ask("map", size))

    def single(self, size):
        return Sample(**self.driver.ask("submit", size))

    def one(self, size):
        return Sample(**self.driver.ask("one", size))

    def command(self, size):
        return Sample(**self.driver.ask("command", size))

    def python(self, size):
        return Sample(**self.driver.ask("map", size))
