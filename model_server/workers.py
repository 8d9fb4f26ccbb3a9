"""A bounded pool of threads for what takes the processor: the event loop never runs a model.

The queue is on the loop's side, in order of arrival, so a call that is cancelled or past its deadline while
it waits leaves at once and is never run. What has begun cannot be stopped from here: its thread stays taken
until it ends, whoever has lost interest.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from model_server.errors import OverloadedError

T = TypeVar("T")


class Workers:
    """`threads` run at a time, `queue` wait, the rest is refused."""

    def __init__(self, threads: int, *, queue: int) -> None:
        self.threads = threads
        self.queue = queue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0

    def __repr__(self) -> str:
        return f"Workers(threads={self.threads}, queue={self._waiting}/{self.queue})"

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work()`, called in a thread; OverloadedError if too many wait."""
        if self._free.locked() and self._waiting >= self.queue:
            raise OverloadedError(f"expected at most {self.queue} calls waiting, received one more")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            running = asyncio.get_running_loop().run_in_executor(self._pool, work)
        except BaseException:
            self._free.release()
            raise
        running.add_done_callback(self._done)
        # Shielded: cancelling the future would free the place while the thread still works in it
        return await asyncio.shield(running)

    def close(self) -> None:
        """Take no more work; threads end with what they are running."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, running: asyncio.Future[T]) -> None:
        self._free.release()
        if not running.cancelled():
            running.exception()  # asked for, because nobody may be left who waits for it
