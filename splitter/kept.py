"""What is kept of a request, in pieces: for sending it again, or until there is a connection for it."""

from typing import Final

from mesh.http2 import frames

Piece = tuple[bytes, int, bool]
"""(bytes, end, is a header block)."""

KEPT_LIMIT: Final = 65_536
"""Request bytes kept for sending again (linkerd's figure)."""
KEPT_LEAST: Final = 64
"""What a kept piece counts at least, or a request of one-byte frames would be almost free."""


def joined(kept: list[Piece], payload: bytes, end: int, is_block: bool) -> bool:
    """Add data to the last piece, if it goes there: a piece of one byte costs as much as one of a hundred."""
    if not kept or is_block:
        return False
    last, _, was_block = kept[-1]
    if was_block or len(last) + len(payload) > frames.FRAME_LIMIT:
        return False
    kept[-1] = (last + payload, end, False)
    return True
