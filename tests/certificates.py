"""Certificate authorities for tests, and files with what they issue: trustme's, and URIs in the SAN as well.

ca = Authority(tmp_path / "ca")
shown = ca.issue("server", "localhost", "127.0.0.1")     # shown.cert, shown.key
"""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Shown:
    """A certificate with its chain, and its key, as files."""

    cert: Path
    key: Path

    def replace(self, other: "Shown") -> None:
        """Put the other's content in the place of ours, file by file, each by rename."""
        for ours, theirs in ((self.cert, other.cert), (self.key, other.key)):
            new = ours.with_suffix(".new")
            new.write_bytes(theirs.read_bytes())
            os.replace(new, ours)


class Authority:
    """One CA, its files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._trustme = trustme.CA()
        self.cert = folder / "ca.pem"
        self._trustme.cert_pem.write_to_path(self.cert)

    def issue(self, name: str, *names: str, expired: bool = False) -> Shown:
        """A certificate for DNS names and IP addresses, or for one URI, in files called `name`."""
        shown = Shown(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        if names and "://" in names[0]:
            self._issue_uri(shown, names[0])
            return shown
        made = self._trustme.issue_cert(*names, not_after=LONG_AGO if expired else None)
        made.private_key_pem.write_to_path(shown.key)
        shown.cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        return shown

    def _issue_uri(self, shown: Shown, uri: str) -> None:
        ca = x509.load_pem_x509_certificate(self._trustme.cert_pem.bytes())
        signer = serialization.load_pem_private_key(self._trustme.private_key_pem.bytes(), None)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ca.not_valid_before_utc)
            .not_valid_after(ca.not_valid_after_utc)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=True)
            .sign(signer, hashes.SHA256())
        )
        shown.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        shown.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
