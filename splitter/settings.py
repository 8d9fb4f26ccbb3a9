"""What a splitter is told at its start."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from mesh.consul import ConsulAddress


class BadSetting(ValueError):
    """A setting that cannot be meant; names the setting, the value and the rule."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        super().__init__(f"{name}: {rule} (found {str(value)!r})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, name: str, text: str) -> "Address":
        """`HOST:PORT`, `[IPv6]:PORT`; port 0 is any free port. Raises `BadSetting`."""
        host, separator, port = text.rpartition(":")
        if not separator or not host or not port.isdigit() or int(port) > 65_535:
            raise BadSetting(name, text, "must be HOST:PORT with a port from 0 to 65535")
        return cls(host.strip("[]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Reachable from this machine only."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked and complete; see `splitter --help` for what each means."""

    service: str
    listen: Address
    admin: Address | None
    consul: ConsulAddress
    default_color: str
    state_dir: Path | None
    trace_file: Path | None
    drain: float
    sidecar: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
