"""An endpoint, and how its connections are made: values."""

import ssl
from dataclasses import dataclass
from typing import Final, Protocol

from splitter.waiting import HOLD_LIMIT, MAX_HELD


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one instance listens, and the colour it serves."""

    color: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.color} {self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for the last."""

    connect_timeout: float = 1.0
    """For TCP, TLS and the SETTINGS exchange (linkerd's figure for outbound connections)."""
    first_delay: float = 0.1
    longest_delay: float = 5.0
    """Between two attempts to connect."""
    lasting: float = 1.0
    """After which a connection has proved itself though no call came; or else it is not replaced without a pause."""
    hold_limit: float = HOLD_LIMIT
    linger: float = 5.0
    """What is left of finished calls on a connection that is to close is let go this often."""
    surplus: float = 60.0
    """After which a connection that carried no call is closed, if there is another: a burst is over by then, and what
    a quiet minute saves the next one pays back with a millisecond."""
    max_held: int = MAX_HELD


STEADY: Final = Pace()


class Secure(Protocol):
    """TLS towards the endpoints, newest certificates first (`mesh.tls_live.LiveTLS`)."""

    context: ssl.SSLContext

    @property
    def server_name(self) -> str | None:
        """What their certificates must name; None: the address that is connected to."""
        ...
