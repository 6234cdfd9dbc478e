#!/usr/bin/python3
"""Counts false alarms of the verdict.

Runs workloads of the zoo where they belong, in short jobs, while something else
uses the machine: nothing, one or two programs that compute, some that come and
go, some that stream memory. Every other round each job meets workers that start
cold. What it says on any of them that promises a gain is a false alarm.

    bazel build //cli:remuda //bench/zoo:animals.so && bench/zoo/silence.py
"""

import argparse
import collections
import contextlib
import json
import os
import random
import subprocess
import sys

from zoo import ANIMALS, LOOP, PLUGIN, PROCESSES, PYTHON, THREADS, \
    zoo_of_its_own

# Where no other executor does a fifth more; of a second or less.
RIGHT = {
    "cpu_heavy": [PROCESSES], "json_parse": [PROCESSES, THREADS],
    "regex": [PROCESSES], "hashing": [PROCESSES, THREADS],
    "compressing": [PROCESSES, THREADS], "thumbnail": [PROCESSES, THREADS],
    "numpy_small": [PROCESSES], "numpy_large": [PROCESSES],
    "sleeping": [THREADS], "http": [THREADS], "wait_and_count": [THREADS],
    "one_lock": [PROCESSES, THREADS], "bursty": [PROCESSES, THREADS],
    "async_sleeping": [LOOP], "async_counting": [LOOP], "crawling": [LOOP],
    "async_http": [LOOP], "hashes": [PROCESSES, THREADS],
    "sorts": [PROCESSES, THREADS], "streams": [PROCESSES, THREADS],
    "sleeps": [THREADS], "locks": [PROCESSES, THREADS], "waits": [LOOP],
    "counts": [LOOP],
}
SHARE = 0.3  # of the tasks of a run that measures

COMPUTES = "while True: sum(range(100_000))"
COMES_AND_GOES = """
import random, time
while True:
    end = time.monotonic() + random.random() / 2
    while time.monotonic() < end: sum(range(10_000))
    time.sleep(random.random() / 2)
"""
STREAMS = """
block = bytearray(64 << 20)
while True: bytes(block)
"""
LOADS = {
    "nothing": [], "one that computes": [COMPUTES],
    "two that compute": [COMPUTES] * 2,
    "three that come and go": [COMES_AND_GOES] * 3,
    "one that streams": [STREAMS],
}


@contextlib.contextmanager
def load(codes):
    others = [subprocess.Popen([PYTHON, "-c", code]) for code in codes]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def cases(number):
    found = [(animal, executor) for animal in ANIMALS
             for executor in RIGHT.get(animal.name, [])]
    random.Random(number).shuffle(found)
    return found


def verdict_of(zoo, animal, executor):
    count = max(int(animal.tasks[executor] * SHARE), 16)
    return zoo.run(animal.spec(executor, count, url=zoo.url))[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ["REMUDA_PLUGINS"] = str(PLUGIN)
    codes, alarms = collections.Counter(), []
    names = list(LOADS)
    for number in range(args.first, args.first + args.rounds):
        name = names[number % len(names)]
        with load(LOADS[name]), contextlib.ExitStack() as stack:
            warm = stack.enter_context(zoo_of_its_own())
            for animal, executor in cases(number):
                if number // len(names) % 2:
                    with zoo_of_its_own() as cold:
                        said = verdict_of(cold, animal, executor)
                else:
                    said = verdict_of(warm, animal, executor)
                codes[said["code"]] += 1
                if said["code"] in ("move", "batch", "more_cpus"):
                    alarms.append({"beside": name, "sentence": said["sentence"]})
                    print(f"beside {name}: {said['sentence']}",
                          file=sys.stderr)
        print(f"round {number} beside {name}: {dict(codes)} so far",
              file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"codes": codes, "alarms": alarms}))
        return
    print(f"{sum(codes.values())} runs: " + ", ".join(
        f"{count} {code}" for code, count in codes.most_common())
        + f"; false alarms: {len(alarms)}")


if __name__ == "__main__":
    main()
