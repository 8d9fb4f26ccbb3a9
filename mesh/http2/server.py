"""The server role: a client connects to us, opens streams, and is told in time when we leave."""

from typing import Final

from mesh.http2 import frames, limits
from mesh.http2.frames import ConnectionFault
from mesh.http2.inlet import Inlet

_DRAIN_PING: Final = b"vd-drain"


class ServerConnection(Inlet):
    """One client's connection. Subclasses implement `on_call`."""

    serves = True
    greeting = frames.settings(
        {
            frames.HEADER_TABLE_SIZE: 0,
            frames.MAX_CONCURRENT_STREAMS: limits.MAX_STREAMS,
            frames.MAX_HEADER_LIST_SIZE: limits.MAX_BLOCK,
        }
    ) + frames.window_update(0, limits.CONNECTION_WINDOW - frames.DEFAULT_WINDOW)
    peer_preface = frames.PREFACE

    def __init__(self) -> None:
        super().__init__()
        self.draining = False
        self._refuse_above = frames.MAX_STREAM_ID

    def on_call(self, stream_id: int, block: bytes, end: int) -> None:
        """A new stream's header block: stateless, size updates stripped.

        May raise `blocks.Malformed` (the stream is reset) and `blocks.BadBlock` (the connection fails).
        """
        raise NotImplementedError

    def on_stream(self, stream_id: int, block: bytes, end: int) -> None:
        if not stream_id & 1:
            raise ConnectionFault(frames.PROTOCOL_ERROR, f"a client cannot open stream {stream_id}")
        if stream_id <= self.highest_seen:
            self._control.useless()  # trailers of a stream that we reset while they were under way
            return
        self.highest_seen = stream_id
        if stream_id > self._refuse_above or len(self.streams) >= limits.MAX_STREAMS:
            self._control.answer(frames.rst_stream(stream_id, frames.REFUSED_STREAM))
            return
        self.on_call(stream_id, block, end)

    def drain(self) -> None:
        """Leave in two steps (section 6.8): announce, wait one round trip for streams under way, then say which is
        the last; close when the calls in flight are done."""
        if self.draining or self.transport is None:
            return
        self.draining = self.alert = True
        self.send(frames.goaway(frames.MAX_STREAM_ID, frames.NO_ERROR, "shutting down"))
        self.send(frames.frame(frames.PING, 0, 0, _DRAIN_PING))

    def on_pong(self, payload: bytes) -> None:
        if self.draining and payload == _DRAIN_PING and self._refuse_above == frames.MAX_STREAM_ID:
            self._refuse_above = self.highest_seen
            self.send(frames.goaway(self.highest_seen, frames.NO_ERROR, "shutting down"))
            self.on_forgotten()

    def on_forgotten(self) -> None:
        if self._refuse_above != frames.MAX_STREAM_ID and not self.streams:
            self.close()

    def _last_peer_stream(self) -> int:
        """Never higher than a GOAWAY before said."""
        return min(self.highest_seen, self._refuse_above)
