#!/usr/bin/python3
"""The manifests, rendered by a real kubectl, are right; wrong ones are seen.

No cluster is asked: the strict schema stands for its types, manifest_checks.py
for what it would find out late, and a list of broken variants for whether
these two find anything at all.
"""

import copy
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import jsonschema
import yaml

import manifest_checks

HERE = pathlib.Path(__file__).parent
REMUDA = pathlib.Path(os.environ.get(
    "REMUDA_BINARY", "cli/remuda")).absolute()
# Kubernetes' own types, closed to unknown fields. They lie beside the project.
SCHEMA = pathlib.Path(os.environ.get(
    "REMUDA_SCHEMAS", pathlib.Path(__file__).resolve().parents[3] /
    "shared/schemas")) / "kubernetes-1.32-strict.json"
# The base takes these from whoever uses it; the dev overlay makes them.
SECRETS = ("remuda-agent-key", "remuda-allowed", "remuda-api-tls",
           "remuda-api-tokens", "remuda-server-key")
COORDINATOR = "StatefulSet/remuda-coordinator"
AGENT = "Deployment/remuda-agent"
POD = "spec.template.spec"
CONTAINER = POD + ".containers.0"


def run(*args, **kwargs):
    done = subprocess.run(list(map(str, args)), capture_output=True, text=True,
                          timeout=120, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{args}: {done.returncode}\n{done.stdout}"
                             f"{done.stderr}")
    return done.stdout


