"""The endpoint's side of a call: hands what the endpoint says to the call, its peer."""

from typing import TYPE_CHECKING

from mesh.http2.stream import LOW_WATER, Stream

if TYPE_CHECKING:
    from splitter.pool import Upstream


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
            if end:  # a response without trailers is not gRPC, but it is over
                call.finish("UNKNOWN")  # type: ignore[attr-defined]
            elif self.recv_window < LOW_WATER:
                self.replenish()

    def on_reset(self, code: int) -> None:
        call = self.peer
        if call is not None:
            call.on_leg_reset(code)  # type: ignore[attr-defined]

    def on_connection_lost(self) -> None:
        call = self.peer
        if call is not None:
            call.on_leg_lost()  # type: ignore[attr-defined]
