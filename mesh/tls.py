"""TLS of the mesh: what the operator says, and contexts that follow the files while the program runs.

Only HTTP/2 (ALPN `h2`), TLS 1.3 or 1.2 with the ciphers that RFC 9113 section 9.2.2 leaves: ephemeral keys and
authenticated encryption, none of appendix A's list; no compression, no renegotiation (section 9.2.1). New
handshakes use the newest good files; open connections stay as they are. Who may connect: see `tls_accept`.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Self, TypeVar

from mesh.tls_files import BadTLS, Source, show, trust

__all__ = ["BadTLS", "ClientTLS", "LiveTLS", "Pem", "ServerTLS"]

ALPN: Final = "h2"
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of TLS 1.3 are all of this kind. RFC 9113 section 9.2.2 requires ECDHE-RSA-AES128-GCM-SHA256."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds that a client has for its handshake."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the files: a millisecond of a thread's time. Content is compared, not times: a file
that was replaced by rename, or behind a symlink, is as new as one that was written over."""

DNS_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Pem:
    """The files' content, of one moment; b"" for a file that is not used."""

    cert: bytes = b""
    key: bytes = b""
    ca: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerTLS:
    """How a server shows itself, and which clients it lets in."""

    cert: Path
    """PEM, the server's certificate first, then its chain."""
    key: Path
    client_ca: Path | None = None
    """Clients must show a certificate of these CAs; None: they need none."""
    client_names: tuple[str, ...] = ()
    """… that names one of these (DNS or URI, exactly) in its SAN; empty: any will do."""

    @classmethod
    def given(
        cls, name: str, cert: Path | None, key: Path | None, ca: Path | None, names: Iterable[str]
    ) -> Self | None:
        """The options called `name`-cert and so on, if there are any; BadTLS for half of a pair."""
        names = tuple(names)
        _both(name, cert, key)
        if cert is None or key is None:
            for setting, value in (("client-ca", ca), ("client-name", names)):
                if value:
                    raise BadTLS(f"{name}-{setting}", _one(value), f"needs {name}-cert and {name}-key")
            return None
        return cls(cert, key, ca, names)

    def checked(self, name: str) -> Self:
        """Itself, or BadTLS for the first file or name that cannot be used."""
        for each in self.client_names:
            if self.client_ca is None:
                raise BadTLS(f"{name}-client-name", each, f"needs {name}-client-ca")
            if not DNS_NAME.fullmatch(each) and not URI.fullmatch(each):
                raise BadTLS(f"{name}-client-name", each, "must be a DNS name or a URI, without wildcards")
        self.context(name, self.read(name))
        return self

    def read(self, name: str) -> Pem:
        ca = Source(f"{name}-client-ca", self.client_ca).read() if self.client_ca else b""
        return Pem(Source(f"{name}-cert", self.cert).read(), Source(f"{name}-key", self.key).read(), ca)

    def context(self, name: str, pem: Pem) -> ssl.SSLContext:
        context = _modern(ssl.PROTOCOL_TLS_SERVER)
        show(context, Source(f"{name}-cert", self.cert), pem.cert, Source(f"{name}-key", self.key), pem.key)
        if self.client_ca is not None:
            trust(context, Source(f"{name}-client-ca", self.client_ca), pem.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        # A resumed session skips the check of the client's certificate; connections live long enough without
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        return context


@dataclass(frozen=True, slots=True)
class ClientTLS:
    """Which servers to believe, and what to show them."""

    ca: Path | None
    """None: the CAs that this system trusts."""
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    """What the server's certificate must name; None: the address that is connected to."""

    @classmethod
    def given(
        cls, name: str, ca: Path | None, cert: Path | None, key: Path | None, server_name: str | None
    ) -> Self | None:
        """The options called `name`-ca and so on, if there are any; a CA of `system` is the system's."""
        _both(name, cert, key)
        if ca is None:
            for setting, value in (("cert", cert), ("key", key), ("name", server_name)):
                if value:
                    raise BadTLS(f"{name}-{setting}", value, f"needs {name}-ca (a file, or 'system')")
            return None
        return cls(None if str(ca) == "system" else ca, cert, key, server_name)

    def checked(self, name: str) -> Self:
        """Itself, or BadTLS for the first file or name that cannot be used."""
        if self.server_name is not None and not DNS_NAME.fullmatch(self.server_name):
            raise BadTLS(f"{name}-name", self.server_name, "must be a DNS name or an IP address")
        self.context(name, self.read(name))
        return self

    def read(self, name: str) -> Pem:
        sources = [Source(f"{name}-{end}", path) for end, path in self._files() if path is not None]
        found = {source.setting: source.read() for source in sources}
        return Pem(*(found.get(f"{name}-{end}", b"") for end in ("cert", "key", "ca")))

    def context(self, name: str, pem: Pem) -> ssl.SSLContext:
        context = _modern(ssl.PROTOCOL_TLS_CLIENT)  # which verifies, and checks names
        context.hostname_checks_common_name = False  # the SAN or nothing (RFC 9525 section 2)
        if self.ca is None:
            context.load_default_certs()
        else:
            trust(context, Source(f"{name}-ca", self.ca), pem.ca)
        if self.cert is not None and self.key is not None:
            show(
                context, Source(f"{name}-cert", self.cert), pem.cert, Source(f"{name}-key", self.key), pem.key
            )
        return context

    def _files(self) -> tuple[tuple[str, Path | None], ...]:
        return (("cert", self.cert), ("key", self.key), ("ca", self.ca))


T = TypeVar("T", ServerTLS, ClientTLS)


class LiveTLS(Generic[T]):
    """The newest good context of `settings`. BadTLS if there is none at the start."""

    def __init__(self, settings: T, name: str) -> None:
        self.settings: T = settings
        self.reloads = 0
        self._name = name
        self._bad: BadTLS | None = None
        self._told = False
        self.pem = settings.read(name)
        self.context = settings.context(name, self.pem)

    def __repr__(self) -> str:
        return f"LiveTLS({self._name}, reloads={self.reloads})"

    @property
    def server_name(self) -> str | None:
        """Of a client's side: what the server's certificate must name, if not the address."""
        return getattr(self.settings, "server_name", None)

    @property
    def client_names(self) -> tuple[str, ...]:
        """Of a server's side."""
        return getattr(self.settings, "client_names", ())

    async def watch(self, on_reload: Callable[[], None] = lambda: None) -> None:
        """Follow the files until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if await asyncio.to_thread(self.look):
                on_reload()

    def look(self) -> bool:
        """Take in what the files hold now; True if that is new and good.

        What is bad is kept to oneself at first: a certificate whose key is replaced a moment later is on its way,
        and no mistake. The second look that finds the same fault says so, once.
        """
        try:
            pem = self.settings.read(self._name)
            if pem == self.pem:
                self._bad = None
                return False
            context = self.settings.context(self._name, pem)
        except BadTLS as error:
            self._doubt(error)
            return False
        self.pem, self.context, self._bad = pem, context, None
        self.reloads += 1
        log.info("%s: certificates were replaced; new connections use them", self._name)
        return True

    def _doubt(self, error: BadTLS) -> None:
        before, self._bad = self._bad, error
        if before is None or str(before) != str(error):
            self._told = False
        elif not self._told:
            self._told = True
            log.error("%s; the certificates from before stay in use", error)


def _modern(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols([ALPN])
    return context


def _both(name: str, cert: Path | None, key: Path | None) -> None:
    """BadTLS for a certificate without its key, or the other way round."""
    if cert is not None and key is None:
        raise BadTLS(f"{name}-cert", cert, f"needs {name}-key, the certificate's private key, beside it")
    if key is not None and cert is None:
        raise BadTLS(f"{name}-key", key, f"needs {name}-cert, the certificate of this key, beside it")


def _one(value: object) -> object:
    return value[0] if isinstance(value, tuple) else value
