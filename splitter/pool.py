"""The connections to one endpoint: opened ahead of need, more of them when one is full, replaced when one is lost.

Calls ask synchronously (`acquire`); a call that finds no room is held (`hold`) until a connection has some or
connecting has failed, and then told. Whether the endpoint can be reached at all is `usable`; whether it fails the
calls it gets is `ejection`; `on_change` is called whenever either turns, so that the table can leave it out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Final

from mypy_extensions import mypyc_attr

from mesh.http2 import frames
from splitter.connector import Connector
from splitter.ejection import Ejection
from splitter.endpoint import STEADY, Endpoint, Pace, Secure
from splitter.observer import Observer
from splitter.tracing import NoTracer
from splitter.upstream import Upstream
from splitter.waiting import Held, Waiting
from splitter.wiring import PLAIN, Wiring

UNCONNECTED: Final = 1 << 30
"""What an endpoint weighs that calls would have to wait for: it has no connection, or none with room."""

log = logging.getLogger(__name__)


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
        pace: Pace = STEADY,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`spare`: there is another endpoint that can do its work."""
        self.endpoint = endpoint
        self.name = f"{endpoint.address}:{endpoint.port}"
        self.observer = observer or Observer(NoTracer())
        self.connections: list[Upstream] = []
        self.waiting = Waiting(self._obstacle, limit=pace.hold_limit, most=pace.max_held)
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
        self._on_change = on_change
        self.pace = pace
        self._spare = spare
        self._connector = Connector(self, pace=pace, tls=tls, sleep=sleep)

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
        if len(connections) == 1 and connections[0].has_room:
            return len(connections[0].streams) + len(self.waiting)
        self._asked += 1
        if self._asked >= len(connections):  # to add them up costs as much as they are many: seldom enough
            self._asked = 0
            roomy = any(connection.has_room for connection in connections)
            self._load = self.in_flight + (0 if roomy else UNCONNECTED)
        return self._load

    @property
    def connected(self) -> bool:
        """There is a connection that takes calls."""
        return any(connection.acknowledged and not connection.leaving for connection in self.connections)

    @property
    def full(self) -> bool:
        """Each connection carries what the endpoint itself allows. One that only refuses has to be waited for; one
        that is allowed nothing, though it carries nothing, may be alone in that, but not a second."""
        others = [each for each in self.connections if not (each.leaving or each.full)]
        return len(others) < 2 and not any(each.peer_max_streams for each in others)

    def spares(self, connection: Upstream) -> bool:
        """There is another connection that takes calls."""
        return any(
            other is not connection and other.acknowledged and not other.leaving and other.allowance > 0
            for other in self.connections
        )

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

    def _obstacle(self) -> str:
        """Why no more patience is due to this endpoint than it has had; empty for one that is only full."""
        limit = self.pace.hold_limit
        if not self.connected:
            return f"no connection to {self.endpoint} within {limit:g} s"
        staying = [connection for connection in self.connections if not connection.leaving]
        if not all(connection.is_barren(limit) for connection in staying):
            return ""
        if any(connection.peer_max_streams for connection in staying):
            return f"{self.endpoint} has refused all calls for {limit:g} s"
        return f"{self.endpoint} allows no calls (MAX_CONCURRENT_STREAMS 0)"

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
        self._connector.want()

    def serve_waiting(self, connection: Upstream | None = None) -> None:
        """Give what room there is, here or anywhere, to the calls that wait longest."""
        while self.waiting:
            if connection is None or not connection.has_room:
                connection = self._search()
            if connection is None:
                self._connector.want()
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
            self._judge(connection)
            self.connections.remove(connection)
            self._replace()

    def leaving(self, connection: Upstream) -> None:
        """A connection takes no more calls."""
        self._judge(connection)
        self._replace()

    def _judge(self, connection: Upstream) -> None:
        if connection.acknowledged and not connection.judged and not self.retired:
            connection.judged = True
            self._connector.judge(connection)

    def _replace(self) -> None:
        """Connect again ahead of need, if no connection is left that takes calls."""
        if not self.retired and (self.waiting or not self.connected):
            self._connector.want()

    def retire(self) -> None:
        """The endpoint has left: no new calls; each connection closes after its last."""
        self.retired = True
        self.waiting.reject("the endpoint has left")
        for connection in list(self.connections):
            connection.leave()
        asyncio.get_running_loop().call_later(self.pace.linger, self._let_go)

    def _let_go(self) -> None:
        """A call that has its answer may leave its stream open for ever: an endpoint that reads no more of the
        request keeps no connection for it."""
        for connection in self.connections:
            for stream in list(connection.streams.values()):
                if stream.recv_end:
                    stream.send_reset(frames.CANCEL)
        if self.connections:
            asyncio.get_running_loop().call_later(self.pace.linger, self._let_go)

    # What the connector tells

    async def run(self) -> None:
        """Connect whenever a connection is wanted; until cancelled."""
        await self._connector.run()

    def add(self, connection: Upstream, *, usable: bool) -> None:
        """A connection is made. `usable`: those before it have lasted, so calls may come."""
        if self.retired:
            connection.leave()
            return
        self.connections.append(connection)
        self._roomy = connection
        if usable:
            self.turn(usable=True)
        self.serve_waiting(connection)
        connection.alert = connection.alert or bool(self.waiting)

    def fail(self, problem: str, *, unreachable: bool = False) -> None:
        """No call can be served for now; those that wait are told, unless they have nowhere else to go and may be
        lucky."""
        if problem != self.problem:
            log.warning("%s", problem)
            self.problem = problem
            if not self.usable:
                self._on_change()
        self.turn(usable=False)
        if unreachable or self._spare(self):
            self.waiting.reject(problem)

    def turn(self, *, usable: bool) -> None:
        """Whether calls can be served."""
        if usable:
            self.problem = ""
        if usable != self.usable:
            self.usable = usable
            self._on_change()
