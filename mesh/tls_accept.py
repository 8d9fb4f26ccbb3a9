"""Accepting TLS: the handshake, then who it is; a connection exists only for a peer that may speak.

Every handshake uses the newest context, whatever the listener was started with. Each peer that is turned away
is one line of the log at info, with its address and the reason, and is counted by reason; nobody else notices.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from mesh.tls import HANDSHAKE_TIMEOUT, ServerTLS
from mesh.tls_files import said
from mesh.tls_live import LiveTLS
from mesh.tls_peer import Refusal, refusal

MAX_HANDSHAKES: Final = 1_024
"""Under way at once; further clients are cut off. Each holds a task and about 100 KiB of OpenSSL's buffers."""
log = logging.getLogger(__name__)


class TLSAcceptor:
    """Makes `connection()`s for clients that come through. `accept` is the factory for `create_server`."""

    def __init__(self, tls: LiveTLS[ServerTLS], connection: Callable[[], asyncio.Protocol]) -> None:
        self.refused: dict[str, int] = {}
        """By reason: peers that were turned away."""
        self._tls = tls
        self._connection = connection
        self._handshakes: set[asyncio.Task[None]] = set()

    def accept(self) -> asyncio.Protocol:
        return _Arrival(self._begin)

    def close(self) -> None:
        """Give up on handshakes under way."""
        for task in list(self._handshakes):
            task.cancel()

    def _begin(self, sock: socket.socket, peer: str) -> None:
        if len(self._handshakes) >= MAX_HANDSHAKES:
            self._refuse(peer, Refusal("too_many", "too many handshakes are under way"))
            sock.close()
            return
        task = asyncio.get_running_loop().create_task(self._shake_hands(sock, peer))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, sock: socket.socket, peer: str) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Shaken(self, peer),
                sock,
                ssl=self._tls.context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
            )
        except (OSError, TimeoutError) as error:
            self._refuse(peer, _failure(error))

    def admit(self, transport: asyncio.Transport, peer: str) -> None:
        """The handshake succeeded: make the connection, unless the peer must not speak."""
        why = refusal(transport, self._tls.client_names)
        if why is not None:
            self._refuse(peer, why)
            transport.abort()  # not close(): nothing of what it has sent already is to be heard
            return
        connection = self._connection()
        transport.set_protocol(connection)
        connection.connection_made(transport)

    def _refuse(self, peer: str, why: Refusal) -> None:
        self.refused[why.reason] = self.refused.get(why.reason, 0) + 1
        log.info("TLS: client %s refused: %s", peer, why.sentence)


class _Arrival(asyncio.Protocol):
    """An accepted connection, before anything is read from it: its socket goes to where TLS will read it.

    `start_tls` would be the way to do that, but bytes that arrive before it begins are lost to it.
    """

    def __init__(self, begin: Callable[[socket.socket, str], None]) -> None:
        self._begin = begin

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        sock = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        sock.setblocking(False)
        transport.abort()  # closes its own descriptor, not the connection
        self._begin(sock, f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "unknown")


class _Shaken(asyncio.Protocol):
    """Stands behind TLS until the handshake is done, and makes way before anything is heard."""

    def __init__(self, acceptor: TLSAcceptor, peer: str) -> None:
        self._acceptor = acceptor
        self._peer = peer

    def connection_made(self, transport: Any) -> None:
        self._acceptor.admit(transport, self._peer)


def _failure(error: Exception) -> Refusal:
    """Why a handshake failed."""
    found = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    if found in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return Refusal("plaintext", "it does not speak TLS; this port takes no plain text")
    if isinstance(error, ssl.SSLCertVerificationError) or found == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return Refusal("certificate", said(error))
    if isinstance(error, ConnectionAbortedError):
        return Refusal("timeout", f"it did not finish its handshake within {HANDSHAKE_TIMEOUT:g} s")
    if isinstance(error, ConnectionResetError):
        return Refusal("hung_up", "it hung up during the handshake")
    return Refusal("handshake", said(error))
