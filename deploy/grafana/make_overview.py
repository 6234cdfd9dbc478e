#!/usr/bin/python3
"""Writes dashboards/overview.json: the panels below, in Grafana's words.

Usage: make_overview.py        prints the dashboard
       make_overview.py FILE   writes it to FILE

What all panels share (data source, legend, grid, filters) is written once
here; decision 0009 says why.
"""

import json
import sys

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
OURS = 'job=~"$job", instance=~"$instance"'
QUEUE = 'queue=~"$queue"'
TYPE = 'job_type=~"$job_type"'
COLUMNS = 24


def of(name, *filters):
    return f"{name}{{{', '.join([OURS, *filters])}}}"


def rate(name, *filters, by=""):
    inner = f"rate({of(name, *filters)}[$__rate_interval])"
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def total(name, *filters, by="", how="sum"):
    grouping = f" by ({by}) " if by else ""
    return f"{how}{grouping}({of(name, *filters)})"


def quantile(share, histogram, *filters, by=""):
    labels = f"le, {by}" if by else "le"
    return (f"histogram_quantile({share}, "
            f"{rate(histogram + '_bucket', *filters, by=labels)})")


def quantiles(histogram, *filters, by=""):
    """The median, the 95th and the 99th percentile."""
    prefix = f"{{{{{by}}}}} " if by else ""
    return [(quantile(share, histogram, *filters, by=by), prefix + name)
            for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))]


def thresholds(*steps):
    colours = ["orange", "red"] if len(steps) == 2 else ["red"]
    return {"mode": "absolute",
            "steps": [{"value": None, "color": "green"},
                      *({"value": value, "color": colour}
                        for value, colour in zip(steps, colours))]}


def panel(kind, title, description, queries, unit, options, custom=None,
          limits=(), width=8, height=8, table=False, **defaults):
    field = {"unit": unit, "thresholds": thresholds(*limits), **defaults}
    if custom is not None:
        field["custom"] = custom
    targets = []
    for place, (query, legend) in enumerate(queries):
        target = {"refId": chr(ord("A") + place), "datasource": DATASOURCE,
                  "expr": query, "legendFormat": legend}
        if table:
            target |= {"format": "table", "instant": True, "range": False}
        targets.append(target)
    return {"type": kind, "title": title, "description": description,
            "datasource": DATASOURCE,
            "gridPos": {"w": width, "h": height, "x": 0, "y": 0},
            "fieldConfig": {"defaults": field, "overrides": []},
            "options": options, "targets": targets}


def series(title, description, queries, unit, stack=False, limits=(),
           **more):
    """Lines over time; `limits` are the values that alerts look at."""
    custom = {"drawStyle": "line", "lineWidth": 1, "showPoints": "never",
              "fillOpacity": 30 if stack else 5, "spanNulls": False,
              "stacking": {"mode": "normal" if stack else "none",
                           "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if limits else "off"}}
    options = {"legend": {"showLegend": True, "displayMode": "list",
                          "placement": "bottom", "calcs": []},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, queries, unit, options,
                 custom, limits,
                 color={"mode": "palette-classic-by-name"},
                 **({"min": 0} | more))


def number(title, description, query, unit, limits=(), **more):
    options = {"graphMode": "area", "colorMode": "value",
               "justifyMode": "auto", "textMode": "auto", "wideLayout": True,
               "showPercentChange": False, "percentChangeColorMode": "standard",
               "orientation": "auto",
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "",
                                 "values": False}}
    return panel("stat", title, description, [(query, "")], unit, options,
                 limits=limits, width=4, height=4, min=0,
                 color={"mode": "thresholds"}, **more)


def bars(title, description, query, legend, unit, **more):
    options = {"displayMode": "gradient", "valueMode": "color",
               "namePlacement": "auto", "showUnfilled": True,
               "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16,
               "maxVizHeight": 300, "orientation": "horizontal",
               "legend": {"showLegend": False, "displayMode": "list",
                          "placement": "bottom", "calcs": []},
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "",
                                 "values": False}}
    return panel("bargauge", title, description, [(query, legend)], unit,
                 options, min=0, color={"mode": "thresholds"}, **more)


def alerts():
    options = {"frameIndex": 0, "showHeader": True, "cellHeight": "sm"}
    made = panel(
        "table", "Alerts that fire",
        "What rules/alerts.yml found. RemudaWatchdog is always there; if it "
        "is not, no alert would be.",
        [('ALERTS{alertname=~"Remuda.+", alertstate="firing"}', "")], "none",
        options, {"align": "auto", "inspect": False}, width=24, height=6,
        table=True)
    made["transformations"] = [
        {"id": "organize",
         "options": {"excludeByName": {"Time": True, "Value": True,
                                       "__name__": True, "alertstate": True},
                     "indexByName": {"severity": 0, "alertname": 1},
                     "renameByName": {}}}]
    return made


