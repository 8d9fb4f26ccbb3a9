"""TLS of the mesh: what the operator says, checked, and the contexts that follow from it.

Only HTTP/2 (ALPN `h2`), TLS 1.3 or 1.2 with the ciphers that RFC 9113 section 9.2.2 leaves: ephemeral keys and
authenticated encryption, none of appendix A's list; no compression, no renegotiation (section 9.2.1). While
the program runs, `tls_live` follows the files. Who may connect: see `tls_accept`.
"""

import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

from mesh.tls_files import BadTLS, Source, show, trust

__all__ = ["BadTLS", "ClientTLS", "Pem", "ServerTLS"]

ALPN: Final = "h2"
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of TLS 1.3 are all of this kind. RFC 9113 section 9.2.2 requires ECDHE-RSA-AES128-GCM-SHA256."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds that a client has for its handshake."""

DNS_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+")


@dataclass(frozen=True, slots=True, repr=False)
class Pem:
    """The files' content, of one moment; b"" for a file that is not used."""

    cert: bytes = b""
    key: bytes = b""
    ca: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerTLS:
    """How a server shows itself, and which clients it lets in."""

    ca_option: ClassVar = "client-ca"

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

    ca_option: ClassVar = "ca"

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
