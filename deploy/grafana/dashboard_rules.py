"""What a dashboard of ours has to keep, beyond Grafana's schema.

Each rule takes a dashboard and yields Findings. Those named *-rule are rules
of grafana/dashboard-linter, read from its documentation; the others are ours.
"""

import re
from typing import NamedTuple

COLUMNS = 24
UNITS = {"short", "none", "s", "ops", "percentunit", "bytes", "Bps",
         "bool_on_off"}
TEMPLATED = ("$datasource", "${datasource}")
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and",
         "or", "unless", "bool", "offset", "inf", "nan"}
# In the order in which they must be replaced: the longer name first.
GLOBALS = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}


class Finding(NamedTuple):
    rule: str
    panel: str
    text: str


class Selector(NamedTuple):
    name: str
    matchers: str
    around: str  # the function that it is the argument of
    window: str  # what is in the square brackets after it


def selectors(expr):
    """The series that a query reads."""
    # What is in quotes could look like anything.
    quoted = []

    def hide(match):
        quoted.append(match[0])
        return f'"{len(quoted) - 1}"'

    def show(text):
        return re.sub(r'"(\d+)"', lambda match: quoted[int(match[1])], text)

    bare = re.sub(r'"(?:\\.|[^"\\])*"', hide, expr)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)"
                  r"\s*\([^)]*\)", "", bare)
    for match in re.finditer(
            r"(\w+\s*\(\s*)?(?<![\w:$.])([a-zA-Z_:][\w:]*)(?![\w:])"
            r"(?!\s*\()\s*(\{[^}]*\})?(?:\[([^\]]*)\])?", bare):
        function, name, matchers, window = match.groups()
        if name in WORDS:
            continue
        yield Selector(name, show(matchers or ""),
                       (function or "").rstrip("( "), window or "")


def panels(dashboard):
    return [one for one in dashboard["panels"] if one["type"] != "row"]


def targets(dashboard):
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel["title"], target.get("expr", "")


def with_values(expr, variables=".+", window="5m"):
    """The query as Grafana would send it with All selected."""
    for name, value in {**GLOBALS, "$__rate_interval": window}.items():
        expr = expr.replace(name, value)
    return re.sub(r"\$\{?[a-z_]+\}?", variables, expr)


def layout(dashboard):
    seen = {}
    cells = {}
    for panel in dashboard["panels"]:
        title = panel.get("title", "")
        if panel["id"] in seen:
            yield Finding("unique-ids", title, f"has the id of {seen[panel['id']]}")
        seen[panel["id"]] = title
        place = panel["gridPos"]
        if place["x"] + place["w"] > COLUMNS:
            yield Finding("width", title, "is wider than the grid")
        others = {cells[x, y] for x in range(place["x"], place["x"] + place["w"])
                  for y in range(place["y"], place["y"] + place["h"])
                  if (x, y) in cells}
        for other in sorted(others):
            yield Finding("overlap", title, f"lies over {other}")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                cells[x, y] = title
    titles = [panel.get("title") for panel in dashboard["panels"]]
    for title in sorted({t for t in titles if titles.count(t) > 1}):
        yield Finding("unique-titles", title, "is there more than once")


def templates(dashboard):
    variables = dashboard["templating"]["list"]
    by_name = {one["name"]: one for one in variables}
    first = variables[0] if variables else {}
    if (first.get("type"), first.get("name"), first.get("query"),
            first.get("label")) != ("datasource", "datasource", "prometheus",
                                    "Data source"):
        yield Finding("template-datasource-rule", "", "the first variable is "
                      "no data source called datasource")
    for name, label in (("job", "Job"), ("instance", "Instance"),
                        ("queue", "Queue"), ("job_type", "Job type")):
        rule = f"template-{name}-rule"
        one = by_name.get(name)
        if one is None:
            yield Finding(rule, "", f"no variable {name}")
            continue
        want = {"type": "query", "label": label, "multi": True,
                "allValue": ".+", "includeAll": True}
        for key, value in want.items():
            if one.get(key) != value:
                yield Finding(rule, "", f"{name}: {key} is not {value}")
        if one.get("datasource", {}).get("uid") not in TEMPLATED:
            yield Finding(rule, "", f"{name} does not use $datasource")
    used = str([*targets(dashboard), *(v.get("query") for v in variables)])
    for one in variables:
        if one["type"] == "query":
            if one.get("refresh") != 2:
                yield Finding("template-on-time-change-reload-rule", "",
                              f"{one['name']} is not read again")
            if not re.fullmatch(r"label_values\([a-z_]+(\{[^}]*\})?, \w+\)",
                                one.get("query", "")):
                yield Finding("template-label-promql-rule", "",
                              f"{one['name']} is no label_values(metric, l)")
            if f"${one['name']}" not in used:
                yield Finding("template-unused", "",
                              f"nothing uses {one['name']}")


def panel_rules(dashboard):
    for panel in panels(dashboard):
        title = panel.get("title", "")
        if panel.get("datasource", {}).get("uid") not in TEMPLATED:
            yield Finding("panel-datasource-rule", title,
                          "does not use $datasource")
        if not title or not panel.get("description"):
            yield Finding("panel-title-description-rule", title,
                          "needs a title and a description")
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield Finding("panel-units-rule", title, "has no known unit")
        if not panel.get("targets"):
            yield Finding("panel-no-targets-rule", title, "asks for nothing")
        references = [t.get("refId") for t in panel.get("targets", [])]
        if len(set(references)) != len(references):
            yield Finding("unique-references", title, "two targets, one refId")
        for target in panel.get("targets", []):
            if target.get("datasource", {}).get("uid") not in TEMPLATED:
                yield Finding("panel-datasource-rule", title,
                              "a target does not use $datasource")
            if panel["type"] == "timeseries" and not target.get("legendFormat"):
                yield Finding("legend", title, "a line has no legend")


def target_rules(dashboard):
    for title, expr in targets(dashboard):
        found = list(selectors(expr))
        if not found:
            yield Finding("target-promql-rule", title, "reads no series")
        for one in found:
            for label in ("job", "instance"):
                if f'{label}=~"${label}"' not in one.matchers:
                    yield Finding(f"target-{label}-rule", title,
                                  f"{one.name} without {label}")
            if (one.name.endswith(("_total", "_bucket", "_sum", "_count"))
                    and (not one.window or one.around
                         not in ("rate", "irate", "increase"))):
                yield Finding("target-counter-agg-rule", title,
                              f"{one.name} without a rate")
            if one.window and one.window != "$__rate_interval":
                yield Finding("target-rate-interval-rule", title,
                              f"{one.name} over [{one.window}]")
            if (one.name.endswith("_bucket")
                    and "histogram_quantile(" not in expr):
                yield Finding("target-histogram-rule", title,
                              f"{one.name} outside histogram_quantile")


def conventions(dashboard):
    if dashboard.get("editable") is not False:
        yield Finding("uneditable-dashboard-rule", "", "can be edited")
    want = {"id": None, "timezone": "browser", "refresh": "30s",
            "graphTooltip": 1}
    for key, value in want.items():
        if dashboard.get(key, "") != value:
            yield Finding("conventions", "", f"{key} is not {value}")
    if "__inputs" in dashboard or "__requires" in dashboard:
        yield Finding("conventions", "", "is an export for sharing")
    if not re.fullmatch(r"[a-z0-9-]{1,40}", dashboard.get("uid") or ""):
        yield Finding("conventions", "", "needs a uid of its own")


def all_findings(dashboard):
    for rule in (layout, templates, panel_rules, target_rules, conventions):
        yield from rule(dashboard)
