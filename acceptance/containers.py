"""Real containers and pods for the acceptance tests, by podman.

Images and containers are in a storage of their own under the cache folder, so
that they never meet the user's; what runs there is removed at the end, and so
are the firewall chains that podman's network leaves behind.
"""

import base64
import copy
import fcntl
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import tempfile

import yaml

from cluster import REMUDA, ROOT, wait_until

CONTAINER = ROOT / "deploy/container"
BASE = "localhost/debian:bookworm"
IMAGE = "localhost/remuda:0.1.0"
USER = 10001  # of the image, and so the group that may read its secrets
NETWORK = "remuda-test"
# Bazel's own has no folder of the administrator's programs.
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"


def cache_folder():
    home = pwd.getpwuid(os.getuid()).pw_dir
    return pathlib.Path(os.environ.get("REMUDA_CONTAINER_CACHE",
                                       f"{home}/.cache/remuda-container"))


def why_not_here():
    """Why there can be no containers, where nobody promised them; or None.

    On Debian as root there is no excuse: the packages are in the list.
    """
    needed = subprocess.run(["ldd", REMUDA], capture_output=True, text=True)
    sanitizer = re.search(r"lib(a|t|ub)san", needed.stdout)
    if sanitizer:
        return f"the image has no {sanitizer[0]}, which this binary needs"
    if os.geteuid() != 0:
        return "containers in a network of their own need root"
    if not os.path.exists("/etc/debian_version"):
        return "this is not Debian: deploy/container/make-base has no base"
    return None


