"""The client role: we connect to an upstream and open streams on it, never more than it allows."""

from mypy_extensions import mypyc_attr

from mesh.http2 import frames
from mesh.http2.caretaker import UNWATCHED, Caretaker
from mesh.http2.frames import ConnectionFault
from mesh.http2.inlet import Inlet
from mesh.http2.limits import DEFAULT, UPSTREAM_WINDOW, Limits
from mesh.http2.stream import Stream


@mypyc_attr(allow_interpreted_subclasses=True)
class ClientConnection(Inlet):
    """One connection to an upstream; usable once the upstream has acknowledged our SETTINGS (see `blocks`)."""

    serves = False
    window = UPSTREAM_WINDOW

    def __init__(self, *, limits: Limits = DEFAULT, token: int = 0, caretaker: Caretaker = UNWATCHED) -> None:
        super().__init__(limits=limits, token=token, caretaker=caretaker)
        self.leaving = False
        """The upstream sent GOAWAY, or stream ids ran out: no new streams."""
        self.allowance = frames.MAX_STREAM_ID
        """Streams that may be open at once: what the upstream allows, or less (see `cap`)."""
        self._cap = frames.MAX_STREAM_ID
        self.next_id = 1
        """Of the stream that is opened next."""
        self._last_named = frames.MAX_STREAM_ID

    @property
    def greeting(self) -> bytes:
        values = {
            frames.HEADER_TABLE_SIZE: 0,
            frames.ENABLE_PUSH: 0,
            frames.INITIAL_WINDOW_SIZE: self.stream_window,
            frames.MAX_HEADER_LIST_SIZE: self.limits.max_block,
        }
        if self.token:
            values[frames.TOKEN] = self.token
        window = frames.window_update(0, self.window - frames.DEFAULT_WINDOW)
        return frames.PREFACE + frames.settings(values) + window

    @property
    def opened(self) -> int:
        return self.next_id // 2

    @property
    def has_room(self) -> bool:
        """A stream can be opened now."""
        return (
            self.acknowledged
            and not self.leaving
            and self.transport is not None
            and len(self.streams) < self.allowance
        )

    def cap(self, streams: int) -> None:
        """Open no more than so many streams at once, even if the upstream allows them."""
        self._cap = streams
        self.allowance = min(self.peer_max_streams, streams)

    def open(self, stream: Stream) -> None:
        """Begin this one, made for `next_id`; only while `has_room`.

        It is made by the caller, and not from a class that is passed: mypyc initialises what is made from a class as a
        value twice if the class is compiled alone and its base may be extended by interpreted ones (`tp_new` does, and
        the `tp_init` of the base again), and the second time forgets what the first one held without releasing it.
        That kept one reference for each call, and so every connection for ever.
        """
        self.highest_seen = stream.id
        self.next_id += 2
        if self.next_id > frames.MAX_STREAM_ID:
            self.leaving = self.alert = True
        stream.recv_end = None
        self.streams[stream.id] = stream

    def leave(self) -> None:
        """Open no more streams; close when those in flight are done. An idle peer is told (section 6.8); one with calls
        is not, because hyper-h2 and what is built on it give them up when they hear GOAWAY."""
        if not self.leaving and not self.streams:
            self.send(frames.goaway(0, frames.NO_ERROR, "no more calls"))
        self.leaving = self.alert = True
        self.on_forgotten()

    def on_stream(self, stream_id: int, block: bytes, end: int) -> None:
        if not stream_id & 1 or stream_id > self.highest_seen:
            raise ConnectionFault(
                frames.PROTOCOL_ERROR, f"HEADERS on stream {stream_id}, which we never opened"
            )
        self._control.useless()

    def on_settings(self) -> None:
        self.cap(self._cap)

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        if last_stream_id > self._last_named:  # what it had left out may run elsewhere by now (section 6.8)
            raise ConnectionFault(
                frames.PROTOCOL_ERROR,
                f"GOAWAY names stream {last_stream_id}, and {self._last_named} before that",
            )
        self._last_named = last_stream_id
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