FAILED = 'outcome=~"failed|timed_out|lost"'
ENDED = 'outcome!~"cancelled|skipped"'

NOW = [
    number("Coordinator", "1 while a coordinator decides.",
           total("remuda_leader", how="max"), "bool_on_off"),
    number("Agents online", "Agents that take work.",
           total("remuda_agents", 'state="online"'), "short"),
    number("Pending", "Tasks that could start and wait for a slot.",
           total("remuda_queue_tasks", QUEUE, 'state="pending"'),
           "short"),
    number("Running", "Tasks that agents hold.",
           total("remuda_queue_tasks", QUEUE, 'state="running"'),
           "short"),
    number("Oldest pending", "How long the first in line has waited; 0 if "
           "nobody waits. RemudaQueueTooOld fires above ten minutes.",
           total("remuda_queue_oldest_pending_age_seconds", QUEUE,
                 how="max"),
           "s", limits=(60, 600)),
    number("Failed share", "Failed, timed out and lost tasks of those that "
           "ended. RemudaFailureRatioHigh fires above a tenth.",
           f"{rate('remuda_tasks_finished_total', TYPE, FAILED)} / "
           f"({rate('remuda_tasks_finished_total', TYPE, ENDED)} > 0)",
           "percentunit", limits=(0.01, 0.1), noValue="nothing ended"),
    alerts(),
]

WORK = [
    series("Task ends by outcome", "Tasks that reached their final state, a "
           "second.",
           [(rate("remuda_tasks_finished_total", TYPE, by="outcome"),
             "{{outcome}}")], "ops", stack=True),
    series("Task ends by type", "The same by what the tasks do.",
           [(rate("remuda_tasks_finished_total", TYPE, by="job_type"),
             "{{job_type}}")], "ops", stack=True),
    series("Share of failed tasks", "Failed, timed out and lost tasks of "
           "those that ended. RemudaFailureRatioHigh fires above the line.",
           [(f"{rate('remuda_tasks_finished_total', TYPE, FAILED, by='job_type')}"
             " / "
             f"({rate('remuda_tasks_finished_total', TYPE, ENDED, by='job_type')}"
             " > 0)", "{{job_type}}")], "percentunit", limits=(0.1,), max=1),
    series("Tasks in queues by state", "Tasks of live jobs.",
           [(total("remuda_queue_tasks", QUEUE, by="state"),
             "{{state}}")], "short", stack=True),
    series("Oldest pending task", "How long the first in line has waited. "
           "RemudaQueueTooOld fires above the line.",
           [(total("remuda_queue_oldest_pending_age_seconds", QUEUE,
                   by="queue", how="max"), "{{queue}}")], "s", limits=(600,)),
    series("Retries by reason", "Tries that ended only to be followed by "
           "another, a second.",
           [(rate("remuda_task_retries_total", TYPE, by="reason"),
             "{{reason}}")], "ops", stack=True),
    series("Attempt ends by outcome", "Single tries that ended, a second.",
           [(rate("remuda_attempts_finished_total", TYPE, by="outcome"),
             "{{outcome}}")], "ops", stack=True),
    series("Submissions", "Submissions by their answer, a second.",
           [(rate("remuda_submissions_total", by="result"), "{{result}}")],
           "ops", stack=True),
    series("Cancels and quarantines", "Cancels by their answer, and tasks "
           "given up after five lost agents, a second.",
           [(rate("remuda_cancels_total", by="result"), "cancel {{result}}"),
            (rate("remuda_tasks_quarantined_total", TYPE), "quarantined")],
           "ops"),
]

WAITS = [
    series("Wait before the start", "From the moment that a task could start "
           "to its start. The aim: 99 of 100 below a minute.",
           quantiles("remuda_task_wait_duration_seconds", QUEUE), "s",
           limits=(60,)),
    series("Run time", "Wall time of single tries.",
           quantiles("remuda_task_run_duration_seconds", TYPE), "s"),
    series("Acceptance to end", "The whole time that a task took, retries "
           "included.",
           quantiles("remuda_task_total_duration_seconds", QUEUE), "s"),
    series("Run time by executor", "The 95th percentile of single tries, side "
           "by side.",
           [(quantile(0.95, "remuda_task_run_duration_seconds", TYPE,
                      by="executor"), "{{executor}} p95")], "s"),
    series("Submission", "From the receipt of a submission to its durable "
           "answer.", quantiles("remuda_submit_duration_seconds"), "s"),
    series("Dispatch", "What one turn of the deciding core takes.",
           quantiles("remuda_dispatch_duration_seconds"), "s"),
]

