"""What goes wrong, and when it is over.

Each fault is noted in the ledger before it happens. Some last: Faults keeps
what has to be done later and does it when due.
"""

import os
import signal
import time

from fleet import gone, tree

LEASES = (0.5, 0.9, 1.1, 3.0)
WORKERS = ("worker", "/bin/sh", "remuda_worker")
DEATH_SECONDS = 20  # that nothing outlives a killed agent; it takes 10 ms

KILLS = {"kill_agent": 6, "kill_coordinator": 5, "kill_worker": 6,
         "kill_spawner": 2, "kill_both": 1}
STOPS = {"stop_agent": 4, "stop_coordinator": 2, "leave": 2}
NETWORK = {"cut": 4, "cut_one_way": 3, "lossy": 2, "slow": 1}


class Faults:
    def __init__(self, fleet, ledger, random, weights):
        self.fleet = fleet
        self.ledger = ledger
        self.random = random
        self.weights = weights
        self.later = []         # (when, name of member, what to do)
        self.counts = {}
        self.kills = 0          # processes that got kill -9
        self.survivors = []     # what outlived its agent

    def busy(self):
        return {name for _, name, _ in self.later}

    def turn(self):
        """Ends what is due."""
        now = time.monotonic()
        due = [entry for entry in self.later if entry[0] <= now]
        self.later = [entry for entry in self.later if entry[0] > now]
        for _, _, action in due:
            action()

    def end_all(self):
        for _, _, action in self.later:
            action()
        self.later = []

    def one(self):
        """Does one fault to somebody who has none; returns its name."""
        kinds, weights = zip(*self.weights.items())
        kind = self.random.choices(kinds, weights)[0]
        free = [member for name, member in
                self.fleet.agents_by_name.items()
                if name not in self.busy() and member.runs()]
        coord = (self.fleet.coord.runs() and "coord" not in self.busy())
        if kind.endswith("coordinator") or kind == "kill_both":
            if not coord or (kind == "kill_both" and not free):
                return None
        elif not free:
            return None
        victim = self.random.choice(free) if free else None
        if getattr(self, kind)(victim) is False:
            return None
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return kind

    def _after(self, seconds, name, action):
        self.later.append((time.monotonic() + seconds, name, action))

    def _away(self, name):
        """Keeps the dead away for up to 1.5 leases, half the time not."""
        seconds = self.random.choice([0, self.random.random() * 1.5])
        self._after(seconds * self.fleet.lease_seconds, name, lambda: None)

    def kill_agent(self, victim):
        below = tree(victim.pid)
        self.ledger.note("kill", victim.name)
        self.fleet.kill(victim)
        self.ledger.note("done", victim.name)
        self.kills += 1
        left = gone(below, DEATH_SECONDS)
        if left:
            self.survivors.append((victim.name, left))
        self._away(victim.name)

    def kill_coordinator(self, _):
        self.ledger.note("kill", "coord")
        self.fleet.kill(self.fleet.coord)
        self.ledger.note("done", "coord")
        self.kills += 1
        self._away("coord")

    def kill_both(self, victim):
        self.kill_coordinator(None)
        self.kill_agent(victim)

    def _kill_below(self, victim, words):
        found = self.fleet.below(victim, words)
        if not found:
            return False
        pid = self.random.choice(sorted(found))
        self.ledger.note("kill_below", victim.name)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False  # it ended meanwhile
        self.ledger.note("done", victim.name)
        self.kills += 1
        return True

    def kill_worker(self, victim):
        return self._kill_below(victim, WORKERS)

    def kill_spawner(self, victim):
        return self._kill_below(victim, ("exe spawner",))

    def _length(self):
        return self.random.choice(LEASES) * self.fleet.lease_seconds

    def stop_agent(self, victim):
        seconds = self._length()
        self.ledger.note("stop", victim.name)
        self.fleet.stop_running(victim)

        def wake():
            self.ledger.note("wake", victim.name)
            self.fleet.go_on(victim)
        self._after(seconds, victim.name, wake)

    def stop_coordinator(self, _):
        seconds = self._length()
        self.ledger.note("stop", "coord")
        self.fleet.stop_running(self.fleet.coord)

        def wake():
            self.ledger.note("wake", "coord")
            self.fleet.go_on(self.fleet.coord)
        self._after(seconds, "coord", wake)

    def leave(self, victim):
        """SIGTERM: it lets run what runs for two seconds, and goes."""
        self.ledger.note("leave", victim.name)
        victim.killed = True
        victim.served.process.terminate()

    def _network(self, victim, word, do, undo):
        self.ledger.note(word, victim.name)
        do(victim.name)

        def heal():
            self.ledger.note("heal", victim.name)
            undo(victim.name)
        self._after(self._length(), victim.name, heal)

    def cut(self, victim):
        network = self.fleet.network
        self._network(victim, "cut", lambda name: network.cut(name, "coord"),
                      lambda name: network.join(name, "coord"))

    def cut_one_way(self, victim):
        network = self.fleet.network
        ends = [victim.name, "coord"]
        self.random.shuffle(ends)
        self._network(victim, f"cut_from_{ends[0]}",
                      lambda _: network.cut_one_way(*ends),
                      lambda _: network.join(*ends))

    def lossy(self, victim):
        network = self.fleet.network
        percent = self.random.choice([5, 20, 40])
        self._network(victim, "lossy",
                      lambda name: network.lose(name, percent),
                      network.lose_nothing)

    def slow(self, victim):
        network = self.fleet.network
        self._network(victim, "slow", network.slow, network.fast)
