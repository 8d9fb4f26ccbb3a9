"""More connections than anybody needs, each of them idle and well-behaved."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import ClassVar, Final

from tests.e2e.attacks.hostile import Attack, Hostile, Outcome

ENHANCE_YOUR_CALM: Final = 11


class IdleCrowd(Attack):
    """Opens `size` connections and holds them all."""

    reasons: ClassVar = frozenset({"max_connections"})
    codes: ClassVar = frozenset({ENHANCE_YOUR_CALM})

    def __init__(self, size: int) -> None:
        self.name = f"{size} idle connections"
        self._size = size

    async def once(self, host: str, port: int, outcome: Outcome) -> None:
        raise NotImplementedError("a crowd comes at once")

    async def run(self, host: str, port: int, stop: asyncio.Event) -> Outcome:
        outcome = self.outcome = Outcome()
        async with AsyncExitStack() as crowd:
            for _ in range(self._size):
                if stop.is_set():
                    break
                with suppress(OSError):
                    hostile = await Hostile.connect(host, port, outcome)
                    crowd.push_async_callback(hostile.close)
                    await hostile.greet()
            await stop.wait()
        return outcome


ATTACKS: Final = (IdleCrowd(1_000),)