EXECUTORS = [
    series("Executor slots", "Attempts that could run at once over all "
           "agents, and that do.",
           [(total("remuda_executor_slots_in_use", by="executor"),
             "{{executor}} in use"),
            (total("remuda_executor_slots", by="executor"),
             "{{executor}} slots")], "short"),
    series("Busy share", "Wall time of attempts that ended, of the slots' "
           "time.",
           [(f"{rate('remuda_executor_busy_seconds_total', by='executor')} / "
             f"(sum by (executor) ({of('remuda_executor_slots')}) > 0)",
             "{{executor}}")], "percentunit"),
    bars("Slots in use", "How full each executor is now.",
         f"sum by (executor) ({of('remuda_executor_slots_in_use')}) / "
         f"(sum by (executor) ({of('remuda_executor_slots')}) > 0)",
         "{{executor}}", "percentunit", max=1, limits=(0.8, 0.95)),
    series("Start delay", "From the receipt of a grant to running code: the "
           "95th percentile, side by side.",
           [(quantile(0.95, "remuda_executor_start_delay_seconds",
                      by="executor"), "{{executor}} p95")], "s"),
    series("Waiting on agents", "Tasks that agents hold and have not started.",
           [(total("remuda_executor_queue_tasks", by="executor"),
             "{{executor}}")], "short"),
    series("Attempts by executor", "Attempts that started, a second.",
           [(rate("remuda_attempts_started_total", TYPE, by="executor"),
             "{{executor}}")], "ops", stack=True),
    series("Free credit", "Tasks that agents would still take.",
           [(total("remuda_credit_tasks", by="executor"),
             "{{executor}}")], "short"),
    series("Workers", "Worker processes by what they do.",
           [(total("remuda_executor_workers", by="executor, state"),
             "{{executor}} {{state}}")], "short", stack=True),
    series("Worker ends by reason", "Workers that ended, a second. A recycled "
           "one is no fault.",
           [(rate("remuda_executor_worker_exits_total",
                  by="executor, reason"), "{{executor}} {{reason}}")], "ops"),
]

AGENTS = [
    series("Agents by state", "Suspect agents are silent and get no work; the "
           "lost ones were given up.",
           [(total("remuda_agents", by="state"), "{{state}}")],
           "short", stack=True),
    series("Sessions", "What happened to the agents' registrations, a "
           "second.",
           [(rate("remuda_agent_sessions_total", by="event"), "{{event}}")],
           "ops"),
    series("Leases", "Leases that ran out, and agents that stopped their work "
           "for want of one, a second.",
           [(rate("remuda_lease_expirations_total", by="reason"),
             "expired, {{reason}}"),
            (rate("remuda_agent_self_fences_total"), "self-fenced")], "ops"),
    series("Heartbeat round trip", "From sending a heartbeat to its "
           "confirmation.", quantiles("remuda_agent_heartbeat_rtt_seconds"),
           "s"),
    series("Lease margin", "The least time that any agent has left before it "
           "stops its work.",
           [(total("remuda_agent_lease_margin_seconds", how="min"), "least")],
           "s"),
    series("Spool", "Results on agents that the coordinator has not "
           "confirmed yet.",
           [(total("remuda_agent_spool_bytes"), "bytes")], "bytes"),
    series("Reconnects", "Sessions that agents asked for, a second, by "
           "reason.",
           [(rate("remuda_agent_reconnects_total", by="reason"),
             "{{reason}}")], "ops"),
    series("Refused as stale or seen", "Messages that changed nothing, a "
           "second. Some are normal after a restart.",
           [(rate("remuda_stale_messages_total", by="reason"),
             "stale, {{reason}}"),
            (rate("remuda_duplicate_messages_total"), "duplicate")], "ops"),
    series("Refused connections and requests", "Wrong keys and missing "
           "rights, a second. RemudaAuthFailures fires above the line.",
           [(rate("remuda_transport_handshake_failures_total", by="reason"),
             "handshake, {{reason}}"),
            (rate("remuda_auth_denied_total", by="role"),
             "denied, {{role}}")], "ops", limits=(0.1,)),
]

