"""The dashboard shows something and the alerts fire, over real processes.

Coordinator, three agents, a load of all sorts, and a real Prometheus with the
rules of deploy/prometheus. The rules are the shipped ones with every window
and `for` thirty times shorter (deploy/prometheus/shorten_rules.py, which has
its own test), the scrapes fifteen times as frequent.
"""

import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import unittest

import yaml

from cluster import PATIENCE, ROOT, Cluster, job_text, wait_until
from prometheus import Prometheus

sys.path += [str(ROOT / "deploy/prometheus"), str(ROOT / "deploy/grafana")]

import dashboard_rules  # noqa: E402
import shorten_rules  # noqa: E402

FACTOR = 30
SCRAPE = "1s"
WINDOW = "10s"  # of rates in panels
DISK_BYTES = 160 << 20
OWN_MOUNTS = "REMUDA_TEST_OWN_MOUNTS"
LEASE = "4s"
STORAGE_EXIT_CODE = 74
MANY = "tasks: {range: {from: 1, to: 200000}}"
# Long enough to be there when it is looked for; cancelled afterwards.
QUICK_RETRY = "retry: {attempts: 5, backoff: {initial: 100ms, max: 200ms}}"


class Pages(http.server.BaseHTTPRequestHandler):
    """Every third page is broken."""

    def do_GET(self):  # noqa: N802
        broken = self.path.endswith(("3", "6", "9"))
        self.send_response(500 if broken else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class PageServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Says nothing: a cancelled fetch leaves without its page."""


@contextlib.contextmanager
def pages():
    server = PageServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def shipped_config(folder):
    """deploy/prometheus/prometheus.yml, quicker and with its files here."""
    deploy = ROOT / "deploy/prometheus"
    config = yaml.safe_load((deploy / "prometheus.yml").read_text())
    groups = []
    for name in config["rule_files"]:
        groups += yaml.safe_load((deploy / name).read_text())["groups"]
    rules = folder / "rules.yml"
    rules.write_text(json.dumps(
        {"groups": shorten_rules.shortened(groups, FACTOR)}))
    config["rule_files"] = [str(rules)]
    config["global"] = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE,
                        "evaluation_interval": SCRAPE}
    for job in config["scrape_configs"]:
        for found in job["file_sd_configs"]:
            found["files"] = [str(folder / name.replace("/", "-"))
                              for name in found["files"]]
    return config


class Board(unittest.TestCase):
    def start_cluster(self):
        self.mount_small_disk()
        self.coordinator = self.cluster.coordinator()
        self.agents = {}
        for number in (1, 2, 3):
            self.start_agent(number)
        self.cluster.agents_online(3)
        self.prometheus = self.enterContext(Prometheus(
            self.cluster.folder, shipped_config(self.cluster.folder)))
        self.prometheus.wait_ready()

    def mount_small_disk(self):
        """Puts the coordinator's state on a disk that a test can fill."""
        folder = self.cluster.folder / "state"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}",
                        "tmpfs", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", folder],
                        check=True)

    def start_agent(self, number):
        self.agents[number] = self.cluster.agent(
            "--slots", "process-pool=4,thread-pool=16",
            name=f"agent-{number}")
        self.write_targets()

    def write_targets(self):
        """What Prometheus scrapes, by names that outlive the processes."""
        def write(name, served):
            path = self.cluster.folder / f"targets-{name}.yml"
            fresh = path.with_suffix(".fresh")
            fresh.write_text(json.dumps([
                {"targets": [one.http], "labels": {"instance": instance}}
                for instance, one in served.items()]))
            fresh.replace(path)

        write("coordinators", {"coordinator": self.coordinator})
        write("agents", {f"agent-{number}": one
                         for number, one in self.agents.items()})

    def submit(self, name, type_, *lines):
        return self.cluster.submit(self.cluster.spec(
            name, job_text(name, type_, list(lines))))

    def cancel(self, jobs):
        for job in jobs:
            self.cluster.remuda("cancel", job, code=None)
        for job in jobs:
            self.cluster.wait(job, code=None)

    def test_board_and_alerts(self):
        # In a with statement, so that a failure shows everybody's log.
        with Cluster(lease=LEASE) as self.cluster:
            self.start_cluster()
            self.board_and_alerts()

    def board_and_alerts(self):
        with pages() as port:
            load = self.start_load(port)
            with self.submissions():
                self.all_panels_show_something()
            self.rules_are_evaluated()
            self.failing_and_retrying_tasks(load)
        self.lost_agents()
        self.task_that_kills_its_agent()
        self.tasks_that_nobody_can_run()
        self.full_disk()
        self.lost_coordinator()
        self.refused_peers()

    def start_load(self, port):
        """Work of all sorts on all executors, more than the test lasts."""
        load = [self.submit(
            f"sleep-{executor}", "sleep", f"executor: {executor}", MANY,
            "with: {seconds: 0.05}", "concurrency: 10")
            for executor in ("async", "thread-pool", "process-pool")]
        load.append(self.submit(
            "fetch", "http.fetch", MANY, "concurrency: 20", QUICK_RETRY,
            f'with: {{url: "http://127.0.0.1:{port}/{{{{item}}}}"}}'))
        load.append(self.submit(
            "exits", "command", MANY, "concurrency: 3", QUICK_RETRY,
            'with: {argv: [/bin/sh, -c, "exit 3"]}'))
        load.append(self.submit(
            "late", "command", MANY, "concurrency: 1", QUICK_RETRY,
            "timeout: 200ms", 'with: {argv: [/bin/sleep, "60"]}'))
        self.cluster.run(self.cluster.spec("one", job_text(
            "one", "command", ["with: {argv: [/bin/true]}"])))
        return load

    @contextlib.contextmanager
    def submissions(self):
        """A small job, and a cancel, again and again."""
        spec = self.cluster.spec("small", job_text(
            "small", "noop", ["tasks: {range: {from: 1, to: 10}}"]))
        done = threading.Event()

        def keep_submitting():
            while not done.wait(0.5):
                self.cluster.remuda("cancel", self.cluster.submit(spec),
                                    code=None)

        thread = threading.Thread(target=keep_submitting)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def all_panels_show_something(self):
        board = json.loads(
            (ROOT / "deploy/grafana/dashboards/overview.json").read_text())
        queries = [(title, dashboard_rules.with_values(expr, window=WINDOW))
                   for title, expr in dashboard_rules.targets(board)]
        self.assertGreater(len(queries), 40)
        self.all_found(queries)
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                self.has_values(variable["query"])

    def has_values(self, query):
        """A variable of the dashboard has something to choose from."""
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                     query).groups()
        found = self.prometheus.ask(f"label/{label}/values", **{
            "match[]": dashboard_rules.with_values(series)})
        self.assertTrue(found, query)

    def all_found(self, queries):
        """Each of these named queries has had an answer with a number."""
        missing = list(queries)

        def none_missing():
            # What was seen once needs no second look.
            missing[:] = [(name, query) for name, query in missing
                          if not self.prometheus.values(query)]
            return not missing

        try:
            wait_until(none_missing, "an answer to every query")
        except AssertionError:
            self.fail("\n".join(f"nothing in {name}: {query}"
                                for name, query in missing))

    def rules_are_evaluated(self):
        """Every rule ran without an error, and every record has samples."""
        def rules():
            groups = (self.prometheus.ask("rules") or {"groups": []})["groups"]
            return [rule for group in groups for rule in group["rules"]]

        wait_until(lambda: rules() and all(
            rule["health"] != "unknown" for rule in rules()),
            "all rules to be evaluated")
        self.assertEqual([(rule["name"], rule.get("lastError"))
                          for rule in rules() if rule["health"] != "ok"], [])
        self.all_found([(rule["name"], rule["name"]) for rule in rules()
                        if rule["type"] == "recording"])
        named = {one for rule in rules()
                 for one in self.series_named(rule["query"])}
        self.assertGreater(len(named), 10)
        self.all_found(named)

    @staticmethod
    def series_named(query):
        """One query for each value of a label that this one looks for: an
        alert on a value that is never exported would never fire."""
        for one in dashboard_rules.selectors(query):
            for label, text in re.findall(r'(\w+)\s*[=!]~?"([^"]*)"',
                                          one.matchers):
                for value in text.split("|"):
                    if re.fullmatch(r"[\w-]+", value):
                        yield (f"{label} {value}",
                               f'{one.name}{{{label}="{value}"}}')

    def failing_and_retrying_tasks(self, load):
        names = ("RemudaFailureRatioHigh", "RemudaRetryStorm")
        self.prometheus.wait_firing("RemudaWatchdog", *names)
        self.assertNotIn("RemudaCoordinatorDown", self.prometheus.firing())
        self.assertNotIn("RemudaAgentsLost", self.prometheus.firing())
        self.cancel(load)
        self.prometheus.wait_silent(*names)

    def lost_agents(self):
        """All agents die with work in hand; the next ones do it."""
        job = self.submit("waits", "sleep", "executor: process-pool",
                          "tasks: {range: {from: 1, to: 100}}",
                          "with: {seconds: 0.5}")
        wait_until(lambda: self.cluster.job(job)["tasks"]["running"],
                   "the job to run")
        for agent in self.agents.values():
            agent.kill()
        names = ("RemudaAgentsLost", "RemudaNoAgentsForQueue")
        self.prometheus.wait_firing(*names)
        for number in (1, 2, 3):
            self.start_agent(number)
        self.assertEqual(self.cluster.wait(job)["tasks"]["succeeded"], 100)
        self.prometheus.wait_silent(*names)

    def task_that_kills_its_agent(self):
        """It does so five times, and is then given up."""
        for number in (2, 3):
            self.assertEqual(self.agents.pop(number).stop(), 0)
        pid = self.cluster.folder / "pid"
        pid.write_text(str(self.agents[1].process.pid))
        job = self.submit(
            "poison", "command",
            f"with: {{argv: [/bin/sh, -c, 'kill -9 $(cat {pid}); sleep 60']}}")
        for loss in range(1, 6):
            self.agents[1].process.wait(PATIENCE)
            fresh = self.cluster.agent("--slots", "process-pool=1",
                                       name=f"agent-1-{loss}")
            pid.write_text(str(fresh.process.pid))
            self.agents[1] = fresh
        self.write_targets()
        self.assertEqual(self.cluster.wait(job, code=1)["tasks"]["lost"], 1)
        self.prometheus.wait_firing("RemudaQuarantined")
        self.prometheus.wait_silent("RemudaQuarantined", "RemudaAgentsLost")

    def tasks_that_nobody_can_run(self):
        """They wait for processes, and the only agent has none."""
        self.assertEqual(self.agents[1].stop(), 0)
        self.agents[1] = self.cluster.agent("--slots", "process-pool=0",
                                            name="agent-without")
        self.write_targets()
        job = self.submit("stuck", "command", "with: {argv: [/bin/true]}")
        self.prometheus.wait_firing("RemudaQueueStuck")
        self.start_agent(2)
        self.assertEqual(self.cluster.wait(job)["tasks"]["succeeded"], 1)
        self.prometheus.wait_silent("RemudaQueueStuck")

    def full_disk(self):
        """First a warning, then the end of the coordinator, never a lie."""
        def firing(severity):
            return self.prometheus.values(
                'ALERTS{alertname="RemudaDiskAlmostFull",'
                f'alertstate="firing", severity="{severity}"}}')

        wait_until(lambda: firing("warning"), "the disk to be called full")
        filler = self.cluster.folder / "state/filler"
        filler.write_bytes(bytes(DISK_BYTES // 2))
        wait_until(lambda: firing("critical"), "the disk to be called fuller")
        # Each of its tasks has 24 kB to record: soon too much for a disk
        # that has nothing left, and for minutes too little for one that has.
        job = self.submit(
            "much", "command", MANY, "concurrency: 4",
            'with: {argv: [/bin/sh, -c, "sleep 0.2; seq 5000"]}')
        with contextlib.suppress(OSError), open(filler, "ab", 0) as file:
            while True:
                file.write(bytes(4096))
        self.assertEqual(self.coordinator.process.wait(PATIENCE),
                         STORAGE_EXIT_CODE)
        self.prometheus.wait_firing("RemudaCoordinatorDown")
        filler.unlink()
        self.restart_coordinator()
        self.cancel([job])
        self.prometheus.wait_silent("RemudaCoordinatorDown")

    def restart_coordinator(self):
        """The next one on the same state, seen by Prometheus."""
        self.coordinator = self.cluster.coordinator()
        self.write_targets()
        self.sees_the_term()

    def lost_coordinator(self):
        """It dies and comes back, three times within the window."""
        self.coordinator.kill()
        self.prometheus.wait_firing("RemudaCoordinatorDown")
        self.restart_coordinator()
        for _ in range(3):
            self.coordinator.kill()
            self.restart_coordinator()
        self.prometheus.wait_firing("RemudaCoordinatorRestarts")
        self.prometheus.wait_silent("RemudaCoordinatorDown",
                                    "RemudaCoordinatorRestarts")
        self.cluster.agents_online(1)
        self.cluster.run(self.cluster.spec("after", job_text(
            "after", "noop", ["tasks: {range: {from: 1, to: 10}}"])))

    def refused_peers(self):
        """A key that was taken back, and one that asks for too much."""
        keys = self.cluster.folder / "keys"
        self.cluster.remuda("keygen", keys, "--viewer", "looks",
                            "--operator", "gone")
        (keys / "allowed/gone.json").unlink()
        for agent in self.agents.values():
            agent.kill()
        self.assertEqual(self.coordinator.stop(), 0)
        self.coordinator = self.cluster.coordinator("--keys", str(keys))
        self.write_targets()
        spec = self.cluster.spec("refused", job_text("refused", "noop", []))

        def refused_once_more():
            self.cluster.remuda("jobs", "--key", keys / "peers/gone.key",
                                code=5)
            self.cluster.remuda("submit", spec, "--key",
                                keys / "peers/looks.key", code=5)
            return "RemudaAuthFailures" in self.prometheus.firing()

        wait_until(refused_once_more, "RemudaAuthFailures to fire")
        for query in (
                'remuda_transport_handshake_failures_total{reason="auth"} > 0',
                'remuda_auth_denied_total{role="viewer"} > 0'):
            self.assertTrue(self.prometheus.values(query), query)
        self.prometheus.wait_silent("RemudaAuthFailures")

    def sees_the_term(self):
        """Waits until Prometheus has a sample of the coordinator's term."""
        def term_of(text):
            return float(text.split("\nremuda_term ")[1].split()[0])

        now = term_of(self.coordinator.metrics())

        def scraped():
            self.assertIsNone(self.coordinator.process.poll(),
                              "the coordinator ended")
            return self.prometheus.values("remuda_term") == [now]

        wait_until(scraped, f"term {now} to be scraped")


if __name__ == "__main__":
    # In a mount namespace of its own, so that the disk is gone when the test
    # ends, however it ends.
    if OWN_MOUNTS not in os.environ:
        os.environ[OWN_MOUNTS] = "1"
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        os.execvp("unshare", ["unshare", *user, "--mount", "/usr/bin/python3",
                              "-u", __file__, "-v"])
    unittest.main()
