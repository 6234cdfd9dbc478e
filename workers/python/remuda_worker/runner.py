"""A loop for coroutines on a thread that otherwise runs plain functions."""

import time

from .turns import around_looks


class Holds:
    """For how long a loop was held at a time, between looks for what is due.

    A call that blocks holds it, and what computes; an `await` does not.
    """

    def __init__(self, loop):
        self.longest_ns = 0
        self.since = time.monotonic_ns()
        self.is_known = around_looks(loop, self.end, self.go_on)

    def begin(self):
        self.longest_ns = 0
        self.go_on()

    def go_on(self, _found=()):
        self.since = time.monotonic_ns()

    def end(self, _timeout=None):
        self.longest_ns = max(self.longest_ns, time.monotonic_ns() - self.since)


class Runner:
    """Runs coroutines one at a time, all on the same loop.

    Thread: the one that makes it; stop() from any.
    """

    def __init__(self):
        self.loop = None
        self.task = None
        self.holds = None

    def lag_ns(self):
        """How late the latest coroutine would have made others on its loop."""
        known = self.holds is not None and self.holds.is_known
        return self.holds.longest_ns if known else None

    def run(self, coroutine):
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
            self.holds = Holds(self.loop)
        loop = self.loop
        self.holds.begin()
        if not asyncio.iscoroutine(coroutine):
            coroutine = awaited(coroutine)
        self.task = loop.create_task(coroutine)
        try:
            return loop.run_until_complete(self.task)
        except BaseException:
            if not self.task.done():  # the loop was interrupted
                self.task.cancel()
                self.end([self.task])
            raise
        finally:
            self.holds.end()
            self.task = None
            self.end_others()

    def stop(self):
        """Cancels the coroutine; false if none runs."""
        task, loop = self.task, self.loop
        if task is None or loop is None:
            return False
        loop.call_soon_threadsafe(task.cancel)
        return True

    def end_others(self):
        """Child tasks that were left behind end with the one that made them."""
        import asyncio

        left = asyncio.all_tasks(self.loop)
        if left:
            for task in left:
                task.cancel()
            self.end(left)

    def end(self, tasks):
        import asyncio

        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def close(self):
        if self.loop is not None and not self.loop.is_closed():
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


async def awaited(value):
    return await value
