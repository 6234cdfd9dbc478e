#!/usr/bin/python3
"""Configuration, rules, alerts and runbooks, before any process runs."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

import shorten_rules

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
REMUDA = ROOT / "cli/remuda"
RULES = [HERE / "rules/recording.yml", HERE / "rules/alerts.yml"]
HEADINGS = ["Meaning", "Impact", "Checks", "Actions", "Verify"]
# Commands in runbooks that come with every Debian machine.
OTHERS = {"curl", "df"}


def rules():
    return [rule for path in RULES
            for group in yaml.safe_load(path.read_text())["groups"]
            for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], capture_output=True,
                          text=True)
    return done.returncode, done.stdout + done.stderr


def shell_lines(page):
    """The commands in the page's sh blocks, which may be indented."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(),
                            re.M | re.S):
        yield from (line.strip() for line in block.splitlines())


class Promtool(unittest.TestCase):
    def test_config(self):
        self.assertEqual(promtool("check", "config",
                                  HERE / "prometheus.yml")[0], 0)

    def test_config_for_kubernetes(self):
        # Debian's build does not know this discovery; everything else in the
        # file is checked.
        config = yaml.safe_load(
            (HERE / "prometheus_kubernetes.yml").read_text())
        for job in config["scrape_configs"]:
            roles = [one["role"] for one in job.pop("kubernetes_sd_configs")]
            self.assertEqual(roles, ["pod"])
        plain = yaml.safe_load((HERE / "prometheus.yml").read_text())
        self.assertEqual([job["job_name"] for job in config["scrape_configs"]],
                         [job["job_name"] for job in plain["scrape_configs"]])
        self.assertEqual(config["rule_files"], plain["rule_files"])
        config["rule_files"] = [str(path) for path in RULES]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump(config, file)
            file.flush()
            code, said = promtool("check", "config", file.name)
            self.assertEqual(code, 0, said)

    def test_rules(self):
        code, said = promtool("check", "rules", *RULES)
        self.assertEqual(code, 0, said)

    def test_alerts_fire_when_they_should(self):
        code, said = promtool("test", "rules", HERE / "rules_test.yml")
        self.assertEqual(code, 0, said)

    def test_every_alert_is_tested_both_ways(self):
        fires, is_silent = set(), set()
        for test in yaml.safe_load(
                (HERE / "rules_test.yml").read_text())["tests"]:
            for check in test["alert_rule_test"]:
                for expected in check["exp_alerts"]:
                    fires.add((check["alertname"],
                               expected["exp_labels"]["severity"]))
                if not check["exp_alerts"]:
                    is_silent.add(check["alertname"])
        self.assertEqual(fires, {(rule["alert"], rule["labels"]["severity"])
                                 for rule in alerts()})
        self.assertEqual(is_silent | {"RemudaWatchdog"},
                         {rule["alert"] for rule in alerts()})


class Alerts(unittest.TestCase):
    def test_have_all_that_a_receiver_needs(self):
        self.assertGreaterEqual(len(alerts()), 10)
        for rule in alerts():
            with self.subTest(rule["alert"]):
                self.assertRegex(rule["alert"], r"^Remuda([A-Z][A-Za-z]+)+$")
                self.assertIn(rule["labels"]["severity"],
                              ("critical", "warning", "info"))
                for key in ("summary", "description"):
                    self.assertTrue(rule["annotations"][key].endswith("."))
                self.assertEqual(rule["annotations"]["runbook_url"],
                                 f"runbooks/{rule['alert']}.md")

    def test_recorded_names_are_used_and_regular(self):
        text = "\n".join(rule["expr"] for rule in rules())
        for rule in rules():
            if "record" in rule:
                self.assertRegex(rule["record"],
                                 r"^[a-z_]+:remuda_[a-z_]+:[a-z0-9_]+$")
        for name in set(re.findall(r"\w+:remuda_\w+:\w+", text)):
            self.assertIn(name, [rule.get("record") for rule in rules()])


class Runbooks(unittest.TestCase):
    def test_match_the_alerts(self):
        pages = {path.stem for path in (HERE / "runbooks").glob("*.md")}
        self.assertEqual(pages, {rule["alert"] for rule in alerts()})

    def test_have_the_headings(self):
        for page in (HERE / "runbooks").glob("*.md"):
            with self.subTest(page.name):
                lines = page.read_text().splitlines()
                self.assertEqual(lines[0], f"# {page.stem}")
                self.assertEqual([line[3:] for line in lines
                                  if line.startswith("## ")], HEADINGS)
                for other in re.findall(r"`(Remuda\w+)(?:\.md)?`",
                                        page.read_text()):
                    self.assertTrue((page.parent / f"{other}.md").exists())

    def test_name_commands_that_exist(self):
        helps = {}

        def words(*command):
            if command not in helps:
                done = subprocess.run([REMUDA, *command, "--help"],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, command)
                helps[command] = set(re.findall(r"[\w-]+", done.stdout))
            return helps[command]

        checked = 0
        for page in (HERE / "runbooks").glob("*.md"):
            inline = re.findall(r"`(remuda [^`]+)`", page.read_text())
            self.assertTrue(inline or list(shell_lines(page)), page.name)
            for line in [*shell_lines(page), *inline]:
                with self.subTest(page=page.name, line=line):
                    program, *rest = line.split()
                    if program != "remuda":
                        self.assertIn(program, OTHERS)
                        continue
                    self.assertIn(rest[0], words())
                    for flag in rest[1:]:
                        if flag.startswith("--"):
                            self.assertIn(flag, words(rest[0]))
                    checked += 1
        self.assertGreater(checked, 20)


class ShortenedRules(unittest.TestCase):
    def shortened(self, factor):
        return [rule for path in RULES
                for group in shorten_rules.shortened(
                    yaml.safe_load(path.read_text())["groups"], factor)
                for rule in group["rules"]]

    def test_only_spans_differ(self):
        def without_spans(rule):
            return {**rule, "for": "for" in rule,
                    "expr": re.sub(r"\[[^\]]*\]", "[]", rule["expr"])}

        self.assertEqual([without_spans(rule) for rule in rules()],
                         [without_spans(rule) for rule in self.shortened(30)])
        self.assertNotEqual(rules(), self.shortened(30))

    def test_spans_are_shorter_by_the_factor(self):
        def spans(found):
            return [span for rule in found for span in
                    [*re.findall(r"\[([^\]]*)\]", rule["expr"]),
                     *([rule["for"]] if "for" in rule else [])]]

        def seconds(span):
            number, unit = re.fullmatch(shorten_rules.DURATION, span).groups()
            return int(number) * shorten_rules.SECONDS[unit]

        for long, short in zip(spans(rules()), spans(self.shortened(30)),
                               strict=True):
            self.assertAlmostEqual(seconds(long), 30 * seconds(short))

    def test_refuses_what_it_does_not_know(self):
        for expr in ("rate(a[5m] offset 1h)", "max_over_time(a[1h:1m])",
                     "a @ 5", "rate(a[1h30m])"):
            with self.assertRaises(ValueError, msg=expr):
                shorten_rules.shorter_query(expr, 2)
        self.assertEqual(shorten_rules.shorter_query('a{b="x@y: 1"}', 2),
                         'a{b="x@y: 1"}')


if __name__ == "__main__":
    unittest.main()
