"""What a server would not tell about manifests, or only at run time.

check() takes rendered objects and returns one line a fault, each with the
object and the field: "Deployment/remuda-agent: spec.replicas: what is wrong".
Whether a single object is well-formed is the schema's business; here it is
whether they fit each other, the `restricted` policy, and the program.
"""

import base64
import decimal
import json
import math
import re

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
UNBOUND = ("Namespace",)  # kinds that live in no namespace
# A task is asked to stop, forced a second later; results travel after that.
SETTLING_SECONDS = 5
DRAIN_DEFAULT = "10m"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
# What Pod Security `restricted` lets be mounted, as far as it is used here.
VOLUME_KINDS = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
                "persistentVolumeClaim", "projected", "secret")
RESOURCES = ("cpu", "memory", "ephemeral-storage")
SUFFIXES = {"": 1, "m": decimal.Decimal("0.001"), "k": 10**3, "M": 10**6,
            "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30,
            "Ti": 2**40}


def name_of(thing):
    return "%s/%s" % (thing.get("kind"), thing["metadata"]["name"])


def fault(thing, field, text):
    return "%s: %s: %s" % (name_of(thing), field, text)


def at(thing, path, default=None):
    """thing["a"]["b"] for path "a.b", or the default."""
    for part in path.split("."):
        if not isinstance(thing, dict) or thing.get(part) is None:
            return default
        thing = thing[part]
    return thing


def quantity(text):
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(\D*)", str(text))
    if not match or match[2] not in SUFFIXES:
        raise ValueError("'%s' is no quantity" % text)
    return decimal.Decimal(match[1]) * SUFFIXES[match[2]]


def seconds(text):
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    if not match:
        raise ValueError("'%s' is no time" % text)
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]]


def labels_match(selector, labels):
    """Of a map, or of a selector that has one under matchLabels."""
    wanted = selector.get("matchLabels", selector) if selector else {}
    return all(labels.get(key) == value for key, value in wanted.items())


class Manifests:
    """The objects, and who stands for which pods."""

    def __init__(self, objects, external_secrets=()):
        self.objects = objects
        self.external_secrets = set(external_secrets)
        self.workloads = [o for o in objects if o.get("kind") in WORKLOADS]

    def of_kind(self, kind):
        return [o for o in self.objects if o.get("kind") == kind]

    def find(self, kind, name):
        return next((o for o in self.of_kind(kind)
                     if o["metadata"]["name"] == name), None)

    def selected(self, selector):
        return [w for w in self.workloads
                if labels_match(selector, pod_labels(w))]


def pod_labels(workload):
    return at(workload, "spec.template.metadata.labels", {})


def pod_spec(workload):
    return at(workload, "spec.template.spec", {})


def containers(workload):
    """(field, container) of each, init containers too."""
    for kind in ("initContainers", "containers"):
        for container in pod_spec(workload).get(kind, []):
            yield ("spec.template.spec.%s[%s]" % (kind, container.get("name")),
                   container)


def port_names(workload):
    return {port.get("name"): port.get("containerPort")
            for _, container in containers(workload)
            for port in container.get("ports", [])}


def has_port(workload, port):
    """Whether the pods of a workload declare it, by name or by number."""
    ports = port_names(workload)
    return port in ports or port in ports.values()


# Rules. Each is a generator of faults over all objects.


def check_names(all_):
    seen = set()
    for thing in all_.objects:
        key = (thing.get("kind"), at(thing, "metadata.namespace"),
               thing["metadata"]["name"])
        if key in seen:
            yield fault(thing, "metadata.name", "is there twice")
        seen.add(key)
        bound = thing.get("kind") not in UNBOUND
        space = at(thing, "metadata.namespace")
        if bound and not all_.find("Namespace", space):
            yield fault(thing, "metadata.namespace",
                        "no Namespace '%s' here" % space)
    for space in all_.of_kind("Namespace"):
        label = "pod-security.kubernetes.io/enforce"
        if space["metadata"].get("labels", {}).get(label) != "restricted":
            yield fault(space, "metadata.labels." + label, "not 'restricted'")


