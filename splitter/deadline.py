"""`grpc-timeout`, read and written (gRPC over HTTP/2, "Requests": up to eight digits and a unit)."""

from typing import Final

from mesh.http2.blocks import literal

_UNITS: Final = {
    b"H": 3_600_000_000_000,
    b"M": 60_000_000_000,
    b"S": 1_000_000_000,
    b"m": 1_000_000,
    b"u": 1_000,
    b"n": 1,
}
_DIGITS: Final = 8
_LIMIT: Final = 10**_DIGITS


def parse(value: bytes) -> int | None:
    """Nanoseconds; None for what is no timeout (the endpoint may have its own opinion of it)."""
    unit, digits = _UNITS.get(value[-1:]), value[:-1]
    if unit is None or not digits.isdigit() or len(digits) > _DIGITS:
        return None
    return int(digits) * unit


def render(nanoseconds: int) -> bytes:
    """As exactly as eight digits allow, never more than it is, and at least the smallest there is."""
    for unit in (b"u", b"m", b"S", b"M"):
        count = nanoseconds // _UNITS[unit]
        if count < _LIMIT:
            return b"%d%b" % (max(count, 1), unit)
    return b"%dH" % min(nanoseconds // _UNITS[b"H"], _LIMIT - 1)


def field(left: int) -> bytes:
    """The header field for so many nanoseconds; 0 where the time has passed."""
    return literal(b"grpc-timeout", render(max(0, left)))
