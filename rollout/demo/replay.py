"""Replays the log through the splitter: several clients with a connection each, at an even rate, without a pause.

An answer is counted where its call started: the story hands over a new tally when a stage begins, and calls that
are still under way go on to the old one.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from rollout.demo.client import Recommender
from rollout.demo.requests import Log
from rollout.demo.tally import Tally

CLIENTS: Final = 4
RATE: Final = 200.0
"""Calls a second, all clients together: far below what two cores can, so that latencies mean something."""


class Replay:
    """The running replay; `tally` is where calls that start now are counted."""

    def __init__(self, log: Log, *, rate: float = RATE) -> None:
        self.outcomes: Counter[str] = Counter()
        """Every call of the run, also a probe's, by gRPC status."""
        self.tally = Tally()
        self._log = log
        self._requests = log.endless()
        self._interval = 1 / rate
        self._due = 0.0
        self._counted = asyncio.Event()

    def begin(self) -> Tally:
        """From here on calls are counted anew, and the log starts from the top."""
        self._requests = self._log.endless()
        self.tally = Tally()
        return self.tally

    async def until(self, tally: Tally, calls: int) -> None:
        """Return when so many calls of this tally have been answered."""
        while tally.calls < calls:
            self._counted.clear()
            await self._counted.wait()

    async def close(self, tally: Tally) -> None:
        """Count calls that start from here on elsewhere; return when those of this tally are all answered."""
        if self.tally is tally:
            self.tally = Tally()
        await self.until(tally, tally.begun)

    async def run(self, clients: list[Recommender]) -> None:
        """Ask for ever; until cancelled."""
        self._due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(self._ask(client))

    async def _ask(self, client: Recommender) -> None:
        while True:
            due = self._due = max(self._due + self._interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            request, tally = next(self._requests), self.tally
            tally.begun += 1
            answer = await client.recommend(request)
            tally.add(answer)
            self.outcomes[answer.code] += 1
            self._counted.set()


@asynccontextmanager
async def clients(address: str, count: int = CLIENTS) -> AsyncIterator[list[Recommender]]:
    """So many clients, closed at the end."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Recommender(address)) for _ in range(count)]


@asynccontextmanager
async def running(replay: Replay, address: str) -> AsyncIterator[None]:
    """The replay runs while the block does; an error of the replay itself ends the block."""
    async with clients(address) as open_clients, asyncio.TaskGroup() as group:
        task = group.create_task(replay.run(open_clients))
        try:
            yield
        finally:
            task.cancel()
