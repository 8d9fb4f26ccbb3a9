"""A client and an upstream under one caretaker, whose time passes when the test says so."""

from mesh.http2 import frames as f
from tests.mesh.http2.clock import Days
from tests.mesh.http2.relay import Linked, linked
from tests.mesh.http2.wire import Frame

PONG = f.frame(f.PING, f.ACK, 0, b"vd-alive")


async def watched(**options: object) -> tuple[Days, Linked]:
    days = Days()
    both = {"caretaker": days.caretaker}
    link = await linked(front=both, back=both, **options)
    days.pass_by(1)  # what they have said so far has been noticed
    return days, link


def code(found: list[Frame]) -> int:
    """Of the GOAWAY that ends it."""
    assert found[-1].kind == f.GOAWAY, found
    return int.from_bytes(found[-1].payload[4:8], "big")
