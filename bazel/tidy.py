#!/usr/bin/python3
"""Holds the tree to those rules of the house that a machine can check.

Usage: tidy.py [ROOT]

Prints "file:line: [rule] what is wrong" for each breach and ends with 1 if
there is any. Each rule is a function below, with its reason; their self-test
is tidy_self_test.py. Only the standard library, clang-format and git are used.
"""

import os
import re
import subprocess
import sys
from typing import NamedTuple

HEADER_LINES_MAX = 250
SOURCE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 40
COLUMNS_MAX = 80
FILES_PER_FORMAT_RUN = 40

# Folders that hold no code of the house.
NO_ROOM = ("bazel/third_party/", "bazel/rules_cc/", "bazel/coverage_stub/")

# Which top-level folders each may include, besides itself: dependencies go
# one way. The folders on top may include all.
MAY_INCLUDE = {
    "base": set(),
    "bazel": set(),
    "jobs": {"base"},
    "wire": {"base", "jobs"},
    "executors": {"base", "jobs"},
    "workers": {"base", "jobs"},
    "coordinator": {"base", "jobs", "wire"},
    "agent": {"base", "jobs", "wire", "executors"},
}
ON_TOP = {"cli", "simulation", "bench"}

# One more, each with its reason.
MAY_ALSO_INCLUDE = {
    # The process pool speaks the worker protocol.
    ("executors", "workers/"),
    # The native worker hosts the handlers that ship.
    ("workers", "executors/handlers/"),
    # A loop in a worker is watched as the agent's is.
    ("workers", "executors/async/stall_watch.h"),
    # The conformance kit ends a worker's processes as an agent does.
    ("workers", "executors/processes/process_tree.h"),
}

# What decides is pure: events and the time in, values out.
PURE_FOLDERS = ("coordinator/core/", "agent/core/")
PURE_STANDARD = set("""
    algorithm any array bit bitset charconv chrono cinttypes cmath compare
    concepts cstddef cstdint cstring deque expected functional initializer_list
    iterator limits list map memory numeric optional queue ratio set span
    sstream stack stdexcept string string_view tuple type_traits
    unordered_map unordered_set utility variant vector""".split())
PURE_OURS = re.compile(
    r"base/(check|clock|digest|random)\.h$|jobs/|"
    r"wire/(messages|client_messages|attempt_records|bucket_counts|frame_limits)\.h$|"
    r"executors/(executor|finding)\.h$|"
    r"absl/(status|strings|container|hash|types|algorithm|cleanup|functional)/")

# What reaches for the world behind the backs of those who own it: pattern,
# who may, what to do instead.
BANNED = [
    (r"\b(?:sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(", (),
     "wait for a condition or set a timer"),
    (r"\b(?:system_clock|steady_clock|high_resolution_clock)::now\b", (),
     "ask the Clock that was passed in"),
    # CPU time is no time of day: it is measured where the work is done.
    (r"\bclock_gettime\s*\(\s*(?!CLOCK_(?:THREAD|PROCESS)_CPUTIME_ID)"
     r"|\bgettimeofday\s*\(|\btime\s*\(\s*(?:nullptr|NULL|0|&)",
     ("base/clock",), "ask the Clock that was passed in"),
    # libzmq draws from rand() and leaves the seeding to the program.
    (r"\bs?rand(?:_r)?\s*\(|\brandom_device\b|\bmt19937(?:_64)?\b"
     r"|\bdefault_random_engine\b", ("wire/wire_context",),
     "use base/random.h"),
    (r"\bgetrandom\s*\(", ("base/random",), "use base/random.h"),
    (r"\b(?:secure_)?getenv\s*\(", ("base/environment",),
     "use base/environment.h"),
]

DRAWERS = re.compile(r"(^|_)(utils?|common|helpers|misc|stuff)$|^helper$")

# In pieces, so that this file does not owe anything itself.
OWED = ("TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK")


