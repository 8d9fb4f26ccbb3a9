"""A sidecar's data path and control, real but for Consul, between clients and endpoints that we play by hand.

    async with Rig() as rig:
        blue, green = await rig.endpoint("blue"), await rig.endpoint("green")
        rig.put({"split": {"blue": 90, "green": 10}})
        client = await rig.client()
        call = client.call()
        (await blue.request()).answer(b"hello")
        await call.end()                            # call.data == b"hello"

Everything runs over sockets of 127.0.0.1. Closing the rig closes whatever it opened.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mesh import traffic
from mesh.consul import Entry, Instance
from mesh.http2 import frames
from splitter.call import Call
from splitter.capture import Captures
from splitter.control import Control
from splitter.endpoint import Endpoint
from splitter.facts import Facts, Seen
from splitter.knowledge import Knowledge
from splitter.lastgood import LastGood
from splitter.mirror import Mirrors
from splitter.observer import Observer
from splitter.shadowcall import ShadowCall
from splitter.switch import ClientConnection, Switch
from splitter.table import build
from splitter.tracing import NoTracer, Tracer
from splitter.wiring import Wiring
from tests.splitter.wire import Exchange, News, Peer

LOOPBACK = "127.0.0.1"
SAFE = b"/inference.GRPCInferenceService/ModelInfer"
UNSAFE = b"/bank.Accounts/Transfer"


class Client(Peer):
    """A gRPC client of the sidecar."""

    greeting = frames.PREFACE

    def __init__(self, **peer: Any) -> None:
        super().__init__(**peer)
        self._next_id = 1

    def call(
        self,
        path: bytes = SAFE,
        *metadata: tuple[bytes, bytes],
        body: bytes | None = b"question",
        end: bool = True,
    ) -> Exchange:
        """Begin a call; with a body of None only its header block is sent."""
        exchange = self.exchange(self._next_id)
        self._next_id += 2
        exchange.headers(
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b":authority", b"recommender"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
            *metadata,
            end=end and body is None,
        )
        if body is not None:
            exchange.send(body, end=end)
        return exchange


class Served(Peer):
    """An endpoint's end of a connection."""

    preface = frames.PREFACE


class Backend:
    """An endpoint's listening side: every connection to it is a `Peer`."""

    def __init__(self, color: str, *, news: News, **peer: Any) -> None:
        self.color = color
        self.peers: list[Peer] = []
        self.port = 0
        self.news = news
        self._peer = peer
        self._server: asyncio.Server | None = None

    @property
    def id(self) -> str:
        return f"{self.color}-{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.color, LOOPBACK, self.port)

    @property
    def open(self) -> list[Peer]:
        return [peer for peer in self.peers if not peer.closed]

    async def listen(self) -> None:
        """Listen on a free port, or again on the port it had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Listen no more; what is connected stays."""
        if self._server is not None:
            self._server.close()

    def die(self) -> None:
        """As after SIGKILL: nothing listens, and every connection breaks."""
        self.refuse()
        for peer in self.open:
            peer.cut()

    def behave(self, **peer: Any) -> None:
        """How connections from now on do it: `settings`, `acknowledges`."""
        self._peer = peer

    async def request(self) -> Exchange:
        """The next call that arrives on any connection."""
        return await self.news.until(self.arrived, what=f"a call to {self.color}")

    async def connection(self, number: int = 1) -> Peer:
        """Its `number`th connection, once it is there and past its SETTINGS."""
        peer = await self.news.until(lambda: len(self.peers) >= number and self.peers[number - 1])
        assert isinstance(peer, Peer)
        return await peer.ready()

    async def quiet(self) -> bool:
        """No call is on its way to it."""
        for peer in self.open:
            await peer.sync()
        return not any(peer.arrived for peer in self.peers)

    def arrived(self) -> Exchange | None:
        """The next call that has arrived, if there is one."""
        for peer in self.peers:
            if peer.arrived:
                return peer.arrived.popleft()
        return None

    def _accept(self) -> Peer:
        peer = Served(news=self.news, **self._peer)
        self.peers.append(peer)
        return peer


class TellingObserver(Observer):
    """Wakes whoever waits for an outcome."""

    def __init__(self, tracer: Tracer | NoTracer, news: News) -> None:
        super().__init__(tracer)
        self._news = news

    def call(self, call: Call, status: str) -> None:
        super().call(call, status)
        self._news.tell()

    def shadow(self, shadow: ShadowCall, outcome: str, detail: str) -> None:
        super().shadow(shadow, outcome, detail)
        self._news.tell()


