"""The processes under fault: one coordinator, agents, and who restarts them.

A Fleet adds to a Cluster what a supervisor and a network do: a process that
died comes back on its folder, and with a Network every process has a host of
its own. It remembers what was killed, so that the checker can tell.
"""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from cluster import REMUDA, Cluster, free_port  # noqa: E402

PORT = 7610
CLK_TCK = os.sysconf("SC_CLK_TCK")


def stat_of(pid):
    """(parent, start in ticks, state) of a process, or None."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    words = text.rsplit(")", 1)[1].split()
    return int(words[1]), int(words[19]), words[0]


def tree(root):
    """All below a process, as (pid, start): a number alone may come again."""
    children, starts = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := stat_of(int(entry))):
            children.setdefault(stat[0], []).append(int(entry))
            starts[int(entry)] = stat[1]
    found, ahead = [], [root]
    while ahead:
        for child in children.get(ahead.pop(), []):
            found.append((child, starts[child]))
            ahead.append(child)
    return found


def alive(process):
    stat = stat_of(process[0])
    return stat is not None and stat[1] == process[1] and stat[2] != "Z"


def command_line(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return text.replace(b"\0", b" ").decode(errors="replace")


def resident_bytes(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


class Member:
    """A process by its name, through all its lives."""

    def __init__(self, name, start):
        self.name = name
        self.start = start
        self.served = None
        self.killed = False    # by us, in this life
        self.stopped = False
        self.lives = 0
        self.ends = []         # exit codes that were not our doing
        self.resident_bytes_max = 0

    @property
    def pid(self):
        return self.served.process.pid

    def runs(self):
        return self.served is not None and self.served.process.poll() is None


class Fleet(Cluster):
    def __init__(self, agents, lease_seconds, slots, network=None, **kwargs):
        super().__init__(lease=f"{round(lease_seconds * 1000)}ms",
                         keys=network is not None, **kwargs)
        self.lease_seconds = lease_seconds
        self.slots = slots
        self.network = network
        self.lock = threading.Lock()
        if network:
            self.address = f"tcp://{network.address['coord']}:{PORT}"
        else:
            self.address = f"tcp://127.0.0.1:{free_port()}"
        self.coord = Member("coord", self._start_coordinator)
        self.agents_by_name = {
            name: Member(name, lambda name=name: self.agent(
                "--slots", slots, "--drain", "2s", name=name,
                inside=self.inside(name)))
            for name in agents}
        self.left = []  # what outlived its agent: a violation

    def inside(self, host):
        return self.network.inside(host) if self.network else ()

    def _start_coordinator(self):
        # An exit on our own start is an answer too: it is tried again.
        return self.coordinator(inside=self.inside("coord"))

    def members(self):
        return [self.coord, *self.agents_by_name.values()]

    def begin(self, member):
        with self.lock:
            member.served = member.start()
            member.lives += 1
            member.killed = member.stopped = False
            # Forget the dead, so that a long run does not hold their pipes.
            for served in [s for s in self.served
                           if s.process.poll() is not None]:
                served.process.stdout.close()
                self.served.remove(served)

    def begin_beside(self, name):
        """One more agent, which is not restarted; from any thread."""
        return self.agent("--slots", "process-pool=1,thread-pool=1,async=1",
                          name=name, inside=self.inside(name))

    def supervise(self, paused=()):
        """Starts again what died, as a supervisor would."""
        for member in self.members():
            if member.runs() or member.name in paused:
                continue
            if member.served and not member.killed:
                member.ends.append(member.served.process.returncode)
            self.begin(member)

    def watch_memory(self):
        for member in self.members():
            if member.runs():
                member.resident_bytes_max = max(
                    member.resident_bytes_max, resident_bytes(member.pid))

    def kill(self, member):
        """kill -9."""
        member.killed = True
        member.served.process.kill()
        member.served.process.wait()

    def stop_running(self, member):
        member.stopped = True
        member.served.process.send_signal(signal.SIGSTOP)

    def go_on(self, member):
        member.stopped = False
        if member.runs():
            member.served.process.send_signal(signal.SIGCONT)

    def below(self, member, words):
        """Processes under an agent whose command line has one of the words."""
        return [pid for pid, _ in tree(member.pid)
                if any(word in command_line(pid) for word in words)]

    def end(self):
        """Ends what runs; the folder stays."""
        for served in self.served:
            if served.process.poll() is None:
                served.process.send_signal(signal.SIGCONT)
                served.kill()
            served.process.stdout.close()
        self.served = []

    def client_command(self, *args):
        return [*self.inside("client"), *args]

    def remuda(self, *args, **kwargs):
        return super().remuda(*args, inside=self.inside("client"), **kwargs)

    def client(self, *args, **kwargs):
        """A client command that the caller may kill."""
        env = {**os.environ, "REMUDA_COORDINATOR": self.address}
        if self.keys:
            env["REMUDA_KEY"] = self.key("op")
        return subprocess.Popen(
            self.client_command(REMUDA, *map(str, args)), text=True, env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **kwargs)


def gone(processes, patience):
    """Which of them still live after so many seconds."""
    deadline = time.monotonic() + patience
    while True:
        left = [process for process in processes if alive(process)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)
