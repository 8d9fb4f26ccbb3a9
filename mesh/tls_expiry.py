"""When the certificates of a PEM file expire, and whether it is time to say so. Pure: the time is a parameter.

The standard library shows a certificate's times only after a handshake, so they are read here: OpenSSL has taken the
file already, and all that is looked for is the second time of `Validity` (RFC 5280 section 4.1).
"""

import re
import ssl
from datetime import UTC, datetime
from typing import Final

SOON: Final = 7 * 86_400.0
"""Seconds before its end in which a certificate should be replaced by hand, if nothing else replaces it."""

_BLOCK: Final = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(.+?)-----END \1-----", re.S)
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


def expiries(pem: bytes) -> tuple[float, ...]:
    """The unix time after which each certificate of the file is no longer valid; one that is odd is left out."""
    found = []
    for _, body in _BLOCK.findall(pem):
        try:
            der = ssl.PEM_cert_to_DER_cert(f"{ssl.PEM_HEADER}{body.decode()}{ssl.PEM_FOOTER}")
            found.append(_not_after(der))
        except (ValueError, IndexError):
            continue
    return tuple(found)


def remark(expires: float, *, now: float) -> str:
    """What to say of a certificate that ends then; empty while that is no news. It changes once, when it has ended."""
    when = f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M} UTC"
    if now >= expires:
        return f"has expired, on {when}: peers refuse it"
    return f"expires on {when}" if now >= expires - SOON else ""


def _not_after(der: bytes) -> float:
    """Certificate → tbsCertificate: version (optional), serial number, algorithm, issuer, validity."""
    _, certificate = _fields(der)[0]
    _, signed = _fields(certificate)[0]
    fields = [field for field in _fields(signed) if field[0] != _VERSION]
    tag, validity = fields[3]
    if tag != _SEQUENCE:
        raise ValueError("no validity")
    kind, text = _fields(validity)[1]
    digits = text.decode("ascii")
    if kind == _UTC_TIME:  # two digits of the year: 50 and above are of the last century
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _fields(der: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element, in DER's definite lengths; tags of more than a byte do not occur here."""
    found, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        found.append((tag, der[at : at + length]))
        at += length
    return found
