"""Header blocks that never end, that unfold to something huge, that are too large, or that make no sense."""

import itertools
from collections.abc import Iterable
from typing import ClassVar, Final

from tests.e2e.attacks.hostile import Repeated, block, headers, integer, literal
from tests.e2e.backends import wire
from tests.e2e.backends.wire import END_HEADERS, END_STREAM, frame

COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11
OPEN: Final = 0
"""Flags of HEADERS that CONTINUATION must follow."""
INDEXED: Final = 0x80
FIRST_DYNAMIC: Final = 62


class ContinuationFlood(Repeated):
    """CVE-2024-27316: a header block that is never over, of fields or of nothing at all."""

    reasons: ClassVar = frozenset({"header_block", "useless_frames"})
    codes: ClassVar = frozenset({ENHANCE_YOUR_CALM})

    def __init__(self, name: str, payload: bytes) -> None:
        self.name = f"CONTINUATION flood: {name}"
        self._payload = payload

    def batches(self) -> Iterable[bytes]:
        more = frame(wire.CONTINUATION, 0, 1, self._payload)
        return itertools.chain([headers(1, OPEN)], itertools.repeat(more * 20))


class OversizedList(Repeated):
    """Blocks far above what gRPC allows, one call after the other: each on its own, and then for ever."""

    reasons: ClassVar = frozenset({"header_block", "rapid_reset", "useless_frames"})
    codes: ClassVar = frozenset({ENHANCE_YOUR_CALM})

    def __init__(self, name: str, field: tuple[bytes, bytes], count: int) -> None:
        self.name = f"oversized header list: {name}"
        self._block = block(*[field] * count)

    def batches(self) -> Iterable[bytes]:
        pieces = [self._block[at : at + 16_000] for at in range(0, len(self._block), 16_000)]
        for number in itertools.count(1, 2):
            last = len(pieces) - 1
            yield b"".join(
                frame(wire.CONTINUATION, END_HEADERS * (at == last), number, piece)
                if at
                else frame(wire.HEADERS, END_STREAM | END_HEADERS * (at == last), number, piece)
                for at, piece in enumerate(pieces)
            )


class Bomb(Repeated):
    """A field of 4 000 bytes is remembered by the receiver, then named 16 000 times: 64 MB from 20 KB."""

    name = "HPACK bomb"
    reasons: ClassVar = frozenset({"header_block", "compression", "rapid_reset", "useless_frames"})
    codes: ClassVar = frozenset({COMPRESSION_ERROR, ENHANCE_YOUR_CALM})

    def batches(self) -> Iterable[bytes]:
        remembered = block() + literal(b"x-bomb", b"b" * 4_000, first=0x40)
        for number in itertools.count(1, 2):
            named = integer(FIRST_DYNAMIC, 7, INDEXED) * 16_000
            first = headers(number, END_STREAM, remembered)
            yield first + frame(wire.CONTINUATION, END_HEADERS, number, named)


class Nonsense(Repeated):
    """Blocks that cannot be decoded, each a COMPRESSION_ERROR of the connection."""

    reasons: ClassVar = frozenset({"compression"})
    codes: ClassVar = frozenset({COMPRESSION_ERROR})

    def __init__(self, name: str, payload: bytes) -> None:
        self.name = f"HPACK: {name}"
        self._payload = payload

    def batches(self) -> Iterable[bytes]:
        return [headers(1, payload=block() + self._payload)]


ATTACKS: Final = (
    ContinuationFlood("fields", literal(b"x-more", b"m" * 1_000) * 10),
    ContinuationFlood("nothing", b""),
    OversizedList("one long value", (b"x-long", b"l" * 70_000), 1),
    OversizedList("thousands of fields", (b"x", b"y"), 10_000),
    Bomb(),
    Nonsense("index beyond the table", integer(5_000, 7, INDEXED)),
    Nonsense("index 0", b"\x80"),
    Nonsense("endless integer", b"\xff" + b"\xff" * 20),
    Nonsense("table of 4 GiB", integer(1 << 32, 5, 0x20)),
    Nonsense("Huffman with a long end", literal(b"x", b"") + b"\x00\x01x\x84\xff\xff\xff\xff"),
)