class Breach(NamedTuple):
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return "%s:%d: [%s] %s" % self


class Source:
    """One file: its path from the root, and its lines."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.folder = os.path.dirname(path)
        self.room = path.split("/")[0]
        self.name = os.path.basename(path)
        self.stem, self.extension = os.path.splitext(self.name)
        self.is_cpp = self.extension in (".h", ".cc")
        self.is_test = bool(re.search(
            r"_(test|fuzz|benchmark|contract|fixture|harness)$", self.stem))
        self._code = None

    def breach(self, line, rule, text):
        return Breach(self.path, line, rule, text)

    @property
    def code(self):
        """The lines with comments and what is in quotes blanked out."""
        if self._code is None:
            self._code = blank_comments_and_quotes(self.text).split("\n")
        return self._code

    def includes(self):
        """(line, quoted or angle bracket, path) of each include."""
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if match:
                yield number, match[1], match[2]


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def blank_comments_and_quotes(text):
    """`text` of the same shape; quotes keep their ends."""

    def blank(match):
        token = match[0]
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return '"' + re.sub(r"[^\n]", " ", token[1:-1]) + '"'

    return _TOKEN.sub(blank, text)


# Rules over one file.


def check_names(source):
    """Rule 4 and 5: x_test.cc beside x.cc; no folder or file without a noun."""
    for part in source.path.split("/"):
        if DRAWERS.search(part.split(".")[0]):
            yield source.breach(1, "noun", "'%s' names no idea" % part)
    if source.is_cpp and re.search(
            r"^test_|_(tests|unittest|unit_test|bench|benchmarks|fuzzer)$",
            source.stem):
        yield source.breach(
            1, "name", "tests end in _test, benchmarks in _benchmark, "
            "fuzzers in _fuzz")
    if source.extension in (".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".c"):
        yield source.breach(1, "name", "C++ files end in .h and .cc")
    if source.is_cpp and source.path.count("/") > 2 and (
            not source.path.startswith(NO_ROOM)):
        yield source.breach(
            1, "depth", "at most one level below a top-level folder")


def check_includes(source, paths):
    """Rule 6: from the root; own header first, so that it stands alone."""
    if not source.is_cpp:
        return
    rooms = {path.split("/")[0] for path in paths if "/" in path}
    includes = list(source.includes())
    for number, mark, path in includes:
        if path.startswith(".") or (mark == '"' and "/" not in path):
            yield source.breach(
                number, "include", "write \"folder/file.h\" from the root")
        elif path.split("/")[0] in rooms:
            generated = re.sub(r"\.pb\.h$", ".proto", path)
            if mark == "<":
                yield source.breach(number, "include", "ours go in quotes")
            elif generated not in paths:
                yield source.breach(number, "include", "no file " + path)
    if source.extension == ".h":
        first = next((line for line in source.code if line.strip()), "")
        if first.strip() != "#pragma once":
            yield source.breach(1, "include", "begin with #pragma once")
        return
    stem = source.path[:-len(".cc")]
    for own in (stem, re.sub(r"_test$", "", stem)):
        if own + ".h" in paths:
            if includes and includes[0][2] != own + ".h":
                yield source.breach(
                    includes[0][0], "include", "own header first: " + own + ".h")
            break


def check_sizes(source):
    """Rule 14: what fits the eye."""
    if not source.is_cpp:
        return
    most = HEADER_LINES_MAX if source.extension == ".h" else SOURCE_LINES_MAX
    if len(source.lines) > most:
        yield source.breach(
            most + 1, "size", "%d lines, at most %d" % (len(source.lines), most))
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX and not re.search(
                r"https?://|^\s*#\s*include", line):
            yield source.breach(
                number, "columns", "%d columns, at most %d" %
                (len(line), COLUMNS_MAX))
    for first, last in functions(source.code):
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield source.breach(
                first, "function", "%d lines, at most %d" %
                (last - first + 1, FUNCTION_LINES_MAX))


ACCESS = ("public", "protected", "private")


def functions(code):
    """(first, last line) of each function, from its signature on.

    Follows the braces: a function begins where one opens in a namespace or a
    class after text with a parameter list.
    """
    scopes = []  # "outside" where functions may begin, "inside" where not
    found = []
    head, head_line, function_line = "", 0, 0
    for number, line in enumerate(code, 1):
        if line.lstrip().startswith("#"):
            continue
        for char in line + " ":
            outside = not scopes or scopes[-1] == "outside"
            if char == "{":
                kind = "inside"
                if outside and opens_scope(head):
                    kind = "outside"
                elif outside and "(" in head:
                    kind = "function"
                    function_line = head_line
                scopes.append(kind)
                head = ""
            elif char == "}":
                if scopes and scopes.pop() == "function":
                    found.append((function_line, number))
                head = ""
            elif char == ";" or (char == ":" and head.strip() in ACCESS):
                head = ""
            else:
                if not head.strip() and not char.isspace():
                    head_line = number
                head += char
    return found


def opens_scope(head):
    head = re.sub(r"^template\s*<[^{]*?>\s*(?=class|struct|union)", "",
                  head.strip())
    return bool(re.match(
        r'(inline\s+)?namespace\b|extern\s+"|(typedef\s+)?'
        r"(class|struct|union|enum)\b(?!.*\)\s*(const|noexcept|override)*$)",
        head.strip()))


def check_comments(source):
    """Rule 16: a to-do needs an owner and a condition; no banners."""
    for number, line in enumerate(source.lines, 1):
        match = re.search(r"\b(%s)\b(.*)" % "|".join(OWED), line)
        if match and not (match[1] == OWED[0] and
                          re.match(r"\([a-z][\w.@-]*\): \S", match[2])):
            yield source.breach(
                number, "to-do", "write %s(owner): what, and when" % OWED[0])
        if re.match(r"\s*(//|#)\s*[-=*#~/]{4,}", line):
            yield source.breach(number, "banner", "no banners")
    if source.is_cpp and re.search(
            r"copyright|spdx-license", "\n".join(source.lines[:5]), re.I):
        yield source.breach(1, "banner", "the licence is in LICENSE alone")


def check_banned(source):
    """Rules 26 and 30: time, chance and environment have one door each."""
    if not source.is_cpp:
        return
    for pattern, allowed, instead in BANNED:
        if allowed and source.path.startswith(allowed):
            continue
        for number, line in enumerate(source.code, 1):
            if re.search(pattern, line):
                yield source.breach(
                    number, "banned", "%s: %s" % (line.strip(), instead))


def check_direction(source):
    """Rule 2: dependencies go one way."""
    if not source.is_cpp or source.room not in MAY_INCLUDE:
        return
    allowed = MAY_INCLUDE[source.room] | {source.room}
    known = set(MAY_INCLUDE) | ON_TOP
    for number, _, path in source.includes():
        room = path.split("/")[0]
        if room in known and room not in allowed and not any(
                source.room == ours and path.startswith(theirs)
                for ours, theirs in MAY_ALSO_INCLUDE):
            yield source.breach(
                number, "direction", "%s may not include %s" %
                (source.room, path))


def check_purity(source):
    """Rule 24: what decides reaches for nothing."""
    if (not source.is_cpp or source.is_test or
            not source.path.startswith(PURE_FOLDERS)):
        return
    for number, mark, path in source.includes():
        if mark == "<":
            pure = path in PURE_STANDARD
        else:
            pure = (os.path.dirname(path) == source.folder or
                    PURE_OURS.match(path))
        if not pure:
            yield source.breach(
                number, "pure", "%s has no place in %s" % (path, source.folder))


# Rules over the tree.


def check_readmes(sources):
    """Rule 3: each folder says what it owns."""
    by_path = {source.path: source for source in sources}
    folders = {s.folder for s in sources
               if s.is_cpp and s.folder and not s.path.startswith(NO_ROOM)}
    folders |= {s.room for s in sources
                if "/" in s.path and not s.room.startswith(".")}
    for folder in sorted(folders):
        readme = by_path.get(folder + "/README.md")
        if readme is None:
            yield Breach(folder, 1, "readme", "has no README.md")
        elif folder != "docs" and len(readme.lines) > README_LINES_MAX:
            yield readme.breach(
                README_LINES_MAX + 1, "readme", "%d lines, at most %d" %
                (len(readme.lines), README_LINES_MAX))


def check_tests(sources):
    """Rule 4: a missing test is visible. From the tests and the programs that
    they start (x_helper.cc, and main.cc with the sources beside it that have no
    header, which acceptance/ starts), the includes, and the sources of the
    headers they name, must lead to every source."""
    by_path = {source.path: source for source in sources}
    programs = {os.path.dirname(path) for path in by_path
                if os.path.basename(path) == "main.cc"}
    waiting = [s for s in sources
               if re.search(r"_(test|helper)\.cc$", s.path) or
               (s.extension == ".cc" and os.path.dirname(s.path) in programs
                and re.sub(r"\.cc$", ".h", s.path) not in by_path)]
    reached = {source.path for source in waiting}
    while waiting:
        source = waiting.pop()
        nexts = [path for _, _, path in source.includes()]
        nexts.append(re.sub(r"\.h$", ".cc", source.path))
        for path in nexts:
            if path in by_path and path not in reached:
                reached.add(path)
                waiting.append(by_path[path])
    for source in sources:
        header = re.sub(r"\.cc$", ".h", source.path)
        if (source.extension == ".cc" and header in by_path and
                source.path not in reached):
            yield source.breach(1, "test", "no test leads to it")


def check_format(root, sources):
    """Formatting is clang-format's business."""
    paths = [s.path for s in sources if s.is_cpp]
    for start in range(0, len(paths), FILES_PER_FORMAT_RUN):
        run = subprocess.run(
            ["clang-format", "--dry-run", "--ferror-limit=1", "--style=file"] +
            paths[start:start + FILES_PER_FORMAT_RUN],
            cwd=root, stderr=subprocess.PIPE, text=True, check=False)
        seen = set()
        for match in re.finditer(
                r"^(\S+?):(\d+):\d+: (?:warning|error): code should be "
                r"clang-formatted", run.stderr, re.MULTILINE):
            if match[1] not in seen:
                seen.add(match[1])
                yield Breach(match[1], int(match[2]), "format",
                             "run clang-format -i")
        if run.returncode != 0 and not seen:
            yield Breach(".clang-format", 1, "format", run.stderr.strip())


def read_tree(root):
    """The text files that are tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached",
         "--others", "--exclude-standard"],
        cwd=root, stdout=subprocess.PIPE, check=True)
    sources = []
    for path in sorted(set(os.fsdecode(listing.stdout).split("\0"))):
        full = os.path.join(root, path)
        if not path or os.path.islink(full) or not os.path.isfile(full):
            continue
        try:
            with open(full, encoding="utf-8") as file:
                sources.append(Source(path, file.read()))
        except UnicodeDecodeError:
            pass  # not text
    return sources


def breaches(root):
    sources = read_tree(root)
    paths = {source.path for source in sources}
    for source in sources:
        yield from check_names(source)
        yield from check_includes(source, paths)
        yield from check_sizes(source)
        yield from check_comments(source)
        yield from check_banned(source)
        yield from check_direction(source)
        yield from check_purity(source)
    yield from check_readmes(sources)
    yield from check_tests(sources)
    yield from check_format(root, sources)


def main():
    here = os.path.dirname(os.path.realpath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(here)
    found = list(breaches(root))
    for breach in found:
        print(breach)
    if found:
        sys.exit("%d breaches of the house rules" % len(found))


if __name__ == "__main__":
    main()
