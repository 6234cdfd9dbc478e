"""Blocking code with something that threads must not share."""

import sqlite3
import threading


def open_database():
    """Called once for each thread; a connection belongs to its thread."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE rows(value INTEGER)")
    return database


def add_rows(count, database):
    database.executemany(
        "INSERT INTO rows VALUES (?)", ((value,) for value in range(count))
    )
    (total,) = database.execute("SELECT COUNT(*) FROM rows").fetchone()
    return {"thread": threading.current_thread().name, "rows": total}
