"""HOST:PORT as a value, and the address other machines know this one by."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final, Self

_FORM: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s/]+)):(?P<port>[0-9]{1,5})")
WILDCARDS: Final = ("0.0.0.0", "::", "*")


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv6 host stands without its brackets here, and with them in text."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT` or `[IPv6]:PORT`; ValueError says the rule."""
        match = _FORM.fullmatch(text)
        if match is None or int(match["port"]) > 65_535:
            raise ValueError("must be HOST:PORT with a port from 0 to 65535")
        return cls(match["v6"] or match["host"], int(match["port"]))

    @property
    def is_wildcard(self) -> bool:
        return self.host in WILDCARDS

    @property
    def is_loopback(self) -> bool:
        """Reachable from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name, and names can mean anything
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def outgoing_host(towards: Address) -> str:
    """The address of ours that packets to `towards` leave from; OSError if there is no way there.

    Connecting a datagram socket sends nothing: it only chooses the route.
    """
    family, kind, protocol, _, target = socket.getaddrinfo(
        towards.host, towards.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(target)
        return str(probe.getsockname()[0])
