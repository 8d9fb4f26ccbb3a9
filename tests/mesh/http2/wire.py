"""Wires without sockets: a transport that holds what is written until the test takes it, and frames cut from bytes.

Cutting shares no code with `mesh.http2`, so that both cannot agree on the same mistake.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from mesh.http2.inlet import Inlet
from mesh.http2.outlet import Outlet


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was sent."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def number(self) -> int:
        """The payload's last 32 bits: an error code, or an increment."""
        return int.from_bytes(self.payload[-4:], "big")


def cut(data: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames in `data`, and the rest."""
    found, at = [], 0
    while len(data) - at >= 9:
        size = int.from_bytes(data[at : at + 3], "big")
        if len(data) - at < 9 + size:
            break
        stream_id = int.from_bytes(data[at + 5 : at + 9], "big")
        found.append(Frame(data[at + 3], data[at + 4], stream_id, data[at + 9 : at + 9 + size]))
        at += 9 + size
    return found, data[at:]


def whole(data: bytes) -> list[Frame]:
    """The frames in `data`, which has nothing else."""
    found, rest = cut(data)
    assert not rest, rest
    return found


class Wire:
    """A transport to a peer that takes bytes when the test says so.

    Without `capacity`, the socket takes everything. With it, the protocol is paused above, as asyncio does, within
    `write`, and resumed when what is held has fallen to a quarter.
    """

    def __init__(self, protocol: Outlet, *, capacity: int | None = None) -> None:
        self.protocol: Any = protocol
        self.capacity = capacity
        self.held = bytearray()
        self.closing = False
        """The peer hears that it is over, or has heard it."""
        self.deaf = False
        """Whatever the peer says reaches nobody any more."""
        self.aborted = False
        self.stubborn = False
        """The peer does not close its end because we have closed ours."""
        self.gone = asyncio.Event()
        self.paused = False
        protocol.connection_made(self)  # type: ignore[arg-type]

    @property
    def lost(self) -> bool:
        """The protocol will be told that the connection is gone."""
        return self.gone.is_set()

    def get_extra_info(self, name: str) -> None:
        return None

    def set_write_buffer_limits(self, **limits: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0 if self.capacity is None else len(self.held)

    def write(self, data: bytes) -> None:
        if self.aborted:
            return  # as asyncio does until it has told the protocol
        assert not self.closing, "written after our last words"
        self.held += data
        if self.capacity is not None and not self.paused and len(self.held) > self.capacity:
            self.paused = True
            self.protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closing = True
        self._hang_up_if_empty()

    def _hang_up_if_empty(self) -> None:
        """As a peer does that has read to the end."""
        if self.closing and not self.deaf and not self.stubborn and (not self.held or self.capacity is None):
            asyncio.get_running_loop().call_soon(self._hang_up)

    def _hang_up(self) -> None:
        if not self.deaf and not self.protocol.eof_received():
            self.close()

    def close(self) -> None:
        if not self.deaf:
            self.deaf = self.closing = True
            self._lose_if_empty()

    def abort(self) -> None:
        self.aborted = self.closing = self.deaf = True
        self.held.clear()
        self._lose_if_empty()

    def cut_off(self) -> None:
        """The peer went away without a word."""
        self.abort()

    def take(self, size: int | None = None) -> bytes:
        """What the peer reads: all, or at most `size` bytes."""
        size = len(self.held) if size is None else size
        data = bytes(self.held[:size])
        del self.held[:size]
        if self.paused and not self.closing and len(self.held) <= (self.capacity or 0) // 4:
            self.paused = False
            self.protocol.resume_writing()
        self._lose_if_empty()
        self._hang_up_if_empty()
        return data

    def say(self, data: bytes) -> None:
        """Bytes from the peer; a closed transport reads no more."""
        if not self.deaf and not self.lost:
            self.protocol.data_received(data)

    def _lose_if_empty(self) -> None:
        if self.deaf and not self.lost and (not self.held or self.capacity is None):
            self.gone.set()
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


async def turn() -> None:
    """One turn of the event loop: what was gathered is written."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def heard(wire: Wire) -> list[Frame]:
    """What the peer hears from now on, as frames."""
    await turn()
    return whole(wire.take())


async def told(wire: Wire, data: bytes) -> list[Frame]:
    """What the peer hears when it says this."""
    wire.say(data)
    return await heard(wire)


def windows(connection: Inlet) -> dict[str, Any]:
    """What a connection holds, for messages of assertions."""
    return {
        "send": connection.send_window,
        "recv": connection.recv_window,
        "streams": list(connection.streams.values()),
        "blocked": len(connection.blocked),
    }
