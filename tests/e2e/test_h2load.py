"""nghttp2's load generator before nghttpd: every request succeeds and every byte returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.harness import LOOPBACK, Mesh, Process, Route, Site, needs


@dataclass(frozen=True)
class Load:
    """One run; the windows are exponents, as h2load takes them: 2^n - 1 bytes."""

    requests: int
    connections: int
    streams: int
    body: int
    stream_window: int = 30
    connection_window: int = 30

    def __str__(self) -> str:
        windows = f"windows 2^{self.stream_window} and 2^{self.connection_window}"
        return f"{self.connections} connections of {self.streams}, {self.body} bytes, {windows}"


LOADS: Final = (
    Load(requests=5000, connections=100, streams=10, body=100),
    Load(requests=5000, connections=1, streams=100, body=1000),
    Load(requests=1000, connections=100, streams=5, body=5000, stream_window=10, connection_window=16),
    Load(requests=300, connections=10, streams=20, body=200_000, stream_window=16, connection_window=16),
    Load(requests=300, connections=20, streams=10, body=66_000, stream_window=12, connection_window=20),
    Load(requests=60, connections=3, streams=10, body=2_000_000, stream_window=20, connection_window=16),
)


@pytest.fixture(scope="module")
def site(module_mesh: Mesh) -> Site:
    nghttpd = needs.command("nghttpd", package="nghttp2-server")
    flags = ["--no-tls", "--echo-upload", "--trailer", "grpc-status: 0", "--address", LOOPBACK]
    return Site.alike(module_mesh, lambda port: [nghttpd, *flags, str(port)])


@pytest.mark.parametrize("load", LOADS, ids=str)
async def test_every_request_succeeds_and_every_byte_comes_back(
    route: Route, load: Load, tmp_path: Path
) -> None:
    h2load = needs.command("h2load", package="nghttp2-client")
    body = tmp_path / "body"
    body.write_bytes(bytes(load.body))
    numbers = {
        "-n": load.requests,
        "-c": load.connections,
        "-m": load.streams,
        "-w": load.stream_window,
        "-W": load.connection_window,
        "-d": body,
    }
    flags = [text for flag, value in numbers.items() for text in (flag, str(value))]
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    client = Process("h2load", [h2load, *flags, *headers, f"http://{route.address}/nobodys.Service/Echo"])
    try:
        status = await client.ended(timeout=60)
    finally:
        await client.stop()
    n, output = load.requests, client.tail()
    assert status == 0, output
    assert f"{n} succeeded, 0 failed, 0 errored, 0 timeout" in output, output
    assert f"({n * load.body}) data" in output, output
