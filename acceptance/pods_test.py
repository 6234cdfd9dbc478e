"""The rendered manifests as pods: from nothing to a cluster, and its drain."""

import json
import os
import shutil
import subprocess
import unittest
import urllib.error
import urllib.request

import yaml

from cluster import REMUDA, ROOT, job_text, wait_until
from containers import (Api, Podman, play, to_pods, why_not_here,
                        write_secret)

KUBERNETES = ROOT / "deploy/kubernetes"
COORDINATOR = "remuda-coordinator"
AGENTS = ("remuda-agent-0", "remuda-agent-1")
TASKS = 1000


def answer(address, port, path):
    """The HTTP status at the door for probes, or None."""
    try:
        url = f"http://{address}:{port}{path}"
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Pods:
    """The dev overlay, rendered, as pods; and clients of it."""

    def __init__(self, podman):
        self.podman = podman
        self.tree = podman.folder / "kubernetes"
        shutil.copytree(KUBERNETES, self.tree,
                        ignore=shutil.ignore_patterns("secrets"))
        overlay = self.tree / "overlays/dev"
        subprocess.run([overlay / "make-secrets"], check=True,
                       capture_output=True,
                       env={**os.environ, "REMUDA": REMUDA})
        self.secrets = overlay / "secrets"
        said = subprocess.run(["kubectl", "kustomize", overlay], check=True,
                              capture_output=True, text=True).stdout
        self.objects = [o for o in yaml.safe_load_all(said) if o]
        # Where tasks write what happened to them.
        self.ledger = podman.folder / "ledger"
        self.ledger.mkdir()
        self.ledger.chmod(0o777)

    def start(self):
        self.mounts = self.podman.folder / "mounts"
        pods = to_pods(self.objects, self.mounts)
        self.pods = {pod["metadata"]["name"]: pod for pod in pods}
        for pod in pods:
            if pod["metadata"]["name"] in AGENTS:
                pod["spec"]["volumes"].append({
                    "name": pod["metadata"]["name"] + "-ledger",
                    "hostPath": {"path": str(self.ledger)}})
                pod["spec"]["containers"][0]["volumeMounts"].append({
                    "name": pod["metadata"]["name"] + "-ledger",
                    "mountPath": "/ledger"})
        play(self.podman, pods)
        self.address = {name: self.podman.address(name) for name in self.pods}
        self.api = Api(self.address[COORDINATOR], 7680,
                       self.secrets / "tls/tls.crt",
                       (self.secrets / "me.token").read_text().strip())

    def container(self, pod):
        return f"{pod}-{self.pods[pod]['spec']['containers'][0]['name']}"

    def grace(self, pod):
        return self.pods[pod]["spec"]["terminationGracePeriodSeconds"]

    def try_remuda(self, *args):
        return subprocess.run(
            [REMUDA, *map(str, args)], capture_output=True, text=True,
            timeout=300, stdin=subprocess.DEVNULL, env={
                **os.environ,
                "REMUDA_COORDINATOR": f"tcp://{self.address[COORDINATOR]}:7600",
                "REMUDA_KEY": str(self.secrets / "keys/peers/me.key")})

    def remuda(self, *args, code=0):
        done = self.try_remuda(*args)
        if done.returncode != code:
            raise AssertionError(f"{args}: {done.returncode}\n"
                                 f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def agents(self):
        return json.loads(self.remuda("agents", "--json"))["agents"]

    def online(self):
        return [a for a in self.agents() if a["state"] == "online"]

    def submit(self, name, type_, lines):
        path = self.podman.folder / f"{name}.yaml"
        path.write_text(job_text(name, type_, lines))
        said = json.loads(self.remuda("submit", path, "--json"))
        return said["jobs"][0]["id"]

    def wait(self, job, code=0):
        said = self.remuda("wait", job, "--json", code=code)
        return json.loads(said)["jobs"][0]

    def wait_ready(self):
        for name, address in self.address.items():
            for path in ("/livez", "/readyz"):
                wait_until(lambda: answer(address, 7601, path) == 200,
                           f"{name}{path} to say yes")


class Kubernetes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = why_not_here()
        if reason:
            print(f"SKIPPED: {reason}", flush=True)
            raise unittest.SkipTest(reason)
        cls.podman = cls.enterClassContext(Podman())
        cls.podman.build()

    def test_a_node_drain_costs_no_task(self):
        """In one test, because starting takes most of the time."""
        pods = Pods(self.podman)
        try:
            pods.start()
            self.assert_all_came_up(pods)
            self.submit_by_both_doors(pods)
            self.drain_in_the_middle(pods)
            self.stop_the_coordinator(pods)
            self.remove_a_key(pods)
        except BaseException:
            for name in getattr(pods, "pods", ()):
                print(f"--- {name}\n"
                      f"{self.podman.logs(pods.container(name))[-3000:]}")
            raise

    def assert_all_came_up(self, pods):
        self.assertEqual(set(pods.pods), {COORDINATOR, *AGENTS})
        running = self.podman("ps", "--format", "{{.Names}}").splitlines()
        for name in pods.pods:
            self.assertIn(pods.container(name), running)
        pods.wait_ready()
        wait_until(lambda: len(pods.online()) == 2, "two agents")
        for agent in pods.online():
            # The limit is one processor, whatever the machine has.
            self.assertEqual(agent["executors"]["process-pool"], 1)
            self.assertRegex(agent["name"], "^agents/remuda-agent-")

    def submit_by_both_doors(self, pods):
        job = pods.submit("by-key", "noop",
                          ["tasks: {range: {from: 1, to: 50}}"])
        self.assertEqual(pods.wait(job)["state"], "succeeded")
        spec = job_text("by-rest", "python",
                        ["tasks: {range: {from: 1, to: 5}}",
                         "with: {function: 'math:sqrt', args: ['{{item}}']}"])
        status, said = pods.api.ask("POST", "/v1/jobs", spec,
                                    {"Content-Type": "application/yaml"})
        self.assertEqual(status, 202, said)
        job = said["jobs"][0]["id"]
        self.assertEqual(pods.wait(job)["state"], "succeeded")
        status, said = pods.api.ask("GET", f"/v1/jobs/{job}")
        self.assertEqual(status, 200, said)
        nobody = Api(pods.address[COORDINATOR], 7680,
                     pods.secrets / "tls/tls.crt", "rmd_nobody")
        self.assertEqual(nobody.ask("GET", "/v1/jobs")[0], 401)

    def drain_in_the_middle(self, pods):
        job = pods.submit("ledger", "command", [
            f"tasks: {{range: {{from: 1, to: {TASKS}}}}}",
            "with: {argv: [sh, -c, "
            "'echo {{item}} >> /ledger/starts; sleep 0.01']}"])
        starts = pods.ledger / "starts"

        def started():
            return starts.read_text().splitlines() if starts.exists() else []
        wait_until(lambda: len(started()) >= TASKS // 10, "work under way")
        container = pods.container(AGENTS[0])
        wait_until(lambda: any(a["running"] > 0 for a in pods.online()
                               if f"/{AGENTS[0]}" in a["name"]),
                   "tasks on the agent that will be drained")
        self.podman("stop", "--time", pods.grace(AGENTS[0]), container)
        # 137 would mean that the grace period was over.
        code = self.podman("inspect", "--format", "{{.State.ExitCode}}",
                           container)
        self.assertEqual(code, "0", self.podman.logs(container)[-2000:])
        self.assertLess(len(started()), TASKS, "drained after the job's end")
        ended = pods.wait(job)
        self.assertEqual(ended["state"], "succeeded")
        self.assertEqual(ended["tasks"]["succeeded"], TASKS)
        self.assertEqual(ended["infrastructure_losses"], 0)
        rows = [json.loads(line) for line in
                pods.remuda("results", job, "--json").splitlines()]
        self.assertEqual(len(rows), TASKS)
        self.assertEqual(sum(row["attempts"] for row in rows), TASKS)
        self.assertEqual(sorted(map(int, started())),
                         list(range(1, TASKS + 1)))

    def stop_the_coordinator(self, pods):
        container = pods.container(COORDINATOR)
        self.podman("stop", "--time", pods.grace(COORDINATOR), container)
        self.assertEqual(self.podman("inspect", "--format",
                                     "{{.State.ExitCode}}", container), "0")
        # The state is on the volume: a new start knows the jobs.
        self.podman("start", container)
        pods.address[COORDINATOR] = self.podman.address(COORDINATOR)
        said = json.loads(pods.remuda("jobs", "--json"))
        names = {job["name"] for job in said["jobs"]}
        self.assertLessEqual({"by-key", "by-rest", "ledger"}, names)

    def remove_a_key(self, pods):
        """Changed Secrets and SIGHUP turn me away, without a restart."""
        pods.api.address = pods.address[COORDINATOR]
        wait_until(lambda: answer(pods.api.address, 7601, "/readyz") == 200,
                   "the coordinator to be back")
        self.assertEqual(pods.api.ask("GET", "/v1/jobs")[0], 200)
        for volume, secret in (("allowed", "remuda-allowed"),
                               ("tokens", "remuda-api-tokens")):
            data = next(o for o in pods.objects
                        if o["metadata"]["name"] == secret)["data"]
            write_secret(pods.mounts / COORDINATOR / volume,
                         {name: value for name, value in data.items()
                          if name != "me.json"})
        pods.remuda("agents", "--json")
        self.podman("exec", pods.container(COORDINATOR), "sh", "-c",
                    "kill -HUP 1")
        wait_until(lambda: pods.try_remuda("agents").returncode == 5,
                   "the removed key to be turned away")
        wait_until(lambda: pods.api.ask("GET", "/v1/jobs")[0] == 401,
                   "the removed token to be turned away")


if __name__ == "__main__":
    unittest.main()
