"""The jobs of a run: every sort, drawn from a seed, with what has to come out.

A Sort says what a finished job of it has to look like; the checker asks it.
"""

import json
from dataclasses import dataclass, field

RETRY = "retry: {attempts: 25, backoff: {initial: 20ms, max: 200ms}}"


@dataclass
class Job:
    """One submission, and all that its client came to know of it."""
    key: str
    sort: str
    tasks: int
    text: str
    limit: int = 0          # at most so many at once
    fail_every: int = 0     # tasks with such an index fail, the others not
    tries: int = 1          # of a task that fails for its own reasons
    time_outs: bool = False
    ledgered: bool = True
    hosted: bool = False    # its tasks share a worker
    to_cancel: bool = False
    job: int = 0            # once it is known
    answers: set = field(default_factory=set)  # all that its key ever gave
    state: str = ""         # the final one, once seen
    said: dict = field(default_factory=dict)  # and the job as it then was
    cancel_said: str = ""   # "yes", or "late"


def text_of(job, type_, lines):
    body = "".join(f"  {line}\n" for line in lines)
    return (f"apiVersion: remuda/v1\nkind: Job\n"
            f"metadata: {{name: {job}}}\nspec:\n  type: {type_}\n{body}")


class Jobs:
    def __init__(self, random, ledger, size):
        self.random = random
        self.ledger = ledger
        self.size = size  # tasks of an ordinary job
        self.made = []
        self.sorts = [
            (self.commands, 3), (self.limited, 2), (self.flaky, 1),
            (self.time_outs, 1), (self.cancelled, 2), (self.threads, 2),
            (self.coroutines, 2), (self.functions, 2), (self.failing, 1),
            (self.lists, 1), (self.noops, 1)]

    def next(self):
        makers, weights = zip(*self.sorts)
        maker = self.random.choices(makers, weights)[0]
        job = maker(f"k{len(self.made) + 1}")
        self.made.append(job)
        return job

    def _count(self, share=1.0):
        most = max(2, int(self.size * share))
        return self.random.randint(max(1, most // 2), most + most // 2)

    def command(self, key, sort, tasks, body, extra=(), last="", **facts):
        script = self.ledger.shell(key, body, last)
        lines = [f"tasks: {{range: {{from: 1, to: {tasks}}}}}",
                 "with: " + json.dumps({"argv": ["/bin/sh", "-c", script]}),
                 *extra]
        return Job(key, sort, tasks, text_of(key, "command", lines), **facts)

    def _python(self, key, sort, tasks, executor, seconds, extra=(),
                source=None, fail_every=0, **facts):
        function = "run_async" if executor == "async" else "run"
        with_ = {"function": f"chaos_tasks:{function}", "path": ["."],
                 "args": [key, "{{item}}", seconds, fail_every]}
        source = source or f"{{range: {{from: 1, to: {tasks}}}}}"
        lines = [f"executor: {executor}", f"tasks: {source}",
                 "with: " + json.dumps(with_), *extra]
        return Job(key, sort, tasks, text_of(key, "python", lines),
                   fail_every=fail_every, hosted=executor != "process-pool",
                   **facts)

    def commands(self, key):
        return self.command(key, "commands", self._count(0.5), ":", [RETRY])

    def printing(self, key):
        """Fills disks: some 30 KB a task."""
        return self.command(
            key, "printing", self._count(0.5),
            "head -c 30000 /dev/zero | tr '\\0' x; echo", [RETRY])

    def limited(self, key):
        limit = self.random.randint(1, 4)
        return self.command(
            key, "limited", self._count(0.1), "sleep 0.03",
            [RETRY, f"concurrency: {limit}"], limit=limit)

    def flaky(self, key):
        """The first try always fails; so may one that a loss came before."""
        return self.command(
            key, "flaky", self._count(0.2), ":",
            [RETRY], last='[ "$REMUDA_ATTEMPT" -ge 2 ]')

    def time_outs(self, key):
        body = ('[ $((REMUDA_TASK_INDEX % 5)) -ne 0 ] || '
                '{ (setsid sleep 600 &); sleep 600; }')
        return self.command(
            key, "time_outs", self._count(0.02), body,
            ["timeout: 2s", "success: {max_failed: 100%}",
             "retry: {attempts: 25, on: [crash, error], "
             "backoff: {initial: 20ms}}"], time_outs=True)

    def cancelled(self, key):
        return self.command(key, "cancelled", self._count(4), "sleep 0.1",
                             [RETRY], to_cancel=True)

    def threads(self, key):
        limit = self.random.choice([0, 0, 5])
        return self._python(
            key, "threads", self._count(), "thread-pool", 0.002,
            [RETRY] + ([f"concurrency: {limit}"] if limit else []),
            limit=limit)

    def coroutines(self, key):
        return self._python(key, "coroutines", self._count(2), "async", 0.01,
                            [RETRY])

    def functions(self, key):
        return self._python(key, "functions", self._count(), "process-pool",
                            0.0, [RETRY])

    def failing(self, key):
        """Some fail for good, after two tries, which losses do not count
        for; a crash of their worker does."""
        return self._python(
            key, "failing", self._count(0.3), "thread-pool", 0.001,
            ["retry: {attempts: 2, on: [error], backoff: {initial: 20ms}}",
             "success: {max_failed: 100%}"], fail_every=7, tries=2)

    def lists(self, key):
        tasks = self._count(0.3)
        items = json.dumps([f"item-{n}" for n in range(tasks)])
        return self._python(key, "lists", tasks, "thread-pool", 0.0, [RETRY],
                            source=f"{{items: {items}}}")

    def noops(self, key):
        tasks = self._count(8)
        lines = [f"tasks: {{range: {{from: 1, to: {tasks}}}}}", RETRY]
        return Job(key, "noops", tasks, text_of(key, "noop", lines),
                   ledgered=False)
