"""The smallest relay that a product could be built on: two real connections whose streams are peers, no policy."""

from collections.abc import Callable, Mapping
from typing import Any

from mesh.http2 import frames
from mesh.http2.blocks import block_of, fields
from mesh.http2.client import ClientConnection
from mesh.http2.frames import ConnectionFault
from mesh.http2.inlet import Inlet
from mesh.http2.server import ServerConnection
from mesh.http2.stream import Stream
from tests.mesh.http2.wire import Frame, Wire, heard, turn

REQUEST = block_of((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a.B/C"))
RESPONSE = b"\x88"
TRAILERS = block_of((b"grpc-status", b"0"))


class Upstream(ClientConnection):
    """The relay's side of a connection to an upstream; it remembers what it was told."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.told: list[str] = []
        self.faults: list[str] = []
        self.stream_faults: list[str] = []

    def on_ready(self) -> None:
        self.told.append("ready")

    def on_settings(self) -> None:
        super().on_settings()
        self.told.append("settings")

    def on_fault(self, fault: ConnectionFault) -> None:
        super().on_fault(fault)
        self.faults.append(fault.reason)

    def on_stream_fault(self, reason: str) -> None:
        self.stream_faults.append(reason)

    def on_closed(self) -> None:
        self.told.append("closed")


class Front(ServerConnection):
    """The relay's side of a connection to a client: each call goes to the upstream that `choose` names."""

    def __init__(self, choose: Callable[[bytes], Upstream], **options: Any) -> None:
        super().__init__(**options)
        self.choose = choose
        self.closed = False
        self.faults: list[str] = []
        self.stream_faults: list[str] = []

    def on_fault(self, fault: ConnectionFault) -> None:
        self.faults.append(fault.reason)

    def on_stream_fault(self, reason: str) -> None:
        self.stream_faults.append(reason)

    def on_call(self, stream_id: int, block: bytes, end: int) -> None:
        found = fields(block)
        call = next((field.value for field in found if field.name == b"x-call"), b"")
        upstream = self.choose(call)
        stream = Stream(self, stream_id)
        stream.recv_end = bool(end)
        self.streams[stream_id] = stream
        if not upstream.has_room:
            stream.send_reset(7)  # REFUSED_STREAM
            return
        leg = Stream(upstream, upstream.next_id)
        upstream.open(leg)
        stream.peer, leg.peer = leg, stream
        upstream.send_block(leg.id, block, end)
        if end:
            leg.sent_end = True

    def on_closed(self) -> None:
        self.closed = True


def unsettled(*connections: Inlet) -> dict[str, int]:
    """Bytes that each connection received, did not credit, and that no queue holds either: all have to be 0."""
    held = {id(connection): 0 for connection in connections}
    for connection in connections:
        for stream in connection.streams.values():
            total = 0
            for item in stream.queue or ():
                if len(item) == 3:
                    total += len(item[0])
                    if item[2] is not None and id(item[2]) in held:  # else it is gone already
                        held[id(item[2])] += len(item[0])
            assert total == stream.queued, (stream, total)
    return {
        repr(connection): connection.window
        - connection.recv_window
        - connection._credit
        - held[id(connection)]
        for connection in connections
    }


class Linked:
    """One client and one upstream around a relay, both stateless already; what they say, the test says.

    Their connections' windows are wide, unless `narrow`: then the default. `front` and `back` are the constructors'
    options.
    """

    def __init__(
        self,
        *,
        client_settings: Mapping[int, int] | None = None,
        upstream_settings: Mapping[int, int] | None = None,
        client_capacity: int | None = None,
        upstream_capacity: int | None = None,
        narrow: bool = False,
        front: Mapping[str, Any] | None = None,
        back: Mapping[str, Any] | None = None,
        back_kind: type[Upstream] = Upstream,
    ) -> None:
        self._wide = b"" if narrow else frames.window_update(0, 1 << 30)
        self._front_options = front or {}
        self.back = back_kind(**(back or {}))
        self.upstream = Wire(self.back, capacity=upstream_capacity)
        self.upstream.say(frames.settings(upstream_settings or {}) + frames.SETTINGS_ACK + self._wide)
        self.front, self.client = self.another(client_settings, capacity=client_capacity)

    def another(
        self, settings: Mapping[int, int] | None = None, *, capacity: int | None = None
    ) -> tuple[Front, Wire]:
        """One more client of the same upstream."""
        front = Front(lambda call: self.back, **self._front_options)
        wire = Wire(front, capacity=capacity)
        wire.say(frames.PREFACE + frames.settings(settings or {}) + frames.SETTINGS_ACK + self._wide)
        return front, wire

    async def quiet(self) -> "Linked":
        """Nobody has heard anything yet of what comes from here on."""
        await turn()
        self.client.take()
        self.upstream.take()
        return self

    async def at_client(self, data: bytes = b"") -> list[Frame]:
        """What the client hears after the upstream said this."""
        self.upstream.say(data)
        return await heard(self.client)

    async def at_upstream(self, data: bytes = b"") -> list[Frame]:
        """What the upstream hears after the client said this."""
        self.client.say(data)
        return await heard(self.upstream)

    async def open(self, *stream_ids: int, end: int = 0) -> None:
        """The client opens these; the upstream hears of them, under the same ids if it has no other client."""
        for stream_id in stream_ids:
            found = await self.at_upstream(frames.headers(stream_id, REQUEST, end))
            assert [each.kind for each in found].count(frames.HEADERS) == 1

    async def completes(self, stream_id: int) -> bool:
        """A call that is open on both sides runs to its end as if nothing had happened."""
        up = await self.at_upstream(frames.frame(frames.DATA, 1, stream_id, b"question"))
        answer = frames.headers(stream_id, RESPONSE, 0) + frames.frame(frames.DATA, 0, stream_id, b"answer")
        down = await self.at_client(answer + frames.headers(stream_id, TRAILERS, 1))
        return [(each.kind, each.flags, each.stream_id) for each in up + down] == [
            (frames.DATA, 1, stream_id),
            (frames.HEADERS, 4, stream_id),
            (frames.DATA, 0, stream_id),
            (frames.HEADERS, 5, stream_id),
        ]


async def linked(**options: Any) -> Linked:
    """See `Linked`; the greetings are over."""
    return await Linked(**options).quiet()
