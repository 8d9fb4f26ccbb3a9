"""The connections to one endpoint: opened ahead of need, more of them when one is full, replaced when one is lost.

Calls ask synchronously (`acquire`); a call that finds no room is held (`hold`) until a connection has some or
connecting has failed, and then told. Whether the endpoint can be reached at all is `usable`; whether it fails the
calls it gets is `ejection`; `on_change` is called whenever either turns, so that the table can leave it out.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Final, Protocol, cast

from mypy_extensions import mypyc_attr

from mesh.http2 import frames
from splitter.ejection import Ejection
from splitter.observer import Observer
from splitter.tracing import NoTracer
from splitter.upstream import Upstream
from splitter.waiting import HOLD_LIMIT, MAX_HELD, Held, Waiting
from splitter.wiring import PLAIN, Wiring

__all__ = ["Endpoint", "Pace", "Pool", "Secure", "Upstream"]

GROWTH: Final = 1.6
JITTER: Final = 0.2
MAX_CONNECTIONS: Final = 128
"""To one endpoint: where it allows 100 streams on each, as many do, it then serves 12 800 calls at once."""
CONNECTING: Final = 8
"""Connections begun at once, where so many calls wait that one more would not do."""
FLAPS: Final = 2
"""Connections in a row that do not last before the endpoint is left out until one does."""
UNCONNECTED: Final = 1 << 30
"""What an endpoint weighs that calls would have to wait for."""
_FAILURES: Final = (OSError, TimeoutError, ValueError, OverflowError)
"""Of connecting (`ssl.SSLError` is an OSError); the last two where what is registered is no address at all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one instance listens, and the colour it serves."""

    color: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.color} {self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for the last."""

    connect_timeout: float = 1.0
    """For TCP, TLS and the SETTINGS exchange (linkerd's figure for outbound connections)."""
    first_delay: float = 0.1
    longest_delay: float = 5.0
    """Between two attempts to connect."""
    lasting: float = 1.0
    """After which a connection has proved itself though no call came; or else it is not replaced without a pause."""
    hold_limit: float = HOLD_LIMIT
    linger: float = 5.0
    """What is left of finished calls on a connection that is to close is let go this often."""
    max_held: int = MAX_HELD


class Secure(Protocol):
    """TLS towards the endpoints, newest certificates first (`mesh.tls.LiveTLS`)."""

    context: ssl.SSLContext

    @property
    def server_name(self) -> str | None:
        """What their certificates must name; None: the address that is connected to."""
        ...