def check_selectors(all_):
    for workload in all_.workloads:
        selector = at(workload, "spec.selector", {})
        if not labels_match(selector, pod_labels(workload)) or not selector:
            yield fault(workload, "spec.selector",
                        "does not match the labels of its own template")
        elif all_.selected(selector) != [workload]:
            yield fault(workload, "spec.selector",
                        "matches the pods of others too")
    for service in all_.of_kind("Service"):
        if not all_.selected(at(service, "spec.selector", {})):
            yield fault(service, "spec.selector", "selects no workload's pods")
    for budget in all_.of_kind("PodDisruptionBudget"):
        covered = all_.selected(at(budget, "spec.selector", {}))
        if not covered:
            yield fault(budget, "spec.selector", "selects no workload's pods")
        for workload in covered:
            if at(workload, "spec.replicas", 1) == 1:
                yield fault(budget, "spec.selector",
                            "covers %s of one replica, whose node could never "
                            "be drained" % name_of(workload))


def check_ports(all_):
    for service in all_.of_kind("Service"):
        for port in at(service, "spec.ports", []):
            target = port.get("targetPort", port.get("port"))
            for workload in all_.selected(at(service, "spec.selector", {})):
                if not has_port(workload, target):
                    yield fault(
                        service, "spec.ports[%s].targetPort" % port.get("name"),
                        "%s declares no port '%s'" % (name_of(workload),
                                                      target))
    for workload in all_.workloads:
        for field, container in containers(workload):
            for probe in PROBES:
                port = at(container, probe + ".httpGet.port")
                declared = {value for p in container.get("ports", [])
                            for value in (p.get("name"), p["containerPort"])}
                if probe not in container:
                    yield fault(workload, field + "." + probe, "is missing")
                elif port not in declared:
                    yield fault(workload, "%s.%s.httpGet.port" % (field, probe),
                                "'%s' is no port of the container" % port)
        notes = at(workload, "spec.template.metadata.annotations", {})
        scraped = notes.get("prometheus.io/port", "")
        if int(scraped or 0) not in port_names(workload).values():
            yield fault(workload, "spec.template.metadata.annotations."
                        "prometheus.io/port", "'%s' is not declared" % scraped)


def peers_of(all_, policy, direction):
    """(field, workloads, ports) of each rule; None for peers elsewhere."""
    word = "from" if direction == "ingress" else "to"
    for index, rule in enumerate(at(policy, "spec." + direction) or []):
        field = "spec.%s[%d]" % (direction, index)
        hit = []
        for peer in rule.get(word, []):
            if "podSelector" in peer and "namespaceSelector" not in peer:
                hit += all_.selected(peer["podSelector"])
            else:
                hit = None
                break
        yield field, hit, [p.get("port") for p in rule.get("ports", [])]


def check_network(all_):
    policies = all_.of_kind("NetworkPolicy")
    if all_.workloads and not any(
            at(p, "spec.podSelector") in ({}, None) and
            set(at(p, "spec.policyTypes", [])) == {"Ingress", "Egress"} and
            not at(p, "spec.ingress") and not at(p, "spec.egress")
            for p in policies):
        yield "NetworkPolicy: spec.podSelector: none denies all by default"
    for policy in policies:
        chosen = all_.selected(at(policy, "spec.podSelector", {}))
        if not chosen:
            yield fault(policy, "spec.podSelector",
                        "selects no workload's pods")
        for direction in ("ingress", "egress"):
            word = direction.capitalize()
            if at(policy, "spec." + direction) and word not in at(
                    policy, "spec.policyTypes", []):
                yield fault(policy, "spec.policyTypes", "lacks " + word)
            for field, peers, ports in peers_of(all_, policy, direction):
                if peers == []:
                    yield fault(policy, field, "selects no workload's pods")
                if not ports:
                    yield fault(policy, field + ".ports", "names no port")
                ends = chosen if direction == "ingress" else peers or []
                for port in ports:
                    for end in ends:
                        if not has_port(end, port):
                            yield fault(
                                policy, field + ".ports", "%s declares no port "
                                "'%s'" % (name_of(end), port))


