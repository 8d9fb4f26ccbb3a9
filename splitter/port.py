"""An address that is ours before we listen on it: of one process, or reserved by one and listened on by others
(SO_REUSEPORT).

The kernel spreads new connections over the processes that listen, by a hash of their addresses. A process that dies
leaves nothing behind that could take a connection, because each has a listening socket of its own.
"""

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mesh.address import Address
from mesh.listening import CannotListen

Bound = tuple[int, tuple[Any, ...]]
"""An address family and a socket address with its port."""
_ABSENT: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""What the system says of a family that is not enabled, as IPv6 in many containers where `localhost` has both."""


@contextlib.contextmanager
def owned(address: Address) -> Iterator[tuple[socket.socket, ...]]:
    """Sockets on the address, with any free port for port 0, that nobody else may use and that do not listen yet.
    CannotListen says why not."""
    with contextlib.ExitStack() as sockets:
        yield _bind_all(address, sockets)


def ready(sockets: Iterable[socket.socket]) -> Iterator[socket.socket]:
    """To listen on. What they accept shall not keep the next process from the port."""
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield each


@contextlib.contextmanager
def reserved(address: Address) -> Iterator[tuple[Bound, ...]]:
    """Hold the address, with any free port for port 0, without listening. CannotListen says why not."""
    with owned(address) as sockets:
        for each in sockets:  # until now it was ours alone: now we share it with processes of the same user
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield tuple((int(each.family), each.getsockname()) for each in sockets)


def _bind_all(address: Address, sockets: contextlib.ExitStack) -> tuple[socket.socket, ...]:
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, where in dict.fromkeys(found):
            port = bound[0].getsockname()[1] if bound else address.port
            try:
                bound.append(sockets.enter_context(_bind_one(family, (where[0], port, *where[2:]))))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                missing = error
        if missing is not None and not bound:
            raise missing
    except OSError as error:
        raise CannotListen("--listen", address, error) from None
    return tuple(bound)


def _bind_one(family: int, where: tuple[Any, ...]) -> socket.socket:
    ours = socket.socket(family, socket.SOCK_STREAM)
    try:
        # An earlier process's closing connections do not matter, but the port is ours alone
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(ours, family, where)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        ours.close()
        raise
    return ours


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
