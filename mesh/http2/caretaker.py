"""Looks after the peers that say nothing: one sweep over all connections of the process, about once a second.

A timer per event would cost every call; a sweep costs 1 µs a connection, and is as exact as timeouts of many seconds
need. What a sweep finds ends the connection with its reason (see `limits`); whether a peer is there at all it is asked
with PING. What is here knows the time only as the sweep tells it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames
from mesh.http2.frames import ConnectionFault
from mesh.http2.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from mesh.http2.inlet import Inlet

INTERVAL: Final = 1.0
AT_ONCE: Final = 256
"""Connections looked at before calls have their turn again."""
PINGS: Final = 2
"""To an upstream that sends nothing of its calls: a gRPC server allows two "strikes" (gRFC A8)."""
PING_PAUSE: Final = 310.0
"""Seconds after which one more is no strike: gRPC's 5 minutes, and some."""
_PING: Final = frames.frame(frames.PING, 0, 0, b"vd-alive")

log = logging.getLogger(__name__)


class Caretaker:
    """All connections of the process. `run` sweeps until it is cancelled."""

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT,
        clock: Callable[[], float] = monotonic,
        interval: float = INTERVAL,
    ) -> None:
        self.served = 0
        """Connections of clients."""
        self._max_queued = limits.max_queued_total
        self._clock = clock
        self._interval = interval
        self._vigils: dict[Inlet, Vigil] = {}

    def __len__(self) -> int:
        return len(self._vigils)

    def watch(self, connection: "Inlet") -> None:
        """From now on until it is released."""
        self._vigils[connection] = Vigil(connection, self._clock())
        self.served += connection.serves

    def release(self, connection: "Inlet") -> None:
        """It is gone."""
        if self._vigils.pop(connection, None) is not None:
            self.served -= connection.serves

    @property
    def queued(self) -> int:
        """Bytes of data that wait for all connections together."""
        return sum(connection.queued for connection in self._vigils)

    def sweep(self) -> None:
        """Look at every connection once."""
        for _ in self._sweep():
            pass

    async def run(self) -> None:
        """Sweep for ever, without holding up calls."""
        while True:
            await asyncio.sleep(self._interval)
            for _ in self._sweep():
                await asyncio.sleep(0)

    def _sweep(self) -> Iterator[None]:
        now = self._clock()
        for number, vigil in enumerate(list(self._vigils.values()), 1):
            try:
                vigil.look(now)
            except Exception:  # our own mistake with one connection must not leave the others alone
                log.exception("internal error while looking after %r", vigil.connection)
            if not number % AT_ONCE:
                yield
        self._make_room()

    def _make_room(self) -> None:
        """While too much waits in our memory, cut off the connection that most of it waits for."""
        while (queued := self.queued) > self._max_queued:
            worst = max(self._vigils, key=lambda connection: connection.queued)
            text = f"{worst.queued} of {queued} bytes wait for this peer"
            worst.fail(ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "unread"))
            if worst.queued:  # it was closed already, and its streams are about to be told
                return


class NoCaretaker(Caretaker):
    """Looks after nobody, and knows of none."""

    def watch(self, connection: "Inlet") -> None:
        pass

    def release(self, connection: "Inlet") -> None:
        pass


UNWATCHED: Final = NoCaretaker()


class Vigil:
    """What was seen of one connection when it was last looked at, and since when."""

    __slots__ = (
        "_begun_at",
        "_block",
        "_born",
        "_heard_at",
        "_held",
        "_pinged_at",
        "_pings",
        "_received",
        "_stuck_at",
        "_unread",
        "_waiting",
        "connection",
    )

    def __init__(self, connection: "Inlet", now: float) -> None:
        self.connection = connection
        self._born = self._heard_at = self._begun_at = self._stuck_at = now
        self._block = 0
        self._held = self._unread = 0
        self._pinged_at = -PING_PAUSE
        self._pings = 0
        self._waiting = False
        """For the answer to a PING; anything is one."""
        self._received = connection.recv_window

    def look(self, now: float) -> None:
        """Time has passed: say what has become overdue."""
        connection = self.connection
        if connection.transport is None:
            return  # closed already, and about to be released
        heard, connection.heard = connection.heard, False
        if heard:
            self._heard_at, self._waiting = now, False
        fault = (
            self._greeting(now) or self._unfinished(now, heard) or self._unwritten(now) or self._silence(now)
        )
        if fault is not None:
            connection.fail(fault)
        else:
            connection.on_second()

    def _greeting(self, now: float) -> ConnectionFault | None:
        connection = self.connection
        if connection.acknowledged or now - self._born < connection.limits.greeting_timeout:
            return None
        if connection.greeted:
            text = "our SETTINGS were not acknowledged in time"
            return ConnectionFault(frames.SETTINGS_TIMEOUT, text, "settings_timeout")
        return ConnectionFault(frames.PROTOCOL_ERROR, "no preface and SETTINGS in time", "greeting_timeout")

    def _unfinished(self, now: float, heard: bool) -> ConnectionFault | None:
        in_frame, block = self.connection.unfinished()
        same = (in_frame and not heard) or (block and block == self._block)
        self._block = block
        if not same:
            self._begun_at = now
        elif now - self._begun_at >= self.connection.limits.block_timeout:
            text = "a frame or header block was not finished in time"
            return ConnectionFault(frames.PROTOCOL_ERROR, text, "block_timeout")
        return None

    def _unwritten(self, now: float) -> ConnectionFault | None:
        connection, transport = self.connection, self.connection.transport
        held = transport.get_write_buffer_size() if transport is not None else 0
        taken = self._held + connection.unread - self._unread - held
        grew = (
            connection.writable and held > self._held
        )  # how much of it was taken, nobody knows: some, perhaps
        self._held, self._unread = held, connection.unread
        if not held or taken > 0 or grew:
            self._stuck_at = now
        elif now - self._stuck_at >= connection.limits.write_timeout:
            text = "the peer takes nothing of what we hold for it"
            return ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "write_timeout")
        return None

    def _silence(self, now: float) -> ConnectionFault | None:
        connection, limits = self.connection, self.connection.limits
        serves = connection.serves
        if self._waiting:
            patience = limits.keepalive_timeout if serves else limits.upstream_keepalive_timeout
            if now - self._pinged_at >= patience:
                return ConnectionFault(frames.NO_ERROR, "no answer to a PING", "keepalive_timeout")
        elif serves:
            if now - self._heard_at >= limits.client_keepalive:
                self._ping(now)
        else:
            if (
                connection.recv_window != self._received
            ):  # data has come: every response that says something has some
                self._received, self._pings = connection.recv_window, 0
            if (
                connection.streams
                and now - self._heard_at >= limits.upstream_keepalive
                and (self._pings < PINGS or now - self._pinged_at >= PING_PAUSE)
            ):
                self._ping(now)
        return None

    def _ping(self, now: float) -> None:
        self._pings += 1
        self._pinged_at, self._waiting = now, True
        self.connection.send(_PING)