def check_references(all_):
    secrets = {s["metadata"]["name"] for s in all_.of_kind("Secret")}
    secrets |= all_.external_secrets
    maps = {m["metadata"]["name"] for m in all_.of_kind("ConfigMap")}
    for workload in all_.workloads:
        pod = pod_spec(workload)
        account = pod.get("serviceAccountName")
        if not all_.find("ServiceAccount", account):
            yield fault(workload, "spec.template.spec.serviceAccountName",
                        "no ServiceAccount '%s' here" % account)
        claims = {at(c, "metadata.name")
                  for c in at(workload, "spec.volumeClaimTemplates", [])}
        volumes = {v["name"]: v for v in pod.get("volumes", [])}
        for name, volume in volumes.items():
            field = "spec.template.spec.volumes[%s]" % name
            secret = at(volume, "secret.secretName")
            if "secret" in volume and secret not in secrets:
                yield fault(workload, field + ".secret.secretName",
                            "no Secret '%s'" % secret)
            if "secret" in volume and at(volume,
                                         "secret.defaultMode") != 0o400:
                yield fault(workload, field + ".secret.defaultMode",
                            "not 0400")
            if "configMap" in volume and at(volume,
                                            "configMap.name") not in maps:
                yield fault(workload, field + ".configMap.name",
                            "no ConfigMap '%s'" % at(volume, "configMap.name"))
            if "emptyDir" in volume and not at(volume, "emptyDir.sizeLimit"):
                yield fault(workload, field + ".emptyDir.sizeLimit",
                            "is missing")
        mounted = {m["name"] for _, c in containers(workload)
                   for m in c.get("volumeMounts", [])}
        for name in sorted(mounted - volumes.keys() - claims):
            yield fault(workload, "spec.template.spec.containers.volumeMounts",
                        "no volume '%s'" % name)
        for name in sorted((volumes.keys() | claims) - mounted):
            yield fault(workload, "spec.template.spec.volumes[%s]" % name,
                        "is not mounted")
        for field, container in containers(workload):
            for source in container.get("envFrom", []) + [
                    at(e, "valueFrom", {}) for e in container.get("env", [])]:
                for key in ("secretRef", "secretKeyRef"):
                    if key in source:
                        yield fault(workload, field + ".env",
                                    "secrets belong in files, not in the "
                                    "environment")
        head = workload.get("kind") == "StatefulSet" and all_.find(
            "Service", at(workload, "spec.serviceName"))
        if head is None or head and at(head, "spec.clusterIP") != "None":
            yield fault(workload, "spec.serviceName",
                        "no headless Service '%s'" %
                        at(workload, "spec.serviceName"))


def check_resources(all_):
    for workload in all_.workloads:
        for field, container in containers(workload):
            for name in RESOURCES:
                request = at(container, "resources.requests", {}).get(name)
                limit = at(container, "resources.limits", {}).get(name)
                where = field + ".resources"
                if request is None or limit is None:
                    yield fault(workload, where, "no request or no limit of "
                                + name)
                elif quantity(request) > quantity(limit):
                    yield fault(workload, where, "requests more %s than its "
                                "limit" % name)


