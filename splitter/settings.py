"""What a splitter is told at its start."""

import os
import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from mesh import contract
from mesh.address import Address
from mesh.consul import ConsulAddress, read_token
from mesh.http2.limits import Limits
from mesh.tls import ClientTLS, ServerTLS

Quantity = TypeVar("Quantity", int, float)
LONGEST_DRAIN: Final = 86_400.0
MOST_WORKERS: Final = 256
LONGEST_STALL: Final = 3_600.0
LIMITS: Final = tuple(each.name for each in fields(Limits))
NEEDS_TLS: Final = (
    "an address that is not loopback needs --tls-cert and --tls-key, or --plaintext if the network is trusted"
)


class BadSetting(ValueError):
    """A setting that cannot be meant; names the setting, the value and the rule."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        super().__init__(f"{name}: {rule} (found {str(value)!r})")


class BadLimit(BadSetting):
    """One `--limit` that cannot be meant: the option is repeatable, so its value stands with it, and then the rule."""

    def __init__(self, pair: str, rule: str) -> None:
        ValueError.__init__(self, f"--limit {pair!r}: {rule}")


def address(name: str, text: str) -> Address:
    """Where to listen; port 0 is any free port. Raises `BadSetting`."""
    try:
        return Address.parse(text)
    except ValueError as error:
        raise BadSetting(name, text, str(error)) from None


def _unique() -> str:
    """Host and pid for people; they repeat across containers, where the pid is often 1 and the host may be shared."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


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


def quantity(name: str, text: str | None, read: Callable[[str], Quantity]) -> Quantity | None:
    """A time or a size with its unit (`mesh.quantity`); None for "off". Raises `BadSetting`."""
    if text is None or text == "off":
        return None
    try:
        return read(text)
    except ValueError as error:
        raise BadSetting(name, text, f'{error}, or "off"') from None


def parse_limits(pairs: Iterable[str]) -> Limits:
    """The default limits, but for those of `NAME=VALUE`. Raises `BadSetting`."""
    given: dict[str, Any] = {}
    limits = Limits()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadLimit(pair, "must be NAME=VALUE")
        if name not in LIMITS:
            raise BadLimit(pair, f"there is no limit {name!r}, only {', '.join(LIMITS)}")
        if name in given:
            raise BadLimit(pair, f"{name} is given twice")
        whole = isinstance(getattr(limits, name), int)
        try:
            given[name] = int(text) if whole else float(text)
            limits = replace(limits, **given)
        except ValueError as error:
            rule = (
                f"a {'whole ' * whole}number" if name not in given else str(error).removeprefix(f"{name}: ")
            )
            raise BadLimit(pair, f"must be {rule}") from None
    return limits


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
    store: str | None = None
    """Where pairs of shadows are kept, a path or a URL; None: nowhere."""
    retain_age: float | None = None
    """Seconds that a pair is kept; None: for ever."""
    retain_size: int | None = None
    """Bytes that the store may take; None: any."""
    redactors: tuple[str, ...] = ()
    """Entry points that see each pair before it is kept."""
    tls: ServerTLS | None = None
    """Towards clients; None: plain text."""
    upstream_tls: ClientTLS | None = None
    """Towards endpoints; None: plain text."""
    plaintext: bool = False
    """Plain text towards clients is allowed beyond this machine."""
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    watchdog: float = 1.0
    """Seconds without a turn of the event loop that are a stall; 0: nobody looks."""
    sidecar: str = field(default_factory=_unique)

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
        if not 1 <= self.workers <= MOST_WORKERS:
            raise BadSetting("--workers", self.workers, f"must be from 1 to {MOST_WORKERS}")
        if not (self.watchdog == 0 or 0.01 <= self.watchdog <= LONGEST_STALL):
            raise BadSetting("--watchdog", self.watchdog, "must be from 0.01 to 3600 seconds, or 0 for off")
        self._check_tls()
        return self

    def _check_tls(self) -> None:
        if self.tls is not None:
            self.tls.checked("--tls")
        elif not self.plaintext and not self.listen.is_loopback:
            raise BadSetting("--listen", self.listen, NEEDS_TLS)
        if self.upstream_tls is not None:
            self.upstream_tls.checked("--upstream-tls")
