"""A PostgreSQL of the tests' own: a cluster in a temporary folder, on a Unix socket, stopped whatever happens.

The server refuses to run as root, so root starts it as `postgres`, or as `nobody`. A shell holds it by a pipe: when the
tests end in any way, even killed, the pipe closes and the shell stops the server.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

DEBIAN: Final = Path("/usr/lib/postgresql")
"""Keeps each version's programs apart, and none of the server's on the PATH."""
READY: Final = b"database system is ready to accept connections"
HELD: Final = '"$@" & read -r _; kill -QUIT $!; wait'
SUPERUSER: Final = "verdigris"


class Cluster:
    """Where it listens; makes databases."""

    def __init__(self, programs: Path, socket: Path) -> None:
        self._programs = programs
        self._socket = socket
        self._made = 0

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={self._socket}"

    def database(self) -> str:
        """The URL of a new, empty one."""
        self._made += 1
        name = f"test{self._made}"
        self.tell(f"CREATE DATABASE {name}")
        return self.url(name)

    def tell(self, command: str, *, database: str = "postgres") -> str:
        """What psql prints."""
        psql = [
            self._programs / "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            self._socket,
            "-U",
            SUPERUSER,
        ]
        told = subprocess.run([*psql, "-c", command, database], check=True, capture_output=True, text=True)
        return told.stdout.strip()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Running; skips where PostgreSQL is not installed."""
    programs = _programs()
    # Not inside the checkout: another user may not be allowed to enter it, and a socket's path has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="verdigris-pg-", dir="/tmp"))
    try:
        who = _unprivileged(folder)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={SUPERUSER}"]
        initialise = [programs / "initdb", *options, folder / "data"]
        subprocess.run(initialise, check=True, capture_output=True, cwd=folder, **who)
        settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
        server = [programs / "postgres", "-D", folder / "data"]
        server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        held = ["sh", "-c", HELD, "sh", *server]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            held, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, cwd=folder, **who
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            log = []
            for line in process.stdout:
                log.append(line)
                if READY in line:
                    break
            else:
                raise RuntimeError(b"".join(log).decode())
            try:
                yield Cluster(programs, folder)
            finally:
                process.stdin.close()
                process.stdout.read()  # what it says at its end fills no pipe
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The newest version's."""
    found = shutil.which("initdb")
    versions = (
        [Path(found)]
        if found
        else sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: path.parts[-3].zfill(4))
    )
    if not versions:
        pytest.skip("needs initdb (Debian package postgresql): make system-deps")
    return versions[-1].resolve().parent


def _unprivileged(folder: Path) -> dict[str, int]:
    """Whom to run the server as, who then owns the folder; nothing for an ordinary user, who can be it himself."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid}
