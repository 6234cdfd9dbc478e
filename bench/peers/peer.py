"""What a system has to be for being measured."""

import dataclasses
import time


@dataclasses.dataclass
class Sample:
    """What one run came to; of a latency work, all that was seen."""

    seconds: float = 0.0
    done: int = 0
    latencies_us: list = dataclasses.field(default_factory=list)
    p50_us: float = None
    p99_us: float = None

    @property
    def rate(self):
        return self.done / self.seconds


class Peer:
    """One system with one set of settings: a row of every table.

    Used as a context: entering starts its servers on loopback with data in
    `folder`, leaving ends them. A subclass has a method for each work that it
    can do, named after it, which takes a size and returns a Sample; it raises
    if not every task was done.
    """

    label = None        # the row's name
    packages = ()       # Debian packages
    programs = ()       # what must then be on the path
    npm = False         # whether it needs those of package.json
    settings = ""       # what was set, and why it is sensible
    durability = ""     # what a crash or power loss takes, with these settings
    encryption = "none"
    reasons = {}        # by work: why it is left out
    forms = {}          # by work: how it is asked for, where that is a choice

    def __init__(self, context):
        self.context = context  # a folder, the npm modules, the programs
        self.folder = context.folder_of(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @classmethod
    def can(cls, work):
        """A reason leaves out what would be inherited, too."""
        return work not in cls.reasons and hasattr(cls, work)


def timed(size, action):
    """A Sample of calling action()."""
    start = time.perf_counter()
    action()
    return Sample(seconds=time.perf_counter() - start, done=size)
