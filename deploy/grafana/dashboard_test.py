#!/usr/bin/python3
"""The dashboard as Grafana, its linter and Prometheus would see it."""

import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

import dashboard_rules as rules
import make_overview

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
OVERVIEW = HERE / "dashboards/overview.json"
# Grafana's own schemas, one a panel type, closed to unknown fields. They lie
# beside a developer's clone and are no part of it.
SCHEMA = pathlib.Path(os.environ.get(
    "REMUDA_SCHEMAS", pathlib.Path(__file__).resolve().parents[3] /
    "shared/schemas")) / "grafana-dashboard.json"


def overview():
    return json.loads(OVERVIEW.read_text())


def exclusions():
    """(rule, panel) pairs that .lint lets pass."""
    text = (HERE / "dashboards/.lint").read_text()
    found = yaml.safe_load(text)["exclusions"]
    return {(rule, entry["panel"]) for rule, one in found.items()
            for entry in one["entries"] if one["reason"]}


def findings(dashboard):
    return [one for one in rules.all_findings(dashboard)
            if (one.rule, one.panel) not in exclusions()]


def schema_errors(dashboard):
    """What Grafana's schemas say of the dashboard, its panels and queries."""
    schemas = json.loads(SCHEMA.read_text())

    def part(schema, name, value, where):
        if name not in schema["definitions"]:
            if value is not None:
                yield f"{where}: there is nothing like that"
            return
        whole = {**schema, "$ref": f"#/definitions/{name}"}
        for error in jsonschema.Draft7Validator(whole).iter_errors(
                {} if value is None else value):
            yield f"{where}: {error.message}"

    yield from part(schemas["dashboard"], "Dashboard", dashboard, "dashboard")
    for panel in rules.panels(dashboard):
        title = panel.get("title")
        schema = schemas.get(panel["type"])
        if schema is None:
            yield f"{title}: no panel type {panel['type']}"
            continue
        yield from part(schema, "Options", panel.get("options"),
                        f"{title}: options")
        yield from part(schema, "FieldConfig",
                        panel["fieldConfig"]["defaults"].get("custom"),
                        f"{title}: custom")
        for target in panel.get("targets", []):
            yield from part(schemas["prometheus"], "Dataquery", target,
                            f"{title}: target")


