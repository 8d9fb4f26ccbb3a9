"""What the splitter reads of a response's header blocks: whether it is interim, and the gRPC status.

Most blocks of a service are the same few, byte for byte, so what they say is remembered by their bytes.
"""

from typing import Final, NamedTuple

from mesh.http2.blocks import fields
from splitter.answers import CODE_NAMES

_CACHE_LIMIT: Final = 1_024
_CACHED_LENGTH: Final = 512


class Head(NamedTuple):
    """`interim`: a 1xx response, after which the real one comes. `status`: a gRPC status name, or None."""

    interim: bool
    status: str | None


_heads: dict[bytes, Head] = {}


def read_head(block: bytes) -> Head:
    """Read a stateless block of a response, headers or trailers. Raises `BadBlock` and `Malformed`."""
    head = _heads.get(block)
    if head is None:
        head = _read(block)
        if len(block) <= _CACHED_LENGTH:
            if len(_heads) >= _CACHE_LIMIT:
                _heads.clear()
            _heads[block] = head
    return head


def _read(block: bytes) -> Head:
    interim, status = False, None
    for field in fields(block):
        if field.name == b":status":
            interim = field.value.startswith(b"1")
        elif field.name == b"grpc-status":
            code = int(field.value) if field.value.isdigit() and len(field.value) < 4 else 2
            status = CODE_NAMES[code] if code < len(CODE_NAMES) else "UNKNOWN"
    return Head(interim, status)
