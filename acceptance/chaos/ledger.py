"""What really ran, as the tasks themselves say.

Every task appends a line when it starts and one when it ends, and the driver
one before each fault, all to one file. Appends of one write each are put in
order by the kernel, so the order of the lines needs no clock: whatever stands
between an attempt's two lines happened while it ran. `uptime` is for people.

    S key job task fence pid uptime folder    an attempt started
    E key job task fence pid uptime folder    it is about to end
    N uptime what whom                        the driver is about to do this

The folder is the attempt's working folder, which lies in its agent's.
"""

import os
import time
from dataclasses import dataclass
from typing import Optional

# For `/bin/sh -c`: {body} runs between the two lines. dash writes what one
# echo prints at once.
SHELL = """\
say() {{ read up rest < /proc/uptime; \
echo "$1 {key} $REMUDA_JOB_ID $REMUDA_TASK_INDEX $REMUDA_ATTEMPT $$ $up $PWD" \
>> {ledger}; }}
say S
{body}
say E
echo "$REMUDA_ATTEMPT $$"
{last}"""

# For the type python, on every executor. A task returns its fence and its
# process as the commands print them.
PYTHON = '''\
import asyncio, os, sys, time
import remuda

LEDGER = os.open({ledger!r}, os.O_WRONLY | os.O_APPEND)


def say(word, key):
    task = remuda.task()
    os.write(LEDGER, f"{{word}} {{key}} {{task.job}} {{task.index}} "
             f"{{task.attempt}} {{os.getpid()}} {{time.monotonic():.3f}} "
             f"{{os.getcwd()}}\\n".encode())
    return [task.attempt, os.getpid()]


def run(key, item, seconds, fail_every):
    say("S", key)
    time.sleep(seconds)
    done = say("E", key)
    if fail_every and remuda.task().index % fail_every == 0:
        raise ValueError("fails as it should")
    return [*done, item]


async def run_async(key, item, seconds, fail_every):
    say("S", key)
    await asyncio.sleep(seconds)
    done = say("E", key)
    if fail_every and remuda.task().index % fail_every == 0:
        raise ValueError("fails as it should")
    return [*done, item]
'''


@dataclass
class Run:
    """One start. `start` and `end` are places in the ledger, not times."""
    key: str
    job: int
    task: int
    fence: int
    pid: int
    agent: str
    start: int
    at: float               # seconds since the machine started
    end: Optional[int] = None


@dataclass(frozen=True)
class Note:
    place: int
    at: float
    what: str
    whom: str


class Ledger:
    def __init__(self, folder):
        self.path = folder / "ledger"
        self.path.touch()
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        (folder / "chaos_tasks.py").write_text(
            PYTHON.format(ledger=str(self.path)))

    def shell(self, key, body, last=""):
        return SHELL.format(key=key, ledger=self.path, body=body, last=last)

    def note(self, what, whom="-"):
        os.write(self._file,
                 f"N {time.monotonic():.3f} {what} {whom}\n".encode())

    def read(self):
        """All runs, and all notes in order.

        A second start of one attempt becomes a Run of its own, and so does
        not hide.
        """
        runs, notes, open_runs = [], [], {}
        for place, line in enumerate(self.path.read_text().splitlines()):
            words = line.split()
            if words[0] == "N":
                notes.append(Note(place, float(words[1]), words[2], words[3]))
                continue
            word, key, job, task, fence, pid, at, folder = words
            name = (int(job), int(task), int(fence), int(pid))
            if word == "S":
                run = Run(key, *name, agent_of(folder), place, float(at))
                runs.append(run)
                open_runs[name] = run
            else:
                open_runs.pop(name).end = place
        return runs, notes


def agent_of(folder):
    """/tmp/x/a2/work/attempts/4-0-1: a2."""
    return folder.split("/work/")[0].rsplit("/", 1)[1]
