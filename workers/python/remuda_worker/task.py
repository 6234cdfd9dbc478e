"""A task as it was given, and what is known of it while it runs."""

import contextvars

# The task whose code runs in this context: prints, logs and progress are its.
current = contextvars.ContextVar("remuda_task", default=None)


class TaskStopped(KeyboardInterrupt):
    """Raised within a task that was asked to stop, so that it may clean up."""


class TaskFailed(Exception):
    """What went wrong is said in full; no traceback of ours would help."""


class Task:
    __slots__ = (
        "number",
        "cell",  # what the cell says while its code runs
        "index",
        "attempt",
        "parameters",
        "item",
        "job",
        "outputs",
        "stop_sent",
        "ended",
        "began",
        "streams",
        "runner",  # what runs it: a thread, or the asyncio task
        "told",  # when progress was last told
        "held_ns",  # how long its steps have taken
        "steps",  # how many there were
        "turn_ns",  # how long they have waited for their turn on the loop
        "files",  # how many of its results are files
        "programs",  # what asyncio has started for it
    )

    def __init__(self, number, index, attempt, parameters, item, job, outputs):
        self.number = number
        self.cell = number  # 0 once it has ended: who goes on is nobody's
        self.index = index
        self.attempt = attempt
        self.parameters = parameters
        self.item = item
        self.job = job
        self.outputs = outputs
        self.stop_sent = False
        self.ended = False
        self.began = 0
        self.streams = None
        self.runner = None
        self.told = 0.0
        self.held_ns = self.turn_ns = self.steps = 0
        self.files = 0
        self.programs = ()


def tasks_of(message):
    """The tasks of one message, in their order."""
    job = message.get("job")
    outputs = message.get("outputs") or None
    shared = message.get("parameters") or {}
    several = message.get("range")
    if several is not None:
        number, index = int(several["id"]), int(several["index"])
        attempt = several["attempt"]
        for i in range(several["count"]):
            yield Task(number + i, index + i, attempt, shared, None, job, outputs)
        return
    for each in message["tasks"]:
        yield Task(
            int(each["id"]),
            int(each["index"]),
            each["attempt"],
            each.get("parameters", shared),
            each.get("item"),
            job,
            outputs,
        )
