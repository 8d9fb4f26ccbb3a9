"""What every end-to-end test may ask for, and what a failing one shows: the output of its processes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from mesh.consul import ConsulAddress
from tests.consul_agent import ConsulAgent, consul_binary
from tests.e2e.backends.scripted import OPTIONS
from tests.e2e.harness import Mesh, Route, Site
from tests.e2e.harness.route import WAYS
from tests.e2e.harness.scripted import scripted_site


@pytest.fixture(scope="session")
def consul_agent() -> Iterator[ConsulAgent]:
    """One real Consul for all tests that leave it running; each test has a service of its own in it."""
    if consul_binary() is None:
        pytest.skip("needs a Consul agent: make consul")
    with ConsulAgent() as agent:
        yield agent


@pytest.fixture(scope="session")
def consul(consul_agent: ConsulAgent) -> ConsulAddress:
    return ConsulAddress.parse(consul_agent.address)


@pytest.fixture
async def mesh(consul: ConsulAddress, tmp_path: Path) -> AsyncIterator[Mesh]:
    """An empty mesh, stopped when the test ends."""
    async with Mesh(consul, tmp_path) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_mesh(consul: ConsulAddress, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    """A mesh that all tests of a module share."""
    async with Mesh(consul, tmp_path_factory.mktemp("mesh")) as mesh:
        yield mesh


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Each of the three ways, one after the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def site(module_mesh: Mesh) -> Site:
    """A scripted backend of each colour; a module with other backends has a `site` of its own."""
    return scripted_site(module_mesh)


@pytest.fixture
async def route(site: Site, way: str) -> AsyncIterator[Route]:
    """The module's `site`, pinned to one of the three ways."""
    async with site.route(way) as route:
        yield route


@pytest.fixture
async def channel(route: Route) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of grpcio's asyncio client on the route."""
    async with grpc.aio.insecure_channel(route.address, options=OPTIONS) as channel:
        yield channel


@pytest.fixture
def threads(route: Route) -> Iterator[grpc.Channel]:
    """A channel of grpcio's client for threads on the route."""
    with grpc.insecure_channel(route.address, options=OPTIONS) as channel:
        yield channel


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add the output of every process of the test's meshes to its failure."""
    report: pytest.TestReport = yield  # type: ignore[misc]
    if report.failed:
        for mesh in (value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Mesh)):
            report.sections += [(f"output of {each!r}", each.tail()) for each in mesh.processes]
    return report  # type: ignore[return-value]
