"""Loopback ports: a free one, and one that answers."""

import asyncio
import time
from typing import Final

from tests.consul_agent import free_ports

LOOPBACK: Final = "127.0.0.1"


def free_port() -> int:
    """A port nobody listens on, and that no outgoing connection will take."""
    return free_ports(1)[0]


async def answers(port: int, *, timeout: float = 20) -> None:
    """Return once something accepts connections on `port`: for programs that print no line of readiness."""
    ends = time.monotonic() + timeout
    while True:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise TimeoutError(f"nothing listens on {LOOPBACK}:{port} after {timeout} s") from None
            await asyncio.sleep(0.02)  # a refused connection is no event that could be awaited
        else:
            writer.close()
            await writer.wait_closed()
            return