COORDINATOR = [
    series("Commit time", "How long a transaction takes. "
           "RemudaStoreCommitSlow fires above the line.",
           quantiles("remuda_store_commit_duration_seconds"), "s",
           limits=(0.5,)),
    series("Operations per commit", "How many writes share one commit.",
           quantiles("remuda_store_commit_operations"), "short"),
    series("Store size", "The database and its write-ahead log.",
           [(total("remuda_store_size_bytes", 'part=~"db|wal"', by="part"),
             "{{part}}")], "bytes", stack=True),
    series("Free on the store's disk", "Below 1 GiB RemudaDiskAlmostFull "
           "warns, below 100 MiB it is critical.",
           [(total("remuda_store_size_bytes", 'part="free"', how="min"),
             "free")], "bytes"),
    series("Checkpoints", "How long it takes to move the write-ahead log into "
           "the database.",
           quantiles("remuda_store_checkpoint_duration_seconds"), "s"),
    series("Turn of the control loops", "The 99th percentile of how long a "
           "turn keeps the others waiting. RemudaEventLoopLag fires above the "
           "line.",
           [(quantile(0.99, "remuda_event_loop_lag_seconds", by="job, loop"),
             "{{job}} {{loop}}")], "s", limits=(0.25,)),
    series("Busy share of the loops", "Time in turns; at 1 the loop has no "
           "rest.",
           [(rate("remuda_event_loop_busy_seconds_total",
                  by="job, instance, loop"), "{{instance}} {{loop}}")],
           "percentunit"),
    series("Messages", "Messages over the coordinator's and the agents' "
           "sockets, a second.",
           [(rate("remuda_transport_messages_total",
                  by="socket, direction"), "{{socket}} {{direction}}")],
           "ops"),
    series("Traffic", "Bytes over these sockets, a second.",
           [(rate("remuda_transport_bytes_total", by="socket, direction"),
             "{{socket}} {{direction}}")], "Bps"),
    series("Blocked, unroutable, malformed", "Messages that had to wait for "
           "a peer, whose peer was gone, or that were not understood, a "
           "second.",
           [(rate("remuda_transport_send_blocked_total"), "blocked"),
            (rate("remuda_transport_unroutable_total"), "unroutable"),
            (rate("remuda_transport_malformed_total"), "malformed")], "ops"),
    series("Connections", "Open connections at the coordinator.",
           [(total("remuda_transport_connections", by="socket"),
             "{{socket}}")], "short"),
]

PROCESSES = [
    series("Memory", "Resident memory of each process.",
           [(of("process_resident_memory_bytes"), "{{job}} {{instance}}")],
           "bytes"),
    series("Processor", "Processors in use by each process, its children "
           "aside.",
           [(rate("process_cpu_seconds_total", by="job, instance"),
             "{{job}} {{instance}}")], "short"),
    series("Open files", "Of what each process may open. RemudaFdUsage fires "
           "above the line.",
           [(f"{of('process_open_fds')} / {of('process_max_fds')}",
             "{{job}} {{instance}}")], "percentunit", limits=(0.8,), max=1),
]

ROWS = [
    ("Now", NOW), ("Work", WORK), ("How long things take", WAITS),
    ("Executors side by side", EXECUTORS), ("Agents", AGENTS),
    ("Coordinator and store", COORDINATOR), ("Processes", PROCESSES),
]


def laid_out():
    """All panels under their rows, from left to right, with ids."""
    panels = []
    top = 0
    for title, row in ROWS:
        panels.append({"type": "row", "title": title, "collapsed": False,
                       "gridPos": {"w": COLUMNS, "h": 1, "x": 0, "y": top},
                       "panels": []})
        top += 1
        left = tallest = 0
        for one in row:
            place = one["gridPos"]
            if left + place["w"] > COLUMNS:
                top += tallest
                left = tallest = 0
            place |= {"x": left, "y": top}
            left += place["w"]
            tallest = max(tallest, place["h"])
            panels.append(one)
        top += tallest
    return [{"id": place, **one} for place, one in enumerate(panels, 1)]


def variable(name, query, label):
    return {"type": "query", "name": name, "label": label,
            "datasource": DATASOURCE, "query": query, "definition": query,
            "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".+", "options": [],
            "current": {"text": ["All"], "value": ["$__all"]}}


def overview():
    started = f"changes({of('remuda_term')}[$__interval]) > 0"
    return {
        "uid": "remuda-overview",
        "id": None,
        "title": "Remuda overview",
        "description": "Work, executors, agents, coordinator and store of one "
                       "Remuda. The lines in panels are where alerts fire.",
        "tags": ["remuda"],
        "schemaVersion": 39,
        "version": 1,
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "links": [],
        "annotations": {"list": [
            {"name": "Coordinator started", "enable": True,
             "iconColor": "orange", "datasource": DATASOURCE,
             "expr": started, "titleFormat": "Coordinator started"}]},
        "templating": {"list": [
            {"type": "datasource", "name": "datasource",
             "label": "Data source", "query": "prometheus", "refresh": 1,
             "options": []},
            variable("job", "label_values(remuda_build_info, job)", "Job"),
            variable("instance", 'label_values(remuda_build_info'
                     '{job=~"$job"}, instance)', "Instance"),
            variable("queue", 'label_values(remuda_queue_tasks'
                     '{job=~"$job"}, queue)', "Queue"),
            variable("job_type", 'label_values(remuda_tasks_finished_total'
                     '{job=~"$job"}, job_type)', "Job type"),
        ]},
        "panels": laid_out(),
    }


def main():
    text = json.dumps(overview(), indent=2) + "\n"
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as file:
            file.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
