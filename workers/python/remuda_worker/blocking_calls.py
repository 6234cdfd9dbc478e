"""Finds calls that block the event loop, in an async def and what it calls."""

import ast

from .source import find_function, read_import

FINDINGS_MAX = 20
FUNCTIONS_MAX = 1000  # that are looked through for one

OFFLOAD = "await remuda.offload({}, ...)"
CLIENT = "use an asynchronous client, or " + OFFLOAD
PROGRAM = "await asyncio.create_subprocess_exec(...)"

BLOCKING = {
    "time.sleep": "await asyncio.sleep(...)",
    "urllib.request.urlopen": CLIENT,
    "urllib.request.urlretrieve": CLIENT,
    "socket.create_connection": "await asyncio.open_connection(...)",
    "socket.getaddrinfo": "await loop.getaddrinfo(...)",
    "socket.gethostbyname": "await loop.getaddrinfo(...)",
    "subprocess.run": PROGRAM,
    "subprocess.call": PROGRAM,
    "subprocess.check_call": PROGRAM,
    "subprocess.check_output": PROGRAM,
    "subprocess.getoutput": PROGRAM,
    "subprocess.getstatusoutput": PROGRAM,
    "os.system": PROGRAM,
    "urllib3.request": CLIENT,
    "input": "a task has nobody to ask",
}
for _library in ("requests", "httpx"):
    for _verb in "get post put delete head patch options request".split():
        BLOCKING[f"{_library}.{_verb}"] = CLIENT

NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def dotted(node):
    """'a.b.c' of such an expression, else None."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


class Scope:
    """The body of one function: its calls, and names that are its own."""

    def __init__(self, node):
        self.calls = []
        self.inner = {}
        self.imports = {}
        self.own = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        waiting = list(node.body)
        while waiting:
            each = waiting.pop(0)
            if isinstance(each, NESTED):
                if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self.inner[each.name] = each
                continue
            if isinstance(each, ast.Call):
                self.calls.append(each)
            elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self.own.add(each.id)
            read_import(each, self.imports, {})
            waiting.extend(ast.iter_child_nodes(each))


def blocking_calls(module, qualified):
    """Findings without their job, in the order of the lines."""
    waiting = [(qualified, module.functions[qualified], {})]
    seen = set()
    findings = []
    while waiting and len(seen) < FUNCTIONS_MAX:
        name, node, outer = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        scope = Scope(node)
        inner = {**outer, **scope.inner}
        for call in scope.calls:
            called = dotted(call.func)
            if called is None:
                continue
            first, _, rest = called.partition(".")
            if called in inner:
                waiting.append((f"{name}.{called}", inner[called], inner))
            elif first in ("self", "cls") and name in module.methods:
                method = module.methods[name] + rest
                if method in module.functions:
                    waiting.append((method, module.functions[method], {}))
            elif first in scope.imports or first not in scope.own:
                follow(module, scope, name, call, called, waiting, findings)
    findings.sort(key=lambda each: each["line"])
    return findings[:FINDINGS_MAX]


def follow(module, scope, name, call, called, waiting, findings):
    """A name from outside of the function: the module's own, or imported."""
    if called in module.functions:
        waiting.append((called, module.functions[called], {}))
        return
    first, dot, rest = called.partition(".")
    known = {**module.imports, **scope.imports}
    full = known.get(first, first if first == "input" else "") + dot + rest
    remedy = BLOCKING.get(full)
    if remedy is None:
        return
    findings.append(
        {
            "code": "blocking_call",
            "text": f"'{name}' calls {full}, which blocks the event loop and every "
            f"task on it: {remedy.format(called)}",
            "function": name,
            "file": module.path,
            "line": call.lineno,
        }
    )


def findings_of(function):
    """As messages without a job, for a function that was imported."""
    import sys

    try:
        module, qualified, node = find_function(function.name, sys.path)
        if not isinstance(node, ast.AsyncFunctionDef):
            return []
        found = blocking_calls(module, qualified)
    except (LookupError, SyntaxError, OSError, ValueError, RecursionError):
        return []  # there is no source to look at
    return [{"type": "finding", **each} for each in found]
