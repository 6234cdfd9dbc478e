#!/usr/bin/python3
"""How much faster two process workers are than one.

Thumbnails of JPEGs by the plugin image, on agents with one and with two slots
of the process pool, in turn; beside them the machine's own factor: as many
vipsthumbnail processes over the same pictures, each with one thread.

    bazel build //cli:remuda //plugins/image:image.so && bench/scaling.py

tutorial_jobs.py has the same for sums in Python.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from cluster import Cluster, job_text  # noqa: E402
from comparison import Comparison  # noqa: E402

PLUGIN = ROOT / "bazel-bin/plugins/image/image.so"
BASES = 4  # different pictures, which are linked as often as needed


def make_pictures(folder, count):
    """JPEGs of 1600x1200 with something to see."""
    folder.mkdir()

    def vips(*args):
        subprocess.run(["vips", *map(str, args)], check=True)

    for number in range(BASES):
        vips("gaussnoise", folder / "raw.v", 200, 150, "--mean", 128,
             "--sigma", 60, "--seed", number)
        vips("resize", folder / "raw.v", folder / "large.v", 8)
        vips("cast", folder / "large.v", folder / "bytes.v", "uchar")
        vips("bandjoin", " ".join([f"{folder}/bytes.v"] * 3),
             folder / "colours.v")
        vips("copy", folder / "colours.v", folder / f"base{number}.jpg",
             "--interpretation", "srgb")
    for number in range(count):
        os.link(folder / f"base{number % BASES}.jpg", folder / f"{number}.jpg")


class Agent:
    """A cluster of its own with so many slots."""

    def __init__(self, slots):
        self.cluster = Cluster(durability="full")
        self.cluster.coordinator("--plugin", str(PLUGIN))
        self.cluster.agent("--slots", f"process-pool={slots}", "--plugin",
                           str(PLUGIN))
        self.cluster.agents_online(1)

    def run(self, pictures, count):
        spec = self.cluster.spec("thumbnails", job_text(
            "thumbnails", "image.thumbnail", [
                "executor: process-pool",
                f"tasks: {{range: {{from: 0, to: {count - 1}}}}}",
                f'with: {{from: "{pictures}/{{{{item}}}}.jpg", '
                f'to: "{self.cluster.folder}/out/{{{{item}}}}.jpg"}}']))
        said = self.cluster.remuda("run", spec, "--json", "--plugin", PLUGIN)
        (job,) = json.loads(said.stdout)["jobs"]
        assert job["tasks"]["succeeded"] == count, job["tasks"]
        return job["duration_seconds"]

    def close(self):
        self.cluster.__exit__(None)


def bare(pictures, count, processes):
    """The same by so many vipsthumbnail, which start once for all."""
    env = {**os.environ, "VIPS_CONCURRENCY": "1"}
    files = [str(pictures / f"{number}.jpg") for number in range(count)]
    began = time.monotonic()
    running = [subprocess.Popen(
        ["vipsthumbnail", "--size", "800x800>", "-o",
         f"{pictures}/%s-small-{first}.jpg[strip]", *files[first::processes]],
        env=env) for first in range(processes)]
    assert [one.wait() for one in running] == [0] * processes
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with (contextlib.closing(Agent(1)) as one,
          contextlib.closing(Agent(2)) as two):
        pictures = one.cluster.folder / "pictures"
        make_pictures(pictures, args.pictures)
        for agent in (one, two):
            agent.run(pictures, args.pictures)  # starts its workers
        comparison = Comparison(
            f"{args.pictures:,} thumbnails of 1600x1200 JPEGs", {
                "two workers": lambda: two.run(pictures, args.pictures),
                "one worker": lambda: one.run(pictures, args.pictures),
                "two vipsthumbnail": lambda: bare(pictures, args.pictures, 2),
                "one vipsthumbnail": lambda: bare(pictures, args.pictures, 1)})
        comparison.run(args.runs)
        comparison.show(args.json)


if __name__ == "__main__":
    main()
