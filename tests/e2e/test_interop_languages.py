"""gRPC's interop cases with clients and servers in other languages than Ruby: grpc-go and grpc-js.

Blue is a server in Go, green one in Ruby: each client meets HTTP/2 as another implementation speaks it, on both
sides of the splitter.
"""

from typing import Final

import pytest

from tests.e2e.harness import CHECKOUT, Mesh, Process, Route, Site, foreign, golang
from tests.e2e.harness.mesh import Backend

CASES: Final = (
    "cancel_after_begin",
    "cancel_after_first_response",
    "client_streaming",
    "custom_metadata",
    "empty_stream",
    "empty_unary",
    "large_unary",
    "ping_pong",
    "server_streaming",
    "special_status_message",
    "status_code_and_message",
    "timeout_on_sleeping_server",
    "unimplemented_method",
    "unimplemented_service",
)
SILENT: Final = frozenset({"cancel_after_begin", "timeout_on_sleeping_server"})
"""Cases whose client may have ended its call before it sent anything."""


@pytest.fixture(scope="module")
def site(module_mesh: Mesh) -> Site:
    loopback = CHECKOUT / "tests/e2e/ruby/loopback.rb"

    async def serve(color: str) -> Backend:
        if color == "blue":
            return await module_mesh.backend(color, lambda port: [golang.interop(), "serve", str(port)])
        server = [foreign.ruby(), "-r", str(loopback), str(foreign.ruby_scripts() / "server.rb")]
        return await module_mesh.backend(color, lambda port: [*server, "--port", str(port)])

    return Site(module_mesh, serve)


@pytest.fixture(params=["grpc-go", "grpc-js"], scope="module")
def client(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "grpc-go":
        return [golang.interop(), "call"]
    return [foreign.node(), str(foreign.NODE / "interop.js")]


@pytest.mark.parametrize("case", CASES)
async def test_every_case_passes_on_every_way(client: list[str], case: str, route: Route) -> None:
    route.silent = case in SILENT
    process = Process(case, [*client, route.address, case])
    try:
        status = await process.ended(timeout=60)
    finally:
        await process.stop()
    assert status == 0, process.tail()
    assert process.lines == [f"OK: {case}"]


@pytest.mark.parametrize("listing", ["list", "--list"])
async def test_no_case_of_a_client_is_left_out(listing: str) -> None:
    argv = {"list": [golang.interop()], "--list": [foreign.node(), str(foreign.NODE / "interop.js")]}[listing]
    process = Process("cases", [*argv, listing])
    try:
        listed = await process.line(r"^[a-z_,]+$")
    finally:
        await process.stop()
    assert tuple(listed[0].split(",")) == CASES
