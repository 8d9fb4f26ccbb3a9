"""Gives memory back to the system when a crowd has gone.

CPython's own allocator returns an arena of 1 MiB once nothing is left in it, and one small object that outlives the
crowd is enough to keep it: after 1 000 connections with 10 calls each, a few hundred kept all eleven. The C library's
allocator returns every free page when it is asked. It costs an eighth more CPU for a small call
(docs/decisions/0008). Where the C library cannot do it, nothing is done.
"""

import asyncio
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NoReturn

CHOICE: Final = "PYTHONMALLOC"
"""CPython reads it when it starts, so a process that wants another allocator has to start again. Whoever has set it
is obeyed."""
CALMER: Final = {
    "MALLOC_ARENA_MAX": "1",  # one thread does nearly everything; what others have freed is no loss to it
    "MALLOC_MMAP_THRESHOLD_": "131072",  # where glibc begins; left alone it grows, and large buffers leave holes
}
"""Settings of the C library (mallopt(3)) that keep its heap in few pieces."""
INTERVAL: Final = 0.25
"""Seconds between two looks."""
CROWD: Final = 500
"""So many have to have gone: to look for free pages takes milliseconds, in which no call is served."""
CALM: Final = 8
"""Looks in a row that found them gone: a load that comes in bursts is one crowd."""
FEW: Final = 2_000
"""With more than so many still there, the garbage collector would take too long: 0.2 s with 8 000 connections."""


def returnable(
    environment: Mapping[str, str] = os.environ,
    *,
    execute: Callable[[str, list[str], dict[str, str]], NoReturn] = os.execve,
) -> None:
    """Make this process one whose memory can be given back: it starts anew, as it was started, if it is not."""
    if CHOICE not in environment and _trim() is not None:
        with suppress(OSError):  # then it starts as it is
            chosen = {**CALMER, **environment, CHOICE: "malloc"}
            execute(sys.executable, [sys.executable, *sys.orig_argv[1:]], chosen)


class Ebb:
    """Notices that a crowd has gone: more than half of the most that were there, at least `CROWD`, for a while."""

    def __init__(self) -> None:
        self._most = 0
        self._calm = 0

    def gone(self, present: int) -> bool:
        """Whether this is the moment; once for each crowd. Asked every `INTERVAL`."""
        self._most = max(self._most, present)
        self._calm = self._calm + 1 if self._most - present >= max(CROWD, self._most // 2) else 0
        if self._calm < CALM:
            return False
        self._most, self._calm = present, 0
        return True


async def keep_low(
    present: Callable[[], int], *, interval: float = INTERVAL, deed: Callable[[bool], None] | None = None
) -> None:
    """For ever: give back what a crowd has left, of those who are `present`.

    `deed` gives it back; it is told whether objects have to be looked for too.
    """
    ebb, deed = Ebb(), deed or give_back
    while True:
        await asyncio.sleep(interval)
        if ebb.gone(present()):
            deed(present() < FEW)


def give_back(objects: bool = True) -> None:
    """All that is free, to the system; `objects`: also what only the garbage collector can tell to be free."""
    if objects:
        gc.collect()  # connections are cycles
    trim = _trim()
    if trim is not None:
        trim(0)


def _trim() -> Callable[[int], int] | None:
    """malloc_trim(3), which is glibc's alone."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
