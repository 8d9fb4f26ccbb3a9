"""PEM files as they stand at one moment: read together, handed on as bytes, never to a disk.

Whoever replaces certificates does it file by file, or by turning a symlink (Kubernetes): what is checked has to be
what is used, so contexts are made from these bytes and not from the paths a second time.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LARGEST: Final = 4 << 20
"""Bytes of one file; a system's whole trust store has a quarter of a mebibyte."""


class BadTLS(ValueError):
    """A setting of TLS that cannot be used: `setting` as the command line spells it, `value`, and the `rule`."""

    def __init__(self, setting: str, value: object, rule: str) -> None:
        super().__init__(f"{setting}: {rule} (found {str(value)!r})")
        self.setting, self.value, self.rule = setting, value, rule


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the setting that names it."""

    setting: str
    path: Path

    def read(self) -> bytes:
        """Its content; BadTLS says why not."""
        try:
            with self.path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise self.bad(f"cannot be read: {error.strerror}") from None
        if len(content) > LARGEST:
            raise self.bad(f"is larger than {LARGEST >> 20} MiB")
        return content

    def bad(self, rule: str) -> BadTLS:
        return BadTLS(self.setting, self.path, rule)


def trust(context: ssl.SSLContext, source: Source, pem: bytes) -> None:
    """Trust what the file holds, roots or not (OpenSSL's partial chain): it is the operator's word."""
    with _as_path(pem) as path:
        try:
            context.load_verify_locations(cafile=path)
        except ssl.SSLError:
            raise source.bad("holds no PEM certificate") from None
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def show(context: ssl.SSLContext, cert: Source, cert_pem: bytes, key: Source, key_pem: bytes) -> None:
    """Present this certificate (its chain after it); BadTLS names the file of the two that is wrong."""
    with _as_path(cert_pem) as cert_path, _as_path(key_pem) as key_path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cafile=cert_path)
        except ssl.SSLError:
            raise cert.bad("holds no PEM certificate") from None
        try:
            context.load_cert_chain(cert_path, key_path, password=_refuse_password)
        except _Encrypted:
            raise key.bad("must not be encrypted: nobody is here to ask for its password") from None
        except ssl.SSLError as error:
            reason = getattr(error, "reason", None)
            if reason == "KEY_VALUES_MISMATCH":
                raise key.bad(f"is not the key of the certificate in {cert.path}") from None
            if getattr(error, "library", None) == "SSL" and reason:  # such as EE_KEY_TOO_SMALL
                raise cert.bad(f"is refused: {said(error)}") from None
            raise key.bad("holds no PEM private key") from None


def said(error: BaseException) -> str:
    """What OpenSSL says, without where in Python it was said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    reason = getattr(error, "reason", None)  # not every SSLError has one
    if isinstance(error, ssl.SSLError) and reason:
        return str(reason).lower().replace("_", " ")
    return str(error) or type(error).__name__


class _Encrypted(Exception):
    pass


def _refuse_password() -> str:
    raise _Encrypted


@contextmanager
def _as_path(content: bytes) -> Iterator[str]:
    """The bytes as a path, which is all that the `ssl` module reads keys from: memory, gone with its descriptor."""
    descriptor = os.memfd_create("pem")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
