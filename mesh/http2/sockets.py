"""What the kernel watches for us: peers that are gone without a word, even while we have nothing to ask them."""

import asyncio
import socket
from typing import Final

IDLE: Final = 20
"""Seconds without a segment, after which TCP asks whether the peer is there; then every quarter of that."""
USER_TIMEOUT: Final = 20
"""Seconds that what we sent may stay unacknowledged by the peer's kernel (RFC 5482); Linux alone waits 15 minutes."""


def watch(transport: asyncio.BaseTransport, *, idle: int = IDLE, user_timeout: int = USER_TIMEOUT) -> None:
    """Set TCP keepalive and TCP_USER_TIMEOUT where the transport has a TCP socket and the system knows them."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    options = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", idle),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", max(1, idle // 4)),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", user_timeout * 1_000),
    )
    for level, name, value in options:
        option = getattr(socket, name, None)
        if option is None:
            continue
        try:
            sock.setsockopt(level, option, value)
        except OSError:  # the peer has gone meanwhile, and the transport will say so
            return
