"""The endpoint's side of a call: hands what the endpoint says to the call, its peer."""

from typing import TYPE_CHECKING, cast

from mesh.http2.stream import Stream
from splitter import recovery

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.upstream import Upstream


class EndpointStream(Stream):
    """A stream on a connection of a pool."""

    __slots__ = ()

    @property
    def upstream(self) -> "Upstream":
        """Its connection."""
        return cast("Upstream", self.connection)


class Leg(EndpointStream):
    """The endpoint's side of a call."""

    __slots__ = ()

    def on_headers(self, block: bytes, end: int) -> None:
        """A header block of the response: headers, or trailers."""
        call = cast("Call | None", self.peer)
        if call is not None:
            call.on_response(block, end)

    def on_data(self, payload: bytes, end: int) -> None:
        """As `Stream.on_data`, whose lines stand here again to save a call per frame."""
        call = cast("Call | None", self.peer)
        if call is None:
            self.connection.credit(len(payload))
        else:
            call.send_data(payload, end, self.connection)
            capture = call.capture
            if capture is not None:
                capture.answer.add(payload, capture.largest)
            if end:
                call.on_end_without_trailers()
            elif self.recv_window < self.connection.low_water:
                self.replenish()

    def on_reset(self, code: int) -> None:
        call, fault = cast("Call | None", self.peer), self.upstream.own_fault
        if fault:
            self.upstream.own_fault = ""
            if call is not None:
                recovery.on_fault(call, self, fault)
        elif call is not None:
            recovery.on_reset(call, self, code)

    def on_connection_lost(self) -> None:
        call = cast("Call | None", self.peer)
        if call is not None:
            recovery.on_lost(call, self)
