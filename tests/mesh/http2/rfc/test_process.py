"""Every case, of both roles, against the real splitter over TCP: one process for all, other connections undisturbed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mesh.http2 import frames as f
from mesh.http2.blocks import block_of
from tests.mesh.http2.rfc import server_frames, server_hpack, server_messages, upstream_frames
from tests.mesh.http2.rfc.case import REQUEST, Case, acknowledged, run
from tests.mesh.http2.rfc.lines import Dialled, Served, delivered
from tests.mesh.http2.rfc.program import Splitter
from tests.mesh.http2.rfc.upstreams import OPEN, Accepted

LOOPBACK = "127.0.0.1"
FROM_CLIENTS = server_frames.CASES + server_messages.CASES + server_hpack.CASES
FROM_UPSTREAMS = upstream_frames.CASES

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Endpoint:
    """Listens; keeps the connections that come."""

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self) -> Accepted:
        self.accepted.append(Accepted())
        return self.accepted[-1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for each in self.accepted:
            each.hang_up()


class Site:
    """A splitter before one endpoint that answers, and before one endpoint for each case that an upstream can say."""

    def __init__(self, splitter: Splitter, endpoints: dict[str, Endpoint]) -> None:
        self.splitter = splitter
        self.endpoints = endpoints

    async def dial(self, *, greets: bool) -> Dialled:
        line = await Dialled.to(LOOPBACK, self.splitter.port)
        if greets:
            line.say(f.PREFACE + f.settings({}))
            await line.until(lambda: acknowledged(line.heard) == 1)
            line.say(f.SETTINGS_ACK)
        return line


def color(case: Case) -> str:
    return f"c{FROM_UPSTREAMS.index(case)}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("rfc")
    answering = await asyncio.get_running_loop().create_server(Served, LOOPBACK, 0)
    endpoints = {color(case): Endpoint() for case in FROM_UPSTREAMS}
    for endpoint in endpoints.values():
        await endpoint.listen()
    ports = {name: endpoint.port for name, endpoint in endpoints.items()}
    splitter = Splitter(folder, {"answering": answering.sockets[0].getsockname()[1], **ports})
    try:
        await splitter.start()
        yield Site(splitter, endpoints)
    finally:
        await splitter.stop()
        answering.close()
        for endpoint in endpoints.values():
            endpoint.close()


@pytest.mark.parametrize("case", FROM_CLIENTS, ids=str)
async def test_a_client_that_says(site: Site, case: Case) -> None:
    """… is answered as the RFC demands, and a client beside it has its call served."""
    beside = await site.dial(greets=True)
    beside.say(f.headers(1, REQUEST, 0))
    line = await site.dial(greets=case.greets)
    try:
        await run(case, line)
        beside.say(f.frame(f.DATA, f.END_STREAM, 1, b"question"))
        await beside.until(lambda: beside.delivered(1))
        assert beside.delivered(1)
    finally:
        line.hang_up()
        beside.hang_up()
    assert not site.splitter.errors()


@pytest.mark.parametrize("case", FROM_UPSTREAMS, ids=str)
async def test_an_upstream_that_says(site: Site, case: Case) -> None:
    """… is answered as the RFC demands, and the client's connection lives on: its calls elsewhere are served."""
    endpoint = site.endpoints[color(case)]
    client = await site.dial(greets=True)
    line = endpoint.accepted[0]
    client.on_heard = lambda: line.tell(client.heard)
    block = REQUEST + block_of((b"x-verdigris-color", color(case).encode()))
    for stream_id in OPEN:
        client.say(f.headers(stream_id, block, f.END_STREAM))
    try:
        await line.until(lambda: line.calls == list(OPEN) and acknowledged(line.heard) == 1)
        assert line.calls == list(OPEN)
        await run(case, line)
        client.say(f.headers(5, REQUEST, f.END_STREAM))
        await client.until(lambda: client.delivered(5))
        assert delivered(client.heard, 5)
    finally:
        client.hang_up()
    assert not site.splitter.errors()
