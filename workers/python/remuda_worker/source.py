"""What can be said of a function from its source, without importing it."""

import ast
import os
import sys

FOLLOWED_MAX = 8  # imports from one module to the next
MODULES_KEPT_MAX = 64

_modules = {}  # by path and time of change


class Module:
    """The source of one module, and the names in it."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.tree = ast.parse(file.read(), path)
        self.path = path
        self.functions = {}  # by qualified name
        self.methods = {}  # the class that a method is of
        self.imports = {}  # local name -> dotted name
        self.sources = {}  # local name -> (module, name, level) of `from`
        self.assigned = {}  # other module-level names -> line
        self.read(self.tree.body, "")

    def read(self, body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions[prefix + node.name] = node
                if prefix:
                    self.methods[prefix + node.name] = prefix
            elif isinstance(node, ast.ClassDef):
                self.assigned[prefix + node.name] = node.lineno
                self.read(node.body, prefix + node.name + ".")
            elif isinstance(node, (ast.If, ast.Try)):
                for part in ("body", "orelse", "finalbody"):
                    self.read(getattr(node, part, []), prefix)
                for handler in getattr(node, "handlers", []):
                    self.read(handler.body, prefix)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = getattr(node, "targets", None) or [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        self.assigned[prefix + target.id] = node.lineno
            else:
                read_import(node, self.imports, self.sources)


def read_import(node, imports, sources):
    if isinstance(node, ast.Import):
        for name in node.names:
            if name.asname:
                imports[name.asname] = name.name
            else:
                first = name.name.split(".")[0]
                imports[first] = first
    elif isinstance(node, ast.ImportFrom):
        for name in node.names:
            local = name.asname or name.name
            sources[local] = (node.module or "", name.name, node.level)
            if not node.level:
                imports[local] = f"{node.module}.{name.name}"


def module_at(path):
    key = (path, os.stat(path).st_mtime_ns)
    module = _modules.get(key)
    if module is None:
        if len(_modules) >= MODULES_KEPT_MAX:
            _modules.clear()
        module = _modules[key] = Module(path)
    return module


def find_module(name, folders):
    """The file of a module, as an import would find it; None if there is none."""
    parts = name.split(".")
    for folder in [*folders, *sys.path]:
        base = os.path.join(folder or os.getcwd(), *parts)
        for path in (os.path.join(base, "__init__.py"), base + ".py"):
            if os.path.isfile(path):
                return path
    return None


def find_function(name, folders):
    """(module, qualified name, node) of 'module:function'.

    Errors: LookupError, with what is missing; SyntaxError, OSError, ValueError.
    """
    module_name, _, attribute = name.partition(":")
    for _ in range(FOLLOWED_MAX):
        path = find_module(module_name, folders)
        if path is None:
            raise LookupError(f"there is no source of a module '{module_name}'")
        module = module_at(path)
        node = module.functions.get(attribute)
        if node is not None:
            return module, attribute, node
        if attribute in module.assigned:
            return module, attribute, None
        first, _, rest = attribute.partition(".")
        if first not in module.sources:
            raise LookupError(f"'{module_name}' ({path}) has no '{attribute}'")
        source, original, level = module.sources[first]
        if level:
            package = module_name.split(".")
            is_package = os.path.basename(path) == "__init__.py"
            package = package[: len(package) - level + (1 if is_package else 0)]
            source = ".".join([*package, *([source] if source else [])])
        module_name = source
        attribute = original + ("." + rest if rest else "")
    raise LookupError(f"'{name}' is imported from module to module without end")


def is_generator(node):
    """Whether the function itself yields."""
    waiting = list(node.body)
    while waiting:
        each = waiting.pop()
        if isinstance(each, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(
            each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
        ):
            waiting.extend(ast.iter_child_nodes(each))
    return False


def generator_finding(qualified, module, node):
    return {
        "code": "result_not_json",
        "text": f"'{qualified}' is a def with yield, a generator, which is no result "
        "that can be sent, so each task would fail: return a list instead",
        "function": qualified,
        "file": module.path,
        "line": node.lineno,
    }


def look_at(name, folders):
    """What `--check` prints."""
    seen = {"form": "unknown", "file": None, "line": None, "findings": []}
    try:
        module, qualified, node = find_function(name, folders)
    except (LookupError, SyntaxError, OSError, ValueError, RecursionError) as error:
        seen["problem"] = f"{error}"
        return seen
    seen["file"] = module.path
    if node is None:
        seen["line"] = module.assigned[qualified]
        seen["problem"] = f"'{qualified}' is made while the module is imported"
        return seen
    seen["line"] = node.lineno
    if isinstance(node, ast.FunctionDef):
        if node.decorator_list:
            seen["problem"] = f"'{qualified}' is what its decorator makes of it"
            return seen
        seen["form"] = "plain"
        if is_generator(node):
            seen["findings"] = [generator_finding(qualified, module, node)]
        return seen
    if is_generator(node):
        seen["problem"] = f"'{qualified}' is an asynchronous generator"
        return seen
    from .blocking_calls import blocking_calls

    seen["form"] = "async"
    seen["findings"] = blocking_calls(module, qualified)
    return seen