class Podman:
    """podman on a storage of its own, and a network that goes away."""

    def __init__(self):
        for program in ("podman", "debootstrap", "iptables"):
            if not shutil.which(program):
                raise AssertionError(f"install {program} (bazel/packages.txt)")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="remuda-podman-"))
        cache = cache_folder()
        cache.mkdir(parents=True, exist_ok=True)
        storage = self.folder / "storage.conf"
        # What runs is forgotten at a reboot, hence not in the cache.
        storage.write_text(
            "[storage]\ndriver = \"overlay\"\n"
            f"graphroot = \"{cache}/containers\"\n"
            "runroot = \"/run/remuda-test-containers\"\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder),
            "CONTAINERS_CONF": str(CONTAINER / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "REMUDA_CONTAINER_CACHE": str(cache)}
        # One test at a time, also where two trees are tested.
        self.lock = open(cache / "lock", "w")
        wait_until(self.try_lock, "the turn of this test", patience=900)
        self.firewall = chains()
        self.forward = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
        self.forwarded = self.forward.read_text()

    def try_lock(self):
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __enter__(self):
        self.remove_all()
        self("network", "create", NETWORK)
        return self

    def __exit__(self, *_):
        self.remove_all()
        self("image", "prune", "--force")
        for table, chain in chains() - self.firewall:
            remove_chain(table, chain)
        self.forward.write_text(self.forwarded)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()

    def remove_all(self):
        """Also what a run that was killed has left."""
        self("pod", "rm", "--all", "--force", "--time", "0")
        self("rm", "--all", "--force", "--time", "0")
        self("volume", "prune", "--force")
        self("network", "rm", "--force", NETWORK, code=None)

    def run(self, *args, code=0, timeout=300, **kwargs):
        done = subprocess.run(list(map(str, args)), capture_output=True,
                              text=True, timeout=timeout, cwd=self.folder,
                              env=self.environment,
                              stdin=subprocess.DEVNULL, **kwargs)
        if code is not None and done.returncode != code:
            raise AssertionError(f"{args}: {done.returncode}\n"
                                 f"{done.stdout[-3000:]}\n"
                                 f"{done.stderr[-3000:]}")
        return done

    def __call__(self, *args, **kwargs):
        return self.run("podman", *args, **kwargs).stdout.strip()

    def build(self):
        """The image, from the binary under test; says size and time."""
        if self.run("podman", "image", "exists", BASE,
                    code=None).returncode != 0:
            print(self.run(CONTAINER / "make-base", BASE,
                           timeout=600).stdout.strip(), flush=True)
        said = self.run(CONTAINER / "build", "--binary",
                        pathlib.Path(REMUDA).resolve(), "--base", BASE, IMAGE,
                        timeout=600).stdout
        print(said.splitlines()[-1], flush=True)

    def processes(self, container):
        """(state, command line) of each process in it."""
        said = self("top", container, "state", "args").splitlines()[1:]
        return [tuple(line.split(None, 1)) for line in said]

    def host_ids(self, container):
        said = self("top", container, "hpid").splitlines()[1:]
        return [int(line) for line in said]

    def logs(self, container):
        done = self.run("podman", "logs", container, code=None)
        return done.stdout + done.stderr

    def address(self, pod):
        infra = self("pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
        networks = json.loads(self(
            "inspect", "--format", "{{json .NetworkSettings.Networks}}", infra))
        return networks[NETWORK]["IPAddress"]


def chains():
    found = set()
    for table in ("filter", "nat"):
        said = subprocess.run(["iptables", "-t", table, "-S"],
                              capture_output=True, text=True).stdout
        found |= {(table, line.split()[1]) for line in said.splitlines()
                  if line.startswith("-N NETAVARK")}
    return found


def remove_chain(table, chain):
    def iptables(*args):
        return subprocess.run(["iptables", "-t", table, *args],
                              capture_output=True, text=True)
    for line in iptables("-S").stdout.splitlines():
        words = line.split()
        if words[0] == "-A" and chain in words:
            # The rule as it is printed; a comment is one quoted word.
            subprocess.run(f"iptables -t {table} -D {line[3:]}", shell=True,
                           capture_output=True)
    iptables("-F", chain)
    iptables("-X", chain)


# From manifests to what podman can play.


def write_secret(folder, data):
    """Lays a Secret out as the kubelet does for a pod with an fsGroup: files
    of root in a dated folder, mode 0440, and links that lead to them. Again
    with other data it swaps one link, as the kubelet does too."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dated = pathlib.Path(tempfile.mkdtemp(prefix="..dated_", dir=folder))
    for path, mode in ((folder, 0o3777), (dated, 0o2755)):
        os.chown(path, 0, USER)
        path.chmod(mode)
    for name, value in data.items():
        file = dated / name
        file.write_bytes(base64.b64decode(value))
        os.chown(file, 0, USER)
        file.chmod(0o440)
    (folder / "..new").symlink_to(dated.name)
    (folder / "..new").rename(folder / "..data")
    for name in data:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in data:
            link.unlink()


def to_pods(objects, folder):
    """The workloads as Pods, which `podman play kube` can run.

    podman skips a StatefulSet without a word, shares an emptyDir among all
    pods that name it alike, publishes every containerPort on the host, and
    runs probes by a curl inside the container. So:
    - each replica becomes a Pod; that of the StatefulSet bears the name of
      its headless Service, under which the agents look for it;
    - claims become volumes, emptyDirs volumes of one pod each;
    - Secrets become folders laid out as the kubelet does it, since podman
      would give the files neither owner nor mode;
    - ports and probes are left out; the caller asks what the probes ask.
    All else stays as it was rendered: image, arguments, user, capabilities,
    read-only root, limits, mounts.
    """
    secrets = {o["metadata"]["name"]: o for o in objects
               if o["kind"] == "Secret"}
    pods = []
    for workload in objects:
        if workload["kind"] not in ("Deployment", "StatefulSet"):
            continue
        for index in range(workload["spec"]["replicas"]):
            template = copy.deepcopy(workload["spec"]["template"])
            name = workload["metadata"]["name"]
            if workload["kind"] == "StatefulSet":
                name = workload["spec"]["serviceName"]
                for claim in workload["spec"]["volumeClaimTemplates"]:
                    template["spec"]["volumes"].append({
                        "name": claim["metadata"]["name"],
                        "persistentVolumeClaim": {
                            "claimName": f"{claim['metadata']['name']}-{name}"}
                    })
            else:
                name = f"{name}-{index}"
            pods.append(to_pod(template, name, secrets, folder / name))
    return pods


def to_pod(template, name, secrets, folder):
    pod = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": name,
                        "labels": template["metadata"]["labels"]},
           "spec": template["spec"]}
    renamed = {}
    for volume in pod["spec"]["volumes"]:
        old = volume["name"]
        renamed[old] = volume["name"] = f"{name}-{old}"
        if "secret" in volume:
            secret = secrets[volume.pop("secret")["secretName"]]
            write_secret(folder / old, secret["data"])
            volume["hostPath"] = {"path": str(folder / old),
                                  "type": "Directory"}
    for container in pod["spec"]["containers"]:
        for mount in container["volumeMounts"]:
            mount["name"] = renamed[mount["name"]]
        for left_out in ("ports", "startupProbe", "livenessProbe",
                         "readinessProbe"):
            container.pop(left_out, None)
    return pod


def play(podman, pods):
    file = podman.folder / "pods.yaml"
    file.write_text(yaml.safe_dump_all(pods))
    podman("play", "kube", "--build=false", "--network", NETWORK, file)


class Api:
    """REST of a coordinator whose certificate names a Service, not the
    address at which the test finds it."""

    def __init__(self, address, port, authority, token):
        self.address, self.port, self.token = address, port, token
        self.context = ssl.create_default_context(cafile=authority)

    def ask(self, method, path, body=None, headers=None):
        plain = socket.create_connection((self.address, self.port), timeout=30)
        connection = http.client.HTTPSConnection("remuda-api")
        connection.sock = self.context.wrap_socket(
            plain, server_hostname="remuda-api")
        try:
            connection.request(method, path, body, {
                "Authorization": f"Bearer {self.token}", **(headers or {})})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read() or b"null")
        finally:
            connection.close()