@mypyc_attr(allow_interpreted_subclasses=True)
class Pool:
    """See the module. `run` owns the connecting and must be running for calls to be served."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        on_change: Callable[[], None] = lambda: None,
        spare: Callable[["Pool"], bool] = lambda pool: False,
        observer: Observer | None = None,
        tls: Secure | None = None,
        wiring: Wiring = PLAIN,
        pace: Pace = Pace(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`spare`: there is another endpoint that can do its work."""
        self.endpoint = endpoint
        self.observer = observer or Observer(NoTracer())
        self.connections: list[Upstream] = []
        self.waiting = Waiting(
            str(endpoint), reachable=lambda: self.connected, limit=pace.hold_limit, most=pace.max_held
        )
        self.usable = True
        """False after connecting has failed or a connection did not last, until one does; not yet tried is usable."""
        self.problem = ""
        """Why it is not usable."""
        self.ejection = Ejection()
        self.troubled = False
        """The last call that it answered failed, or it is ejected: the next success is news."""
        self.retired = False
        self._roomy: Upstream | None = None
        """Where there was room the last time."""
        self._load = 0
        self._asked = 0
        self.wiring = wiring
        self._delay = pace.first_delay
        self._on_change = on_change
        self._pace = pace
        self._flaps = 0
        """Connections in a row that did not last."""
        self._flapped = False
        """The last one was such, and nobody has paused for it yet."""
        self._sleep = sleep
        self._spare = spare
        self._tls = tls
        self._wanted = asyncio.Event()
        self._wanted.set()

    def __repr__(self) -> str:
        return f"<Pool {self.endpoint} usable={self.usable} in_flight={self.in_flight}>"

    @property
    def in_flight(self) -> int:
        """Calls under way or held."""
        return sum(len(connection.streams) for connection in self.connections) + len(self.waiting)

    @property
    def load(self) -> int:
        """What the choice between endpoints goes by: calls, and whether they would have to wait."""
        connections = self.connections
        if len(connections) == 1 and not connections[0].leaving:
            return len(connections[0].streams) + len(self.waiting)
        self._asked += 1
        if self._asked > len(connections):  # to add them up costs as much as they are many: seldom enough
            self._asked = 0
            self._load = self.in_flight + (0 if self.connected else UNCONNECTED)
        return self._load

    @property
    def connected(self) -> bool:
        """There is a connection that takes calls."""
        return any(connection.acknowledged and not connection.leaving for connection in self.connections)

    def acquire(self) -> Upstream | None:
        """A connection with room for one more stream, if there is one."""
        connection = self._roomy
        if connection is not None and connection.has_room:
            return connection
        return None if self.waiting else self._search()

    def _search(self) -> Upstream | None:
        for connection in self.connections:
            if connection.has_room:
                self._roomy = connection
                return connection
        return None

    # Calls that wait

    def hold(self, call: Held) -> None:
        """Keep the call until a connection has room; over the limit it is rejected at once."""
        if self.retired:
            call.reject("the endpoint has left")
            return
        if not self.waiting:
            for connection in self.connections:
                connection.alert = True
        if not self.waiting.put(call):
            call.reject("too many calls wait for a connection")
            return
        if len(self.connections) < MAX_CONNECTIONS:
            self._wanted.set()

    def serve_waiting(self, connection: Upstream | None = None) -> None:
        """Give what room there is, here or anywhere, to the calls that wait longest."""
        while self.waiting:
            if connection is None or not connection.has_room:
                connection = self._search()
            if connection is None:
                return
            call = self.waiting.take()
            if call is not None:
                call.attach(connection)

    # How calls and connections end

    def note(self, *, failed: bool, began: int) -> None:
        """A call that began then has ended, or a connection was lost: what that says of the endpoint."""
        ejection = self.ejection
        was = ejection.ejected
        if ejection.note(failed=failed, began=began) and (was or self._spare(self)):
            now = perf_counter_ns()
            ejection.eject(now=now)
            self.observer.ejection(self.endpoint.color)
            log.warning(
                "%s is left out for %.1f s: %d failures in a row",
                self.endpoint,
                ejection.remaining(now=now),
                ejection.failures,
            )
        self.troubled = ejection.failures > 0
        if ejection.ejected is not was and not self.retired:
            asyncio.get_running_loop().call_soon(self._on_change)

    def lost(self, connection: Upstream) -> None:
        """A connection is gone."""
        if connection in self.connections:
            if not connection.leaving:
                self._judge(connection)
            self.connections.remove(connection)
            self._replace()

    def leaving(self, connection: Upstream) -> None:
        """A connection takes no more calls."""
        if connection in self.connections:
            self._judge(connection)
        self._replace()

    def _judge(self, connection: Upstream) -> None:
        if connection.proved:
            self._flaps = 0
            self._delay = self._pace.first_delay
        else:
            self._flaps += 1
            self._flapped = True

    def _replace(self) -> None:
        """Connect again ahead of need, if no connection is left that takes calls."""
        if not self.retired and (self.waiting or not self.connected):
            self._wanted.set()

    def retire(self) -> None:
        """The endpoint has left: no new calls; each connection closes after its last."""
        self.retired = True
        self.waiting.reject("the endpoint has left")
        for connection in list(self.connections):
            connection.leave()
        asyncio.get_running_loop().call_later(self._pace.linger, self._let_go)

    def _let_go(self) -> None:
        """A call that has its answer may leave its stream open for ever: an endpoint that reads no more of the
        request keeps no connection for it."""
        for connection in self.connections:
            for stream in list(connection.streams.values()):
                if stream.recv_end:
                    stream.send_reset(frames.CANCEL)
        if self.connections:
            asyncio.get_running_loop().call_later(self._pace.linger, self._let_go)

    # Connecting

    async def run(self) -> None:
        """Connect whenever a connection is wanted, with back-off while that fails or does not last; until cancelled."""
        while not self.retired:
            await self._wanted.wait()
            self._wanted.clear()
            if self.connected and not self.waiting:
                continue  # what was wanted has been served
            if self._flapped and not self.connected:
                self._flapped = False
                if self._flaps >= FLAPS:
                    self._fail(f"{self.endpoint} closes connections as soon as they are made")
                    if self._spare(self):
                        self.waiting.reject(self.problem)
                await self._pause()
            failures = await asyncio.gather(
                *(self._connect() for _ in range(self._needed())), return_exceptions=True
            )
            for error in failures:
                if error is not None and not isinstance(error, _FAILURES):
                    raise error
            error = next((each for each in failures if each is not None), None)
            if error is not None:
                log.info("cannot connect to %s: %s", self.endpoint, error or type(error).__name__)
                if not self.connected:
                    self._fail(f"cannot connect to {self.endpoint}: {error or 'timed out'}")
                    self.waiting.reject(self.problem)
                await self._pause()
                self._wanted.set()

    def _needed(self) -> int:
        """Connections to open now: one, or as many as the calls that wait would fill."""
        if not self.connected:
            return 1
        each = max(1, max(connection.given for connection in self.connections))
        return min(-(-len(self.waiting) // each), CONNECTING, MAX_CONNECTIONS - len(self.connections))

    async def _pause(self) -> None:
        delay, self._delay = self._delay, min(self._delay * GROWTH, self._pace.longest_delay)
        await self._sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        connection = Upstream(self)
        endpoint, tls = self.endpoint, self._tls
        try:
            async with asyncio.timeout(self._pace.connect_timeout):
                transport, _ = await loop.create_connection(
                    lambda: cast("asyncio.Protocol", connection),
                    endpoint.address,
                    endpoint.port,
                    ssl=tls.context if tls is not None else None,
                    server_hostname=(tls.server_name or endpoint.address) if tls is not None else None,
                )
                if (
                    tls is not None
                    and transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2"
                ):
                    raise ConnectionError("it does not speak HTTP/2 (ALPN)")
                await connection.ready
        except BaseException:
            connection.close()
            raise
        if self.retired:
            connection.leave()
            return
        self.connections.append(connection)
        self._roomy = connection
        loop.call_later(self._pace.lasting, self._prove, connection)
        if self._flaps < FLAPS:
            self._turn(True)
        self.serve_waiting(connection)
        connection.alert = connection.alert or bool(self.waiting)
        if self.waiting and len(self.connections) < MAX_CONNECTIONS:
            self._wanted.set()

    def _prove(self, connection: Upstream) -> None:
        """It has lasted, if it is still there."""
        if connection in self.connections and not connection.leaving and not self.retired:
            connection.proved = True
            self._flaps = 0
            self._delay = self._pace.first_delay
            self._turn(True)

    def _fail(self, problem: str) -> None:
        """No call can be served for now."""
        self.problem = problem
        self._turn(False)

    def _turn(self, usable: bool) -> None:
        if usable:
            self.problem = ""
        if usable != self.usable:
            self.usable = usable
            self._on_change()
