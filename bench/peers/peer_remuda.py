"""Remuda itself: coordinator and agent as processes, on loopback."""

import json
import pathlib
import subprocess
import sys
import time

from peer import Peer, Sample

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, job_text  # noqa: E402

IN_FLIGHT = 500  # as many as the peers have


class Remuda(Peer):
    label = "Remuda"
    keys = False
    level = "full"
    settings = ("coordinator, one agent and the client as processes, all as "
                f"shipped; {IN_FLIGHT} submissions on their way")
    durability = "every acceptance, grant and result: SQLite, FULL"
    forms = {"array": "a range", "single": "a job each",
             "one": "a job, watched",
             "command": "a range; output, status and usage of each recorded",
             "python": "a range"}

    def __enter__(self):
        self.cluster = Cluster(durability=self.level, keys=self.keys)
        self.cluster.coordinator()
        self.cluster.agent()
        self.cluster.agents_online(1)
        return self

    def __exit__(self, *_):
        self.cluster.__exit__(None)

    def array(self, size):
        return self.ranged("noop", size, [])

    def command(self, size):
        return self.ranged("command", size, ["with: {argv: [/bin/true]}"])

    def python(self, size):
        # Found beside the spec.
        (self.cluster.folder / "nothing.py").write_text(
            "def noop(_index):\n    return None\n")
        return self.ranged("python", size, ["with: {function: nothing:noop}"])

    def ranged(self, kind, size, lines):
        spec = self.cluster.spec(kind, job_text(kind, kind, [
            *lines, f"tasks: {{range: {{from: 1, to: {size}}}}}"]))
        start = time.perf_counter()
        job = self.cluster.run(spec)
        seconds = time.perf_counter() - start
        if job["tasks"]["succeeded"] != size:
            raise RuntimeError(f"not all succeeded: {job['tasks']}")
        return Sample(seconds=seconds, done=size)

    def asked(self, program, *arguments):
        key = [self.cluster.key("op")] if self.keys else []
        said = subprocess.run(
            [self.context.program(program), self.cluster.address,
             *map(str, arguments), *key], capture_output=True, text=True,
            check=False)
        if said.returncode:
            raise RuntimeError(f"{program}: {said.stderr[-500:]}")
        return json.loads(said.stdout)

    def single(self, size):
        said = self.asked("single_submits", size, IN_FLIGHT)
        return Sample(seconds=said["seconds"], done=size)

    def one(self, size):
        said = self.asked("one_at_a_time", size)
        return Sample(seconds=1.0, done=size, p50_us=said["p50_us"],
                      p99_us=said["p99_us"])


class RemudaRelaxed(Remuda):
    label = "Remuda, relaxed"
    level = "relaxed"
    settings = "as above, --durability relaxed"
    durability = "SQLite, NORMAL: survives kill -9, not a power loss"


class RemudaKeys(Remuda):
    label = "Remuda, with keys"
    keys = True
    settings = "as above, with keys"
    encryption = "CurveZMQ, each peer its own key"
