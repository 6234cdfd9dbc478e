#!/usr/bin/python3
"""Plants one breach of each rule in a small tree: each must be found."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import tidy  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

# A tree without fault; each test spoils a copy of it.
CLEAN = {
    "base/README.md": "# base\n",
    "base/clock.h": "#pragma once\n\nint Now();\n",
    "base/clock.cc": '#include "base/clock.h"\n\nint Now() { return 1; }\n',
    "base/clock_test.cc": '#include "base/clock.h"\n\nint main() {}\n',
    "coordinator/README.md": "# coordinator\n",
    "coordinator/core/README.md": "# core\n",
    "coordinator/core/core.h":
        '#pragma once\n\n#include <map>\n\n#include "base/clock.h"\n',
}


def function_of(lines):
    """A function with that many lines in all."""
    return ("int Long() {\n" + "  Now();\n" * (lines - 3) + "  return 1;\n}\n")


class TidyTest(unittest.TestCase):

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        subprocess.run(["git", "init", "-q", self.root], check=True)
        shutil.copy(os.path.join(ROOT, ".clang-format"), self.root)
        for path, text in CLEAN.items():
            self.plant(path, text)

    def plant(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def append(self, path, text):
        with open(os.path.join(self.root, path), "a", encoding="utf-8") as file:
            file.write(text)

    def found(self):
        return {(b.path, b.rule) for b in tidy.breaches(self.root)}

    def expect(self, *breaches):
        self.assertEqual(self.found(), set(breaches))

    def test_clean_tree(self):
        self.expect()

    def test_format(self):
        self.append("base/clock.h", "int  Twice( );\n")
        self.expect(("base/clock.h", "format"))

    def test_sizes(self):
        most = tidy.HEADER_LINES_MAX - len(CLEAN["base/clock.h"].split("\n"))
        self.append("base/clock.h", "int Later();\n" * (most + 1))
        self.expect()
        self.append("base/clock.h", "int Later();\n")
        self.expect(("base/clock.h", "size"))

    def test_function(self):
        self.append("base/clock.cc",
                    "\n" + function_of(tidy.FUNCTION_LINES_MAX))
        self.expect()
        self.append("base/clock.cc",
                    "\n" + function_of(tidy.FUNCTION_LINES_MAX + 1))
        self.expect(("base/clock.cc", "function"))

    def test_columns(self):
        self.append("base/clock.cc", "\n// https://%s\n" % ("x" * 80))
        self.expect()
        self.append("base/clock.h", "// %s\n" % ("x" * 78))
        self.assertIn(("base/clock.h", "columns"), self.found())

    def test_comments(self):
        owed = "TO" "DO"
        self.append("base/clock.cc",
                    "\n// %s(ada): drop when g++ 13 is everywhere.\n" % owed)
        self.expect()
        self.append("base/clock.cc", "\n// %s: later\n" % owed)
        self.append("base/clock.h", "\n// ======\n")
        self.plant("base/clock_test.cc", "// Copyright 2030\n" +
                   CLEAN["base/clock_test.cc"])
        self.expect(("base/clock.cc", "to-do"), ("base/clock.h", "banner"),
                    ("base/clock_test.cc", "banner"))

    def test_banned_calls(self):
        for call in ("sleep(1)", "usleep(1)", "rand()", "time(nullptr)",
                     "std::this_thread::sleep_for(x)", 'getenv("HOME")',
                     "std::chrono::system_clock::now()",
                     "std::chrono::steady_clock::now()",
                     "clock_gettime(CLOCK_REALTIME, &t)"):
            self.plant("coordinator/core/core_test.cc",
                       "void Try() { %s; }\n" % call)
            with self.subTest(call):
                self.assertIn(("coordinator/core/core_test.cc", "banned"),
                              self.found())

    def test_banned_calls_in_words_and_doors(self):
        self.append("base/clock.cc", "\nint A() { return clock_gettime(); }\n")
        self.append("base/clock_test.cc", "\n// sleep(1) is banned.\n"
                    '\nvoid B() { Say("sleep(1)"); }\n'
                    "\nvoid C() { operand(1); }\n"
                    "\nvoid D() { clock_gettime(CLOCK_THREAD_CPUTIME_ID); }\n")
        self.expect()

    def test_includes(self):
        self.append("base/clock.h", '\n#include "clock.h"\n')
        self.plant("base/clock.cc",
                   '#include <map>\n\n#include "base/clock.h"\n')
        self.plant("base/other.h", '#pragma once\n\n#include "base/none.h"\n')
        self.plant("base/bare.h", "int Now();\n")
        self.expect(("base/clock.h", "include"), ("base/clock.cc", "include"),
                    ("base/other.h", "include"), ("base/bare.h", "include"))

    def test_direction(self):
        self.append("base/clock.h", '\n#include "coordinator/core/core.h"\n')
        self.expect(("base/clock.h", "direction"))

    def test_purity(self):
        for include in ("<thread>", "<mutex>", "<fstream>", "<unistd.h>",
                        "<sys/socket.h>", "<zmq.hpp>", "<random>",
                        '"base/log.h"', '"coordinator/store/store.h"'):
            self.plant("base/log.h", "#pragma once\n")
            self.plant("coordinator/store/store.h", "#pragma once\n")
            self.plant("coordinator/store/README.md", "# store\n")
            self.plant("coordinator/core/core.h",
                       "#pragma once\n\n#include %s\n" % include)
            with self.subTest(include):
                self.expect(("coordinator/core/core.h", "pure"))

    def test_readmes(self):
        os.remove(os.path.join(self.root, "coordinator/core/README.md"))
        self.append("base/README.md", "line\n" * tidy.README_LINES_MAX)
        self.plant("docs/GUIDE.md", "# Guide\n")
        self.expect(("coordinator/core", "readme"), ("base/README.md", "readme"),
                    ("docs", "readme"))

    def test_missing_test(self):
        os.remove(os.path.join(self.root, "base/clock_test.cc"))
        self.expect(("base/clock.cc", "test"))
        # Through what another source uses.
        self.plant("base/sun.h", "#pragma once\n")
        self.plant("base/sun.cc",
                   '#include "base/sun.h"\n\n#include "base/clock.h"\n')
        self.expect(("base/clock.cc", "test"), ("base/sun.cc", "test"))
        self.plant("base/dawn_test.cc", '#include "base/sun.h"\n')
        self.expect()

    def test_names(self):
        self.plant("base/string_utils.h", "#pragma once\n")
        self.plant("base/clock_unittest.cc", "int main() {}\n")
        self.plant("base/deep/er/x.h", "#pragma once\n")
        self.plant("base/deep/er/README.md", "# er\n")
        self.expect(("base/string_utils.h", "noun"),
                    ("base/clock_unittest.cc", "name"),
                    ("base/deep/er/x.h", "depth"))


class FunctionsTest(unittest.TestCase):

    def lengths(self, text):
        code = tidy.blank_comments_and_quotes(text).split("\n")
        return [last - first + 1 for first, last in tidy.functions(code)]

    def test_scopes_are_no_functions(self):
        self.assertEqual(self.lengths(
            "namespace a {\n"
            'class CAPABILITY("mutex") Lock : public Base {\n'
            " public:\n"
            "  int A() const {\n    if (x) {\n      y();\n    }\n  }\n"
            "  int b_ = 1;\n  int c_[2] = {1, 2};\n"
            "};\n"
            "enum class E { kA, kB };\n"
            "}  // namespace a\n"), [5])

    def test_signatures_count(self):
        self.assertEqual(self.lengths(
            "template <typename T>\nint A(int b,\n      int c) {\n}\n"
            "Name::Name(int a)\n    : a_(a) {\n}\n"), [4, 3])

    def test_braces_in_quotes_and_comments(self):
        self.assertEqual(self.lengths(
            'void A() {\n  Say("{{{");  // {\n  Say(R"(\n}}\n)");\n'
            "  char c = '{';\n  int d = 1'000;\n}\n"
            "void B() {\n}\n"), [8, 2])


if __name__ == "__main__":
    unittest.main()
