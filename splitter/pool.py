"""The connections to one endpoint: opened ahead of need, more of them when one is full, replaced when one is lost.

Calls ask synchronously (`acquire`); a call that finds no room is held (`hold`) until a connection has some or
connecting has failed, and then told. Whether the endpoint can be reached at all is `usable`, and `on_change` is
called whenever that turns, so that the table can leave the endpoint out.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from mesh.http2.client import ClientConnection

CONNECT_TIMEOUT: Final = 1.0
"""Seconds for TCP and the SETTINGS exchange (linkerd's figure for outbound connections)."""
FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 5.0
GROWTH: Final = 1.6
JITTER: Final = 0.2
LASTING: Final = 1.0
"""Seconds after which a connection has proved itself; one that is lost sooner is not replaced without a pause."""
MAX_CONNECTIONS: Final = 16
"""Connections to one endpoint: an upstream that allows 100 streams each then serves 1 600 at once."""
MAX_HELD: Final = 1_024
HOLD_LIMIT: Final = 1.0
"""Seconds that a call waits for an endpoint without a connection; one that is only full it may wait for longer."""
_FAILURES: Final = (OSError, TimeoutError, ValueError, OverflowError)
"""Of connecting; the last two where what is registered is no address at all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one instance listens, and the colour it serves."""

    color: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.color} {self.address}:{self.port}"


class Held(Protocol):
    """A call that waits for a connection."""

    @property
    def gone(self) -> bool:
        """It needs no connection any more."""
        ...

    def attach(self, connection: "Upstream") -> None:
        """Here is one with room."""
        ...

    def reject(self, reason: str) -> None:
        """There will be none; nothing of the call has been sent."""
        ...


class Upstream(ClientConnection):
    """One connection of a pool."""

    def __init__(self, pool: "Pool") -> None:
        super().__init__()
        self.pool = pool
        self.ready = asyncio.get_running_loop().create_future()

    def on_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def on_settings(self) -> None:
        if self.pool.held:
            self.pool.serve_held()

    def on_forgotten(self) -> None:
        if self.pool.held:
            self.pool.serve_held()
        super().on_forgotten()

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        super().on_goaway(last_stream_id, code)
        self.pool.replace_lost()

    def on_closed(self) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before its SETTINGS were acknowledged"))
            self.ready.exception()  # looked at: the connector may have given up on it already
        self.pool.lost(self)


class Pool:
    """See the module. `run` owns the connecting and must be running for calls to be served."""

    def __init__(self, endpoint: Endpoint, *, on_change: Callable[[], None] = lambda: None) -> None:
        self.endpoint = endpoint
        self.connections: list[Upstream] = []
        self.held: deque[Held] = deque()
        self.usable = True
        """False after connecting has failed, until it succeeds; an endpoint not yet tried is usable."""
        self.retired = False
        self._on_change = on_change
        self._wanted = asyncio.Event()
        self._wanted.set()

    def __repr__(self) -> str:
        return f"<Pool {self.endpoint} usable={self.usable} in_flight={self.in_flight}>"

    @property
    def in_flight(self) -> int:
        """Calls under way or held."""
        connections = self.connections
        if len(connections) == 1:
            return len(connections[0].streams) + len(self.held)
        return sum(len(connection.streams) for connection in connections) + len(self.held)

    @property
    def connected(self) -> bool:
        """There is a connection that takes calls."""
        return any(connection.acknowledged and not connection.leaving for connection in self.connections)

    def acquire(self) -> Upstream | None:
        """A connection with room for one more stream, if there is one."""
        for connection in self.connections:
            if connection.has_room:
                return connection
        return None

    def hold(self, call: Held) -> None:
        """Keep the call until a connection has room; over the limit it is rejected at once."""
        if len(self.held) >= MAX_HELD:
            self.held = deque(held for held in self.held if not held.gone)
        if self.retired or len(self.held) >= MAX_HELD:
            call.reject(
                "too many calls wait for a connection" if not self.retired else "the endpoint has left"
            )
            return
        self.held.append(call)
        asyncio.get_running_loop().call_later(HOLD_LIMIT, self._give_up, call)
        for connection in self.connections:
            connection.alert = True
        if sum(not connection.leaving for connection in self.connections) < MAX_CONNECTIONS:
            self._wanted.set()

    def _give_up(self, call: Held) -> None:
        if call in self.held and not self.connected:
            self.held.remove(call)
            if not call.gone:
                call.reject(f"no connection to {self.endpoint} within {HOLD_LIMIT:g} s")

    def serve_held(self) -> None:
        """Give what room there is to the calls that wait longest."""
        while self.held:
            if self.held[0].gone:
                self.held.popleft()
                continue
            connection = self.acquire()
            if connection is None:
                return
            self.held.popleft().attach(connection)

    def lost(self, connection: Upstream) -> None:
        """A connection is gone."""
        if connection in self.connections:
            self.connections.remove(connection)
        self.replace_lost()

    def replace_lost(self) -> None:
        """Connect again ahead of need, if no connection is left that takes calls."""
        if not self.retired and (self.held or not self.connected):
            self._wanted.set()

    def retire(self) -> None:
        """The endpoint has left: no new calls; each connection closes after its last."""
        self.retired = True
        self._reject_held("the endpoint has left")
        for connection in list(self.connections):
            connection.leave()

    async def run(self) -> None:
        """Connect whenever a connection is wanted, with back-off while that fails or does not last; until cancelled."""
        clock = asyncio.get_running_loop().time
        delay, made = FIRST_DELAY, None
        while not self.retired:
            await self._wanted.wait()
            self._wanted.clear()
            if self.connected and not self.held:
                continue  # what was wanted has been served
            if made is not None and not self.connected:
                delay = FIRST_DELAY if clock() - made >= LASTING else await self._pause(delay)
            try:
                await self._connect()
            except _FAILURES as error:
                log.info("cannot connect to %s: %s", self.endpoint, error or type(error).__name__)
                if not self.connected:
                    self._turn(False)
                    self._reject_held(f"cannot connect to {self.endpoint}: {error or 'timed out'}")
                made, delay = None, await self._pause(delay)
                self._wanted.set()
            else:
                made = clock()

    @staticmethod
    async def _pause(delay: float) -> float:
        """Sleep about that long; how long to sleep the next time."""
        await asyncio.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))
        return min(delay * GROWTH, LONGEST_DELAY)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        connection = Upstream(self)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await loop.create_connection(lambda: connection, self.endpoint.address, self.endpoint.port)
                await connection.ready
        except BaseException:
            connection.close()
            raise
        if self.retired:
            connection.leave()
            return
        self.connections.append(connection)
        self._turn(True)
        self.serve_held()
        connection.alert = connection.alert or bool(self.held)
        if self.held and len(self.connections) < MAX_CONNECTIONS:
            self._wanted.set()

    def _turn(self, usable: bool) -> None:
        if usable != self.usable:
            self.usable = usable
            self._on_change()

    def _reject_held(self, reason: str) -> None:
        held, self.held = self.held, deque()
        for call in held:
            if not call.gone:
                call.reject(reason)
