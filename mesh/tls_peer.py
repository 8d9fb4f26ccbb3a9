"""Who is at the other end of TLS, and whether it may speak: the protocol it negotiated, the names it proved."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from mesh.problem import legible
from mesh.tls import ALPN


class Transport(Protocol):
    """What we ask of a transport."""

    def get_extra_info(self, name: str, default: Any = None) -> Any: ...


class Refusal(NamedTuple):
    """Why a peer is turned away: `reason` in a word, for counting, and in a sentence."""

    reason: str
    sentence: str


def refusal(transport: Transport, names: Iterable[str] = ()) -> Refusal | None:
    """Why the peer behind this TLS transport must not speak, or None: it has not negotiated `h2`, or it is a
    `stranger` to these names."""
    protocol = transport.get_extra_info("ssl_object").selected_alpn_protocol()
    if protocol != ALPN:
        return Refusal("alpn", f"it negotiated {protocol!r} where ALPN must be {ALPN!r}")
    certificate = transport.get_extra_info("peercert") or {}
    why = stranger(certificate.get("subjectAltName", ()), names)
    return None if why is None else Refusal("identity", why)


def stranger(shown: Iterable[tuple[str, str]], names: Iterable[str]) -> str | None:
    """Why a certificate with these alternative names, as ("DNS" or "URI", name), is none of `names`; or None.

    Without `names`, any certificate will do. A name is compared whole and only with its own kind; DNS names are the
    same in any case, URIs are not.
    """
    wanted = {("URI", name) if "://" in name else ("DNS", name.lower()) for name in names}
    found = [(kind, name) for kind, name in shown if kind in ("DNS", "URI")]
    if not wanted or any((kind, name if kind == "URI" else name.lower()) in wanted for kind, name in found):
        return None
    named = legible(", ".join(name for _, name in found)) or "nobody"
    return f"its certificate names {named}, who is not allowed"
