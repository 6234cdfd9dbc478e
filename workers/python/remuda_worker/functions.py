"""Users' functions: imported once, and again when their files changed."""

import collections
import importlib
import os
import sys

from .task import TaskFailed

WORLDS_MAX = 16  # sets of folders whose modules are kept
JOBS_REMEMBERED_MAX = 64

CO_GENERATOR = 0x20
CO_COROUTINE = 0x80
CO_ITERABLE_COROUTINE = 0x100
CO_ASYNC_GENERATOR = 0x200


def form_of(function):
    """ "async", "plain", "generator", or "async generator"."""
    for _ in range(16):  # of wrappers around wrappers
        code = getattr(function, "__code__", None)
        flags = getattr(code, "co_flags", 0)
        if flags & CO_ASYNC_GENERATOR:
            return "async generator"
        if flags & CO_GENERATOR and not flags & CO_ITERABLE_COROUTINE:
            return "generator"
        if flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE):
            return "async"
        inner = getattr(function, "__wrapped__", None)  # functools.wraps
        if inner is None:
            inner = getattr(function, "func", None)  # functools.partial
        if inner is None and code is None and not isinstance(function, type):
            inner = getattr(type(function), "__call__", None)
        if inner is None or inner is function:
            return "plain"
        function = inner
    return "plain"


class Function:
    """One function of a user, ready to be called."""

    __slots__ = ("name", "call", "form", "world", "age", "set_up", "findings", "told")

    def __init__(self, name, call, world):
        self.name = name
        self.call = call
        self.form = form_of(call)
        self.world = world
        self.age = world.age
        self.set_up = False  # called as process_setup
        # Of the mode that it runs in, once it was checked; and the jobs that were told.
        self.findings = None
        self.told = collections.deque(maxlen=JOBS_REMEMBERED_MAX)


# The worker itself, and what its interpreter has: a user's folder may hold
# them, as a project holds its virtual environment.
PLACES = [
    os.path.dirname(os.path.abspath(__file__)) + os.sep,
    *(entry.rstrip(os.sep) + os.sep for entry in sys.path if entry),
]


class World:
    """The modules of one list of folders."""

    def __init__(self, folders):
        self.folders = folders
        self.starts = tuple(folder.rstrip(os.sep) + os.sep for folder in folders)
        self.not_own = tuple(
            place
            for place in PLACES
            if place.startswith(self.starts) and place not in self.starts
        )
        self.found = {}
        self.modified = {}
        self.jobs = []  # those that have seen the files as they were read
        self.kept = {}  # modules, while another world is in force
        self.age = 0  # +1 whenever the modules are forgotten

    def own_modules(self):
        if not self.starts:
            return
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not file or not file.startswith(self.starts):
                continue
            if not file.startswith(self.not_own):
                yield name, file

    def remember_times(self):
        for name, file in self.own_modules():
            if name not in self.modified:
                self.modified[name] = time_of(file)

    def changed(self):
        return any(
            self.modified.get(name) != time_of(file)
            for name, file in self.own_modules()
        )

    def forget(self):
        for name, _ in self.own_modules():
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        self.found.clear()
        self.modified.clear()
        self.age += 1

    def leave(self):
        for name, _ in self.own_modules():
            self.kept[name] = sys.modules.pop(name)

    def enter(self, base_path):
        sys.path[:] = [*self.folders, *base_path]
        sys.modules.update(self.kept)
        self.kept.clear()


def time_of(file):
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None


class Functions:
    """Finds functions by name.

    Thread: one, the main thread, as modules expect it when they are imported.
    """

    def __init__(self, around_import=None):
        # Called with the import to make; it may limit it.
        self.around_import = around_import or (lambda _name, _job, load: load())
        self.base_path = list(sys.path)
        self.world = World(())
        self.worlds = {(): self.world}

    def get(self, name, folders, job):
        world = self.world
        if folders != world.folders:
            world = self.enter(folders)
        if job not in world.jobs:
            self.meet(world, job)
        function = world.found.get(name)
        if function is None:
            call = self.around_import(name, job, lambda: self.load(name))
            function = world.found[name] = Function(name, call, world)
            world.remember_times()
        return function

    def enter(self, folders):
        self.world.leave()
        world = self.worlds.pop(folders, None) or World(folders)
        self.worlds[folders] = self.world = world  # the latest is the last
        while len(self.worlds) > WORLDS_MAX:
            del self.worlds[next(iter(self.worlds))]
        world.enter(self.base_path)
        return world

    def meet(self, world, job):
        if world.jobs and world.changed():
            world.forget()
            world.jobs.clear()
        world.jobs.append(job)
        del world.jobs[:-JOBS_REMEMBERED_MAX]

    def forget(self):
        self.world.forget()

    def load(self, name):
        module_name, colon, attribute = name.partition(":")
        if not colon or not module_name or not attribute:
            raise TaskFailed(f"function: '{name}' is not of the form module:function")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not (module_name + ".").startswith(
                error.name + "."
            ):
                error.msg = (
                    f"{error.msg} (in {sys.executable}; `python` under `with` may "
                    "name the interpreter that has it)"
                )
                raise
            looked = ", ".join(entry or os.getcwd() for entry in sys.path)
            raise TaskFailed(
                f"cannot import '{module_name}': there is no module "
                f"'{error.name}' in: {looked}"
            ) from None
        function = module
        for part in attribute.split("."):
            if not hasattr(function, part):
                raise TaskFailed(missing(module_name, module, attribute))
            function = getattr(function, part)
        if not callable(function):
            raise TaskFailed(
                f"'{name}' is of type {type(function).__name__}, not a function"
            )
        return function


def missing(module_name, module, attribute):
    names = sorted(
        each
        for each, value in vars(module).items()
        if callable(value) and not each.startswith("_")
    )
    where = getattr(module, "__file__", None) or "built in"
    return (
        f"module '{module_name}' ({where}) has no '{attribute}'; "
        f"it has: {', '.join(names[:50]) or 'nothing to call'}"
    )
