#!/usr/bin/python3
"""A sum that keeps one core busy, eight times over, on a pool of processes.

`cpu_heavy.py PROCESSES` runs it as a script; cpu_heavy.yaml runs the same
function as a job.
"""

import multiprocessing
import sys

NUMBERS = [10_000_000] * 8


def cpu_heavy(n):
    return sum(i * i for i in range(n))


if __name__ == "__main__":
    with multiprocessing.Pool(int(sys.argv[1])) as pool:
        print(sum(pool.map(cpu_heavy, NUMBERS)))
