"""As much of HTTP/2 as the benchmark's own client and counting server share: frames as bytes (RFC 9113)."""

from collections.abc import Callable
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM: Final = 1
END_HEADERS: Final = 4
PADDED: Final = 8
PRIORITY: Final = 32
ACK: Final = 1
FRAME: Final = 16_384
HEADER_TABLE_SIZE: Final = 1
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
DEFAULT_WINDOW: Final = 65_535
CANCEL: Final = 8
TABLE_SIZE_ZERO: Final = b"\x20"
"""First in a connection's first block: our encoder uses no table (RFC 7541, 6.3)."""

OnFrame = Callable[[int, int, int, bytes], None]
"""Of kind, flags, stream and payload."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return b"%b%c%c%b%b" % (len(payload).to_bytes(3, "big"), kind, flags, stream.to_bytes(4, "big"), payload)


def setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def frames(data: bytes, start: int, on_frame: OnFrame) -> bytes:
    """Every whole frame from `start` on to `on_frame`; what is left of the data."""
    i, size = start, len(data)
    while size - i >= 9:
        end = i + 9 + int.from_bytes(data[i : i + 3], "big")
        if end > size:
            break
        on_frame(data[i + 3], data[i + 4], int.from_bytes(data[i + 5 : i + 9], "big"), data[i + 9 : end])
        i = end
    return data[i:]