class Rig:
    """`tracer` observes; `folder` keeps the last good document; `captures` gets the pairs."""

    def __init__(
        self,
        *,
        tracer: Tracer | NoTracer | None = None,
        folder: Path | None = None,
        service: str = "recommender",
        token: int = 0,
        captures: Captures | None = None,
    ) -> None:
        nothing = build(
            service=service, revision=0, traffic=traffic.default("blue"), has_document=False, pools=()
        )
        self.news = News()
        """Of everything that happens on any wire, of outcomes, and of the control's."""
        self.observer = TellingObserver(tracer or NoTracer(), self.news)
        self.switch = Switch(
            nothing, self.observer, wiring=Wiring(token=token), mirrors=Mirrors(captures=captures)
        )
        self.service = service
        self.folder = folder
        self.backends: list[Backend] = []
        self.seen: deque[Seen] = deque()
        self._instances: dict[str, Instance] = {}
        self._clients: list[Client] = []
        self._group = asyncio.TaskGroup()
        self._revision = 0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self.control = Control(
            facts=Facts(self.switch.table.traffic),
            switch=self.switch,
            group=self._group,
            on_news=self.news.tell,
        )
        self.knowledge = Knowledge(
            default_color="blue",
            last_good=LastGood(self.folder, self.service),
            publish=self.control.learn,
            on_seen=self.seen.append,
        )
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ClientConnection(self.switch), LOOPBACK, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for client in self._clients:
            if not client.closed:
                client.cut()
                await client.gone()
        for endpoints in (self.control.endpoints, self.control.shadow_endpoints):
            endpoints.want(())
            endpoints.let_go()
        for backend in self.backends:
            backend.die()
            for peer in backend.peers:
                await peer.gone()
        if kind is asyncio.CancelledError:  # by the group: one of its tasks has failed
            await self._group.__aexit__(kind, error, trace)
        else:
            await self._group.__aexit__(None, None, None)

    # What Consul would say

    def put(self, document: Mapping[str, Any] | bytes) -> int:
        """Somebody writes the traffic document."""
        self._revision += 1
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.knowledge.on_document(Entry("traffic", raw, self._revision), False)
        return self._revision

    def register(self, *backends: Backend, passing: bool = True) -> None:
        for each in backends:
            self._instances[each.id] = Instance(
                each.id, LOOPBACK, each.port, (each.color, "verdigris"), {}, passing
            )
        self.knowledge.on_instances(tuple(self._instances.values()), False)

    def register_itself(self, color: str) -> None:
        """As an endpoint: somebody's mistake."""
        host, port = self._server.sockets[0].getsockname()[:2]
        self._instances["itself"] = Instance("itself", host, port, (color, "verdigris"), {}, True)
        self.knowledge.on_instances(tuple(self._instances.values()), False)

    def deregister(self, *backends: Backend) -> None:
        for each in backends:
            del self._instances[each.id]
        self.knowledge.on_instances(tuple(self._instances.values()), False)

    # Who calls, and who serves

    async def backend(self, color: str, **peer: Any) -> Backend:
        """Something that listens, and that nobody knows of yet."""
        backend = Backend(color, news=self.news, **peer)
        await backend.listen()
        self.backends.append(backend)
        return backend

    async def endpoint(self, color: str, **peer: Any) -> Backend:
        """A registered endpoint."""
        backend = await self.backend(color, **peer)
        self.register(backend)
        return backend

    async def connected(self, *backends: Backend) -> None:
        """Return when calls can be sent to each of these at once, shadows too."""
        pools = [*self.control.endpoints.pools, *self.control.shadow_endpoints.pools]
        for backend in backends:
            for number in range(1, pools.count(backend.endpoint) + 1):
                peer = await backend.connection(number)
                await peer.sync()  # it has had our acknowledgement

    async def client(self, **peer: Any) -> Client:
        host, port = self._server.sockets[0].getsockname()[:2]
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: Client(news=self.news, **peer), host, port)
        self._clients.append(client)
        await client.ready()
        await client.sync()
        return client

    async def request(self) -> tuple[Backend, Exchange]:
        """The next call that arrives anywhere, and where."""
        return await self.news.until(self._arrived, what="a call to any endpoint")

    def _arrived(self) -> tuple[Backend, Exchange] | None:
        for backend in self.backends:
            if exchange := backend.arrived():
                return backend, exchange
        return None

    def counted(self) -> dict[tuple[str, str, str], int]:
        """Calls by colour, reason and status, as clients saw them."""
        found: dict[tuple[str, str, str], int] = {}
        for (_, color, reason, status), series in self.observer.calls.items():
            found[color, reason, status] = found.get((color, reason, status), 0) + series.count
        return found


@dataclass(frozen=True)
class Pair:
    """A rig with one endpoint of each colour, both connected, and a client."""

    rig: Rig
    blue: Backend
    green: Backend
    client: Client


@asynccontextmanager
async def pair(document: Mapping[str, Any] | None = None, **rig: Any) -> AsyncIterator[Pair]:
    """Everything goes to blue, unless the document says other."""
    async with Rig(**rig) as made:
        blue, green = await made.endpoint("blue"), await made.endpoint("green")
        made.put(document or {"split": {"blue": 100, "green": 0}})
        await made.connected(blue, green)
        yield Pair(made, blue, green, await made.client())
