"""Clients that submit, lose answers, ask again, cancel and watch.

What they were told is the history that the checker holds the store to.
"""

import json
import queue
import subprocess
import threading
import time

FINAL = ("succeeded", "failed", "cancelled")
ASK_SECONDS = 60


class Clients:
    """Some threads of clients, and one that looks at all jobs."""

    def __init__(self, fleet, ledger, random, threads=3):
        self.fleet = fleet
        self.ledger = ledger
        self.random = random
        self.jobs = []           # submitted or on their way
        self.by_number = {}
        self.resubmissions = 0
        self.killed = 0
        self.refused = 0
        self.broken = []         # what no client may ever see
        self.lock = threading.Lock()
        self.todo = queue.Queue()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._work, daemon=True)
                        for _ in range(threads)]
        self.threads.append(threading.Thread(target=self._watch, daemon=True))
        for thread in self.threads:
            thread.start()

    def submit(self, job):
        plan = [self.random.random() for _ in range(3)]
        with self.lock:
            self.jobs.append(job)
        self.todo.put(lambda: self._submit(job, plan))

    def cancel(self, job):
        self.todo.put(lambda: self._cancel(job))

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def outstanding(self):
        with self.lock:
            return [job for job in self.jobs if not job.state]

    def _work(self):
        while not self.ending.is_set():
            try:
                work = self.todo.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                work()
            except Exception as error:  # a client of the test, not the code
                self.broken.append(f"client: {error!r}")

    def _submit(self, job, plan):
        path = self.fleet.spec(job.key, job.text)
        # Some clients die before they hear, and all ask until they hear.
        for chance in plan:
            if chance < 0.15:
                client = self._submission(path, job)
                time.sleep(chance)
                client.kill()
                self.killed += 1
                self._heard(job, client.communicate()[0])
        while not self.ending.is_set():
            client = self._submission(path, job)
            try:
                said, words = client.communicate(timeout=ASK_SECONDS)
            except subprocess.TimeoutExpired:
                client.kill()
                said, words = client.communicate()
            if client.returncode == 0 and self._heard(job, said):
                if plan[0] > 0.8:
                    self.resubmissions += 1
                    self._heard(job, self._submission(path, job)
                                .communicate()[0])
                return
            self.resubmissions += 1
            if client.returncode == 2:
                self.broken.append(f"{job.key} is no good spec: {words}")
                return

    def _submission(self, path, job):
        return self.fleet.client("submit", path, "--json", "--submission-key",
                                 job.key)

    def _heard(self, job, said):
        if not said.strip():
            return False
        number = int(json.loads(said)["jobs"][0]["id"])
        with self.lock:
            job.answers.add(number)
            job.job = number
            self.by_number[number] = job
        return True

    def _cancel(self, job):
        while not self.ending.is_set():
            if not job.job:
                time.sleep(0.1)
                continue
            self.ledger.note("cancel", job.key)
            client = self.fleet.client("cancel", job.job)
            try:
                _, words = client.communicate(timeout=ASK_SECONDS)
            except subprocess.TimeoutExpired:
                client.kill()
                client.communicate()
                continue
            if client.returncode in (0, 1):
                # Asked again, it may come too late for its own first time.
                job.cancel_said = job.cancel_said or (
                    "late" if "too late" in words else "yes")
                return

    def _watch(self):
        """Sees each job reach its end, once, and never leave it."""
        while not self.ending.is_set():
            self.look()
            self.ending.wait(1)

    def look(self):
        done = self.fleet.remuda("jobs", "--json", "--limit", 1000, code=None,
                                 timeout=ASK_SECONDS * 3)
        if done.returncode:
            return
        for said in json.loads(done.stdout)["jobs"]:
            job = self.by_number.get(int(said["id"]))
            if job is None:
                continue
            if job.state and said["state"] != job.state:
                self.broken.append(f"job {said['id']} was {job.state} and "
                                   f"became {said['state']}")
            if said["state"] in FINAL and not job.state:
                self.ledger.note("final", job.key)
                job.said = said
                job.state = said["state"]
