"""Says which interpreter runs this, and whether it has its lock."""

import sys


def facts():
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return {"version": sys.version.split()[0], "gil": has_lock}
