"""What the splitter reads of a response's header blocks: what each is, and the gRPC status.

Most blocks of a service are the same few, byte for byte, so what they say is remembered by their bytes.
"""

from typing import Final, NamedTuple

from mesh.http2.blocks import Malformed, fields
from mesh.http2.limits import DEFAULT, Limits
from splitter.answers import CODE_NAMES, http_code

HEADERS: Final = 0
"""The response's header block; alone, it is what gRPC calls Trailers-Only."""
INTERIM: Final = 1
"""1xx: the response is still to come."""
TRAILERS: Final = 2
"""No `:status`."""

_CACHE_LIMIT: Final = 1_024
_CACHED_LENGTH: Final = 512


class Head(NamedTuple):
    """`status`: a gRPC status name, or what stands for it where the HTTP status is an error; None if nothing does.
    `length`: what `content-length` says; -1 if nothing.
    """

    kind: int
    status: str | None
    length: int = -1


_heads: dict[bytes, Head] = {}


def read_head(block: bytes, limits: Limits = DEFAULT) -> Head:
    """Read a stateless block of a response, headers or trailers. Raises `BadBlock` and `Malformed`."""
    head = _heads.get(block)
    if head is None:
        head = _read(block, limits)
        if len(block) <= _CACHED_LENGTH:
            if len(_heads) >= _CACHE_LIMIT:
                _heads.clear()
            _heads[block] = head
    return head


def _read(block: bytes, limits: Limits) -> Head:
    http, status, regular, length = 0, None, False, -1
    for name, value, _, _ in fields(block, 0, limits):
        if name[:1] != b":":
            regular = True
            if name == b"grpc-status":
                code = int(value) if value.isdigit() and len(value) < 4 else 2
                status = CODE_NAMES[code] if code < len(CODE_NAMES) else "UNKNOWN"
            elif name == b"content-length":
                if not value.isdigit() or len(value) > 18 or length not in (-1, int(value)):
                    raise Malformed("content-length is no length (RFC 9110, 8.6)")
                length = int(value)
        elif name != b":status" or regular or http:
            raise Malformed(f"the pseudo field {name!r} stands where a response has none (RFC 9113, 8.3)")
        elif len(value) != 3 or not value.isdigit() or value < b"100" or value == b"101":
            raise Malformed(f":status is {value!r}")  # 101 has no place in HTTP/2 (RFC 9113, 8.6)
        else:
            http = int(value)
    if http < 200:
        return Head(INTERIM if http else TRAILERS, status)
    return Head(HEADERS, http_code(http) if status is None and http != 200 else status, length)
