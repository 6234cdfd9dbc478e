"""`executor: auto` that learns, over all workloads, beside fixed executors.

One job of each workload runs on each executor that it may run on, and one on
auto that has learned nothing, all of the same size: ROUNDS times as many tasks
as the fastest does in two seconds. Of an executor on which that would take
far longer, a shorter job is run and its time scaled up. A time is that of the
whole job, from its acceptance to its end, on workers that are warm.
"""

ROUNDS = 2
LOOP, THREADS, PROCESSES = "async", "thread-pool", "process-pool"
# Where a workload cannot run on one, which comes next.
NEAREST = {LOOP: [LOOP, THREADS, PROCESSES], THREADS: [THREADS, LOOP, PROCESSES],
           PROCESSES: [PROCESSES, THREADS, LOOP]}


def look_at(zoo, animal):
    """The seconds of each executor, and of auto without and with memory."""
    size = ROUNDS * max(animal.tasks.values())
    for executor in animal.tasks:
        zoo.run(animal.spec(executor, 24, url=zoo.url))
    seconds = {}
    for executor, count in animal.tasks.items():
        # Not over some ten seconds.
        count = min(size, 2 * ROUNDS * count)
        speed, _ = zoo.run(animal.spec(executor, count, url=zoo.url))
        seconds[executor] = size / speed
    row = {"name": animal.name, "tasks": size, "seconds": seconds}
    safe = f"{{auto: [{', '.join(animal.tasks)}]}}"
    for name in ("auto", "again"):
        job = zoo.job(animal.spec("auto", size, url=zoo.url)
                      .replace("executor: auto", f"executor: {safe}"))
        row[name] = job["duration_seconds"]
        row[name + "_ended_on"] = job["executor"]
        row[name + "_reason"] = job["executor_reason"]
    return row


def fixed(row, executor):
    """The time on that executor, or on the nearest that it may run on."""
    return next(row["seconds"][one] for one in NEAREST[executor]
                if one in row["seconds"])


def show(rows):
    print("| workload | tasks | async | thread-pool | process-pool | auto | "
          "auto / best | ended on | second job / best |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        best = min(row["seconds"].values())
        cells = [f"{row['seconds'][one]:.2f}" if one in row["seconds"] else ""
                 for one in (LOOP, THREADS, PROCESSES)]
        print(f"| {row['name']} | {row['tasks']} | {' | '.join(cells)} | "
              f"{row['auto']:.2f} | {row['auto'] / best:.2f} | "
              f"{row['auto_ended_on']} | {row['again'] / best:.2f} |")
    auto = sum(row["auto"] for row in rows)
    again = sum(row["again"] for row in rows)
    best = sum(min(row["seconds"].values()) for row in rows)
    print(f"\nIn all: auto {auto:.1f} s, its second job {again:.1f} s, the best "
          f"of each workload {best:.1f} s: {auto / best:.2f} and "
          f"{again / best:.2f} times that.")
    for executor in NEAREST:
        total = sum(fixed(row, executor) for row in rows)
        print(f"All on {executor} where that is possible: {total:.1f} s, "
              f"{total / auto:.2f} times as long as auto.")
    # So that no workload counts for more because its job is longer.
    ratios = sorted(row["auto"] / min(row["seconds"].values()) for row in rows)
    print(f"Auto beside the best of its workload: median "
          f"{ratios[len(ratios) // 2]:.2f}, worst {ratios[-1]:.2f}; within 10% "
          f"of it: {sum(ratio <= 1.1 for ratio in ratios)} of {len(ratios)}.")
