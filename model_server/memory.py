"""Keeps the memory of a program with many threads from growing: one heap for all of them.

glibc gives a thread that allocates while another does a heap of its own, up to eight for each processor. gRPC starts
and ends threads all the time, and what one has left free in its heap is of no use to the next, which has another: after
seven minutes of models and clients that come and go (benchmarks/models/churn), 15 heaps held 21 MiB of free memory, and
more each minute, though what was in use was the same. With one heap it is 8 MiB from the first minute on.
"""

import ctypes
import os
from collections.abc import Mapping
from typing import Final

M_ARENA_MAX: Final = -8
"""mallopt(3), of glibc alone."""
SET_BY: Final = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
"""Whoever says in one of these variables how many there are to be is obeyed."""


def share_heap(environment: Mapping[str, str] = os.environ) -> None:
    """From now on no thread gets a heap of its own. Where the C library has nothing of the kind, nothing is done."""
    if any(
        "arena_max" in f"{name}={environment.get(name)}".lower() for name in SET_BY if name in environment
    ):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_ARENA_MAX, 1)
