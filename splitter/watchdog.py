"""Notices when the event loop does not turn: a thread asks it for a sign of life, and says where it hangs.

While one callback runs, no client is served; nothing inside the loop could say so. A stall is logged once, with the
stack of the loop's thread at that moment. What holds the interpreter's own lock, or stops the whole process, is only
seen when it is over: then the time is counted, and there is no stack. The thread looks every half `limit`.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)


class Watchdog:
    """Watches the loop in which it is started; `limit` seconds without a turn are a stall, 0 is never."""

    def __init__(self, limit: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.stalls = 0
        self.stalled = 0.0
        """Seconds, of the stalls that are over."""
        self._limit = limit
        self._clock = clock
        self._stopped = threading.Event()

    def start(self) -> None:
        """To be called in the loop's thread."""
        if self._limit:
            loop, thread = asyncio.get_running_loop(), threading.get_ident()
            watch = threading.Thread(target=self._watch, args=(loop, thread), name="watchdog", daemon=True)
            watch.start()

    def stop(self) -> None:
        """Look no more; the thread ends within `limit`."""
        self._stopped.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._stopped.wait(self._limit / 2):
            turned, asked = threading.Event(), self._clock()
            try:
                loop.call_soon_threadsafe(turned.set)
            except RuntimeError:  # the loop is closed
                return
            alive = turned.wait(self._limit)
            if self._stopped.is_set():
                return
            if not alive:
                self.stalls += 1
                log.error("the event loop has not turned for %g s; it is at\n%s", self._limit, _stack(thread))
                while not turned.wait(self._limit):
                    if self._stopped.is_set():
                        return
            lasted = self._clock() - asked
            if lasted >= self._limit:
                self.stalled += lasted
                if alive:
                    self.stalls += 1
                log.error("the event loop turns again, after %.2f s", lasted)


def _stack(thread: int) -> str:
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)).rstrip() if frame is not None else "(its thread has ended)"
