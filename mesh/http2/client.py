"""The client role: we connect to an upstream and open streams on it, never more than it allows."""

from typing import TypeVar

from mesh.http2 import frames, limits
from mesh.http2.frames import ConnectionFault
from mesh.http2.inlet import Inlet
from mesh.http2.stream import Stream

S = TypeVar("S", bound=Stream)


class ClientConnection(Inlet):
    """One connection to an upstream; usable once the upstream has acknowledged our SETTINGS (see `blocks`)."""

    serves = False
    window = limits.UPSTREAM_WINDOW
    max_unread = limits.MAX_UNREAD_UPSTREAM
    greeting = (
        frames.PREFACE
        + frames.settings(
            {
                frames.HEADER_TABLE_SIZE: 0,
                frames.ENABLE_PUSH: 0,
                frames.MAX_HEADER_LIST_SIZE: limits.MAX_BLOCK,
            }
        )
        + frames.window_update(0, window - frames.DEFAULT_WINDOW)
    )

    def __init__(self) -> None:
        super().__init__()
        self.leaving = False
        """The upstream sent GOAWAY, or stream ids ran out: no new streams."""
        self._next_id = 1

    @property
    def has_room(self) -> bool:
        """A stream can be opened now."""
        return (
            self.acknowledged
            and not self.leaving
            and self.transport is not None
            and len(self.streams) < self.peer_max_streams
        )

    def open(self, kind: type[S]) -> S:
        """A new stream of the given class; only while `has_room`."""
        stream_id = self._next_id
        self._next_id += 2
        self.highest_seen = stream_id
        if self._next_id > frames.MAX_STREAM_ID:
            self.leaving = self.alert = True
        stream = kind(self, stream_id)
        stream.recv_end = None
        self.streams[stream_id] = stream
        return stream

    def leave(self) -> None:
        """Open no more streams; close when those in flight are done."""
        self.leaving = self.alert = True
        self.on_forgotten()

    def on_stream(self, stream_id: int, block: bytes, end: int) -> None:
        if not stream_id & 1 or stream_id > self.highest_seen:
            raise ConnectionFault(
                frames.PROTOCOL_ERROR, f"HEADERS on stream {stream_id}, which we never opened"
            )
        self._control.useless()

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        self.leaving = self.alert = True
        unprocessed = [stream for id, stream in self.streams.items() if id > last_stream_id]
        for stream in unprocessed:
            self.forget(stream)
        for stream in unprocessed:
            stream.on_reset(frames.REFUSED_STREAM)
        self.on_settings()
        self.on_forgotten()

    def on_fault(self, fault: ConnectionFault) -> None:
        self.leaving = True

    def on_forgotten(self) -> None:
        if self.leaving and not self.streams:
            self.close()
