"""Many calls at once, as a value and as a deed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.client import OK, Call, Client, message

PAYLOAD: Final = b"held for a while"
"""So small that a connection's first window takes a thousand of them."""
CONNECTING: Final = 100
"""Connections being opened at once: a listener's backlog is not what is tested here."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`connections` clients with `streams` calls each. Held: all of them open at one moment, until told to end."""

    connections: int
    streams: int

    @property
    def calls(self) -> int:
        return self.connections * self.streams

    @property
    def name(self) -> str:
        return f"{self.connections:,} × {self.streams:,} calls held"


CROWDS: Final = (Crowd(1_000, 10), Crowd(10, 1_000))


@dataclass(slots=True)
class Outcome:
    """`open_at_once` calls had been answered and not ended when the crowd stood; how each ended after that."""

    open_at_once: int = 0
    failures: Counter[str] = field(default_factory=Counter)


async def gather(
    crowd: Crowd, port: int, standing: Callable[[], Awaitable[None]], *, patience: float = 60.0
) -> Outcome:
    """Open all calls, wait for each one's first message to come back, run `standing`, end them all, and see."""
    outcome = Outcome()
    clients: list[Client] = []
    calls: list[tuple[Client, Call]] = []
    try:
        async with asyncio.timeout(patience):
            room = asyncio.Semaphore(CONNECTING)

            async def arrive() -> None:
                async with room:
                    client = await Client.connect(port)
                    clients.append(client)
                    own = [client.open(PAYLOAD) for _ in range(crowd.streams)]
                    calls.extend((client, call) for call in own)
                    for call in own:
                        await call.echoed(len(message(PAYLOAD)))

            await asyncio.gather(*(arrive() for _ in range(crowd.connections)))
        outcome.open_at_once = sum(
            call.received == len(message(PAYLOAD)) and not call.ended.done() for _, call in calls
        )
        await standing()
        async with asyncio.timeout(patience):
            for client, call in calls:
                if not call.ended.done():
                    client.send(call, end=True)
            for _, call in calls:
                await call.ended
    except (OSError, TimeoutError) as error:
        outcome.failures[f"{type(error).__name__}: {error}"] += crowd.calls - len(calls)
    for _, call in calls:
        status = call.ended.result() if call.ended.done() else "did not end"
        if status != OK:
            outcome.failures[status] += 1
    await asyncio.gather(*(client.close() for client in clients))
    return outcome
