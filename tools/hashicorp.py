"""Consul from HashiCorp's own release archive, compared with the checksums published beside it.

The checksums come over the same TLS connection as the archive: they rule out a damaged or truncated
download; that the server is HashiCorp's is what the certificate says.
"""

import hashlib
import io
import platform
import urllib.request
import zipfile
from collections.abc import Callable

VERSION = "1.21.5"
ADDRESS = "https://releases.hashicorp.com/consul"
TIMEOUT = 60.0
MACHINES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "arm",
    "i686": "386",
}

Read = Callable[[str], bytes]
"""The bytes at an address; OSError when they cannot be had."""


class ReleaseError(Exception):
    """Why the release cannot be used."""


def archive_name(*, system: str, machine: str, version: str = VERSION) -> str:
    """The name HashiCorp gives the archive for one platform."""
    if (built := MACHINES.get(machine.lower())) is None:
        raise ReleaseError(
            f"HashiCorp publishes no build for the machine type {machine!r} that is known here"
        )
    return f"consul_{version}_{system.lower()}_{built}.zip"


def verify(archive: bytes, *, name: str, checksums: str) -> None:
    """Raise unless the published list (``<sha256>  <name>`` per line) has this archive with these bytes."""
    published = [line.split()[0].lower() for line in checksums.splitlines() if line.split()[1:] == [name]]
    if len(published) != 1:
        raise ReleaseError(f"the published checksums name {name} {len(published)} times, not once")
    found = hashlib.sha256(archive).hexdigest()
    if found != published[0]:
        raise ReleaseError(f"{name} has the SHA-256 {found}, published is {published[0]}")


def download(address: str) -> bytes:
    """One GET; proxies and certificates as the environment says."""
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # the scheme is the constant above
        body = answer.read()
    assert isinstance(body, bytes)
    return body


def consul(*, read: Read = download, system: str | None = None, machine: str | None = None) -> bytes:
    """The bytes of the agent's binary for this machine."""
    name = archive_name(system=system or platform.system(), machine=machine or platform.machine())
    try:
        checksums = read(f"{ADDRESS}/{VERSION}/consul_{VERSION}_SHA256SUMS").decode("ascii", "replace")
        archive = read(f"{ADDRESS}/{VERSION}/{name}")
    except OSError as error:
        raise ReleaseError(f"{ADDRESS} cannot be read: {getattr(error, 'reason', error)}") from error
    verify(archive, name=name, checksums=checksums)
    try:
        return zipfile.ZipFile(io.BytesIO(archive)).read("consul")
    except (KeyError, zipfile.BadZipFile) as error:
        raise ReleaseError(f"{name} holds no consul: {error}") from error
