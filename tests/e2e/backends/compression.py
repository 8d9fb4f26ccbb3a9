"""The part of gRPC's interop server that knows whether a message came compressed; Ruby's lacks it.

    python -m tests.e2e.backends.compression PORT

Serves `UnaryCall` and `StreamingInputCall` of `grpc.testing.TestService` as gRPC's "Interoperability Test
Case Descriptions" ask: a message whose compression is not what its `expect_compressed` says is
INVALID_ARGUMENT.
"""

import asyncio
import gzip
import sys
from collections.abc import Iterator
from typing import Final

from tests.e2e.backends.wire import Reply, Request, message, serve

OK: Final = ((b"grpc-status", b"0"),)
MISMATCH: Final = ((b"grpc-status", b"3"), (b"grpc-message", b"compression is not as expected"))
UNIMPLEMENTED: Final = ((b"grpc-status", b"12"),)
VARINT, BYTES = 0, 2


def varint(data: bytes, position: int) -> tuple[int, int]:
    """A protobuf varint and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message that holds numbers and bytes."""
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        value, position = varint(data, position)
        if tag & 7 == VARINT:
            yield tag >> 3, value
        else:
            yield tag >> 3, data[position : position + value]
            position += value


def as_bytes(value: int | bytes | None) -> bytes:
    return value if isinstance(value, bytes) else b""


def encoded(number: int, value: int | bytes) -> bytes:
    """One field on the wire."""
    size = value if isinstance(value, int) else len(value)
    head = bytes([number << 3 | (VARINT if isinstance(value, int) else BYTES)])
    while size > 127:
        head += bytes([size & 127 | 128])
        size >>= 7
    return head + bytes([size]) + (b"" if isinstance(value, int) else value)


def answer(request: Request) -> Reply:
    """Check every message's flag against its own words, then answer as the method asks."""
    method = request.path.rpartition("/")[2]
    if method not in ("UnaryCall", "StreamingInputCall"):
        return Reply(UNIMPLEMENTED)
    expectation = 8 if method == "UnaryCall" else 2
    payload = 3 if method == "UnaryCall" else 1
    total = wanted = 0
    for compressed, data in request.messages():
        parts = dict(fields(gzip.decompress(data) if compressed else data))
        if expectation in parts:
            expected = bool(dict(fields(as_bytes(parts[expectation]))).get(1, 0))
            if expected != compressed:
                return Reply(MISMATCH)
        total += len(as_bytes(dict(fields(as_bytes(parts.get(payload)))).get(2)))
        wanted = int(parts.get(2, 0)) if method == "UnaryCall" else 0
    body = encoded(1, encoded(2, bytes(wanted))) if method == "UnaryCall" else encoded(1, total)
    return Reply(OK, body=message(body))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), answer))
