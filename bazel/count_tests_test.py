#!/usr/bin/python3
"""What ./test counts must not hide a failure."""

import json
import os
import subprocess
import tempfile
import unittest

COUNT = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                     "count_tests")


def summary(label, status):
    return {"id": {"testSummary": {"label": label}},
            "testSummary": {"overallStatus": status}}


def completed(label, success):
    event = {"id": {"targetCompleted": {"label": label}}}
    if success:
        event["completed"] = {"success": True}
    else:
        event["aborted"] = {"reason": "INCOMPLETE"}
    return event


class CountTestsTest(unittest.TestCase):

    def count(self, events, exit_code):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("\n".join(map(json.dumps, events)))
            file.flush()
            run = subprocess.run(
                [COUNT, file.name, str(exit_code), "plain"], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        return run.stdout.strip(), run.stderr.split("\n")[:-1]

    def test_passed_and_failed(self):
        self.assertEqual(
            self.count([completed("//a", True), completed("//b", True),
                        summary("//a", "PASSED"), summary("//c", "FLAKY"),
                        summary("//b", "FAILED"), summary("//d", "TIMEOUT")],
                       3),
            ("2 2", ["plain: //b", "plain: //d"]))

    def test_what_does_not_build_has_failed_once(self):
        self.assertEqual(
            self.count([completed("//a", False), completed("//b", False),
                        summary("//b", "FAILED_TO_BUILD")], 1),
            ("0 2", ["plain: //a", "plain: //b"]))

    def test_a_bad_end_without_culprit_is_a_failure(self):
        self.assertEqual(
            self.count([summary("//a", "PASSED")], 37),
            ("1 1", ["plain: bazel itself, with code 37"]))

    def test_nothing(self):
        self.assertEqual(self.count([], 0), ("0 0", []))


if __name__ == "__main__":
    unittest.main()
