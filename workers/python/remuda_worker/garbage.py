"""How often the interpreter looks for garbage, and among what.

Only cycles wait for that; all else goes as soon as nobody holds it. Left alone,
CPython looks through the newest objects whenever there are 700 more of them,
and again and again through all that the imports have made, though modules do
not become garbage: of a task that parses a page that was a sixth of its time.
"""

import gc

# About as many objects as a core's own cache holds. Beyond that to look less
# often costs more than it saves.
YOUNG_MAX = 5000


def look_less_often():
    """Before a user's code is imported, so that its own choice counts."""
    if not hasattr(gc, "get_threshold"):  # a Python that counts otherwise
        return
    young, *older = gc.get_threshold()
    if 0 < young < YOUNG_MAX:
        gc.set_threshold(YOUNG_MAX, *older)


def set_imports_apart():
    """What is there now is never looked through again.

    Right after the imports for the first task and before anything of a task is
    there: what is set apart is not missed if it becomes garbage later.
    """
    if hasattr(gc, "freeze"):
        gc.freeze()
