"""What grpc-encoding names, undone within a bound: gzip (RFC 1952), deflate (in gRPC: zlib's format, RFC 1950)."""

import zlib
from collections.abc import Mapping
from typing import Final

_WINDOW_BITS: Final[Mapping[str, int]] = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Unreadable(Exception):
    """Compressed in a way that is not known, not as it says, or larger than the bound."""


def expand(data: bytes, encoding: str, most: int) -> bytes:
    """The message, of at most `most` bytes; else Unreadable, whose text goes on after "message 1"."""
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        known = ", ".join(_WINDOW_BITS)
        raise Unreadable(f"is compressed, and grpc-encoding is {encoding[:40]!r}: known are {known}")
    stream = zlib.decompressobj(bits)
    try:
        # One more than may be, because 0 would be: without a bound
        message = stream.decompress(data, max(most, 0) + 1)
    except zlib.error as error:
        raise Unreadable(f"is no {encoding}: {error}") from None
    if len(message) > most:
        raise Unreadable(f"has more than the {most} bytes that are left for it when expanded")
    if not stream.eof:
        raise Unreadable(f"is {encoding} that is cut off")
    if stream.unused_data:
        raise Unreadable(f"has {len(stream.unused_data)} bytes after its {encoding}")
    return message
