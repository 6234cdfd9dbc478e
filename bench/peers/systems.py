"""All systems, in the order of the tables."""

from peer_beanstalkd import Beanstalkd, BeanstalkdSynced
from peer_bullmq import BullMq, BullMqDurable
from peer_celery import Celery, CeleryThreads
from peer_commands import GnuParallel, GnuParallelJobLog, Xargs
from peer_dask import Dask
from peer_floors import (Appends, Relay, Spawns, SpawnsOfFour,
                         SqliteBatches)
from peer_futures import Asyncio, ProcessPool, ProcessPoolSubmit, ThreadPool
from peer_gearman import Gearman, GearmanSqlite
from peer_graphile import Graphile
from peer_remuda import Remuda, RemudaKeys, RemudaRelaxed

# The first is what all others are compared with.
SYSTEMS = (
    Remuda, RemudaKeys, RemudaRelaxed,
    Gearman, GearmanSqlite, Beanstalkd, BeanstalkdSynced,
    BullMq, BullMqDurable, Graphile, Celery, CeleryThreads, Dask,
    ProcessPool, ProcessPoolSubmit, ThreadPool, Asyncio,
    Xargs, GnuParallel, GnuParallelJobLog,
    Relay, SqliteBatches, Appends, Spawns, SpawnsOfFour,
)


def word_of(system):
    """What --only calls it: its class, in small letters."""
    return system.__name__.lower()


def chosen(names):
    """The systems of a comma-separated list; all for an empty one.

    A word stands for all whose name begins with it. Raises KeyError for one
    that fits none.
    """
    words = [word for word in names.lower().split(",") if word]
    for word in words:
        if not any(word_of(system).startswith(word) for system in SYSTEMS):
            raise KeyError(f"there is no system '{word}'; there are "
                           + ", ".join(map(word_of, SYSTEMS)))
    return [system for system in SYSTEMS
            if not words or any(word_of(system).startswith(word)
                                for word in words)]
