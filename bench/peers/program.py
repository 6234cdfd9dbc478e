"""The other side of processes.Driver, for programs in Python."""

import json
import os
import sys
import time
import traceback


def run_true():
    """One command, the cheapest way that Python has."""
    child = os.posix_spawn("/bin/true", ["/bin/true"], os.environ)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"/bin/true ended with {status}")


def noop(_index=None):
    return None


def run_true_for(_index=None):
    run_true()


def batch(size, action):
    """The seconds that action(size) takes; it returns how many were done."""
    start = time.perf_counter()
    done = action(size)
    seconds = time.perf_counter() - start
    if done != size:
        raise RuntimeError(f"{done} of {size} were done")
    return {"seconds": seconds, "done": size}


def one_by_one(size, action, unmeasured=10):
    """The microseconds that each action() takes."""
    took = []
    begin = time.perf_counter()
    for number in range(size + unmeasured):
        start = time.perf_counter()
        action()
        if number >= unmeasured:
            took.append((time.perf_counter() - start) * 1e6)
    return {"seconds": time.perf_counter() - begin, "done": size,
            "latencies_us": took}


def serve(works):
    """Answers until the end of stdin; stray prints go to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    out.write("{}\n")
    out.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = works[asked["work"]](asked["size"])
        except Exception as error:  # told to whoever asked
            traceback.print_exc()
            answer = {"error": repr(error)}
        out.write(json.dumps(answer) + "\n")
        out.flush()
