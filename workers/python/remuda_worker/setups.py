"""What a job's functions share on one thread: sessions, connections.

`setup: {session: "module:make"}` makes an object once per thread, loop or
process and passes it by that name; it is never shared between threads. It is
closed when the worker ends, or when the module that made it has changed.
"""

import threading

from .descendants import spare_children
from .functions import form_of
from .task import TaskFailed, current

SETUPS_MAX = 64  # of one thread


def setups_of(parameters, find):
    """{argument: function} as the parameters ask for."""
    wanted = parameters.get("setup")
    if not wanted:
        return None
    if not isinstance(wanted, dict):
        raise TaskFailed("setup must be a map of argument names to module:function")
    found = {}
    for argument, name in wanted.items():
        if not isinstance(name, str):
            raise TaskFailed(f"setup: '{argument}' must be text like module:function")
        found[argument] = find(name)
    return found


def check_arguments(setups, kwargs):
    for argument in setups:
        if argument in kwargs:
            raise TaskFailed(f"'{argument}' is in setup and in kwargs: leave one out")


class Made:
    __slots__ = ("value", "owner", "form", "age")

    def __init__(self, value, owner, form, age):
        self.value = value  # what is passed
        self.owner = owner  # what is to be closed
        self.form = form  # how: "async", "plain", or None
        self.age = age


def key_of(function):
    return function.world, function.name


class Setups:
    """The objects of one thread.

    Thread: the one that makes it. `wait` runs a coroutine to its end there; a
    loop uses the coroutines instead.
    """

    def __init__(self, wait=None):
        self.wait = wait
        self.made = {}
        self.under_way = {}

    def get(self, setups, function):
        """The objects to pass to `function`, made if need be."""
        prefer_async = function.form == "async"
        values = {}
        for argument, maker in setups.items():
            made = self.made.get(key_of(maker))
            if made is None or made.age != maker.age:
                made = self.make(argument, maker, prefer_async)
            values[argument] = made.value
        return values

    def make(self, argument, function, prefer_async):
        self.make_room(function)
        try:
            value = function.call()
            if is_awaitable(value):
                value = self.wait(value)
            form = closing_form(value, prefer_async)
            owner = value
            if form == "plain" and hasattr(value, "__enter__"):
                value = value.__enter__()
            elif form == "async" and hasattr(value, "__aenter__"):
                value = self.wait(value.__aenter__())
        except Exception as error:
            raise failed(argument, function, error) from error
        spare_children(threading.get_native_id())
        made = self.made[key_of(function)] = Made(value, owner, form, function.age)
        return made

    def make_room(self, function):
        old = self.made.pop(key_of(function), None)
        if old is None and len(self.made) >= SETUPS_MAX:
            old = self.made.pop(next(iter(self.made)))
        if old is not None:
            self.close_one(old)

    def close_one(self, made):
        try:
            steps = closing_steps(made)
            for step in steps:
                value = step()
                if is_awaitable(value):
                    self.wait(value)
        except Exception:
            report_closing()

    def close(self):
        while self.made:
            self.close_one(self.made.popitem()[1])

    # The same on a loop, where others run while one is made.

    async def get_on_loop(self, setups):
        values = {}
        for argument, function in setups.items():
            made = self.made.get(key_of(function))
            if made is None or made.age != function.age:
                made = await self.make_on_loop(argument, function)
            values[argument] = made.value
        return values

    async def make_on_loop(self, argument, function):
        import asyncio

        while function in self.under_way:
            await asyncio.shield(self.under_way[function])
        made = self.made.get(key_of(function))
        if made is not None and made.age == function.age:
            return made
        done = self.under_way[function] = asyncio.get_running_loop().create_future()
        # On its own, so that what it leaves running belongs to no task.
        token = current.set(None)
        making = asyncio.ensure_future(self.make_alone(argument, function))
        current.reset(token)
        try:
            return await making
        finally:
            del self.under_way[function]
            done.set_result(None)

    async def make_alone(self, argument, function):
        old = self.made.pop(key_of(function), None)
        if old is None and len(self.made) >= SETUPS_MAX:
            old = self.made.pop(next(iter(self.made)))
        if old is not None:
            await self.close_one_on_loop(old)
        try:
            value = function.call()
            if is_awaitable(value):
                value = await value
            form = closing_form(value, prefer_async=True)
            owner = value
            if form == "async" and hasattr(value, "__aenter__"):
                value = await value.__aenter__()
            elif form == "plain" and hasattr(value, "__enter__"):
                value = value.__enter__()
        except Exception as error:
            raise failed(argument, function, error) from error
        made = self.made[key_of(function)] = Made(value, owner, form, function.age)
        return made

    async def close_one_on_loop(self, made):
        try:
            for step in closing_steps(made):
                value = step()
                if is_awaitable(value):
                    await value
        except Exception:
            report_closing()

    async def close_on_loop(self):
        while self.made:
            await self.close_one_on_loop(self.made.popitem()[1])


def is_awaitable(value):
    return hasattr(value, "__await__")


def closing_form(value, prefer_async):
    is_async = hasattr(value, "__aexit__")
    is_plain = hasattr(value, "__exit__")
    if is_async and (prefer_async or not is_plain):
        return "async"
    if is_plain:
        return "plain"
    return "plain" if hasattr(value, "close") else None


def closing_steps(made):
    """What to call, one after the other; what is returned may be awaited."""
    owner = made.owner
    if made.form == "async":
        yield lambda: owner.__aexit__(None, None, None)
    elif made.form == "plain":
        if hasattr(owner, "__exit__"):
            yield lambda: owner.__exit__(None, None, None)
            # A connection of sqlite3 is not closed by its own `with`.
            if type(owner).__module__ != "sqlite3":
                return
        close = getattr(owner, "close", None)
        if callable(close):
            yield close


def report_closing():
    import sys
    import traceback

    print("an object of setup could not be closed:", file=sys.stderr)
    traceback.print_exc()


def failed(argument, function, error):
    from .failures import describe_exception

    return TaskFailed(
        f"setup: '{function.name}', which makes '{argument}', failed: "
        + describe_exception(error)
    )


def run_process_setup(parameters, find):
    """Calls `process_setup` the first time that it is asked for."""
    name = parameters.get("process_setup")
    if not name:
        return
    if not isinstance(name, str):
        raise TaskFailed("process_setup must be text like module:function")
    function = find(name)
    if function.set_up:
        return
    if form_of(function.call) != "plain":
        raise TaskFailed(f"process_setup: '{name}' must be a plain def")
    try:
        function.call()
    except Exception as error:
        from .failures import describe_exception

        raise TaskFailed(
            f"process_setup: '{name}' failed: " + describe_exception(error)
        ) from error
    function.set_up = True
