"""Hosts on one machine: a network namespace each, joined by a switch.

The switch has a namespace of its own, so that this machine has no address or
route in the test's network and nothing can leave it. Needs root, iproute2 and
nftables.
"""

import os
import subprocess
import tempfile


# Not on the path of a test.
NFT = "/usr/sbin/nft"
TC = "/usr/sbin/tc"


def can_make_namespaces():
    """Why not, or None: only root can, and not inside every container."""
    name = f"rmprobe{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True,
                          text=True)
    if done.returncode:
        return done.stderr.strip() or "ip netns add fails"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


class Network:
    """Hosts by name; each reaches all others until it is cut off."""

    LOSSES = (5, 20, 40)  # percent
    RULES = """
table bridge remuda {
  set cut { type ifname . ifname; }
%s
  chain wire {
    type filter hook forward priority 0; policy accept;
    meta iifname . meta oifname @cut drop
%s
  }
}
""" % ("\n".join(f"  set lossy{p} {{ type ifname; }}" for p in LOSSES),
       "\n".join(f"    meta {way}ifname @lossy{p} "
                 f"numgen random mod 100 < {p} drop"
                 for p in LOSSES for way in "io"))

    def __init__(self, *hosts):
        self.prefix = f"rm{os.getpid()}-"
        self.address = {}
        self.made = []
        try:
            self._build(hosts)
        except BaseException:
            self.__exit__()
            raise

    def _build(self, hosts):
        self._add("switch")
        self._run("ip", "-n", self._name("switch"), "link", "add", "bridge0",
                  "type", "bridge")
        self._run("ip", "-n", self._name("switch"), "link", "set", "bridge0",
                  "up")
        # So that packets meet the rules below only. Absent where the kernel
        # has no such thing, and then there is nothing to turn off.
        subprocess.run(
            [*self.inside("switch"), "/usr/sbin/sysctl", "-qw",
             "net.bridge.bridge-nf-call-iptables=0"], capture_output=True)
        for number, host in enumerate(hosts, 1):
            self._join(host, f"10.77.0.{number}")
        with tempfile.NamedTemporaryFile("w", suffix=".nft") as rules:
            rules.write(self.RULES)
            rules.flush()
            self._run(*self.inside("switch"), NFT, "-f", rules.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], check=False)

    def _name(self, host):
        return self.prefix + host

    def _run(self, *args):
        subprocess.run(args, check=True)

    def _add(self, host):
        self._run("ip", "netns", "add", self._name(host))
        self.made.append(self._name(host))
        self._run("ip", "-n", self._name(host), "link", "set", "lo", "up")

    def _join(self, host, address):
        self._add(host)
        switch, namespace = self._name("switch"), self._name(host)
        self._run("ip", "-n", switch, "link", "add", f"p-{host}", "type",
                  "veth", "peer", "name", "eth0", "netns", namespace)
        self._run("ip", "-n", switch, "link", "set", f"p-{host}", "master",
                  "bridge0", "up")
        self._run("ip", "-n", namespace, "addr", "add", f"{address}/24",
                  "dev", "eth0")
        self._run("ip", "-n", namespace, "link", "set", "eth0", "up")
        self.address[host] = address

    def inside(self, host):
        """What to start a program with so that it runs on that host."""
        return ["ip", "netns", "exec", self._name(host)]

    def cut(self, one, other):
        """Neither hears the other; their connections hang, nothing says so."""
        pair = (f'"p-{one}" . "p-{other}"', f'"p-{other}" . "p-{one}"')
        self._run(*self.inside("switch"), NFT,
                  "add element bridge remuda cut { " + ", ".join(pair) + " }")

    def cut_one_way(self, one, other):
        """The other does not hear the one; their connection hangs."""
        self._run(*self.inside("switch"), NFT, "add element bridge remuda cut "
                  f'{{ "p-{one}" . "p-{other}" }}')

    def join(self, one, other):
        """Ends a cut of these two, in whichever direction."""
        for pair in ((one, other), (other, one)):
            # Not to be there is no error for us, but one for nft.
            subprocess.run(
                [*self.inside("switch"), NFT, "delete element bridge remuda "
                 f'cut {{ "p-{pair[0]}" . "p-{pair[1]}" }}'],
                capture_output=True)

    def heal(self):
        self._run(*self.inside("switch"), NFT,
                  "flush set bridge remuda cut")

    def lose(self, host, percent):
        """So many of the packets from this host and to it get lost."""
        self._run(*self.inside("switch"), NFT, "add element bridge remuda "
                  f'lossy{percent} {{ "p-{host}" }}')

    def lose_nothing(self, host):
        for percent in self.LOSSES:
            subprocess.run(
                [*self.inside("switch"), NFT, "delete element bridge remuda "
                 f'lossy{percent} {{ "p-{host}" }}'], capture_output=True)

    def slow(self, host):
        """What it sends goes at 512 kbit/s and waits for up to 0.4 s."""
        self._run(TC, "-n", self._name(host), "qdisc", "replace", "dev",
                  "eth0", "root", "tbf", "rate", "512kbit", "burst", "16kbit",
                  "latency", "400ms")

    def fast(self, host):
        subprocess.run([TC, "-n", self._name(host), "qdisc", "del", "dev",
                        "eth0", "root"], capture_output=True)
