"""Waiting for what another process does, which can only be seen by looking."""

import asyncio
from collections.abc import Callable

WITHIN = 60.0


async def until(holds: Callable[[], object], *, within: float = WITHIN) -> None:
    """Return when it does; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)
