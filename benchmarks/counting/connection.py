"""The server's side of one HTTP/2 connection, as little of it as a counting backend needs.

It never decodes a header block (every HEADERS on a new stream is a call, and every answer has the same two blocks),
so it costs about as much as nghttpd and leaves the cores to what is measured. It obeys windows, answers PING and
SETTINGS, and trusts its peer to be correct: it is no server for the world.
"""

import asyncio
from typing import Final, cast

from benchmarks.counting.stream import INTERNAL_ERROR, Answers, Counts, Stream
from benchmarks.h2 import (
    ACK,
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    FRAME,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    PADDED,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    TABLE_SIZE_ZERO,
    WINDOW_UPDATE,
    frame,
    frames,
    setting,
)

STREAM_WINDOW: Final = 1 << 20
CONNECTION_WINDOW: Final = 1 << 24
STREAMS: Final = 1_000
"""Calls at once on one connection: as common a limit as there is, and more than a benchmark's host has."""

RESPONSE: Final = b"\x88\x0f\x10\x10application/grpc"
TRAILERS: Final = b"\x00\x0bgrpc-status\x010"


class Connection(asyncio.Protocol):
    """One of them per client."""

    def __init__(self, answers: Answers, counts: Counts) -> None:
        self.answers, self.counts = answers, counts
        self.streams: dict[int, Stream] = {}
        self.window = self.initial = DEFAULT_WINDOW
        self.taken = 0
        self.buffer = b""
        self.greeted = False
        self.first_block = TABLE_SIZE_ZERO
        self.out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        settings = setting(INITIAL_WINDOW_SIZE, STREAM_WINDOW) + setting(MAX_CONCURRENT_STREAMS, STREAMS)
        grown = CONNECTION_WINDOW - DEFAULT_WINDOW
        self.transport.write(
            frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, grown.to_bytes(4, "big"))
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.counts.open -= len(self.streams)
        self.streams.clear()

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        i = 0
        if not self.greeted:
            if len(data) < len(PREFACE):
                self.buffer = data
                return None
            self.greeted, i = True, len(PREFACE)
            if not data.startswith(PREFACE):
                return self.transport.abort()
        self.buffer = frames(data, i, self.frame)
        if self.out:
            self.transport.write(b"".join(self.out))
            self.out.clear()
        return None

    def frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """One frame of the peer; what it does not know, and CONTINUATION, it skips."""
        if kind == DATA:
            self.data(flags, number, payload)
        elif kind == HEADERS:
            self.headers(flags, number)
        elif kind == WINDOW_UPDATE:
            self.grow(number, int.from_bytes(payload, "big"))
        elif kind == SETTINGS and not flags & ACK:
            self.settings(payload)
        elif kind == PING and not flags & ACK:
            self.out.append(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            self.counts.resets += 1
            self.forget(number)

    def headers(self, flags: int, number: int) -> None:
        stream = self.streams.get(number)
        if stream is None:
            self.counts.requests += 1
            self.counts.open += 1
            stream = self.streams[number] = Stream(self.initial)
            self.out.append(frame(HEADERS, END_HEADERS, number, self.first_block + RESPONSE))
            self.first_block = b""
        if flags & END_STREAM:
            self.end(number, stream)

    def data(self, flags: int, number: int, payload: bytes) -> None:
        self.taken += len(payload)
        if self.taken > CONNECTION_WINDOW >> 1:
            self.out.append(frame(WINDOW_UPDATE, 0, 0, self.taken.to_bytes(4, "big")))
            self.taken = 0
        stream = self.streams.get(number)
        if stream is None:
            return None
        stream.taken += len(payload)
        if stream.taken > STREAM_WINDOW >> 1:
            self.out.append(frame(WINDOW_UPDATE, 0, number, stream.taken.to_bytes(4, "big")))
            stream.taken = 0
        if flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        answer = self.answers.message(stream, payload)
        if answer is None:
            self.out.append(frame(RST_STREAM, 0, number, INTERNAL_ERROR.to_bytes(4, "big")))
            return self.forget(number)
        if answer:
            stream.waiting.append(answer)
        if flags & END_STREAM:
            return self.end(number, stream)
        return self.send(number, stream)

    def end(self, number: int, stream: Stream) -> None:
        if rest := self.answers.end(stream):
            stream.waiting.append(rest)
        stream.ended = True
        self.counts.ended += 1
        self.send(number, stream)

    def send(self, number: int, stream: Stream) -> None:
        """What the windows admit, and the trailers after the last of it."""
        waiting = stream.waiting
        while waiting:
            room = min(stream.window, self.window, FRAME)
            if room <= 0:
                return
            payload = waiting.popleft()
            if len(payload) > room:
                waiting.appendleft(payload[room:])
                payload = payload[:room]
            stream.window -= len(payload)
            self.window -= len(payload)
            self.out.append(frame(DATA, 0, number, payload))
        if stream.ended:
            self.out.append(frame(HEADERS, END_HEADERS | END_STREAM, number, TRAILERS))
            self.forget(number)

    def grow(self, number: int, size: int) -> None:
        if number:
            if stream := self.streams.get(number):
                stream.window += size
                self.send(number, stream)
            return
        self.window += size
        for each, stream in list(self.streams.items()):
            if stream.waiting:
                self.send(each, stream)

    def settings(self, payload: bytes) -> None:
        for i in range(0, len(payload), 6):
            if int.from_bytes(payload[i : i + 2], "big") == INITIAL_WINDOW_SIZE:
                size = int.from_bytes(payload[i + 2 : i + 6], "big")
                grown, self.initial = size - self.initial, size
                for number, stream in list(self.streams.items()):
                    stream.window += grown
                    self.send(number, stream)
        self.out.append(frame(SETTINGS, ACK, 0))

    def forget(self, number: int) -> None:
        if self.streams.pop(number, None) is not None:
            self.counts.open -= 1
