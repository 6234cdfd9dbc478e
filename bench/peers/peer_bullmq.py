"""BullMQ on Redis: a worker and a client, both on Node."""

import os

import packages
from peer import Sample
from peer_redis import OnRedis
from processes import HERE, Driver, Process


class BullMq(OnRedis):
    label = "BullMQ"
    packages = ("redis-server",)
    programs = ("redis-server", "node")
    npm = True
    settings = ("1 worker process, concurrency 100 (commands: 4 at once), "
                "completed jobs kept; 500 adds on their way")
    forms = {"array": "addBulk of 1,000", "single": "add, pipelined",
             "one": "waitUntilFinished", "command": "addBulk of 1,000"}
    reasons = {"python": "its Python package is not in Debian"}

    def start(self):
        env = {**os.environ, "NODE_PATH":
               str(packages.cache_folder() / "node_modules")}
        program = ["node", f"{HERE}/program_bullmq.cjs"]
        self.processes.append(Process([*program, "worker", self.port],
                                      self.folder, "worker", env=env))
        self.driver = Driver([*program, "client", self.port], self.folder,
                             "client", env=env)
        self.processes.append(self.driver)

    def array(self, size):
        return Sample(**self.driver.ask("array", size))

    def single(self, size):
        return Sample(**self.driver.ask("single", size))

    def one(self, size):
        return Sample(**self.driver.ask("one", size))

    def command(self, size):
        return Sample(**self.driver.ask("command", size))


class BullMqDurable(BullMq):
    label = "BullMQ, AOF always"
    settings = "as above"
    redis_options = ("--save", "", "--appendonly", "yes", "--appendfsync",
                     "always")
    durability = "Redis AOF with an fsync before each answer"
    reasons = {**BullMq.reasons, "command": "no other than BullMQ's"}
