"""Waits as a client of some slow service would: in both forms."""

import asyncio
import time


async def ask(number):
    """A coroutine: while it waits, its event loop runs the others."""
    await asyncio.sleep(0.5)
    return number * number


def ask_and_block(number):
    """An ordinary function: while it waits, so does its thread."""
    time.sleep(0.05)
    return number * number
