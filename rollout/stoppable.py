"""Runs work until it is done or a signal asks to stop; then the work is cancelled, and cleans up."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from mesh.lifecycle import until_signal

T = TypeVar("T")


async def stoppable(work: Coroutine[Any, Any, T]) -> T | signal.Signals:
    """The result of the work, or the signal that ended it: SIGINT, SIGTERM or SIGHUP (a closed terminal)."""
    asked = asyncio.create_task(until_signal(signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    working = asyncio.create_task(work)
    try:
        await asyncio.wait((asked, working), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return asked.result()
    finally:
        for task in (working, asked):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
