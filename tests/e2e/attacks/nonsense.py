"""Bytes that are no HTTP/2, and frames where none may be."""

import itertools
from collections.abc import Iterable
from random import Random
from typing import ClassVar, Final

from tests.e2e.attacks.hostile import Attack, Hostile, Outcome, Repeated, block, headers
from tests.e2e.backends import wire
from tests.e2e.backends.wire import END_HEADERS, END_STREAM, PREFACE, frame

PROTOCOL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 1, 5, 6, 9, 11
ANY: Final = frozenset(
    {"protocol", "frame_size", "compression", "flow_control", "header_block", "useless_frames"}
)


class NoPreface(Attack):
    """Something else than HTTP/2 on the port."""

    reasons: ClassVar = frozenset({"protocol"})
    codes: ClassVar = frozenset({PROTOCOL_ERROR})

    def __init__(self, name: str, said: bytes) -> None:
        self.name = f"garbage: {name}"
        self._said = said

    async def once(self, host: str, port: int, outcome: Outcome) -> None:
        hostile = await Hostile.connect(host, port, outcome)
        try:
            await hostile.send(self._said)
            await hostile.ended()
        finally:
            await hostile.close()


class RandomFrames(Repeated):
    """Frames whose every field is random, but whose length is right; `seed` makes them the same each time."""

    name = "garbage: random frames"
    reasons: ClassVar = ANY
    codes: ClassVar = frozenset({1, 3, 5, 6, 9, 11})

    def __init__(self, seed: int = 1) -> None:
        self._chance = Random(seed)

    def batches(self) -> Iterable[bytes]:
        chance = self._chance
        while True:
            payload = chance.randbytes(chance.randrange(64))
            yield frame(chance.randrange(12), chance.randrange(256), chance.randrange(64), payload)


class ClosedStreams(Repeated):
    """Frames on streams that are over: a stream error each, until it is a flood."""

    reasons: ClassVar = frozenset({"protocol", "useless_frames", "rapid_reset"})
    codes: ClassVar = frozenset({PROTOCOL_ERROR, STREAM_CLOSED, ENHANCE_YOUR_CALM})

    def __init__(self, name: str, opening: bytes, again: bytes) -> None:
        self.name = f"closed streams: {name}"
        self._opening, self._again = opening, again

    def batches(self) -> Iterable[bytes]:
        return itertools.chain([self._opening], itertools.repeat(self._again * 100))


RESET: Final = headers(1) + frame(wire.RST_STREAM, 0, 1, (8).to_bytes(4, "big"))
ATTACKS: Final = (
    NoPreface("HTTP/1.1", b"GET / HTTP/1.1\r\nHost: attacked\r\n\r\n"),
    NoPreface("TLS", bytes.fromhex("16030100c2010000be0303") + bytes(200)),
    NoPreface("random bytes", Random(2).randbytes(4_096)),
    NoPreface("no SETTINGS behind the preface", PREFACE + frame(wire.PING, 0, 0, bytes(8))),
    RandomFrames(),
    ClosedStreams("DATA", RESET, frame(wire.DATA, 0, 1, b"x" * 100)),
    ClosedStreams("HEADERS", RESET, frame(wire.HEADERS, END_HEADERS | END_STREAM, 1, block())),
    ClosedStreams("WINDOW_UPDATE", RESET, frame(wire.WINDOW_UPDATE, 0, 1, bytes([0, 0, 0, 1]))),
    ClosedStreams("never opened", b"", frame(wire.DATA, 0, 99, b"x")),
)
