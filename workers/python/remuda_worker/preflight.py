"""What is checked before a function's first task runs."""

import os
import sys
import threading

from .failures import OWN_FOLDER
from .task import TaskFailed

LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
# Where a user's call to start a program passes through.
STARTERS = (LIBRARY + "subprocess.py", LIBRARY + "os.py")
GUARD = 'if __name__ == "__main__":'
LAST_WORDS_SECONDS = 5  # for telling the agent why the worker ends


def is_users(file):
    """Not of Python, of an installed library, or of the worker."""
    return not (
        file.startswith((LIBRARY, OWN_FOLDER, "<"))
        or "/site-packages/" in file
        or "/dist-packages/" in file
    )


def users_frame(frame):
    """The innermost frame of the user's code, and the one it called."""
    called = None
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame, called
        called = frame
        frame = frame.f_back
    return None, None


def check_form(function, mode):
    """Errors: TaskFailed if this mode cannot run it."""
    name, form = function.name, function.form
    if form == "async generator":
        raise TaskFailed(
            f"'{name}' is an async def with yield, an asynchronous generator: "
            "return a list instead"
        )
    if form == "generator":
        raise TaskFailed(
            f"'{name}' is a def with yield, a generator, which is no result that "
            "can be sent: return a list instead"
        )
    if mode == "loop" and form != "async":
        raise TaskFailed(
            f"'{name}' is a plain def; executor: async needs an async def: "
            "use executor: thread-pool, or make it an async def"
        )


class Watch:
    """Watches what users' modules do while they are imported, and forks.

    An import that takes too long ends the worker, as nothing else ends it for
    sure: `give_up(job, text)` tells the agent. One that starts processes fails.
    Processes that are forked while other tasks run on the same interpreter
    inherit locks that nobody will open: that is refused wherever tasks run
    side by side.
    """

    def __init__(self, seconds, give_up, forbid_forks):
        self.seconds = seconds
        self.give_up = give_up
        self.forbid_forks = forbid_forks
        self.importing = None  # the module's name
        self.thread = None  # that imports
        self.broken = None  # the rule that the import broke
        sys.addaudithook(self.on_event)

    def around_import(self, name, job, load):
        self.importing = name.partition(":")[0]
        self.thread = threading.get_ident()
        self.broken = None
        done = threading.Event()
        clock = threading.Thread(target=self.limit, args=(done, job), daemon=True)
        clock.start()
        try:
            function = load()
        except BaseException:
            if self.broken is not None:
                raise TaskFailed(self.broken) from None
            raise
        finally:
            self.importing = None
            done.set()
            clock.join()
        if self.broken is not None:  # the module caught the error
            raise TaskFailed(self.broken)
        return function

    def limit(self, done, job):
        if done.wait(self.seconds):
            return
        frame = sys._current_frames().get(self.thread)
        users, _ = users_frame(frame)
        frame = users or frame
        where = "a place unknown"
        if frame is not None:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if done.is_set():
            return
        self.give_up(
            job,
            f"importing '{self.importing}' took longer than {self.seconds:g} s, at "
            f"{where}: move that into a function, or under {GUARD}",
        )

    def on_event(self, event, args):
        if event == "os.fork" or event == "os.forkpty":
            if self.is_import():
                self.refuse_import("forks a process")
            if self.forbid_forks:
                raise RuntimeError(
                    "a task may not fork where others run on the same interpreter "
                    "(the copy would wait for their locks for ever): use "
                    'subprocess, remuda.offload(f, to="process"), a '
                    'multiprocessing context of "spawn", or executor: process-pool'
                )
        elif self.importing is None:
            return
        elif event == "import":
            if args[0] in (
                "multiprocessing.popen_spawn_posix",
                "multiprocessing.popen_forkserver",
            ):
                if self.is_import():
                    self.refuse_import("starts a process by multiprocessing")
        elif event == "subprocess.Popen" or event in ("os.system", "os.posix_spawn"):
            if self.is_import() and self.is_users_own():
                self.refuse_import("starts a program")

    def is_import(self):
        return self.importing is not None and threading.get_ident() == self.thread

    def is_users_own(self):
        """Not a library's, that asks a program for its version, say."""
        frame = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename in STARTERS:
            frame = frame.f_back
        return frame is not None and is_users(frame.f_code.co_filename)

    def refuse_import(self, what):
        frame, _ = users_frame(sys._getframe(2))
        where = ""
        if frame is not None:
            where = f" ({frame.f_code.co_filename}:{frame.f_lineno})"
        self.broken = (
            f"'{self.importing}' {what} while it is imported{where}: put that under "
            f"{GUARD} as a worker imports the module to call its function"
        )
        raise RuntimeError(self.broken)