def check_restricted(all_):
    pod_wanted = {
        "securityContext.runAsNonRoot": True,
        "securityContext.seccompProfile.type": "RuntimeDefault",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    wanted = {
        "securityContext.allowPrivilegeEscalation": False,
        "securityContext.readOnlyRootFilesystem": True,
        "securityContext.capabilities.drop": ["ALL"],
    }
    spec = "spec.template.spec."
    for workload in all_.workloads:
        pod = pod_spec(workload)
        for path, value in pod_wanted.items():
            if at(pod, path) != value:
                yield fault(workload, spec + path, "not %s" % value)
        for path in ("runAsUser", "runAsGroup", "fsGroup"):
            if not at(pod, "securityContext." + path):
                yield fault(workload, spec + "securityContext." + path,
                            "is root or left open")
        for path in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(path):
                yield fault(workload, spec + path, "is not allowed")
        for volume in pod.get("volumes", []):
            for kind in volume.keys() - {"name"} - set(VOLUME_KINDS):
                yield fault(workload, spec + "volumes[%s].%s" %
                            (volume["name"], kind), "is not allowed")
        for field, container in containers(workload):
            for path, value in wanted.items():
                if at(container, path) != value:
                    yield fault(workload, field + "." + path,
                                "not %s" % value)
            for path in ("securityContext.privileged",
                         "securityContext.capabilities.add"):
                if at(container, path):
                    yield fault(workload, field + "." + path, "is not allowed")
            if at(container, "securityContext.runAsUser") == 0:
                yield fault(workload, field + ".securityContext.runAsUser",
                            "is root")
            for port in container.get("ports", []):
                if "hostPort" in port:
                    yield fault(workload, field + ".ports.hostPort",
                                "is not allowed")


def check_images(all_):
    for workload in all_.workloads:
        for field, container in containers(workload):
            image = container.get("image", "")
            tag = re.search(r":([^:/@]+)$", image)
            if "@sha256:" not in image and (not tag or tag[1] == "latest"):
                yield fault(workload, field + ".image",
                            "'%s' is not pinned by a tag or digest" % image)


def options_of(container):
    """{"--flag": "value"} of arguments written as --flag=value."""
    return dict(arg.partition("=")[::2] for arg in container.get("args", [])
                if arg.startswith("--"))


def check_program(all_, flags_of):
    """`flags_of`: the flags that a sub-command knows, or None."""
    for workload in all_.workloads:
        for field, container in containers(workload):
            args = container.get("args", [])
            if "command" in container:
                yield fault(workload, field + ".command",
                            "hides the image's entry point")
            known = flags_of(args[0]) if args else None
            if known is None:
                yield fault(workload, field + ".args",
                            "'%s' is no sub-command" % (args[:1] or [""])[0])
                continue
            for arg in args[1:]:
                flag, equals, _ = arg.partition("=")
                if flag not in known or not equals:
                    yield fault(workload, field + ".args", "'%s' is no option "
                                "--flag=value of remuda %s" % (arg, args[0]))
            yield from check_arguments(all_, workload, field, container)


def check_arguments(all_, workload, field, container):
    options = options_of(container)
    where = field + ".args"
    for flag in ("--listen", "--http", "--api"):
        port = re.search(r":(\d+)$", options.get(flag, ""))
        if port and not has_port(workload, int(port[1])):
            yield fault(workload, where, "%s: port %s is not declared" %
                        (flag, port[1]))
    address = options.get("--coordinator")
    if address is not None:
        match = re.fullmatch(r"tcp://([a-z0-9-]+):(\d+)", address)
        service = match and all_.find("Service", match[1])
        if not service or int(match[2]) not in [
                p.get("port") for p in at(service, "spec.ports", [])]:
            yield fault(workload, where, "--coordinator: no Service at '%s'" %
                        address)
    if (container.get("args") or [""])[0] == "agent":
        drain = seconds(options.get("--drain", DRAIN_DEFAULT))
        grace = at(pod_spec(workload), "terminationGracePeriodSeconds", 30)
        if grace < drain + SETTLING_SECONDS:
            yield fault(workload,
                        "spec.template.spec.terminationGracePeriodSeconds",
                        "%s s, but --drain is %g s and settling takes %d s" %
                        (grace, drain, SETTLING_SECONDS))
    yield from check_paths(all_, workload, where, container, options)


def check_paths(all_, workload, where, container, options):
    """Files named by arguments are in what is mounted there."""
    volumes = {v["name"]: v for v in pod_spec(workload).get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        secret = at(volumes.get(mount["name"], {}), "secret.secretName")
        data = at(all_.find("Secret", secret) or {}, "data", {})
        if not secret:
            continue
        if not mount.get("readOnly"):
            yield fault(workload, where.replace(".args", ".volumeMounts"),
                        "'%s' is not read-only" % mount["name"])
        for flag, value in options.items():
            folder = mount["mountPath"] + "/"
            if value.startswith(folder) and data and (
                    value[len(folder):] not in data):
                yield fault(workload, where, "%s: Secret '%s' has no '%s'" %
                            (flag, secret, value[len(folder):]))


def check_fleet(all_):
    """The agents' key admits as many sessions as there can be at once."""
    for secret in all_.of_kind("Secret"):
        for key, value in (secret.get("data") or {}).items():
            try:
                entry = json.loads(base64.b64decode(value))
            except ValueError:
                continue
            if not isinstance(entry, dict) or "sessions" not in entry:
                continue
            for workload in all_.of_kind("Deployment"):
                count = at(workload, "spec.replicas", 1)
                surge = str(at(workload,
                               "spec.strategy.rollingUpdate.maxSurge", "25%"))
                more = (math.ceil(count * int(surge[:-1]) / 100)
                        if surge.endswith("%") else int(surge))
                # In a roll-out every old one may still drain.
                if entry["sessions"] < 2 * count + more:
                    yield fault(secret, "data." + key, "%d sessions, but %s "
                                "can have %d" % (entry["sessions"],
                                                 name_of(workload),
                                                 2 * count + more))


def check_state(all_):
    for workload in all_.of_kind("StatefulSet"):
        if at(workload, "spec.replicas", 1) != 1:
            yield fault(workload, "spec.replicas",
                        "a coordinator is alone with its store")
        for claim in at(workload, "spec.volumeClaimTemplates", []):
            if at(claim, "spec.accessModes") != ["ReadWriteOncePod"]:
                yield fault(workload, "spec.volumeClaimTemplates[%s]."
                            "spec.accessModes" % at(claim, "metadata.name"),
                            "not ReadWriteOncePod")


def check(objects, flags_of, external_secrets=()):
    all_ = Manifests(objects, external_secrets)
    faults = []
    for rule in (check_names, check_selectors, check_ports, check_network,
                 check_references, check_resources, check_restricted,
                 check_images, check_fleet, check_state):
        faults += rule(all_)
    return faults + list(check_program(all_, flags_of))
