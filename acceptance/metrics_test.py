"""A real Prometheus scrapes coordinator and agent; promtool finds nothing."""

import json
import re
import shutil
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request

from cluster import ROOT, Cluster, free_port, job_text, wait_until


def answers(address):
    try:
        with urllib.request.urlopen(f"http://{address}") as reply:
            return reply.status == 200
    except urllib.error.HTTPError:
        return False


def documented():
    """{role: {name: (type, labels)}} of docs/METRICS.md."""
    roles, role = {}, None
    for line in (ROOT / "docs/METRICS.md").read_text().splitlines():
        if line.startswith("## "):
            role = line[3:].lower()
        row = re.match(r"\| `(\w+)` \| (\w+) \| ([\w, ]*) ?\| \S", line)
        if row:
            labels = frozenset(re.findall(r"\w+", row[3]))
            roles.setdefault(role, {})[row[1]] = (row[2], labels)
    return roles


def exported(text):
    """{name: (type, labels)} of what a process says, its own set apart."""
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    found = {}
    for sample, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text,
                                     re.MULTILINE):
        name = sample
        if name not in types:
            name = re.sub(r"_(bucket|sum|count)$", "", sample)
        labels = frozenset(re.findall(r'(\w+)="', labels)) - {"le"}
        if name.startswith("remuda_"):
            found.setdefault(name, (types[name], set()))[1].add(labels)
    return found


class Metrics(unittest.TestCase):
    def compare(self, role, served):
        self.maxDiff = None
        text = served.metrics()
        table = documented()[role]
        said = exported(text)
        self.assertEqual({name: (kind, {labels})
                          for name, (kind, labels) in table.items()}, said)
        for name, (kind, _) in said.items():
            if kind == "histogram":
                self.assertRegex(name, "_(seconds|operations)$")
            self.assertEqual(kind == "counter", name.endswith("_total"), name)
            self.assertEqual(text.count(f"# TYPE {name} "), 1)
        for own in ("cpu_seconds_total", "resident_memory_bytes", "open_fds",
                    "max_fds", "start_time_seconds", "threads"):
            self.assertIn(f"\nprocess_{own} ", text)

    def test_prometheus_scrapes_both(self):
        self.assertTrue(shutil.which("prometheus"), "install prometheus")
        with Cluster() as cluster:
            coordinator = cluster.coordinator("--api", "127.0.0.1:0")
            agent = cluster.agent()
            cluster.agents_online(1)
            cluster.run(cluster.spec("some", job_text(
                "some", "noop", ["tasks: {range: {from: 1, to: 500}}"])))
            for served in (coordinator, agent):
                lint = subprocess.run(["promtool", "check", "metrics"],
                                      input=served.metrics(), text=True,
                                      capture_output=True)
                self.assertEqual((lint.returncode, lint.stdout, lint.stderr),
                                 (0, "", ""))
                self.compare("coordinator" if served is coordinator
                             else "agent", served)
                for door in ("livez", "readyz"):
                    wait_until(lambda: answers(f"{served.http}/{door}"),
                               f"{door} to say yes")
            self.scrape(cluster, coordinator, agent)

    def scrape(self, cluster, coordinator, agent):
        config = cluster.folder / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": name,
                 "static_configs": [{"targets": [served.http]}]}
                for name, served in (("coordinator", coordinator),
                                     ("agent", agent))]}))
        port = free_port()
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={config}",
             f"--storage.tsdb.path={cluster.folder / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def value(query):
                url = (f"http://127.0.0.1:{port}/api/v1/query?" +
                       urllib.parse.urlencode({"query": query}))
                try:
                    with urllib.request.urlopen(url, timeout=5) as reply:
                        found = json.load(reply)["data"]["result"]
                except OSError:
                    return None
                return float(found[0]["value"][1]) if found else None

            wait_until(lambda: value("sum(up)") == 2, "both targets up")
            wait_until(lambda: value(
                'remuda_tasks_finished_total{job_type="noop",'
                'outcome="succeeded"}') == 500, "the finished tasks")
            wait_until(lambda: value(
                'remuda_agents{state="online"}') == 1, "the agent")
            wait_until(lambda: value(
                'remuda_executor_slots{executor="async"}') == 10000,
                "the agent's slots")
        finally:
            prometheus.kill()
            prometheus.wait()


if __name__ == "__main__":
    unittest.main()
