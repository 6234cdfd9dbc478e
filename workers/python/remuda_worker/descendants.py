"""The processes that a task has started: they end when the task is stopped.

A task that ends by itself may leave some running, as a server that the next
one uses; those belong to the worker, and end with it.
"""

import os
import signal
import time

from .task import current

TICKS = os.sysconf("SC_CLK_TCK")
PASSES_MAX = 100  # over what starts others while it is being ended

spared = set()  # (process, its start) of the worker's own, and of what setup made


def spare(pid):
    facts = facts_of(pid)
    if facts:
        spared.add((pid, facts[1]))


def spare_children(thread):
    """What setup has started on this thread is for all tasks."""
    for pid in children_of_thread("self", thread):
        spare(pid)


def note_programs(loop):
    """From now on the tasks of this loop know what they have started."""
    import asyncio

    def noting(start):
        async def started(*args, **kwargs):
            task = current.get()
            if task is None:
                return await start(*args, **kwargs)
            # Who is stopped meanwhile has perhaps a program that runs already.
            starting = asyncio.ensure_future(start(*args, **kwargs))
            cancelled = None
            while not starting.done():
                try:
                    await asyncio.shield(starting)
                except asyncio.CancelledError as error:
                    cancelled = cancelled or error
                except Exception:
                    break
            if cancelled is None:
                transport, protocol = starting.result()
                task.programs = [*running(task.programs), transport]
                return transport, protocol
            if not starting.cancelled() and starting.exception() is None:
                transport, _ = starting.result()
                if task.stop_sent:
                    end_tree(transport.get_pid())
                transport.close()
            raise cancelled

        return started

    loop.subprocess_exec = noting(loop.subprocess_exec)
    loop.subprocess_shell = noting(loop.subprocess_shell)


def running(programs):
    return [one for one in programs if one.get_returncode() is None]


def end_programs(task):
    """Ends what asyncio has started for a task, and all below it."""
    for program in running(task.programs):
        end_tree(program.get_pid())


def end_those_of_thread(thread, began_ns):
    """Ends what this thread has started since, and all below it."""
    began = boot_ticks(began_ns)
    end_trees(lambda: started_since(began, children_of_thread("self", thread)))


def end_those_of_process(began_ns):
    """Ends all that this process has started since.

    Also a daemon, which is no child any more but has the mark of this worker;
    what adopts it is the worker's own parent.
    """
    began = boot_ticks(began_ns)
    mark = b"REMUDA_MARK=" + os.environb.get(b"REMUDA_MARK", b"")

    def roots():
        found = started_since(began, children_of("self"))
        siblings = started_since(began, children_of(os.getppid()) - {os.getpid()})
        for pid in siblings:
            if mark in read(f"/proc/{pid}/environ").split(b"\0"):
                found.add(pid)
        return found

    end_trees(roots)


def boot_ticks(monotonic_ns):
    """A moment as /proc gives the start of a process."""
    ago = time.monotonic_ns() - monotonic_ns
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - ago) * TICKS // 10**9


def children_of(pid):
    found = set()
    for thread in threads_of(pid):
        found |= children_of_thread(pid, thread)
    return found


def threads_of(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:  # it has ended
        return []


def children_of_thread(pid, thread):
    return {int(one) for one in read(f"/proc/{pid}/task/{thread}/children").split()}


def started_since(ticks, pids):
    """Those of `pids` that live, and began no earlier."""
    found = set()
    for pid in pids:
        facts = facts_of(pid)
        if facts and facts[0] != b"Z" and facts[1] >= ticks:
            if (pid, facts[1]) not in spared:
                found.add(pid)
    return found


def facts_of(pid):
    """(state, start in ticks); None if there is none."""
    # The name, between parentheses, may have anything in it.
    fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (fields[0], int(fields[19])) if fields else None


def end_trees(roots):
    """Ends what roots() names and all below, until it names none."""
    for _ in range(PASSES_MAX):
        found = roots()
        if not found:
            return
        for pid in found:
            end_tree(pid)


def end_tree(pid):
    tell(pid, signal.SIGSTOP)  # so that it starts no more while we look
    for child in children_of(pid):
        end_tree(child)
    tell(pid, signal.SIGKILL)


def tell(pid, number):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
