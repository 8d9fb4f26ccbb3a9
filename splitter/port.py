"""One address for several processes: reserved by one, and listened on by others (SO_REUSEPORT).

The kernel spreads new connections over the processes that listen, by a hash of their addresses. A process that dies
leaves nothing behind that could take a connection, because each has a listening socket of its own.
"""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from mesh.address import Address
from mesh.listening import CannotListen

Bound = tuple[int, tuple[Any, ...]]
"""An address family and a socket address with its port."""


@contextlib.contextmanager
def reserved(address: Address) -> Iterator[tuple[Bound, ...]]:
    """Hold the address, with any free port for port 0, without listening. CannotListen says why not."""
    with contextlib.ExitStack() as held:
        try:
            bound = tuple(_reserve(address, held))
        except OSError as error:
            raise CannotListen("--listen", address, error) from None
        yield bound


def _reserve(address: Address, held: contextlib.ExitStack) -> Iterator[Bound]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    port = address.port
    for family, _, _, _, where in dict.fromkeys(found):
        reserve = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
        # An earlier process's closing connections do not matter …
        reserve.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(reserve, family, (where[0], port, *where[2:]))
        # … but the port is ours alone, until we share it with processes of the same user
        reserve.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        reserve.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = reserve.getsockname()[1]
        yield int(family), reserve.getsockname()


def shared(addresses: Iterable[Bound]) -> Iterator[socket.socket]:
    """Sockets of this process on addresses that another one has reserved. CannotListen says why not."""
    for family, where in addresses:
        ours = socket.socket(family, socket.SOCK_STREAM)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            _bind(ours, family, tuple(where))
        except OSError as error:
            ours.close()
            raise CannotListen("--listen", Address(*where[:2]), error) from None
        yield ours


def _bind(bound: socket.socket, family: int, where: tuple[Any, ...]) -> None:
    if family == socket.AF_INET6:  # the same number on IPv4 is another address
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    bound.bind(where)
