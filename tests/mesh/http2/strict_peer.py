"""A peer that keeps every rule of HTTP/2 that concerns streams and windows, and notices whoever does not.

It shares no code with `mesh.http2`. It counts windows as the strictest peers do: a SETTINGS frame of its own holds
from its acknowledgement on. What it hears that it must not hear is an AssertionError.
"""

from __future__ import annotations

from collections import deque

import hpack

from mesh.http2.inlet import Inlet
from tests.mesh.http2.side import Side, content
from tests.mesh.http2.wire import Frame, Wire, cut

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGEST = (1 << 31) - 1


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


class StrictPeer:
    """One end of a connection whose other end is ours. What it says waits in `out` until `deliver`."""

    answers = False
    preface = b""
    """What it says first."""
    expected = b""
    """What it has to hear first."""
    compares = True
    """It knows what the messages should hold. If not, a response may also have any number of interim blocks."""

    def __init__(
        self,
        connection: Inlet,
        *,
        initial_window: int = 65_535,
        connection_window: int = 65_535,
        capacity: int | None = None,
    ) -> None:
        self.connection = connection
        self.wire = Wire(connection, capacity=capacity)
        self.out = bytearray(self.preface)
        self.sides: dict[int, Side] = {}
        self.send_window = 65_535
        self.recv_window = 65_535
        self.used = 0
        self.initial_window = 65_535
        self.their_initial_window = 65_535
        """What the other side's SETTINGS let us send on a new stream."""
        self.goaway: tuple[int, int] | None = None
        self.unacknowledged: deque[int] = deque()
        self._rest = b""
        self._missing = self.expected
        self._first = True
        self._block: tuple[int, int, bytes] | None = None
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self.change_window(initial_window)
        if connection_window > 65_535:
            self.grant_connection(connection_window - 65_535)

    # Saying

    def say(self, kind: int, flags: int, stream_id: int, payload: bytes = b"") -> None:
        self.out += frame(kind, flags, stream_id, payload)

    def deliver(self, size: int | None = None) -> int:
        """Let the connection receive what was said, or the first bytes of it."""
        data = bytes(self.out[:size])
        del self.out[: len(data)]
        if data:
            self.wire.say(data)
        return len(data)

    def change_window(self, value: int) -> None:
        """A new INITIAL_WINDOW_SIZE; it holds once it is acknowledged."""
        self.unacknowledged.append(value)
        self.say(SETTINGS, 0, 0, b"\0\4" + value.to_bytes(4, "big"))
        for side in self.sides.values():
            side.widest = max(side.widest, side.recv_window + value - self.initial_window)

    def grant_connection(self, increment: int) -> None:
        self.recv_window += increment
        assert self.recv_window <= LARGEST
        self.say(WINDOW, 0, 0, increment.to_bytes(4, "big"))

    def grant(self, side: Side, increment: int) -> None:
        side.recv_window += increment
        side.widest = max(side.widest, side.recv_window)
        self.say(WINDOW, 0, side.id, increment.to_bytes(4, "big"))

    def say_headers(self, side: Side, pairs: list[tuple[str, str]], *, end: bool, split: int = 0) -> None:
        assert not side.said_end
        block = self._encoder.encode(pairs)
        first, rest = (block[:split], block[split:]) if split else (block, b"")
        self.say(HEADERS, end | (0 if rest else 4), side.id, first)
        while rest:
            piece, rest = rest[:split], rest[split:]
            self.say(CONTINUATION, 0 if rest else 4, side.id, piece)
        side.said_headers, side.said_end = True, end

    def say_data(self, side: Side, size: int, *, end: bool, padding: int = -1) -> None:
        """`size` more bytes of the message; `padding` -1: none, else that many bytes."""
        assert side.said_headers
        assert not side.said_end
        assert not side.reset
        payload = content(side.call, self.answers, side.said, size)
        if padding >= 0:
            payload = bytes((padding,)) + payload + bytes(padding)
        cost = len(payload)
        assert cost <= 16_384
        assert not cost or cost <= min(side.send_window, self.send_window)
        side.send_window -= cost
        self.send_window -= cost
        side.said += size
        side.said_end = end
        self.say(DATA, end | (8 if padding >= 0 else 0), side.id, payload)

    def say_reset(self, side: Side, code: int = 8) -> None:
        side.said_reset = code
        self.say(RST, 0, side.id, code.to_bytes(4, "big"))

    # Hearing

    def hear(self, size: int | None = None) -> int:
        """Read what the connection has written, or the first bytes of it."""
        data = self.wire.take(size)
        self._rest += data
        if self._missing:
            opening, self._rest = self._rest[: len(self._missing)], self._rest[len(self._missing) :]
            assert self._missing.startswith(opening), opening
            self._missing = self._missing[len(opening) :]
        found, self._rest = cut(self._rest)
        for each in found:
            self._hear(each)
        return len(data)

    def _hear(self, each: Frame) -> None:
        if self._first:
            assert each.kind == SETTINGS
            self._first = False
        assert len(each.payload) <= 16_384
        assert (self._block is None) == (each.kind != CONTINUATION), "a header block was interrupted"
        if each.kind == DATA:
            self._hear_data(each)
        elif each.kind in (HEADERS, CONTINUATION):
            self._hear_block(each)
        elif each.kind == RST:
            side = self._open(each)
            if side is not None:
                side.heard_reset = each.number
        elif each.kind == SETTINGS:
            self._hear_settings(each)
        elif each.kind == PING:
            assert len(each.payload) == 8
            if not each.flags & 1:
                self.say(PING, 1, 0, each.payload)
        elif each.kind == GOAWAY:
            self.goaway = int.from_bytes(each.payload[:4], "big"), int.from_bytes(each.payload[4:8], "big")
        elif each.kind == WINDOW:
            self._hear_window(each)
        else:
            raise AssertionError(f"nobody sends us {each}")

    def _hear_settings(self, each: Frame) -> None:
        if each.flags & 1:
            value = self.unacknowledged.popleft()
            change, self.initial_window = value - self.initial_window, value
            for side in self.sides.values():
                side.recv_window += change
                side.widest = max(side.widest, side.recv_window)
            return
        values = {
            int.from_bytes(each.payload[at : at + 2], "big"): int.from_bytes(
                each.payload[at + 2 : at + 6], "big"
            )
            for at in range(0, len(each.payload), 6)
        }
        assert values[1] == 0
        change = values.get(4, 65_535) - self.their_initial_window
        self.their_initial_window += change
        for side in self.sides.values():
            side.send_window += change
        self.say(SETTINGS, 1, 0)
        self._encoder.header_table_size = 0

    def _hear_window(self, each: Frame) -> None:
        assert 0 < each.number <= LARGEST
        if not each.stream_id:
            self.send_window += each.number
            assert self.send_window <= LARGEST
            return
        side = self._open(each)
        if side is not None:
            side.send_window += each.number
            assert side.send_window <= max(65_535, 262_144), "more was granted than may be queued"

    def _open(self, each: Frame) -> Side | None:
        """The stream a frame is on, if we may hear it there; None where our own reset crossed it."""
        side = self.sides.get(each.stream_id)
        assert side is not None, f"{each} on a stream that nobody opened"
        assert side.heard_reset is None, f"{each} after a reset"
        assert not side.heard_end or each.kind in (RST, WINDOW), f"{each} after END_STREAM"
        return None if side.said_reset is not None else side

    def _hear_data(self, each: Frame) -> None:
        assert not each.flags & ~1
        size = len(each.payload)
        assert size <= self.recv_window or not size, "the connection's window was overrun"
        self.recv_window -= size
        self.used += size
        side = self._open(each)
        if side is None:
            return
        assert side.heard_headers, "data before headers"
        assert size <= side.recv_window or not size, (
            f"the stream's window was overrun: {size} > {side.recv_window}"
        )
        side.recv_window -= size
        side.used += size
        expected = content(side.call, not self.answers, side.heard, size) if self.compares else each.payload
        assert each.payload == expected, "bytes were changed"
        side.heard += size
        side.heard_end = bool(each.flags & 1)

    def _hear_block(self, each: Frame) -> None:
        if each.kind == HEADERS:
            assert not each.flags & ~5
            stream_id, end, block = each.stream_id, each.flags & 1, each.payload
        else:
            assert self._block is not None
            stream_id, end, block = self._block
            assert stream_id == each.stream_id
            block += each.payload
        self._block = (stream_id, end, block)
        if not each.flags & 4:
            return
        self._block = None
        fields = dict(self._decoder.decode(block, raw=True))
        assert self._decoder.header_table_size == 0
        side = self._side(each)
        if side is None:
            return
        interim = not self.compares and not self.answers
        assert end or interim or not side.heard_headers, "trailers that do not end"
        if b"x-call" in fields:
            side.call = int(fields[b"x-call"])
        side.heard_headers, side.heard_end = True, bool(end)

    def _side(self, each: Frame) -> Side | None:
        return self._open(each)


class StrictClient(StrictPeer):
    """Opens streams."""

    preface = PREFACE

    def open(self, call: int, *, end: bool, split: int = 0) -> Side:
        side = Side(
            len(self.sides) * 2 + 1, send_window=self.their_initial_window, recv_window=self.initial_window
        )
        side.call = call
        self.sides[side.id] = side
        pairs = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), ("x-call", str(call))]
        self.say_headers(side, pairs, end=end, split=split)
        return side


class StrictUpstream(StrictPeer):
    """Is told of streams."""

    answers = True
    expected = PREFACE

    def _side(self, each: Frame) -> Side | None:
        if each.stream_id not in self.sides:
            assert each.stream_id & 1
            assert each.stream_id > max(self.sides, default=0), "stream ids went backwards"
            self.sides[each.stream_id] = Side(
                each.stream_id, send_window=self.their_initial_window, recv_window=self.initial_window
            )
        return self._open(each)
