"""One connection of a pool: what its peer says of itself, and what that tells about the endpoint.

A stream that is refused though our count of the endpoint's allowance had room for it (a gRPC server counts a call
until its handler is gone, we only until its answer ended) means that the connection is full *now*: it is given
nothing for a moment, then what it carried when it refused, and a few more after each moment without a refusal. Nobody
opens another connection for that: an endpoint that refuses would only refuse there too.
"""

import asyncio
from math import inf
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
"""Seconds that a connection is given nothing after it has refused a stream: twice as long each time, until it serves
one."""
RECOVERY: Final = 0.1
STEP: Final = 4
"""Streams more that it is given after so many seconds without a refusal: a hundred in two and a half seconds, and
no more than these few are refused each time where the endpoint's limit is a lasting one."""
FORGOTTEN: Final = 4_096
"""Streams above what it once carried: having come so far, it is given whatever it allows."""


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
        self._refusals = 0
        """Streams that it has refused."""
        self._served = -1
        """Streams that had ended otherwise when it last refused one."""
        self._barren_since = inf
        """When it refused one though it carried no other; since then it has served none."""
        self._carries = frames.MAX_STREAM_ID
        """Streams that it was seen to carry when it refused one, and what it has been given more since."""
        self._known_again = frames.MAX_STREAM_ID
        self._idle = 0
        """Looks of the caretaker since it carried a call."""
        self._opened_before = 0
        self._pause = PAUSE
        self._resting: asyncio.TimerHandle | None = None
        self._recovery: asyncio.TimerHandle | None = None

    @property
    def full(self) -> bool:
        """It carries all that its endpoint allows, so another connection would carry more."""
        return 0 < len(self.streams) >= self.peer_max_streams

    def is_barren(self, seconds: float) -> bool:
        """It carries no stream and allows none, or has served none for so long and refused them though it carried no
        other."""
        if self.streams:
            return False
        if not self.peer_max_streams:
            return True
        since = self._barren_since if self._served == self._ended_otherwise else inf
        return asyncio.get_running_loop().time() - since >= seconds

    @property
    def _ended_otherwise(self) -> int:
        """Streams that have ended, and were not refused."""
        return self.opened - len(self.streams) - self._refusals

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
        carried = len(self.streams)
        loop = asyncio.get_running_loop()
        self._refusals += 1
        if self._served != self._ended_otherwise:
            self._served, self._pause, self._barren_since = self._ended_otherwise, PAUSE, inf
        if not carried:
            self._barren_since = min(self._barren_since, loop.time())
        if self._resting is None:
            self._carries = min(self._carries, carried + 1)
        self._carries = max(1, self._carries - 1)  # what ends in between was carried too
        self._known_again = self._carries + FORGOTTEN
        self.cap(0)
        if self._recovery is not None:
            self._recovery.cancel()
            self._recovery = None
        if self._resting is None:  # the first of several that are refused together
            self._resting = loop.call_later(self._pause, self._resume)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _resume(self) -> None:
        self._resting = None
        self._give()

    def _recover(self) -> None:
        self._carries += STEP
        self._give()

    def _give(self) -> None:
        """As many streams as it is believed to carry; more when it has not refused any for a while."""
        if self._carries < min(self.peer_max_streams, self._known_again):
            self._recovery = asyncio.get_running_loop().call_later(RECOVERY, self._recover)
        else:
            self._recovery = None
            self._carries = frames.MAX_STREAM_ID
        self.cap(self._carries)
        self.pool.serve_waiting(self)

    # Surplus

    def on_second(self) -> None:
        """Once it has carried nothing for a while, and there is another, it is let go."""
        if self.streams or self.opened != self._opened_before:
            self._opened_before, self._idle = self.opened, 0
            return
        self._idle += 1
        if self._idle >= self.pool.pace.surplus and not self.leaving and self.pool.spares(self):
            self.leave()
