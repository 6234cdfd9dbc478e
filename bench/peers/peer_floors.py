"""What the machine does at best, with nothing of anybody's in between.

//bench:floors_main measures all of them at once; each work takes what it
stands beside.
"""

import json
import subprocess

from peer import Peer, Sample

NOT_ITS = "it is no floor of that"


class Floor(Peer):
    packages = ()
    figure = None
    durability = "as said"
    encryption = "none"

    def measured(self, seconds=0.5):
        program = self.context.program("floors_main")
        said = subprocess.run([program, self.folder, str(seconds)],
                              capture_output=True, text=True, check=True)
        return json.loads(said.stdout)

    def rate(self):
        rate = self.measured()[self.figure]
        return Sample(seconds=1.0, done=round(rate))


class Relay(Floor):
    label = "floor: four-hop ZeroMQ relay"
    settings = "client, broker and worker as processes, 64 bytes, TCP"
    durability = "none"
    reasons = {work: NOT_ITS
               for work in ("array", "single", "command", "python")}

    def one(self, _):
        relay = self.measured(0.05)["relay"]
        return Sample(seconds=1.0, done=relay["count"],
                      p50_us=relay["p50_us"], p99_us=relay["p99_us"])


class SqliteBatches(Floor):
    label = "floor: SQLite rows, 500 a commit"
    settings = "WAL, one thread, 64 bytes a row"
    durability = "synchronous=FULL"
    figure = "sqlite_rows_per_second_500_a_commit"
    reasons = {work: NOT_ITS for work in ("one", "command", "python")}

    def array(self, _):
        return self.rate()

    def single(self, _):
        return self.rate()


class Appends(Floor):
    label = "floor: append and fdatasync each"
    settings = "4 KiB to one file"
    durability = "fdatasync each"
    figure = "appends_per_second"
    reasons = {work: NOT_ITS for work in ("array", "one", "command", "python")}

    def single(self, _):
        return self.rate()


class Spawns(Floor):
    label = "floor: posix_spawn loop, 2 at once"
    settings = "waited for; no output kept, no group, session or folder each"
    durability = "none"
    figure = "spawns_per_second_2_at_once"
    forms = {"command": "as many at once as Remuda has slots"}
    reasons = {work: NOT_ITS for work in ("array", "single", "one", "python")}

    def command(self, _):
        return self.rate()


class SpawnsOfFour(Spawns):
    label = "floor: posix_spawn loop, 4 at once"
    figure = "spawns_per_second_4_at_once"
    forms = {"command": "twice as many as Remuda has slots"}
