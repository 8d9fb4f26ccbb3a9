"""A call that says beforehand how long its request is: `content-length`, which gRPC clients rarely send.

A request of another length is malformed, and an intermediary must not pass it on (RFC 9113, 8.1.1): the stream is
reset as soon as that is certain. A class of its own, so that other calls need not count.
"""

from typing import TYPE_CHECKING, Any

from mesh.http2 import frames
from mesh.http2.blocks import Malformed
from splitter.call import Call

if TYPE_CHECKING:
    from mesh.http2.connection import Connection


class MeasuredCall(Call):
    """See the module."""

    __slots__ = ("_left",)

    def __init__(self, connection: "Connection", stream_id: int, **call: Any) -> None:
        super().__init__(connection, stream_id, **call)
        self._left = self.request.length or 0
        if self.ended and self._left:
            raise Malformed("content-length promises more than END_STREAM")

    def on_headers(self, block: bytes, end: int) -> None:
        if self._left:
            self._break_off()
        else:
            super().on_headers(block, end)

    def on_data(self, payload: bytes, end: int) -> None:
        self._left -= len(payload)
        if self._left < 0 or (end and self._left):
            self.connection.credit(len(payload))
            self._break_off()
        else:
            super().on_data(payload, end)

    def _break_off(self) -> None:
        self.switch.observer.stream_fault("client", "malformed")
        self.send_reset(frames.PROTOCOL_ERROR)
        self.on_reset(frames.CANCEL)
