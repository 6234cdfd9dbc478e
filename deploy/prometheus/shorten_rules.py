#!/usr/bin/python3
"""The same rules for a quicker clock, for tests and for trying alerts out.

Usage: shorten_rules.py FACTOR FILE...

Prints one rule file in which every window ([5m]) and every `for` is FACTOR
times shorter; nothing else changes, neither thresholds nor names. Queries
that hold time in another way (offset, @, sub-queries) are refused.
"""

import json
import re
import sys

import yaml

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = r"(\d+)(ms|s|m|h|d)"


def shorter(duration, factor):
    match = re.fullmatch(DURATION, duration)
    if not match:
        raise ValueError(f"cannot shorten {duration}")
    milliseconds = int(match[1]) * SECONDS[match[2]] * 1000 / factor
    return f"{max(1, round(milliseconds))}ms"


def shorter_query(expr, factor):
    if re.search(r"\boffset\b|@|\[[^\]]*:", re.sub(r'"[^"]*"', '""', expr)):
        raise ValueError(f"holds time in a way that is not known: {expr}")
    return re.sub(r"\[([^\]]*)\]",
                  lambda match: f"[{shorter(match[1], factor)}]", expr)


def shortened(groups, factor):
    """The groups of a rule file, with every span `factor` times shorter."""
    made = []
    for group in groups:
        rules = []
        for rule in group["rules"]:
            rule = {**rule, "expr": shorter_query(rule["expr"], factor)}
            if "for" in rule:
                rule["for"] = shorter(rule["for"], factor)
            rules.append(rule)
        made.append({**group, "rules": rules})
    return made


def main():
    factor = float(sys.argv[1])
    groups = []
    for path in sys.argv[2:]:
        with open(path) as file:
            groups += yaml.safe_load(file)["groups"]
    print(json.dumps({"groups": shortened(groups, factor)}, indent=2))


if __name__ == "__main__":
    main()
