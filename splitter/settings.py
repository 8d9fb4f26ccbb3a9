"""What a splitter is told at its start."""

import ipaddress
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from mesh import contract
from mesh.consul import ConsulAddress, read_token

LONGEST_DRAIN: Final = 86_400.0


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
        number = port.isascii() and port.isdigit()
        if not separator or not host or not number or int(port) > 65_535:
            raise BadSetting(name, text, "must be HOST:PORT with a port from 0 to 65535")
        return cls(host.strip("[]"), int(port))

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


def consul_address(text: str, token_file: Path | None) -> ConsulAddress:
    """The agent, and its token from the file or from CONSUL_HTTP_TOKEN. Raises `BadSetting`."""
    try:
        token = read_token(token_file, os.environ)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadSetting("--consul-token-file", token_file, f"cannot be read: {reason}") from None
    try:
        return ConsulAddress.parse(text, token=token)
    except ValueError:
        rule = "must be HOST:PORT, http://HOST:PORT or https://HOST:PORT"
        raise BadSetting("--consul-addr", text, rule) from None


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

    def checked(self) -> Self:
        """Itself, or BadSetting for the first value that cannot be meant."""
        if not contract.SERVICE.fullmatch(self.service):
            raise BadSetting("--service", self.service, "must be a DNS label: letters, digits and '-'")
        if not contract.COLOR.fullmatch(self.default_color):
            raise BadSetting("--default-color", self.default_color, f"must match {contract.COLOR.pattern}")
        if self.default_color == contract.TAG:
            raise BadSetting("--default-color", self.default_color, "is the tag of every server of the mesh")
        if self.admin is not None and not self.admin.is_loopback:
            raise BadSetting(
                "--admin", self.admin, "must be a loopback address: the port asks for no password"
            )
        if not 0 <= self.drain <= LONGEST_DRAIN:
            raise BadSetting("--drain", self.drain, "must be from 0 to 86400 seconds")
        return self
