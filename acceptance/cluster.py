"""Real Remuda processes for the acceptance tests.

A Cluster starts coordinators and agents on loopback in a folder of its own,
knows what they are doing only through the public command line and /metrics,
and leaves no process behind.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).parent.parent
REMUDA = os.environ.get("REMUDA_BINARY", str(ROOT / "bazel-bin/cli/remuda"))
PATIENCE = 120  # seconds until a condition counts as never coming


def wait_until(condition, what, patience=PATIENCE):
    """Polls until condition() is true and returns what it returned."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what}")
        time.sleep(0.02)


def metric(text, name, **labels):
    """The sum of a metric's samples whose labels include these."""
    total = 0.0
    for line in text.splitlines():
        match = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
        if not match or match[1] != name:
            continue
        have = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
        if all(have.get(key) == value for key, value in labels.items()):
            total += float(match[3])
    return total


def processes_with(marker):
    """Ids of the live processes whose command line or environment has it."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                line = file.read()
            with open(f"/proc/{entry}/environ", "rb") as file:
                line += b"\0" + file.read()
            with open(f"/proc/{entry}/stat") as file:
                state = file.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if marker.encode() in line and state != "Z":
            found.append(int(entry))
    return found


def free_port():
    """A port that stays free for a server that comes back.

    It is below those that the kernel hands out by itself, which anybody may
    get between two lives of the server.
    """
    ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    below = int(ports.read_text().split()[0])
    while True:
        port = random.randrange(below // 2, below)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Served:
    """One serving process: its Popen, and what it said it listens on."""

    def __init__(self, process, said, inside=()):
        self.process = process
        self.said = said
        self.inside = list(inside)

    @property
    def http(self):
        return self.said.get("http")

    def metrics(self):
        if self.inside:  # a door that only opens in there
            return subprocess.run(
                [*self.inside, "curl", "-sfm", "10",
                 f"http://{self.http}/metrics"],
                capture_output=True, text=True, check=True).stdout
        with urllib.request.urlopen(f"http://{self.http}/metrics",
                                    timeout=10) as reply:
            return reply.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, patience=PATIENCE):
        self.process.terminate()
        return self.process.wait(patience)


class Cluster:
    """With `keys` everybody has one: agents a fleet's, clients an operator's.

    `inside` is what to start a process with so that it runs elsewhere, such
    as in a network namespace.
    """

    def __init__(self, lease="30s", durability="full", keys=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="remuda-accept-"))
        self.lease = lease
        self.durability = durability
        self.address = None
        self.served = []
        self.started = 0
        self.keys = self.folder / "keys" if keys else None
        if keys:
            self.keygen("--agent", "fleet", "--sessions", "100",
                        "--operator", "op")

    def keygen(self, *args):
        subprocess.run([REMUDA, "keygen", str(self.keys), *args], check=True,
                       stdout=subprocess.DEVNULL)

    def key(self, name):
        return str(self.keys / "peers" / f"{name}.key")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for served in self.served:
            if served.process.poll() is not None:
                if kind:  # what may explain it
                    print(f"--- {' '.join(map(str, served.process.args))} had "
                          f"ended with {served.process.returncode}")
            else:
                served.process.send_signal(signal.SIGCONT)
                served.kill()
            served.process.stdout.close()
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-4000:]}")

    def _serve(self, name, *args, inside=()):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen([*inside, REMUDA, *args],
                                   stdout=subprocess.PIPE, stderr=log,
                                   stdin=subprocess.DEVNULL)
        log.close()
        line = process.stdout.readline()
        if not line:
            process.wait()
            text = (self.folder / f"{name}.log").read_text()
            raise AssertionError(f"{name} did not start: {text[-2000:]}")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        served = Served(process, json.loads(line), inside)
        self.served.append(served)
        return served

    def coordinator(self, *args, inside=()):
        """Starts one, or the next one on the same folder and address."""
        if self.keys:
            args = ("--keys", str(self.keys), *args)
        served = self._serve(
            "coordinator", "coordinator",
            "--listen", self.address or f"tcp://127.0.0.1:{free_port()}",
            "--http", "127.0.0.1:0", "--data", str(self.folder / "state"),
            "--lease", self.lease, "--durability", self.durability, *args,
            inside=inside)
        self.address = served.said["listening"]
        return served

    def agent(self, *args, name=None, key="fleet", inside=()):
        self.started += 1
        name = name or f"agent-{self.started}"
        if self.keys and key:
            args = ("--key", self.key(key), *args)
        return self._serve(name, "agent", "--coordinator", self.address,
                           "--http", "127.0.0.1:0", "--name", name,
                           "--data", str(self.folder / name), *args,
                           inside=inside)

    def agents_online(self, count):
        wait_until(lambda: sum(a["state"] == "online"
                               for a in self.agents()) >= count,
                   f"{count} agents online")

    def remuda(self, *args, code=0, timeout=600, key="op", inside=(),
               **kwargs):
        """Runs a client command and checks its exit code."""
        env = {**os.environ, "REMUDA_COORDINATOR": self.address}
        if self.keys and key:
            env["REMUDA_KEY"] = self.key(key)
        done = subprocess.run(
            [*inside, REMUDA, *map(str, args)], capture_output=True,
            text=True, timeout=timeout, stdin=subprocess.DEVNULL, env=env,
            **kwargs)
        if code is not None and done.returncode != code:
            raise AssertionError(
                f"{args}: exit code {done.returncode}, not {code}\n"
                f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done

    def spec(self, name, text):
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def submit(self, path, *args):
        said = json.loads(self.remuda("submit", path, "--json", *args).stdout)
        return said["jobs"][0]["id"]

    def wait(self, job, code=0, timeout=600):
        said = self.remuda("wait", job, "--json", code=code, timeout=timeout)
        return json.loads(said.stdout)["jobs"][0]

    def run(self, path, code=0, timeout=600):
        said = self.remuda("run", path, "--json", code=code, timeout=timeout)
        return json.loads(said.stdout)["jobs"][0]

    def job(self, job):
        return json.loads(self.remuda("job", job, "--json").stdout)["jobs"][0]

    def agents(self):
        return json.loads(self.remuda("agents", "--json").stdout)["agents"]

    def results(self, job, *args):
        lines = self.remuda("results", job, "--json", *args).stdout
        return [json.loads(line) for line in lines.splitlines()]


def job_text(name, type_, lines):
    """A spec from its parts; `lines` are indented under `spec:`."""
    body = "".join(f"  {line}\n" for line in lines)
    return (f"apiVersion: remuda/v1\nkind: Job\nmetadata: {{name: {name}}}\n"
            f"spec:\n  type: {type_}\n{body}")