@functools.lru_cache(None)
def flags_of(command):
    done = subprocess.run([REMUDA, command, "--help"], capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        return None
    return frozenset(re.findall(r"--[a-z][a-z-]*", done.stdout))


def schema_faults(objects, validator):
    for thing in objects:
        for error in validator.iter_errors(thing):
            path = ".".join(map(str, error.absolute_path))
            yield "%s/%s: %s: %s" % (thing.get("kind"),
                                     thing["metadata"]["name"], path,
                                     error.message[:300])


def part(thing, path):
    for key in path.split(".") if path else ():
        thing = thing[int(key) if isinstance(thing, list) else key]
    return thing


class Change:
    """One edit of one object, given as "Kind/name" and a path."""

    def __init__(self, thing, path, value=None, drop=False, expect=None,
                 owner=None):
        self.thing, self.path = thing, path
        self.value, self.drop = value, drop
        # Which object the fault has to name, and which field.
        self.owner = owner or thing
        self.expect = expect or path.split(".")[-1]

    def apply(self, objects):
        thing = next(o for o in objects
                     if manifest_checks.name_of(o) == self.thing)
        head, _, last = self.path.rpartition(".")
        holder = part(thing, head)
        if isinstance(holder, list):
            last = int(last)
        if self.drop:
            del holder[last]
        else:
            holder[last] = self.value


# Broken variants of the dev overlay. Each is one mistake that renders well,
# and the object and the field that its refusal has to name.
BROKEN = [
    ("a misspelt label in the template", Change(
        AGENT, "spec.template.metadata.labels",
        {"app.kubernetes.io/name": "remuda",
         "app.kubernetes.io/component": "agnet"}, expect="spec.selector")),
    ("a Service that selects nothing", Change(
        "Service/remuda-api", "spec.selector", {"app": "remuda"})),
    ("a Service port that leads nowhere", Change(
        "Service/remuda-api", "spec.ports.0.targetPort", "apis")),
    ("a headless Service that is not", Change(
        "Service/remuda-coordinator", "spec.clusterIP", drop=True,
        expect="spec.serviceName", owner=COORDINATOR)),
    ("a probe of an undeclared port", Change(
        COORDINATOR, CONTAINER + ".livenessProbe.httpGet.port", "status",
        expect="livenessProbe.httpGet.port")),
    ("no readiness probe", Change(
        AGENT, CONTAINER + ".readinessProbe", drop=True)),
    ("scraping a port that is not there", Change(
        AGENT, "spec.template.metadata.annotations",
        {"prometheus.io/port": "9090"}, expect="prometheus.io/port")),
    ("a Secret that nobody makes", Change(
        AGENT, POD + ".volumes.2.secret.secretName", "remuda-agent-keys")),
    ("a Secret that all in the pod may read", Change(
        AGENT, POD + ".volumes.2.secret.defaultMode", 0o444)),
    ("a key file that the Secret does not hold", Change(
        AGENT, CONTAINER + ".args.3", "--key=/etc/remuda/key/agent.key",
        expect="args")),
    ("a mount without a volume", Change(
        AGENT, CONTAINER + ".volumeMounts.1.name", "temp",
        expect="volumeMounts")),
    ("scratch without a limit", Change(
        AGENT, POD + ".volumes.1.emptyDir", {}, expect="sizeLimit")),
    ("a ServiceAccount that is not there", Change(
        AGENT, POD + ".serviceAccountName", "default")),
    ("a request above its limit", Change(
        AGENT, CONTAINER + ".resources.requests.memory", "2Gi",
        expect="resources")),
    ("no limit of memory", Change(
        COORDINATOR, CONTAINER + ".resources.limits.memory", drop=True,
        expect="resources")),
    ("a root user", Change(
        AGENT, POD + ".securityContext.runAsUser", 0)),
    ("runAsNonRoot forgotten", Change(
        AGENT, POD + ".securityContext.runAsNonRoot", drop=True)),
    ("privilege escalation", Change(
        AGENT, CONTAINER + ".securityContext.allowPrivilegeEscalation", True)),
    ("a capability kept", Change(
        AGENT, CONTAINER + ".securityContext.capabilities.drop", ["NET_RAW"],
        expect="capabilities.drop")),
    ("a capability added", Change(
        AGENT, CONTAINER + ".securityContext.capabilities.add", ["SYS_PTRACE"],
        expect="capabilities.add")),
    ("no seccomp profile", Change(
        COORDINATOR, POD + ".securityContext.seccompProfile.type",
        "Unconfined", expect="seccompProfile")),
    ("a writable root", Change(
        AGENT, CONTAINER + ".securityContext.readOnlyRootFilesystem", False)),
    ("the host's network", Change(AGENT, POD + ".hostNetwork", True)),
    ("a folder of the host", Change(
        AGENT, POD + ".volumes.0", {"name": "data",
                                    "hostPath": {"path": "/var/lib"}},
        expect="hostPath")),
    ("a token of the cluster's API", Change(
        COORDINATOR, POD + ".automountServiceAccountToken", True)),
    ("a namespace that lets anything in", Change(
        "Namespace/remuda", "metadata.labels", {},
        expect="pod-security.kubernetes.io/enforce")),
    ("an object of another namespace", Change(
        "Service/remuda-api", "metadata.namespace", "default")),
    ("a grace period shorter than the drain", Change(
        AGENT, POD + ".terminationGracePeriodSeconds", 30)),
    ("no --drain, hence its default", Change(
        AGENT, CONTAINER + ".args.5", drop=True,
        expect="terminationGracePeriodSeconds")),
    ("the latest image", Change(
        AGENT, CONTAINER + ".image", "localhost/remuda:latest")),
    ("an image without a tag", Change(
        COORDINATOR, CONTAINER + ".image", "host:5000/remuda")),
    ("an option that the program does not know", Change(
        AGENT, CONTAINER + ".args.5", "--drain-time=30s", expect="args")),
    ("a sub-command that the program does not know", Change(
        AGENT, CONTAINER + ".args.0", "agents-serve", expect="args")),
    ("a coordinator by another name", Change(
        AGENT, CONTAINER + ".args.1", "--coordinator=tcp://coordinator:7600",
        expect="--coordinator")),
    ("a listening port that is not declared", Change(
        COORDINATOR, CONTAINER + ".args.1", "--listen=tcp://0.0.0.0:7700",
        expect="--listen")),
    ("a shell as entry point", Change(
        AGENT, CONTAINER + ".command", ["sh", "-c", "remuda agent"])),
    ("two coordinators on one store", Change(
        COORDINATOR, "spec.replicas", 2)),
    ("a volume that two pods may mount", Change(
        COORDINATOR, "spec.volumeClaimTemplates.0.spec.accessModes",
        ["ReadWriteOnce"], expect="accessModes")),
    ("a budget over the coordinator", Change(
        "PodDisruptionBudget/remuda-agent", "spec.selector.matchLabels",
        {"app.kubernetes.io/name": "remuda"}, expect="spec.selector")),
    ("a budget over nothing", Change(
        "PodDisruptionBudget/remuda-agent", "spec.selector.matchLabels",
        {"app": "remuda-agent"}, expect="spec.selector")),
    ("traffic not denied by default", Change(
        "NetworkPolicy/default-deny", "spec.policyTypes", ["Ingress"],
        expect="spec.podSelector", owner="NetworkPolicy")),
    ("a policy for nobody", Change(
        "NetworkPolicy/agent-dns", "spec.podSelector.matchLabels",
        {"app": "agent"}, expect="spec.podSelector")),
    ("a policy that lets nobody in", Change(
        "NetworkPolicy/coordinator-from-agents",
        "spec.ingress.0.from.0.podSelector.matchLabels", {"app": "agent"},
        expect="spec.ingress[0]")),
    ("a policy for a port that is not there", Change(
        "NetworkPolicy/metrics-from-monitoring", "spec.ingress.0.ports.0.port",
        "metrics", expect="spec.ingress[0].ports")),
    ("a policy without a port", Change(
        "NetworkPolicy/coordinator-from-clients", "spec.ingress.0.ports", [],
        expect="spec.ingress[0].ports")),
    ("more agents than their key admits", Change(
        AGENT, "spec.replicas", 40, expect="sessions",
        owner="Secret/remuda-allowed")),
    ("a secret in the environment", Change(
        AGENT, CONTAINER + ".env",
        [{"name": "KEY", "valueFrom": {"secretKeyRef": {
            "name": "remuda-agent-key", "key": "agents.key"}}}])),
]

# What only the schema can know.
MISSHAPEN = [
    ("a misspelt field", Change(
        AGENT, CONTAINER + ".livenesProbe", {}, expect="livenesProbe")),
    ("text for a port", Change(
        "Service/remuda-api", "spec.ports.0.port", "443")),
    ("a missing selector", Change(
        AGENT, "spec.selector", drop=True)),
    ("a number for an annotation", Change(
        AGENT, "spec.template.metadata.annotations",
        {"prometheus.io/port": 7601}, expect="annotations")),
]


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kubectl = shutil.which("kubectl")
        if not cls.kubectl:
            raise AssertionError("install kubectl (bazel/packages.txt)")
        cls.folder = tempfile.TemporaryDirectory(prefix="remuda-manifests-")
        cls.addClassCleanup(cls.folder.cleanup)
        tree = pathlib.Path(cls.folder.name) / "kubernetes"
        # Runfiles are links, which kustomize does not follow out of the tree.
        shutil.copytree(HERE, tree, ignore=shutil.ignore_patterns("secrets"))
        run(tree / "overlays/dev/make-secrets",
            env={**os.environ, "REMUDA": str(REMUDA)})
        cls.base = cls.render(tree / "base")
        cls.dev = cls.render(tree / "overlays/dev")
        cls.tree = tree
        cls.validator = None
        if SCHEMA.exists():
            schema = json.loads(SCHEMA.read_text())
            cls.validator = jsonschema.Draft7Validator(schema)

    @classmethod
    def render(cls, folder):
        text = run(cls.kubectl, "kustomize", folder)
        return [thing for thing in yaml.safe_load_all(text) if thing]

    def need_schema(self):
        if self.validator is None:
            print(f"NOT CHECKED: there is no {SCHEMA}; what Kubernetes' types "
                  "say of the manifests stays open. REMUDA_SCHEMAS names "
                  "another folder.", flush=True)
            self.skipTest("no schema of Kubernetes' types")

    def test_both_are_right(self):
        self.assertEqual(manifest_checks.check(self.base, flags_of, SECRETS),
                         [])
        self.assertEqual(manifest_checks.check(self.dev, flags_of), [])
        kinds = sorted(thing["kind"] for thing in self.base)
        for kind in ("Deployment", "Namespace", "PodDisruptionBudget",
                     "ServiceAccount", "StatefulSet"):
            self.assertEqual(kinds.count(kind), 1, kind)

    def test_the_schema_agrees(self):
        self.need_schema()
        for objects in (self.base, self.dev):
            self.assertEqual(list(schema_faults(objects, self.validator)), [])

    def test_no_key_is_written_twice(self):
        config = "{extends: default, rules: {line-length: disable, " \
            "document-start: disable, braces: disable, octal-values: disable}}"
        files = sorted(self.tree.glob("**/*.yaml"))
        self.assertGreater(len(files), 9)
        run("yamllint", "--strict", "-d", config, *files)
        twice = self.tree / "twice.yaml"
        twice.write_text("a: 1\na: 2\n")
        with self.assertRaisesRegex(AssertionError, "key-duplicates"):
            run("yamllint", "--strict", "-d", config, twice)
        twice.unlink()

    def test_broken_variants_are_refused(self):
        self.assertGreaterEqual(len(BROKEN), 10)
        for what, change in BROKEN:
            with self.subTest(what):
                objects = copy.deepcopy(self.dev)
                change.apply(objects)
                faults = manifest_checks.check(objects, flags_of)
                self.assert_named(faults, change)

    def test_misshapen_variants_are_refused(self):
        self.need_schema()
        for what, change in MISSHAPEN:
            with self.subTest(what):
                objects = copy.deepcopy(self.dev)
                change.apply(objects)
                self.assert_named(
                    list(schema_faults(objects, self.validator)), change)

    def assert_named(self, faults, change):
        """One fault at least names the object and the field."""
        self.assertTrue(
            any(line.startswith(change.owner) and change.expect in line
                for line in faults),
            f"nothing of {change.owner}, {change.expect} in {faults}")

    def test_prometheus_finds_both_by_label_and_port(self):
        config = yaml.safe_load(
            (HERE.parent / "prometheus/prometheus_kubernetes.yml").read_text())
        wanted = {rule["regex"] for job in config["scrape_configs"]
                  for rule in job["relabel_configs"] if "regex" in rule}
        offered = {
            "%s;%s;http" % (labels["app.kubernetes.io/name"],
                            labels["app.kubernetes.io/component"])
            for workload in manifest_checks.Manifests(self.base).workloads
            for labels in [manifest_checks.pod_labels(workload)]
            if manifest_checks.has_port(workload, "http")}
        self.assertEqual(wanted, offered)

    def test_the_image_is_the_one_that_is_built(self):
        image = (HERE.parent / "container/Containerfile").read_text()
        user = int(re.search(r"^USER (\d+):\1$", image, re.M)[1])
        open_ = {int(port) for port in
                 re.search(r"^EXPOSE (.*)$", image, re.M)[1].split()}
        version = re.search(r"\d+\.\d+\.\d+", run(REMUDA, "version"))[0]
        for workload in manifest_checks.Manifests(self.dev).workloads:
            security = part(workload, POD + ".securityContext")
            self.assertEqual((security["runAsUser"], security["runAsGroup"],
                              security["fsGroup"]), (user,) * 3)
            self.assertLessEqual(
                set(manifest_checks.port_names(workload).values()), open_)
            self.assertEqual(part(workload, CONTAINER + ".image"),
                             f"localhost/remuda:{version}")

    def test_secrets_are_made_once_and_for_us_only(self):
        secrets = self.tree / "overlays/dev/secrets"
        for path in secrets.glob("**/*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        again = subprocess.run([self.tree / "overlays/dev/make-secrets"],
                               capture_output=True, text=True, timeout=120)
        self.assertEqual(again.returncode, 1)
        self.assertIn("is there already", again.stderr)


if __name__ == "__main__":
    unittest.main()
