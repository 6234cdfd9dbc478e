"""Programs that only run commands: xargs and GNU Parallel."""

import subprocess

from peer import Peer, timed

ONLY_COMMANDS = {work: "runs commands only"
                 for work in ("array", "single", "one", "python")}
AT_ONCE = 2


class Xargs(Peer):
    label = "xargs -P"
    packages = ("findutils",)
    programs = ("xargs",)
    settings = f"-P {AT_ONCE} -n 1"
    durability = "none: nothing is recorded"
    encryption = "none needed: no network"
    forms = {"command": "a line each; no output kept, no status told apart"}
    reasons = ONLY_COMMANDS
    words = ("xargs", "-P", str(AT_ONCE), "-n", "1", "/bin/true")

    def command(self, size):
        lines = "".join(f"{index}\n" for index in range(size))
        return timed(size, lambda: subprocess.run(
            self.words, input=lines, text=True, check=True, cwd=self.folder))


class GnuParallel(Xargs):
    label = "GNU Parallel"
    packages = ("parallel",)
    forms = {"command": "a line each; output kept until the end"}
    programs = ("parallel",)
    settings = f"-j {AT_ONCE}, no log"
    words = ("parallel", "--will-cite", "-j", str(AT_ONCE), "/bin/true")


class GnuParallelJobLog(GnuParallel):
    label = "GNU Parallel --joblog"
    settings = f"-j {AT_ONCE} --joblog"
    durability = "a line a command in a file, no fsync"

    @property
    def words(self):
        return ("parallel", "--will-cite", "-j", str(AT_ONCE), "--joblog",
                str(self.folder / "log"), "/bin/true")
