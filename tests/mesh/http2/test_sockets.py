"""The kernel watches every TCP connection for us."""

import asyncio
import socket

import pytest

from mesh.http2 import sockets
from mesh.http2.server import ServerConnection


class Kept(ServerConnection):
    """Tells when it is there."""

    def __init__(self, made: asyncio.Future[asyncio.BaseTransport]) -> None:
        super().__init__()
        self.made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.made.set_result(transport)


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="TCP_USER_TIMEOUT: not known to this system"
)
async def test_a_connection_s_socket_is_watched() -> None:
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.BaseTransport] = loop.create_future()
    server = await loop.create_server(lambda: Kept(made), "127.0.0.1", 0)  # type: ignore[type-var]
    host, port = server.sockets[0].getsockname()[:2]
    _, writer = await asyncio.open_connection(host, port)
    transport = await made
    sock = transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
    transport.close()
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


class Without(asyncio.Transport):
    """Has what it is given for a socket."""

    def __init__(self, sock: socket.socket | None) -> None:
        super().__init__()
        self.sock = sock

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.sock if name == "socket" else default


def test_what_is_no_tcp_socket_is_left_alone() -> None:
    sockets.watch(Without(None))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sockets.watch(Without(ours))
        assert not ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_socket_that_is_closed_already_is_no_error() -> None:
    gone = socket.socket()
    gone.close()
    sockets.watch(Without(gone))
