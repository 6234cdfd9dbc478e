"""What the kernel knows of a thread's waiting."""

import os

RUN_QUEUE_TASK_NS_MIN = 1_000_000  # shorter tasks are not worth the reading


class RunQueue:
    """How long one thread has waited for a processor."""

    def __init__(self, thread):
        try:
            self.fd = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
        except OSError:  # the kernel does not count it
            self.fd = None
        self.last = self.read()

    def read(self):
        if self.fd is None:
            return None
        try:
            return int(os.pread(self.fd, 64, 0).split()[1])
        except (OSError, ValueError, IndexError):
            return None

    def since_last(self):
        before, self.last = self.last, self.read()
        if before is None or self.last is None:
            return None
        return max(0, self.last - before)

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
