"""How a failure is told to a person."""

import os

ERROR_BYTES_MAX = 16 << 10

# Where the worker's own files are; compiled ones only have the second.
OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
OWN_COMPILED = "<remuda_worker>"
# Between the worker and a coroutine of the user.
LOOP_FOLDER = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "asyncio", "")

# What Python says, and what to do about it here.
REMEDIES = (
    (
        "asyncio.run() cannot be called from a running event loop",
        "this function already runs on an event loop: await the coroutine instead",
    ),
    (
        "This event loop is already running",
        "this function already runs on an event loop: await the coroutine instead "
        "of run_until_complete",
    ),
    (
        "Cannot run the event loop while another loop is running",
        "this function already runs on an event loop: await the coroutine instead",
    ),
)


def shortened(text, limit):
    """The head and the tail, as the end of a traceback says most."""
    if len(text) <= limit:
        return text
    half = limit // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[... {left_out} characters left out ...]\n{text[-half:]}"


def came_amid_import(error):
    """Whether the interpreter was importing a module when it was raised.

    What was being imported is then half there: Python takes away the module
    that did not end, and not those that it had imported of its own.
    """
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            trace = trace.tb_next
        error = error.__context__
    return False


def describe_exception(error):
    """The last line of the traceback first, then all of it."""
    import traceback

    own = error.__traceback__
    # The first entries are the worker's, and the loop's.
    while own is not None and own.tb_frame.f_code.co_filename.startswith(
        (OWN_FOLDER, OWN_COMPILED, LOOP_FOLDER)
    ):
        own = own.tb_next
    try:
        last = "".join(traceback.format_exception_only(type(error), error))
        trace = "".join(traceback.format_exception(type(error), error, own))
    except Exception:  # an exception whose __str__ fails
        last = trace = type(error).__name__
    last = last.strip()
    if getattr(error, "exceptions", None):  # a group: its tree follows below
        headline = last.splitlines()[0].lstrip("| ") if last else ""
    else:
        # A syntax error has several lines; the last one names it.
        headline = last.splitlines()[-1] if last else ""
    headline = headline or type(error).__name__
    for said, remedy in REMEDIES:
        if said in last:
            headline += f" - {remedy}"
            break
    return shortened(f"{headline}\n{trace.rstrip()}", ERROR_BYTES_MAX)


def describe_exit(error):
    return (
        f"SystemExit: the function called sys.exit({error.code!r})\n"
        + describe_exception(error)
    )
