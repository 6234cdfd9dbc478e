"""A loop for coroutines on a thread that otherwise runs plain functions."""


class Runner:
    """Runs coroutines one at a time, all on the same loop.

    Thread: the one that makes it; stop() from any.
    """

    def __init__(self):
        self.loop = None
        self.task = None

    def run(self, coroutine):
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        loop = self.loop
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
