"""What a peer is: a proxy that can be looked for, set up between a port and the backend, and stopped."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.process import Process
from benchmarks.witness import Witness
from tests.consul_agent import free_ports

SPLIT: Final = {"blue": 90, "green": 10}
"""Percent, for everybody; both colours are the same backend, so what differs is the proxy."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured: a port, and the process that answers there; None when that is the backend itself."""

    port: int
    process: Process | None
    certificate: Path | None = None
    """What it is trusted by, where its clients speak TLS."""
    witness: Witness | None = None
    """Who counts what it does besides."""
    admin: int | None = None
    """Where the splitter's metrics are."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer is set up: the backend's port, a directory for files and logs, and who stops what runs."""

    backend: int
    directory: Path
    stack: ExitStack

    def port(self) -> int:
        return free_ports(1)[0]

    def write(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def run(
        self, name: str, argv: Sequence[str], *, port: int, env: Mapping[str, str] | None = None
    ) -> Target:
        """Start a program that will listen on `port`, and wait until it does."""
        process = Process(argv, port=port, log=self.directory / f"{name}.log", env=env)
        return Target(port, self.stack.enter_context(process))


class Peer(Protocol):
    """One worker, no access log, no traces. A variant (traces, a mirror, TLS) is one more peer of another name."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """Why it cannot be measured here; None when it can."""

    def version(self) -> str:
        """What exactly is measured, for the record."""

    def start(self, site: Site) -> Target:
        """Running and listening; the site's stack stops it."""


def program(name: str) -> str | None:
    """Beside this Python, else on PATH, else where Debian puts servers."""
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")
    return shutil.which(name, path=os.pathsep.join(places))


def first_line(*argv: str) -> str:
    """The first line that a command prints: mostly its version."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    except OSError:
        return "?"
    if done.returncode:
        return "?"
    return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "?")
