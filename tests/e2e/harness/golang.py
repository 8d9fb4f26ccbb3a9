"""Go's gRPC: the program of `tests/e2e/go`, built from Debian's Go packages, without a download of its own."""

import os
import subprocess
from typing import Final

import pytest

from tests.e2e.harness import needs
from tests.e2e.harness.once import one_at_a_time
from tests.e2e.harness.process import CHECKOUT

SOURCES: Final = CHECKOUT / "tests/e2e/go"
LIBRARIES: Final = "/usr/share/gocode"
"""Where Debian's packages of Go libraries put their sources: a GOPATH."""
PROGRAM: Final = CHECKOUT / ".cache/go/interop"


@one_at_a_time("go")
def interop() -> str:
    """The path of the program, built if its sources are newer; skips where Debian's packages are missing."""
    go = needs.command("go", package="golang-go")
    if not os.path.isdir(f"{LIBRARIES}/src/google.golang.org/grpc"):
        pytest.skip("needs grpc-go (Debian package golang-google-grpc-dev): make system-deps")
    newest = max(source.stat().st_mtime for source in SOURCES.glob("*.go"))
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < newest:
        settings = {"GO111MODULE": "off", "GOPATH": LIBRARIES, "GOFLAGS": "", "CGO_ENABLED": "0"}
        subprocess.run(
            [go, "build", "-o", f"{PROGRAM}.new", "."],
            cwd=SOURCES,
            env={**os.environ, **settings, "GOCACHE": str(CHECKOUT / ".cache/go-build")},
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=100,
        )
        os.utime(f"{PROGRAM}.new")
        os.replace(f"{PROGRAM}.new", PROGRAM)  # the old one may be running
    return str(PROGRAM)
