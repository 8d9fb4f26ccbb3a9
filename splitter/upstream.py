"""One connection of a pool: what its peer says of itself, and what that tells about the endpoint.

A stream that is refused though our count of the endpoint's allowance had room for it (a gRPC server counts a call
until its handler is gone, we only until its answer ended) means that the connection is full *now*: it is given
nothing for a moment, then what it carried when it refused, and twice as much after each second without a refusal.
"""

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from mesh.http2 import frames
from mesh.http2.client import ClientConnection
from mesh.http2.frames import ConnectionFault

if TYPE_CHECKING:
    from splitter.pool import Pool

PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.32
"""Seconds that a connection is given nothing after it has refused a stream: twice as long each time in a row."""
RECOVERY: Final = 1.0
"""Seconds without a refusal after which it is given twice as much again."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Upstream(ClientConnection):
    """A connection to an endpoint, and the pool's eyes and ears."""

    def __init__(self, pool: "Pool") -> None:
        wiring = pool.wiring
        super().__init__(limits=wiring.limits, token=wiring.token, caretaker=wiring.caretaker)
        self.pool = pool
        self.ready = asyncio.get_running_loop().create_future()
        self.suspicious = False
        """It ends through an error of the protocol: one of its calls may be the cause, and would do it again."""
        self.proved = False
        """It has served a call, or lasted."""
        self.judged = False
        """Its pool has asked whether it had lasted."""
        self.own_fault = ""
        """Why we are resetting a stream, while its leg is being told."""
        self._blamed = False
        self._learned = frames.MAX_STREAM_ID
        self._pause = PAUSE
        self._resting: asyncio.TimerHandle | None = None
        self._recovery: asyncio.TimerHandle | None = None

    # What the wire tells

    def on_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def on_settings(self) -> None:
        super().on_settings()
        if self.pool.waiting:
            self.pool.serve_waiting(self)

    def on_forgotten(self) -> None:
        if self.pool.waiting:
            self.pool.serve_waiting(self)
        super().on_forgotten()

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        if not self.leaving:
            self._look_back()
        if code != frames.NO_ERROR:
            self.suspicious = True
            self._blame()
        super().on_goaway(last_stream_id, code)
        self.proved = self.proved or bool(self.streams)  # it goes on with what it has
        self.pool.leaving(self)

    def on_fault(self, fault: ConnectionFault) -> None:
        super().on_fault(fault)
        self.suspicious = True
        self._blame()
        self.pool.observer.fault("upstream", fault.reason)

    def on_stream_fault(self, reason: str) -> None:
        self.own_fault = reason
        self.pool.observer.stream_fault("upstream", reason)

    def on_token(self, value: int) -> None:
        if value == self.token != 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "the endpoint is this sidecar itself", "loop")

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_back()
        if self.streams:
            self._blame()
        super().connection_lost(exc)

    def on_closed(self) -> None:
        for timer in (self._resting, self._recovery):
            if timer is not None:
                timer.cancel()
        if not self.ready.done():
            why = "it hung up before it had acknowledged our SETTINGS: perhaps it wants TLS, or a certificate"
            if self.fault is not None:
                why = self.fault.text
            self.ready.set_exception(ConnectionError(why))
            self.ready.exception()  # looked at: the connector may have given up on it already
        self.pool.lost(self)

    def _look_back(self) -> None:
        self.proved = self.proved or self.opened > len(self.streams)

    def _blame(self) -> None:
        """A lost connection counts once against its endpoint, however many calls were on it."""
        if not self._blamed:
            self._blamed = True
            self.pool.note(failed=True, began=perf_counter_ns())

    # Refused streams

    def refused(self) -> None:
        """It has refused a stream, and is not about to leave."""
        self._learned = max(1, min(self._learned, len(self.streams)))
        self.cap(0)
        if self._recovery is not None:
            self._recovery.cancel()
            self._recovery = None
        if self._resting is None:  # the first of several that are refused together
            loop = asyncio.get_running_loop()
            self._resting = loop.call_later(self._pause, self._resume)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _resume(self) -> None:
        self._resting = None
        self._recovery = asyncio.get_running_loop().call_later(RECOVERY, self._recover)
        self.cap(self._learned)
        self.pool.serve_waiting(self)

    def _recover(self) -> None:
        self._recovery = None
        self._pause = PAUSE
        self._learned = min(2 * self._learned, frames.MAX_STREAM_ID)
        if self._learned < self.peer_max_streams:
            self._recovery = asyncio.get_running_loop().call_later(RECOVERY, self._recover)
        self.cap(self._learned)
        self.pool.serve_waiting(self)
