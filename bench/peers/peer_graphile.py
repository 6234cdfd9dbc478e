"""Graphile Worker on Debian's PostgreSQL."""

import glob
import os
import pwd
import shutil
import subprocess

import packages
from peer import Peer, Sample
from processes import HERE, Driver, Process, end_all, free_port


class Graphile(Peer):
    label = "Graphile Worker"
    packages = ("postgresql",)
    programs = ("node", "runuser")
    npm = True
    settings = ("PostgreSQL's defaults, shared_buffers 512MB; concurrency 24, "
                "local queue of 500, completions batched for 5 ms; 100 adds "
                "on their way")
    durability = ("commits wait for the disk (synchronous_commit on); a done "
                  "job's row is deleted, results are not kept")
    forms = {"array": "add_jobs of 1,000", "single": "addJob, pipelined",
             "one": "the job notifies", "command": "add_jobs of 1,000"}
    reasons = {"python": "its tasks are JavaScript"}

    def __enter__(self):
        port = free_port()
        self.processes = []
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        data = self.folder / "data"
        data.mkdir()
        # It refuses to run as root; its folder's parents let it pass.
        as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(data, user.pw_uid, user.pw_gid)
            as_user = ["runuser", "-u", "postgres", "--"]
        try:
            subprocess.run(
                [*as_user, f"{programs}/initdb", "-D", data, "-A", "trust",
                 "-U", "postgres", "--no-instructions"], check=True,
                cwd="/", capture_output=True)
            self.processes.append(Process(
                [*as_user, f"{programs}/postgres", "-D", data, "-p", port,
                 "-c", "listen_addresses=127.0.0.1", "-c",
                 "unix_socket_directories=", "-c", "shared_buffers=512MB",
                 "-c", "max_connections=300"],
                self.folder, "postgres").serve_on(port))
            env = {**os.environ, "NODE_PATH":
                   str(packages.cache_folder() / "node_modules"),
                   "DATABASE_URL":
                   f"postgres://postgres@127.0.0.1:{port}/postgres",
                   "NO_LOG_SUCCESS": "1"}
            program = ["node", f"{HERE}/program_graphile.cjs"]
            self.driver = Driver([*program, "client"], self.folder, "client",
                                 env=env)
            self.processes.append(self.driver)
            self.processes.append(Process([*program, "worker"], self.folder,
                                          "worker", env=env))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end_all(self.processes)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def array(self, size):
        return Sample(**self.driver.ask("array", size))

    def single(self, size):
        return Sample(**self.driver.ask("single", size))

    def one(self, size):
        return Sample(**self.driver.ask("one", size))

    def command(self, size):
        return Sample(**self.driver.ask("command", size))
