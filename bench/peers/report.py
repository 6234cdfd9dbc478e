"""Rows to Markdown, and to a plot as SVG."""

from xml.sax.saxutils import escape

import figures

BAR, GAP, LEFT, RIGHT, WIDTH = 18, 6, 230, 120, 760


def markdown(report):
    """The whole report; `report` is what --json writes too."""
    machine = report["machine"]
    lines = [
        f"Machine: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['kernel']}, {machine['system']}; "
        f"load {machine['load_before']} before and {machine['load_after']} "
        f"after; {report['date']}, Remuda {report['version']}.",
        "",
        f"Each row is the median of {report['runs']} runs, taken in turn with "
        "the others of its table. \"Remuda is\" says how many times as fast "
        "as that row the table's first row is.",
    ]
    for table in report["tables"]:
        lines += ["", f"## {table['title']}", ""] + rows_of(table)
        lines += left_out(table)
    lines += ["", "## The systems", "",
              "| system | settings | durability | encryption |",
              "|---|---|---|---|"]
    for system in report["systems"]:
        lines.append(f"| {system['label']} | {system['settings']} | "
                     f"{system['durability']} | {system['encryption']} |")
    if report["missing"]:
        lines += ["", "Could not be installed or started, and so not "
                  "measured:", ""]
        lines += [f"- {label}: {reason}"
                  for label, reason in report["missing"].items()]
    return "\n".join(lines) + "\n"


def rows_of(table):
    latency = "p99" in (table["rows"] or [{}])[0]
    head = f"| system | form | {table['unit']}" + (
        ", p50 | p99" if latency else "")
    lines = [f"{head} | least to most | size | Remuda is |",
             "|---|---|--:|" + ("--:|" if latency else "") + "--:|--:|--:|"]
    for row in table["rows"]:
        p99 = f"{figures.human(row['p99'])} | " if latency else ""
        lines.append(
            f"| {row['label']} | {row['form']} | "
            f"{figures.human(row['median'])} | {p99}"
            f"{figures.human(row['least'])} to {figures.human(row['most'])} | "
            f"{row['size']:,} | {figures.human(row['ratio'])} |")
    return lines


def left_out(table):
    reasons = [f"- {label}: {reason}"
               for label, reason in table["left_out"].items()]
    return ["", "Left out:", ""] + reasons if reasons else []


def plot(table):
    """A bar for each row, longest the most; a latency's is its p50."""
    rows = table["rows"]
    height = 40 + len(rows) * (BAR + GAP)
    most = max((row["median"] for row in rows), default=1)
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(table["title"])} '
        f'({escape(table["unit"])})</text>',
    ]
    for number, row in enumerate(rows):
        top = 32 + number * (BAR + GAP)
        colour = "#b3541e" if row["label"].startswith("Remuda") else "#8a949e"
        if row["label"].startswith("floor"):
            colour = "#c9d1d9"
        long = max(1, row["median"] * scale)
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">'
            f'{escape(row["label"])}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{long:.1f}" height="{BAR}" '
            f'fill="{colour}"/>',
            f'<text x="{LEFT + long + 6:.1f}" y="{top + 13}">'
            f'{figures.human(row["median"])}</text>',
        ]
    return "\n".join(parts + ["</svg>"]) + "\n"