def promtool(expressions):
    """Its complaints about these queries, taken as recording rules."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.yml"
        path.write_text(json.dumps({"groups": [{"name": "board", "rules": [
            {"record": f"query:{place}", "expr": rules.with_values(one)}
            for place, one in enumerate(expressions)]}]}))
        done = subprocess.run(["promtool", "check", "rules", path],
                              capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr


def first(dashboard, kind="timeseries"):
    return next(one for one in dashboard["panels"] if one["type"] == kind)


def variable(dashboard, name):
    return next(one for one in dashboard["templating"]["list"]
                if one["name"] == name)


def set_expr(expr):
    def apply(dashboard):
        first(dashboard)["targets"][0]["expr"] = expr
    return apply


OURS = 'job=~"$job", instance=~"$instance"'

# What is wrong in the copy -> the rule that must say so.
BREAKS = {
    "unique-ids": lambda d: d["panels"][3].update(id=d["panels"][2]["id"]),
    "unique-titles": lambda d: d["panels"][3].update(
        title=d["panels"][2]["title"]),
    "width": lambda d: first(d)["gridPos"].update(x=20),
    "overlap": lambda d: first(d)["gridPos"].update(y=first(d)["gridPos"]["y"]
                                                    + 1),
    "template-datasource-rule": lambda d: d["templating"]["list"].pop(0),
    "template-job-rule": lambda d: variable(d, "job").update(multi=False),
    "template-instance-rule": lambda d: variable(d, "instance").update(
        allValue=".*"),
    "template-queue-rule": lambda d: variable(d, "queue").update(
        name="the_queue"),
    "template-job_type-rule": lambda d: variable(d, "job_type").update(
        datasource={"uid": "fixed"}),
    "template-on-time-change-reload-rule": lambda d: variable(
        d, "job").update(refresh=1),
    "template-label-promql-rule": lambda d: variable(d, "queue").update(
        query="remuda_queue_tasks"),
    "template-unused": lambda d: d["templating"]["list"].append(
        {**variable(d, "queue"), "name": "spare"}),
    "panel-datasource-rule": lambda d: first(d).update(
        datasource={"uid": "fixed"}),
    "panel-title-description-rule": lambda d: first(d).update(description=""),
    "panel-units-rule": lambda d: first(d)["fieldConfig"]["defaults"].update(
        unit="second"),
    "panel-no-targets-rule": lambda d: first(d).update(targets=[]),
    "unique-references": lambda d: first(d)["targets"].append(
        first(d)["targets"][0]),
    "legend": lambda d: first(d)["targets"][0].update(legendFormat=""),
    "target-promql-rule": set_expr("1 + 1"),
    "target-job-rule": set_expr('remuda_agents{instance=~"$instance"}'),
    "target-instance-rule": set_expr("sum(remuda_agents)"),
    "target-counter-agg-rule": set_expr(
        f"sum(remuda_grants_total{{{OURS}}})"),
    "target-rate-interval-rule": set_expr(
        f"rate(remuda_grants_total{{{OURS}}}[5m])"),
    "target-histogram-rule": set_expr(
        f"rate(a_bucket{{{OURS}}}[$__rate_interval])"),
    "uneditable-dashboard-rule": lambda d: d.update(editable=True),
    "conventions": lambda d: d.update(id=7),
}

SCHEMA_BREAKS = {
    "an unknown field of the dashboard": lambda d: d.update(colour="red"),
    "a row that is no row": lambda d: first(d, "row").pop("collapsed"),
    "a panel type that is not known": lambda d: first(d).update(type="graph2"),
    "a misspelt custom field": lambda d: first(d)["fieldConfig"]["defaults"][
        "custom"].update(linewidth=1),
    "a wrong choice": lambda d: first(d)["options"]["tooltip"].update(
        mode="many"),
    "an option of another panel": lambda d: first(d, "stat")[
        "options"].update(legend={}),
    "a missing option": lambda d: first(d)["options"].pop("legend"),
    "a misspelt part of a query": lambda d: first(d)["targets"][0].update(
        expression="1"),
    "a custom field where there is none": lambda d: first(d, "stat")[
        "fieldConfig"]["defaults"].update(custom={"lineWidth": 1}),
    "a place that is no number": lambda d: first(d)["gridPos"].update(x="0"),
}


class Dashboard(unittest.TestCase):
    def test_committed_is_what_the_program_makes(self):
        self.assertEqual(overview(), make_overview.overview(),
                         "run make_overview.py dashboards/overview.json")

    def test_keeps_all_rules(self):
        self.assertEqual(findings(overview()), [])
        self.assertGreaterEqual(len(rules.panels(overview())), 15)

    def test_needs_each_exclusion(self):
        needed = {(one.rule, one.panel)
                  for one in rules.all_findings(overview())}
        self.assertEqual(exclusions() - needed, set())

    def test_each_rule_notices_its_breach(self):
        for rule, apply in BREAKS.items():
            with self.subTest(rule):
                broken = copy.deepcopy(overview())
                apply(broken)
                self.assertIn(rule, {one.rule for one in findings(broken)})

    def test_lines_lie_where_the_alerts_fire(self):
        path = ROOT / "deploy/prometheus/rules/alerts.yml"
        alerts = {rule["alert"]: rule["expr"] for rule in yaml.safe_load(
            path.read_text())["groups"][0]["rules"]}
        named = 0
        for panel in rules.panels(overview()):
            for alert in re.findall(r"(Remuda\w+) fires", panel["description"]):
                named += 1
                limit = panel["fieldConfig"]["defaults"]["thresholds"][
                    "steps"][-1]["value"]
                numbers = re.findall(r"> ([\d.]+)", alerts[alert])
                self.assertIn(limit, [float(one) for one in numbers],
                              panel["title"])
        self.assertGreater(named, 5)

    def test_runbooks_name_panels_that_exist(self):
        titles = {panel["title"] for panel in rules.panels(overview())}
        for page in (ROOT / "deploy/prometheus/runbooks").glob("*.md"):
            for name in re.findall(r"panels? \*([^*]+)\*", page.read_text()):
                self.assertIn(name, titles, page.name)


def documented():
    """The labels of each metric of docs/METRICS.md."""
    text = (ROOT / "docs/METRICS.md").read_text()
    found = {name: set() for name in re.findall(r"`(process_\w+)`", text)}
    for name, labels in re.findall(
            r"^\| `(remuda_\w+)` \| \w+ \|([^|]*)\|", text, re.M):
        found.setdefault(name, set()).update(re.findall(r"\w+", labels))
    return found


def undocumented(queries):
    """What these queries read that docs/METRICS.md does not have."""
    known = documented()
    for query in queries:
        for one in rules.selectors(query):
            if one.name in ("ALERTS", "up") or ":" in one.name:
                continue
            name = re.sub(r"_(bucket|count|sum)$", "", one.name)
            if name not in known:
                yield f"{one.name} in {query}"
                continue
            labels = re.findall(r"(\w+)\s*[=!]~?\"", one.matchers)
            for label in set(labels) - known[name] - {"job", "instance", "le"}:
                yield f"{one.name} by {label} in {query}"


class Metrics(unittest.TestCase):
    def test_all_are_documented(self):
        board = overview()
        queries = [expr for _, expr in rules.targets(board)]
        queries += [one["expr"] for one in board["annotations"]["list"]]
        queries += [one["query"].removeprefix("label_values(").split(", ")[0]
                    for one in board["templating"]["list"]
                    if one["type"] == "query"]
        for name in ("recording", "alerts"):
            path = ROOT / f"deploy/prometheus/rules/{name}.yml"
            queries += [rule["expr"] for group in yaml.safe_load(
                path.read_text())["groups"] for rule in group["rules"]]
        self.assertEqual(list(undocumented(queries)), [])

    def test_notices_what_is_not(self):
        for wrong in ("sum(remuda_agent)", 'remuda_agents{kind="lost"}',
                      "rate(remuda_term_total[5m])"):
            self.assertNotEqual(list(undocumented([wrong])), [], wrong)


class Schema(unittest.TestCase):
    def setUp(self):
        if not SCHEMA.exists():
            said = (f"NOT CHECKED: {SCHEMA} is not there, so that the "
                    "dashboard was not held against Grafana's schema; set "
                    "REMUDA_SCHEMAS to the folder that has it")
            print(said, file=sys.stderr)
            self.skipTest(said)

    def test_fits(self):
        self.assertEqual(list(schema_errors(overview())), [])

    def test_notices_each_breach(self):
        for what, apply in SCHEMA_BREAKS.items():
            with self.subTest(what):
                broken = copy.deepcopy(overview())
                apply(broken)
                self.assertNotEqual(list(schema_errors(broken)), [])


class Queries(unittest.TestCase):
    def test_promtool_reads_every_query(self):
        board = overview()
        expressions = [expr for _, expr in rules.targets(board)]
        expressions += [one["expr"] for one in board["annotations"]["list"]]
        self.assertEqual(promtool(expressions), "")

    def test_promtool_notices_a_bad_query(self):
        for bad in ("sum by (state (remuda_agents)", "rate(remuda_agents)",
                    "sum(a) by (b) by (c)", "histogram_quantile(a_bucket)"):
            with self.subTest(bad):
                self.assertNotEqual(promtool([bad]), "")


class Provisioning(unittest.TestCase):
    def test_source_and_provider(self):
        folder = HERE / "provisioning"
        source = yaml.safe_load(
            (folder / "datasources/remuda.yml").read_text())
        self.assertEqual([one["type"] for one in source["datasources"]],
                         ["prometheus"])
        interval = source["datasources"][0]["jsonData"]["timeInterval"]
        scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml")
                                 .read_text())["global"]["scrape_interval"]
        self.assertEqual(interval, scraped)
        provider = yaml.safe_load(
            (folder / "dashboards/remuda.yml").read_text())["providers"][0]
        self.assertEqual(provider["type"], "file")
        self.assertTrue(provider["options"]["path"])


if __name__ == "__main__":
    unittest.main()
