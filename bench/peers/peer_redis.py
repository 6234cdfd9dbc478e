"""Redis on loopback, for the peers that keep their queues in it."""

from peer import Peer
from processes import Process, end_all, free_port


class OnRedis(Peer):
    redis_options = ("--save", "", "--appendonly", "no")
    durability = "none: Redis in memory, neither snapshots nor AOF"

    def __enter__(self):
        self.port = free_port()
        self.processes = []
        try:
            self.processes.append(Process(
                ["redis-server", "--bind", "127.0.0.1", "--port", self.port,
                 "--dir", self.folder, *self.redis_options],
                self.folder, "redis").serve_on(self.port))
            self.start()
        except BaseException:
            end_all(self.processes)
            raise
        return self

    def start(self):
        """Workers and self.driver, added to self.processes."""
        raise NotImplementedError

    def __exit__(self, *_):
        end_all(self.processes)
