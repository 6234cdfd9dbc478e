"""The application of Celery's worker, and the client that asks it."""

import os

from celery import Celery, group

from program import batch, noop, one_by_one, run_true, serve

redis = os.environ["BENCH_REDIS"]
app = Celery("program_celery", broker=redis, backend=redis)
app.conf.update(task_serializer="json", result_serializer="json",
                accept_content=["json"], worker_hijack_root_logger=False,
                broker_connection_retry_on_startup=True)
PATIENCE = 120


@app.task(name="noop")
def noop_task(index=None):
    return noop(index)


@app.task(name="true")
def true_task(index=None):
    run_true()


def joined(result):
    """How many results came back."""
    return len(result.join_native(timeout=PATIENCE) if hasattr(
        result, "join_native") else result.get(timeout=PATIENCE))


def chunks(size):
    made = noop_task.chunks(zip(range(size)), 64).group()
    return sum(len(chunk) for chunk in
               made.apply_async().join_native(timeout=PATIENCE))


def of_group(task):
    return lambda size: joined(
        group(task.s(index) for index in range(size)).apply_async())


def single(size):
    results = [noop_task.apply_async((index,)) for index in range(size)]
    for result in results:
        result.get(timeout=PATIENCE)
    return len(results)


if __name__ == "__main__":
    noop_task.delay().get(timeout=PATIENCE)  # the worker is there
    serve({
        "array": lambda n: batch(n, chunks),
        "single": lambda n: batch(n, single),
        "one": lambda n: one_by_one(
            n, lambda: noop_task.delay().get(timeout=PATIENCE)),
        "command": lambda n: batch(n, of_group(true_task)),
        "python": lambda n: batch(n, of_group(noop_task)),
    })
