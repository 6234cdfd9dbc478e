"""What the modes share in which tasks run side by side."""

import signal
import threading
import time

from . import output
from .preflight import LAST_WORDS_SECONDS
from .worker import Worker, result_messages

CREDITS_BEYOND_SLOTS = 1024
RESULTS_AT_ONCE_MAX = 512
# While others run, and so nobody waits for room: each message costs the agent and
# the coordinator more than the result in it.
RESULTS_KEPT_LONG_NS = 4_000_000


class SideBySide(Worker):
    """Keeps what is held, and ends that are not sent yet.

    Thread: `held` and `unsent` under `lock`.
    """

    def __init__(self, channel, cell, welcome):
        super().__init__(channel, cell, welcome)
        self.lock = threading.Lock()
        self.held = {}  # by number, from its receipt to its end
        self.unsent = []
        self.unsent_logs = []
        self.unsent_since = 0
        self.draining = False
        output.install(self.log_folder)
        # Not ignored, as programs that tasks start would inherit that.
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)

    def end(self, task, ending):
        """Notes the end of a task; true if ends should be sent now."""
        now = time.monotonic_ns()
        task.ended = True
        task.cell = 0
        ending["id"] = str(task.number)
        if task.began:
            ending["wall_ns"] = now - task.began
        if task.stop_sent and ending["ending"] != "returned":
            ending["ending"] = "cancelled"
            ending.pop("output", None)
        logs = output.logs_of(task) if task.streams else None
        with self.lock:
            if self.held.pop(task.number, None) is None:
                return False
            if logs:
                self.unsent_logs += logs
            if not self.unsent:
                self.unsent_since = now
            self.unsent.append(ending)
            return (
                len(self.unsent) >= RESULTS_AT_ONCE_MAX
                or now - self.unsent_since > RESULTS_KEPT_LONG_NS
            )

    def flush(self):
        # Under one lock, so that no end overtakes the logs before it.
        with self.lock:
            if not self.unsent:
                return
            messages = self.unsent_logs
            messages += result_messages(self.unsent)
            self.unsent_logs, self.unsent = [], []
            self.channel.send(messages)

    def send_from_task(self, messages):
        self.channel.send(messages)

    def last_words(self, job, text):
        # Not given back: nothing else is said after this.
        self.lock.acquire(timeout=LAST_WORDS_SECONDS)
        results = self.unsent
        for task in list(self.held.values()):
            if task.job == job:
                results.append(
                    {"id": str(task.number), "ending": "error", "error": text}
                )
            elif not task.began:
                results.append({"id": str(task.number), "ending": "returned"})
        return [*self.unsent_logs, *result_messages(results)]
