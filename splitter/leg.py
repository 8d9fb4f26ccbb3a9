"""The endpoint's side of a call: hands what the endpoint says to the call, its peer."""

from typing import TYPE_CHECKING

from mesh.http2.stream import Stream
from splitter import recovery

if TYPE_CHECKING:
    from splitter.upstream import Upstream


class Leg(Stream):
    """The endpoint's side of a call."""

    __slots__ = ()
    connection: "Upstream"

    def on_headers(self, block: bytes, end: int) -> None:
        """A header block of the response: headers, or trailers."""
        call = self.peer
        if call is not None:
            call.on_response(block, end)  # type: ignore[attr-defined]  # a leg's peer is a call

    def on_data(self, payload: bytes, end: int) -> None:
        """As `Stream.on_data`, whose lines stand here again to save a call per frame."""
        call = self.peer
        if call is None:
            self.connection.credit(len(payload))
        else:
            call.send_data(payload, end, self.connection)
            if end:
                call.on_end_without_trailers()  # type: ignore[attr-defined]
            elif self.recv_window < self.connection.low_water:
                self.replenish()

    def on_reset(self, code: int) -> None:
        call, fault = self.peer, self.connection.own_fault
        if fault:
            self.connection.own_fault = ""
            if call is not None:
                recovery.on_fault(call, self, fault)  # type: ignore[arg-type]
        elif call is not None:
            recovery.on_reset(call, self, code)  # type: ignore[arg-type]

    def on_connection_lost(self) -> None:
        call = self.peer
        if call is not None:
            recovery.on_lost(call, self)  # type: ignore[arg-type]
