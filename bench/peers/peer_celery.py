"""Celery on Redis, with Redis as the backend of its results too."""

import os
import sys

from peer import Sample
from peer_redis import OnRedis
from processes import HERE, Driver, Process


class Celery(OnRedis):
    label = "Celery, prefork"
    packages = ("celery", "python3-celery", "python3-redis", "redis-server")
    programs = ("redis-server",)
    pool = ("--pool", "prefork", "--concurrency", "2", "-O", "fair")
    settings = ("2 processes, prefetch 64, acks early, JSON, no gossip, "
                "mingle or heartbeat; results in Redis")
    forms = {"array": "chunks of 64", "single": "apply_async",
             "python": "group, a message each", "command": "group"}

    def start(self):
        settings = {"env": {**os.environ, "PYTHONPATH": HERE,
                            "BENCH_REDIS": f"redis://127.0.0.1:{self.port}/0",
                            "PYTHONWARNINGS": "ignore"}}
        self.processes.append(Process(
            [sys.executable, "-m", "celery", "-A", "program_celery", "worker",
             *self.pool, "--prefetch-multiplier", "64", "--without-gossip",
             "--without-mingle", "--without-heartbeat", "--loglevel",
             "WARNING"], self.folder, "worker", **settings))
        self.driver = Driver([sys.executable, f"{HERE}/program_celery.py"],
                             self.folder, "client", **settings)
        self.processes.append(self.driver)

    def array(self, size):
        return Sample(**self.driver.ask("array", size))

    def single(self, size):
        return Sample(**self.driver.ask("single", size))

    def one(self, size):
        return Sample(**self.driver.ask("one", size))

    def command(self, size):
        return Sample(**self.driver.ask("command", size))

    def python(self, size):
        return Sample(**self.driver.ask("python", size))


class CeleryThreads(Celery):
    label = "Celery, threads"
    pool = ("--pool", "threads", "--concurrency", "8")
    settings = "8 threads; else as above"
