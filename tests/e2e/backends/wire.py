"""A gRPC server that works on the wire itself, so that nothing a client sent is hidden or made pretty.

grpcio hides compression, `:authority`, `te` and `grpc-timeout` from a handler; here an `Answerer` gets every
field in order and every message with its compressed flag. Correct HTTP/2 in the little it uses: header blocks
with or without a table, padding, continuation, both windows; no limits, for it only meets well-behaved peers.
"""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import hpack

Fields = tuple[tuple[bytes, bytes], ...]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
FRAME: Final = 16_384


@dataclass(frozen=True, slots=True)
class Request:
    """One whole call as it came: all header fields in order, the raw length-prefixed messages."""

    fields: Fields
    body: bytes

    @property
    def path(self) -> str:
        return dict(self.fields)[b":path"].decode()

    def messages(self) -> list[tuple[bool, bytes]]:
        """Each message with its compressed flag, still compressed."""
        found, position = [], 0
        while position < len(self.body):
            compressed, length = struct.unpack_from(">BI", self.body, position)
            position += 5 + length
            found.append((bool(compressed), self.body[position - length : position]))
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """Initial metadata behind `:status`, length-prefixed messages, trailers (`grpc-status` among them).

    `alone`: the trailers come in the one and only header block, gRPC's "Trailers-Only". `reset`: the code of a
    RST_STREAM that comes instead of the trailers. `piece`: the most bytes of the body in one frame; each has
    `padding` bytes behind it, if that is not None.
    """

    trailers: Fields = ()
    initial: Fields = ()
    body: bytes = b""
    alone: bool = False
    reset: int | None = None
    piece: int = FRAME
    padding: int | None = None


Answerer = Callable[[Request], Reply]


@dataclass(slots=True)
class Stream:
    """A call in the making, then its answer on the way out."""

    window: int
    fields: Fields = ()
    body: bytearray = field(default_factory=bytearray)
    reply: Reply | None = None
    sent: int = 0


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._buffer, self._block, self._greeted = b"", b"", False
        self._decoder, self._encoder = hpack.Decoder(), hpack.Encoder()
        self._window, self._initial_window = 65_535, 65_535
        self._streams: dict[int, Stream] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send(SETTINGS, 0, 0)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._greeted and len(self._buffer) >= len(PREFACE):
            assert self._buffer.startswith(PREFACE)
            self._buffer, self._greeted = self._buffer[len(PREFACE) :], True
        while self._greeted and len(self._buffer) >= 9:
            word, flags, number = struct.unpack_from(">IBI", self._buffer)
            end = 9 + (word >> 8)
            if len(self._buffer) < end:
                return
            payload, self._buffer = self._buffer[9:end], self._buffer[end:]
            self._frame(word & 255, flags, number, payload)

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind in (HEADERS, DATA) and flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == HEADERS:
            self._streams[number] = Stream(self._initial_window)
            self._block = payload[5:] if flags & PRIORITIZED else payload
        elif kind == CONTINUATION:
            self._block += payload
        elif kind == DATA and number in self._streams:
            self._streams[number].body += payload
            self._grant(number, len(payload))
        elif kind == SETTINGS and not flags & ACK:
            self._settings(payload)
        elif kind == PING and not flags & ACK:
            self._send(PING, ACK, 0, payload)
        elif kind == RST_STREAM:
            self._streams.pop(number, None)
        elif kind == WINDOW_UPDATE:
            self._widen(number, int.from_bytes(payload, "big"))
        if kind in (HEADERS, CONTINUATION) and flags & END_HEADERS:
            decoded = self._decoder.decode(self._block, raw=True)
            self._streams[number].fields = tuple((bytes(name), bytes(value)) for name, value in decoded)
        if kind in (HEADERS, DATA) and flags & END_STREAM and number in self._streams:
            self._reply(number, self._streams[number])

    def _settings(self, payload: bytes) -> None:
        for key, value in struct.iter_unpack(">HI", payload):
            if key == HEADER_TABLE_SIZE:
                self._encoder.header_table_size = value
            elif key == INITIAL_WINDOW_SIZE:
                for stream in self._streams.values():
                    stream.window += value - self._initial_window
                self._initial_window = value
        self._send(SETTINGS, ACK, 0)
        self._pump()

    def _grant(self, number: int, size: int) -> None:
        if size:
            self._send(WINDOW_UPDATE, 0, 0, size.to_bytes(4, "big"))
            self._send(WINDOW_UPDATE, 0, number, size.to_bytes(4, "big"))

    def _widen(self, number: int, size: int) -> None:
        if number == 0:
            self._window += size
        elif number in self._streams:
            self._streams[number].window += size
        self._pump()

    def _reply(self, number: int, stream: Stream) -> None:
        reply = stream.reply = self._answer(Request(stream.fields, bytes(stream.body)))
        head = ((b":status", b"200"), (b"content-type", b"application/grpc"), *reply.initial)
        if reply.alone:
            self._send_fields(END_STREAM, number, (*head, *reply.trailers))
            del self._streams[number]
        else:
            self._send_fields(0, number, head)
            self._pump()

    def _pump(self) -> None:
        """Send what both windows allow of every answer."""
        for number, stream in list(self._streams.items()):
            reply = stream.reply
            if reply is None:
                continue
            flags, before, after = 0, b"", b""
            if reply.padding is not None:
                flags, before, after = PADDED, bytes([reply.padding]), bytes(reply.padding)
            extra, frames = len(before) + len(after), list[bytes]()
            while left := len(reply.body) - stream.sent:
                size = min(reply.piece, left, min(stream.window, self._window) - extra)
                if size <= 0:
                    break
                part = reply.body[stream.sent : stream.sent + size]
                stream.sent += size
                stream.window -= size + extra
                self._window -= size + extra
                frames.append(frame(DATA, flags, number, before + part + after))
            self._transport.write(b"".join(frames))
            if not left:
                del self._streams[number]
                self._end(number, reply)

    def _end(self, number: int, reply: Reply) -> None:
        if reply.reset is None:
            self._send_fields(END_STREAM, number, reply.trailers)
        else:
            self._send(RST_STREAM, 0, number, reply.reset.to_bytes(4, "big"))

    def _send_fields(self, flags: int, number: int, fields: Fields) -> None:
        self._send(HEADERS, END_HEADERS | flags, number, self._encoder.encode(fields))

    def _send(self, kind: int, flags: int, number: int, payload: bytes = b"") -> None:
        self._transport.write(frame(kind, flags, number, payload))


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    """One frame as it goes over the wire."""
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, number) + payload


def message(data: bytes, *, compressed: bool = False) -> bytes:
    """A message with its five bytes of prefix."""
    return struct.pack(">BI", compressed, len(data)) + data


async def serve(port: int, answer: Answerer) -> None:
    """Answer every call on loopback, for ever."""
    await listen(port, lambda: Connection(answer))


async def listen(port: int, connection: Callable[[], Connection]) -> None:
    """Listen on loopback, say `ready`, serve for ever."""
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()
