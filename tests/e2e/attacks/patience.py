"""Peers that are slow, or silent, or gone: each holds a connection for as long as it may."""

import asyncio
from abc import abstractmethod
from typing import ClassVar, Final

from tests.e2e.attacks.hostile import Attack, Hostile, Outcome, block, headers
from tests.e2e.backends import wire
from tests.e2e.backends.wire import PREFACE, frame, message

PROTOCOL_ERROR, SETTINGS_TIMEOUT, ENHANCE_YOUR_CALM = 1, 4, 11
SLOWLY: Final = 0.05
"""Seconds between two bytes."""
LARGEST_WINDOW: Final = (1 << 31) - 1


class Patient(Attack):
    """Says what it says once, and waits for what the other side makes of it."""

    codes: ClassVar = frozenset({PROTOCOL_ERROR, SETTINGS_TIMEOUT, ENHANCE_YOUR_CALM})
    reads: ClassVar = True

    async def once(self, host: str, port: int, outcome: Outcome) -> None:
        hostile = await Hostile.connect(host, port, outcome, reads=self.reads)
        try:
            await self.act(hostile)
            await hostile.ended()
        finally:
            await hostile.close()

    @abstractmethod
    async def act(self, hostile: Hostile) -> None:
        """What it says."""

    @staticmethod
    async def slowly(hostile: Hostile, data: bytes) -> None:
        for at in range(len(data)):
            await hostile.send(data[at : at + 1])
            await asyncio.sleep(SLOWLY)


class Silent(Patient):
    """Connects, and says nothing."""

    name = "silent"
    reasons: ClassVar = frozenset({"greeting_timeout"})

    async def act(self, hostile: Hostile) -> None:
        pass


class SlowPreface(Patient):
    """The 24 bytes of the preface one by one, and never the last."""

    name = "slow preface"
    reasons: ClassVar = frozenset({"greeting_timeout"})

    async def act(self, hostile: Hostile) -> None:
        await self.slowly(hostile, PREFACE[:-1])


class NoAcknowledgement(Patient):
    """Greets, and never acknowledges the other side's SETTINGS (RFC 9113 §6.5.3)."""

    name = "no SETTINGS acknowledgement"
    reasons: ClassVar = frozenset({"settings_timeout", "greeting_timeout"})

    async def act(self, hostile: Hostile) -> None:
        await hostile.greet(acknowledge=False)


class SlowBlock(Patient):
    """A header block that comes byte by byte, a CONTINUATION for each."""

    name = "slow header block"
    reasons: ClassVar = frozenset({"block_timeout"})

    async def act(self, hostile: Hostile) -> None:
        await hostile.greet()
        await hostile.send(headers(1, 0, b""))
        for byte in block():
            await hostile.send(frame(wire.CONTINUATION, 0, 1, bytes([byte])))
            await asyncio.sleep(SLOWLY)


class SlowFrame(Patient):
    """One frame of DATA that comes byte by byte."""

    name = "slow frame"
    reasons: ClassVar = frozenset({"block_timeout"})

    async def act(self, hostile: Hostile) -> None:
        await hostile.greet()
        await hostile.send(headers(1))
        await self.slowly(hostile, frame(wire.DATA, 0, 1, bytes(16_000)))


class HalfOpen(Patient):
    """A good client whose machine is gone: the connection stands, a call is open, nothing ever comes again."""

    name = "half-open"
    reasons: ClassVar = frozenset({"keepalive_timeout"})
    codes: ClassVar = frozenset({0, ENHANCE_YOUR_CALM})

    async def act(self, hostile: Hostile) -> None:
        await hostile.greet()
        await hostile.send(headers(1))


class SlowReader(Patient):
    """Asks for as much as the largest windows allow, and takes none of it."""

    name = "slow reader"
    reasons: ClassVar = frozenset({"write_timeout", "unread", "keepalive_timeout"})
    codes: ClassVar = frozenset({0, ENHANCE_YOUR_CALM})
    reads: ClassVar = False
    streams: ClassVar = 64

    async def act(self, hostile: Hostile) -> None:
        await hostile.greet((wire.INITIAL_WINDOW_SIZE, LARGEST_WINDOW))
        await hostile.send(frame(wire.WINDOW_UPDATE, 0, 0, (LARGEST_WINDOW - 65_535).to_bytes(4, "big")))
        piece = message(bytes(16_000))
        for number in range(1, 2 * self.streams, 2):
            data = frame(wire.DATA, 0, number, piece) * 4  # what the default window allows
            await hostile.send(headers(number) + data)
        while True:  # who does not read learns only by writing that nobody listens any more
            await asyncio.sleep(SLOWLY)
            await hostile.send(frame(wire.PRIORITY, 0, 1, bytes(5)))


ATTACKS: Final = (
    Silent(),
    SlowPreface(),
    NoAcknowledgement(),
    SlowBlock(),
    SlowFrame(),
    HalfOpen(),
    SlowReader(),
)
