"""A peer that says frames which are legal one by one, mostly, so that what they add up to goes deep."""

from random import Random

from mesh.http2 import frames as f
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS

FRAMES = 300
BAD_BLOCKS = (b"\xbe", b"\x00\x05ab", b"\x00\x01A\x01b", b"\x3f", b"\x88\x20", REQUEST)


class Babbler:
    """Client (`opens`) or upstream; `highest` is the last stream that is open already."""

    def __init__(self, chance: Random, *, opens: bool, highest: int) -> None:
        self.chance = chance
        self.opens = opens
        self.highest = highest

    def words(self) -> bytes:
        """Three hundred frames, at times with a few bytes damaged."""
        found = [self.frame() for _ in range(FRAMES)]
        for _ in range(self.chance.choice((0, 0, 0, 1, 3))):
            at = self.chance.randrange(len(found))
            damaged = bytearray(found[at])
            damaged[self.chance.randrange(min(len(damaged), 12))] = self.chance.randrange(256)
            found[at] = bytes(damaged)
        if self.chance.random() < 0.1:
            found.insert(self.chance.randrange(len(found)), self.chance.randbytes(200))
        return b"".join(found)

    def _stream(self) -> int:
        known = (self.highest + 1) // 2
        return 2 * self.chance.randrange(max(0, known - 8), known) + 1

    def frame(self) -> bytes:
        """One."""
        chance = self.chance
        if self.opens and (self.highest < 1 or chance.random() < 0.1):
            self.highest += 2
            block = chance.choice((REQUEST, REQUEST, REQUEST + TRAILERS, REQUEST + b"\x00\x01A\x01b"))
            return self._headers(self.highest, block, chance.choice((0, 0, 0, 1)))
        kind = chance.choices((0, 1, 2, 3, 4, 6, 8, 0xBB, -1), (40, 20, 2, 5, 3, 2, 25, 1, 0.3))[0]
        if kind < 0:
            return f.frame(
                chance.randrange(10), chance.randrange(256), self.highest + chance.choice((0, 2)), b""
            )
        return getattr(self, f"_{kind}")(self._stream())  # type: ignore[no-any-return]

    def _0(self, stream_id: int) -> bytes:  # DATA
        chance = self.chance
        payload = chance.randbytes(chance.choice((0, 1, 10, 300, 300, 8_000, 16_000)))
        flags = chance.choice((0, 0, 0, 0, 0, 1, 8, 9, 0x40))
        if flags & 8:
            padding = chance.choice((0, 1, 255))
            payload = bytes((padding,)) + payload + bytes(padding)
        return f.frame(f.DATA, flags, stream_id, payload)

    def _1(self, stream_id: int) -> bytes:  # HEADERS
        blocks = (RESPONSE, RESPONSE, b"\x08\x03103", b"\x20" + TRAILERS, TRAILERS, TRAILERS, b"")
        block = self.chance.choice(blocks if self.chance.random() < 0.99 else BAD_BLOCKS)
        return self._headers(stream_id, block, self.chance.choice((0, 1, 1)))

    def _headers(self, stream_id: int, block: bytes, end: int) -> bytes:
        chance = self.chance
        if chance.random() < 0.8:
            return f.headers(stream_id, block, end)
        flags, head, tail = end, b"", b""
        if chance.random() < 0.5:
            flags |= f.PADDED
            head, tail = b"\x09", bytes(9)
        if chance.random() < 0.5:
            flags |= f.HAS_PRIORITY
            head += b"\0\0\0\0\x05"
        cut = chance.randrange(len(block) + 1)
        return f.frame(f.HEADERS, flags, stream_id, head + block[:cut] + tail) + f.frame(
            f.CONTINUATION, f.END_HEADERS, stream_id, block[cut:]
        )

    def _2(self, stream_id: int) -> bytes:  # PRIORITY
        return f.frame(f.PRIORITY, 0, stream_id, bytes(5))

    def _3(self, stream_id: int) -> bytes:  # RST_STREAM
        return f.rst_stream(stream_id, self.chance.choice((0, 0, 2, 7, 8)))

    def _4(self, stream_id: int) -> bytes:  # SETTINGS
        value = self.chance.choice((0, 1, 100, 65_535, 1 << 20, 1 << 30))
        key = self.chance.choice((f.INITIAL_WINDOW_SIZE, f.INITIAL_WINDOW_SIZE, f.MAX_HEADER_LIST_SIZE, 99))
        return f.settings({key: value}) if self.chance.random() < 0.9 else f.SETTINGS_ACK

    def _6(self, stream_id: int) -> bytes:  # PING
        return f.frame(f.PING, self.chance.choice((0, 0, 1)), 0, bytes(8))

    def _8(self, stream_id: int) -> bytes:  # WINDOW_UPDATE
        number = self.chance.choice((1, 100, 5_000, 65_535))
        return f.window_update(self.chance.choice((0, stream_id)), number)

    def _187(self, stream_id: int) -> bytes:
        return f.frame(0xBB, 0xFF, stream_id, b"unknown")
