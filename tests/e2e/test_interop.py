"""gRPC's own interop client and server, as Debian's ruby-grpc brings them: every case, on every way."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from mesh.consul import ConsulAddress
from tests.e2e.harness import CHECKOUT, Mesh, Process, Route, Site, foreign

CASES: Final = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "status_code_and_message",
    "unimplemented_method",
    "unimplemented_service",
    "custom_metadata",
)
COMPRESSED: Final = ("client_compressed_unary", "client_compressed_streaming")
"""Ruby's server cannot tell a compressed message, so these meet `backends.compression`."""
NOT_APPLICABLE: Final = {
    "all": "not a case: it runs the others",
    "service_account_creds": "needs a Google service account and TLS",
    "jwt_token_creds": "needs a Google service account and TLS",
    "compute_engine_creds": "needs a Google Compute Engine machine and TLS",
    "oauth2_auth_token": "needs a Google service account and TLS",
    "per_rpc_creds": "needs a Google service account and TLS",
}


@pytest.fixture(scope="session")
def ruby() -> str:
    return foreign.ruby()


@pytest.fixture(scope="session")
def scripts() -> Path:
    return foreign.ruby_scripts()


@pytest.fixture(scope="module")
def interop(module_mesh: Mesh, ruby: str, scripts: Path) -> Site:
    server, loopback = scripts / "server.rb", CHECKOUT / "tests/e2e/ruby/loopback.rb"
    return Site.alike(module_mesh, lambda port: [ruby, "-r", str(loopback), str(server), "--port", str(port)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compression(consul: ConsulAddress, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    server = [sys.executable, "-m", "tests.e2e.backends.compression"]
    async with Mesh(consul, tmp_path_factory.mktemp("compression")) as mesh:
        yield Site.alike(mesh, lambda port: [*server, str(port)], ready="ready")


@pytest.fixture(scope="session")
def client(ruby: str, scripts: Path) -> list[str]:
    return [ruby, str(scripts / "client.rb")]


async def run(client: list[str], case: str, route: Route) -> None:
    """Run one case of the client; its output is the message when it fails."""
    flags = [f"--server_host={route.host}", f"--server_port={route.port}", f"--test_case={case}"]
    process = Process(case, [*client, *flags])
    try:
        status = await process.ended(timeout=30)
    finally:
        await process.stop()
    assert status == 0, process.tail()
    assert f'"OK: {case}"' in process.lines


class TestInteropClient:
    """`client.rb` against `server.rb`."""

    @pytest.fixture
    def site(self, interop: Site) -> Site:
        return interop

    @pytest.mark.parametrize("case", CASES)
    async def test_every_case_passes_on_every_way(self, client: list[str], case: str, route: Route) -> None:
        route.silent = case == "cancel_after_begin"
        await run(client, case, route)


class TestCompression:
    """`client.rb` against a server that looks at the compressed flags."""

    @pytest.fixture
    def site(self, compression: Site) -> Site:
        return compression

    @pytest.mark.parametrize("case", COMPRESSED)
    async def test_a_message_arrives_compressed_or_not_as_it_was_sent(
        self, client: list[str], case: str, route: Route
    ) -> None:
        await run(client, case, route)


async def test_no_case_of_the_client_is_left_out_in_silence(client: list[str]) -> None:
    """What the installed client can do is either run here or named with the reason why not."""
    process = Process("client.rb --help", [*client, "--help"])
    try:
        listed = await process.line(r"^ +\(([a-z0-9_,]+)\)$")
    finally:
        await process.stop()
    assert set(listed[1].split(",")) == {*CASES, *COMPRESSED, *NOT_APPLICABLE}
