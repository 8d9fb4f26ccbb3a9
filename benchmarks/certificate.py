"""A certificate for 127.0.0.1 that signs itself, the same for every peer of a run."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM."""

    certificate: Path
    key: Path
    both: Path
    """Certificate and key in one file, as HAProxy wants them."""


def missing() -> str | None:
    return None if shutil.which("openssl") else "no command openssl for a certificate"


def certificate(directory: Path) -> Certificate:
    """The one in the directory, made when it is first asked for."""
    made = Certificate(directory / "cert.pem", directory / "key.pem", directory / "both.pem")
    if not made.both.exists():
        names = ("-subj", "/CN=benchmark", "-addext", "subjectAltName=IP:127.0.0.1")
        files = ("-keyout", str(made.key), "-out", str(made.certificate))
        argv = ["openssl", "req", "-x509", *KEY, "-days", "2", *names, *files]
        subprocess.run(argv, check=True, capture_output=True, timeout=30)
        made.both.write_text(made.certificate.read_text() + made.key.read_text())
    return made
