"""Short words for what tests of streams say and hear."""

from typing import Any

from mesh.http2 import frames as f
from tests.mesh.http2.relay import RESPONSE, Linked, linked
from tests.mesh.http2.wire import Frame

WINDOW = f.INITIAL_WINDOW_SIZE


def data(stream_id: int, payload: bytes = b"x", flags: int = 0) -> bytes:
    return f.frame(f.DATA, flags, stream_id, payload)


def much(stream_id: int, size: int) -> bytes:
    """DATA frames of `size` bytes together."""
    full, rest = divmod(size, f.FRAME_LIMIT)
    return full * data(stream_id, bytes(f.FRAME_LIMIT)) + (data(stream_id, bytes(rest)) if rest else b"")


def sizes(found: list[Frame], stream_id: int | None = None) -> list[int]:
    """Of the DATA frames, in order."""
    return [
        len(each.payload) for each in found if each.kind == f.DATA and stream_id in (None, each.stream_id)
    ]


def grants(found: list[Frame], stream_id: int) -> int:
    return sum(each.number for each in found if each.kind == f.WINDOW_UPDATE and each.stream_id == stream_id)


def kinds(found: list[Frame]) -> list[tuple[int, int]]:
    return [(each.kind, each.flags) for each in found]


async def answering(**options: Any) -> Linked:
    """Stream 1 is open, its request not ended, and its response begun."""
    link = await linked(**options)
    await link.open(1)
    await link.at_client(f.headers(1, RESPONSE, 0))
    return link
