"""The works that every system is given, and how much of each."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Work:
    """`most` is the size a fast system gets; a slow one gets less of it.

    `latency` works are sized by `most` alone and measured in microseconds;
    the others in units a second.
    """

    name: str
    title: str
    unit: str
    most: int
    most_quick: int
    latency: bool = False


WORKS = {work.name: work for work in (
    Work("array",
         "An array of no-ops, in the system's fastest batched form",
         "tasks/s", 1_000_000, 20_000),
    Work("single",
         "No-ops submitted one by one, by a client with many on their way",
         "tasks/s", 100_000, 2_000),
    Work("one",
         "One no-op at a time, from the submission to its known result",
         "microseconds", 1_000, 100, latency=True),
    Work("command",
         "Commands: /bin/true, each a process of its own",
         "commands/s", 5_000, 200),
    Work("python",
         "A Python function that does nothing, called for each of a range",
         "calls/s", 1_000_000, 5_000),
)}


def chosen(names):
    """The works of a comma-separated list, in the order of the registry.

    Raises KeyError for a name that is none.
    """
    asked = {name for name in names.split(",") if name}
    for name in sorted(asked - set(WORKS)):
        raise KeyError(f"there is no work '{name}'; there are "
                       + ", ".join(WORKS))
    return [work for name, work in WORKS.items() if name in asked]
