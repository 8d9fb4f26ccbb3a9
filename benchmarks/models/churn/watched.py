"""The command `model-server`, with a window: on SIGUSR1 it writes what it holds, as JSON, to the file $CHURN_WINDOW.

A task, a thread or a session that nobody needs any more can be seen from nowhere else.
"""

import asyncio
import ctypes
import gc
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import onnxruntime

from mesh.address import Address
from model_server import __main__ as command
from model_server.app import serve
from model_server.settings import Settings

WINDOW: Final = "CHURN_WINDOW"


class MallocInfo(ctypes.Structure):
    """struct mallinfo2 of malloc.h: ten sizes, of which this is the one that counts."""

    _fields_ = (
        *((f"_before{number}", ctypes.c_size_t) for number in range(7)),
        ("uordblks", ctypes.c_size_t),
        *((f"_after{number}", ctypes.c_size_t) for number in range(2)),
    )


def in_use() -> int:
    """Bytes that somebody has of the C library's heaps, and has not given back; 0 where glibc does not say."""
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if ask is None:
        return 0
    ask.restype = MallocInfo
    return int(ask().uordblks)


def look(number: int) -> dict[str, Any]:
    """After a full collection: what is counted is kept by somebody."""
    gc.collect()
    everything = gc.get_objects()
    sessions = sum(isinstance(each, onnxruntime.InferenceSession) for each in everything)
    ours = sum(str(type(each).__module__).startswith("model_server.") for each in everything)
    return {
        "number": number,
        "tasks": len(asyncio.all_tasks()),
        "threads": sorted(each.name for each in threading.enumerate()),
        "sessions": sessions,
        "objects": ours,
        "in_use": in_use(),
    }


async def watched(settings: Settings, *, announce: Callable[[Address], None]) -> None:
    window, number = Path(os.environ[WINDOW]), 0

    def show() -> None:
        nonlocal number
        number += 1
        written = window.with_suffix(".new")
        written.write_text(json.dumps(look(number)))
        written.replace(window)

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, show)
    await serve(settings, announce=announce)


if __name__ == "__main__":
    command.serve = watched  # type: ignore[attr-defined]  # what the command runs
    command.main()
