"""Connects to one endpoint: ahead of need, several at once where many calls wait, with back-off while that fails or
does not last. What it makes it gives to its pool, and it tells the pool whether the endpoint can be used.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast

from splitter.endpoint import Pace, Secure
from splitter.upstream import Upstream

if TYPE_CHECKING:
    from splitter.pool import Pool

GROWTH: Final = 1.6
JITTER: Final = 0.2
MAX_CONNECTIONS: Final = 128
"""To one endpoint: where it allows 100 streams on each, as many do, it then serves 12 800 calls at once."""
CONNECTING: Final = 8
"""Connections begun at once, where so many calls wait that one more would not do."""
FLAPS: Final = 2
"""Connections in a row that do not last before the endpoint is left out until one does."""
_FAILURES: Final = (OSError, TimeoutError, ValueError, OverflowError)
"""Of connecting (`ssl.SSLError` is an OSError); the last two where what is registered is no address at all."""

log = logging.getLogger(__name__)


class Connector:
    """See the module. `run` must be running for calls to be served."""

    def __init__(
        self, pool: "Pool", *, pace: Pace, tls: Secure | None, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._pool = pool
        self._pace = pace
        self._tls = tls
        self._sleep = sleep
        self._delay = pace.first_delay
        self._flaps = 0
        """Connections in a row that did not last."""
        self._flapped = False
        """The last one was such, and nobody has paused for it yet."""
        self._wanted = asyncio.Event()
        self._wanted.set()

    def want(self) -> None:
        """One connection more would be used, if there may be one, and those there are carry what they can."""
        if len(self._pool.connections) < MAX_CONNECTIONS and self._pool.full:
            self._wanted.set()

    def judge(self, connection: Upstream) -> None:
        """It takes no more calls: had it lasted?"""
        if connection.proved:
            self._settle()
        else:
            self._flaps += 1
            self._flapped = True

    async def run(self) -> None:
        """Connect whenever a connection is wanted; until cancelled, or the pool is retired."""
        pool = self._pool
        while not pool.retired:
            await self._wanted.wait()
            self._wanted.clear()
            if pool.connected and not (pool.waiting and pool.full):
                continue  # what was wanted has been served
            if self._flapped and not pool.connected:
                self._flapped = False
                if self._flaps >= FLAPS:
                    pool.fail(f"{pool.endpoint} closes connections as soon as they are made")
                await self._pause()
            failures = await asyncio.gather(
                *(self._connect() for _ in range(self._needed())), return_exceptions=True
            )
            error = next((each for each in failures if each is not None), None)
            if error is None:
                continue
            if not isinstance(error, _FAILURES):
                raise error
            reason = str(error) or f"no answer within {self._pace.connect_timeout:g} s"
            log.info("cannot connect to %s: %s", pool.endpoint, reason)
            if not pool.connected:
                pool.fail(f"cannot connect to {pool.endpoint}: {reason}", unreachable=True)
            await self._pause()
            self._wanted.set()

    def _needed(self) -> int:
        """Connections to open now: one, or as many as the calls that wait would fill."""
        pool = self._pool
        if not pool.connected:
            return 1
        each = max(connection.peer_max_streams for connection in pool.connections)
        if not each:
            return 1  # the next may be allowed as little
        return min(-(-len(pool.waiting) // each), CONNECTING, MAX_CONNECTIONS - len(pool.connections))

    async def _pause(self) -> None:
        delay, self._delay = self._delay, min(self._delay * GROWTH, self._pace.longest_delay)
        await self._sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        connection = Upstream(self._pool)
        endpoint, tls = self._pool.endpoint, self._tls
        try:
            async with asyncio.timeout(self._pace.connect_timeout):
                transport, _ = await loop.create_connection(
                    lambda: cast("asyncio.Protocol", connection),
                    endpoint.address,
                    endpoint.port,
                    ssl=tls.context if tls is not None else None,
                    server_hostname=(tls.server_name or endpoint.address) if tls is not None else None,
                )
                if tls is not None:
                    spoken = transport.get_extra_info("ssl_object").selected_alpn_protocol()
                    if spoken != "h2":
                        raise ConnectionError("it does not speak HTTP/2 (ALPN)")
                await connection.ready
        except BaseException:
            connection.close()
            raise
        loop.call_later(self._pace.lasting, self._prove, connection)
        self._pool.add(connection, usable=self._flaps < FLAPS)

    def _prove(self, connection: Upstream) -> None:
        """It has lasted, if it is still there."""
        pool = self._pool
        if connection in pool.connections and not connection.leaving and not pool.retired:
            connection.proved = True
            self._settle()
            pool.turn(usable=True)

    def _settle(self) -> None:
        self._flaps = 0
        self._delay = self._pace.first_delay
