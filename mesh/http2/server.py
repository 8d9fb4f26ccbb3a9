"""The server role: a client connects to us, opens streams, and is told in time when we leave.

What a client may do with streams is bounded: how many are open, and how many it gives up young, or makes us give up.
A new connection begins with what is left of that to its address (`offenders`).
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import ClassVar, Final

from mypy_extensions import mypyc_attr

from mesh.http2 import frames
from mesh.http2.blocks import opens_request
from mesh.http2.caretaker import UNWATCHED, Caretaker
from mesh.http2.frames import ConnectionFault
from mesh.http2.inlet import Inlet
from mesh.http2.limits import BANNED, DEFAULT, DRAIN_TIMEOUT, LEAST_STREAMS, Limits
from mesh.http2.meter import Meter
from mesh.http2.offenders import FORGETFUL, Offenders, address_of
from mesh.http2.stream import Stream

_DRAIN_PING: Final = b"vd-drain"


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerConnection(Inlet):
    """One client's connection. Subclasses implement `on_call`."""

    serves = True
    peer_preface = frames.PREFACE
    drain_timeout: ClassVar[float] = DRAIN_TIMEOUT

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT,
        token: int = 0,
        caretaker: Caretaker = UNWATCHED,
        clock: Callable[[], float] = monotonic,
        offenders: Offenders = FORGETFUL,
    ) -> None:
        super().__init__(limits=limits, token=token, caretaker=caretaker, clock=clock)
        self.draining = False
        self._refuse_above = frames.MAX_STREAM_ID
        self._max_streams = limits.max_streams
        self._left_out = 0
        """Stream ids that were skipped."""
        self._address = ""
        self._offenders = offenders
        self._resets = Meter(limits.reset_burst)
        self._early_ends = 0
        self._went_on = False
        """It gave up more than it could afford. Once is all: the fault that follows gives up what is left."""
        self._old = self._older = 0
        """The highest stream id at the caretaker's last visit, and at the one before."""
        self._drain_timer: asyncio.TimerHandle | None = None
        self._answers = True

    @property
    def greeting(self) -> bytes:
        values = {
            frames.HEADER_TABLE_SIZE: 0,
            frames.MAX_CONCURRENT_STREAMS: self._max_streams,
            frames.INITIAL_WINDOW_SIZE: self.stream_window,
            frames.MAX_HEADER_LIST_SIZE: self.limits.max_block,
        }
        if self.token:
            values[frames.TOKEN] = self.token
        return frames.settings(values) + frames.window_update(0, self.window - frames.DEFAULT_WINDOW)

    @property
    def opened(self) -> int:
        return (self.highest_seen + 1) // 2 - self._left_out

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._address = address_of(transport.get_extra_info("peername"))
        owed = self._offenders.owed(self._address, now=self._clock())
        if owed:
            self._resets.take(min(owed, self.limits.reset_burst), paid=self._paid)
            self._max_streams = self._affordable
        super().connection_made(transport)
        if self._caretaker.served > self.limits.max_connections:
            text = f"there are {self.limits.max_connections} connections already"
            self.fail(ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "max_connections"))
        elif owed > BANNED * self.limits.reset_burst:
            text = "this address goes on giving up streams at once"
            self.fail(ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "rapid_reset"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        super().connection_lost(exc)

    def on_call(self, stream_id: int, block: bytes, end: int) -> None:
        """A new stream's header block: stateless, size updates stripped.

        May raise `blocks.Malformed` (the stream is reset) and `blocks.BadBlock` (the connection fails).
        """
        raise NotImplementedError

    def on_stream(self, stream_id: int, block: bytes, end: int) -> None:
        if (stream_id - self.highest_seen != 2 or stream_id == 2) and not self._takes(stream_id, block):
            return
        self.highest_seen = stream_id
        if stream_id > self._refuse_above or len(self.streams) >= self._max_streams:
            self._refuse(stream_id)
            return
        self.on_call(stream_id, block, end)

    def _takes(self, stream_id: int, block: bytes) -> bool:
        """A stream id that is not the next one: False if these are trailers of a stream that we reset while they were
        under way; else no stream may be opened, or used, after later ones (5.1.1)."""
        if not stream_id & 1:
            raise ConnectionFault(frames.PROTOCOL_ERROR, f"a client cannot open stream {stream_id}")
        highest = self.highest_seen
        if stream_id > highest:
            self._left_out += (stream_id - highest - 1) // 2
            return True
        if stream_id not in self.given_up:
            code = frames.PROTOCOL_ERROR if opens_request(block) else frames.STREAM_CLOSED
            raise ConnectionFault(code, f"HEADERS on stream {stream_id}, which is closed or was left out")
        self._control.useless()
        return False

    def _refuse(self, stream_id: int) -> None:
        draining = stream_id > self._refuse_above
        self.on_stream_fault("refused_draining" if draining else "refused_max_streams")
        self.give_up(stream_id, self.stream_window)
        self._control.answer(frames.rst_stream(stream_id, frames.REFUSED_STREAM))
        if draining or not self.acknowledged:  # it could not know
            self._early_ends += 1
            self._control.useless()
        else:
            self.on_early_end(stream_id, None)

    # Rapid reset

    def on_early_end(self, stream_id: int, stream: Stream | None) -> None:
        if stream is not None and stream.answered:
            return
        self._early_ends += 1
        if stream_id > self._older and not self._afford(1):
            text = "too many streams were given up at once"
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "rapid_reset")

    @property
    def _paid(self) -> int:
        """What the streams that ended well are worth, and the time."""
        ended_well = self.opened - len(self.streams) - self._early_ends
        return ended_well + int(self._clock() * self.limits.reset_rate)

    def _afford(self, count: int) -> bool:
        """That many young streams more were given up; False if these are too many."""
        paid, now = self._paid, self._clock()
        affordable = self._resets.take(count, paid=paid)
        owes = min(self._resets.owed(paid=paid), self.limits.reset_burst)
        self._offenders.note(self._address, owes, now=now)
        if not affordable and not self._went_on:
            self._went_on = True
            self._offenders.add(self._address, now=now)
        return affordable

    @property
    def _affordable(self) -> int:
        """Streams that it may have open: what is left of all, as of those that it may give up."""
        most, burst = self.limits.max_streams, self.limits.reset_burst
        owed = self._resets.owed(paid=self._paid)
        return most if not owed else max(min(most, LEAST_STREAMS), most * (burst - owed) // max(1, burst))

    def _end_streams(self) -> None:
        """A connection that ends gives up what is young on it: no fault, but remembered, and at most half of all that
        its address has, for a client may crash. One that gives up nothing pays for others of its address."""
        given_up = sum(1 for id, each in self.streams.items() if id > self._older and not each.answered)
        if given_up:
            self._afford(min(given_up, self.limits.reset_burst // 2))
        else:
            ended_well = self.opened - len(self.streams) - self._early_ends
            self._offenders.pay(self._address, ended_well, now=self._clock())
        self._address = ""  # it is told twice if the fault was the peer's
        super()._end_streams()

    def on_second(self) -> None:
        self._older, self._old = self._old, self.highest_seen
        if self._max_streams < self.limits.max_streams:
            self._relent()

    def _relent(self) -> None:
        """Some of what its address owed has been paid, or forgiven."""
        affordable = self._affordable
        if affordable > self._max_streams:
            self._max_streams = affordable
            self.send(frames.settings({frames.MAX_CONCURRENT_STREAMS: affordable}))

    def on_token(self, value: int) -> None:
        if value == self.token != 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "this connection comes from ourselves", "loop")

    # Leaving

    def drain(self) -> None:
        """Leave in two steps (section 6.8): announce, wait one round trip for streams under way, then say which is
        the last; close when the calls in flight are done."""
        if self.draining or self.transport is None:
            return
        self.draining = self.alert = True
        self.send(frames.goaway(frames.MAX_STREAM_ID, frames.NO_ERROR, "shutting down"))
        self.send(frames.frame(frames.PING, 0, 0, _DRAIN_PING))
        self._drain_timer = asyncio.get_running_loop().call_later(self.drain_timeout, self._on_no_pong)

    def on_pong(self, payload: bytes) -> None:
        if self.draining and payload == _DRAIN_PING:
            self._name_last()

    def _on_no_pong(self) -> None:
        """It does not answer, so there is nothing to wait for but its calls."""
        if self._refuse_above == frames.MAX_STREAM_ID:
            self._answers = False
            self._name_last()

    def _name_last(self) -> None:
        """No stream above this one will be processed."""
        if self._refuse_above != frames.MAX_STREAM_ID or self.transport is None:
            return
        self._refuse_above = self.highest_seen
        self.send(frames.goaway(self.highest_seen, frames.NO_ERROR, "shutting down"))
        self.on_forgotten()

    def on_forgotten(self) -> None:
        if self._refuse_above != frames.MAX_STREAM_ID and not self.streams:
            self.close(linger=self._answers)

    def _last_peer_stream(self) -> int:
        """Never higher than a GOAWAY before said."""
        return min(self.highest_seen, self._refuse_above)
