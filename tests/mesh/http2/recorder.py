"""A client's connection that keeps its calls and answers nothing, with a wire to the client."""

from typing import Any

from mesh.http2 import frames as f
from mesh.http2.server import ServerConnection
from mesh.http2.stream import Stream
from tests.mesh.http2.wire import Frame, Wire, turn


class Recorder(ServerConnection):
    """Keeps the calls, and answers nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[tuple[int, bytes, int]] = []
        self.mistake: Exception | None = None
        self.faults: list[str] = []
        self.stream_faults: list[str] = []

    def on_fault(self, fault: f.ConnectionFault) -> None:
        self.faults.append(fault.reason)

    def on_stream_fault(self, reason: str) -> None:
        self.stream_faults.append(reason)

    def on_call(self, stream_id: int, block: bytes, end: int) -> None:
        if self.mistake is not None:
            raise self.mistake
        self.calls.append((stream_id, block, end))
        self.streams[stream_id] = stream = Stream(self, stream_id)
        stream.recv_end = bool(end)


async def recorder(*, acknowledged: bool = True, **options: Any) -> tuple[Recorder, Wire]:
    connection = Recorder(**options)
    wire = Wire(connection)
    wire.say(f.PREFACE + f.settings({}) + (f.SETTINGS_ACK if acknowledged else b""))
    await turn()
    wire.take()
    return connection, wire


def goaways(found: list[Frame]) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(each.payload[:4], "big"), int.from_bytes(each.payload[4:8], "big"))
        for each in found
        if each.kind == f.GOAWAY
    ]
