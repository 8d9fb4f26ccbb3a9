"""Only what is missing is asked for, and apt's lists are read again only when apt needs it."""

import os
import sys
from pathlib import Path

import pytest

from tools.system_deps import NEEDS, Need, command, install, missing, runs, unknown

POLICY = """\
chromium:
  Installed: (none)
  Candidate: 142.0
  Version table:
     142.0 500
ruby-grpc:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_a_need_that_is_met_is_not_installed() -> None:
    here = Need("here", "…", lambda: True)
    absent = Need("absent", "…", lambda: False)
    assert missing([here, absent]) == [absent]


def test_packages_without_a_candidate_and_packages_apt_never_heard_of_are_unknown() -> None:
    assert unknown(["chromium", "ruby-grpc", "haproxy"], POLICY) == ["ruby-grpc", "haproxy"]


def test_a_command_is_found_where_debian_keeps_daemons_too() -> None:
    assert command("sh")()
    assert not command("no-such-command-anywhere")()


def test_a_probe_that_fails_or_does_not_exist_says_that_the_need_is_not_met() -> None:
    assert runs(sys.executable, "-c", "")()
    assert not runs(sys.executable, "-c", "raise SystemExit(1)")()
    assert not runs("/nowhere/ruby", "-rgrpc")()


def test_every_package_is_named_once_and_says_what_it_is_for() -> None:
    assert len({need.package for need in NEEDS}) == len(NEEDS)
    assert all(need.purpose for need in NEEDS)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt that notes what it was asked, and installs nothing while there is a file named ``stale``."""
    log = tmp_path / "asked"
    programs = {
        "apt-get": f"echo $3 >> {log}; case $3 in update) rm -f stale;; install) test ! -e stale;; esac",
        "apt-cache": "test -e unread && exit; for name in $2; do echo $name:; echo '  Candidate: 1'; done",
    }
    for name, script in programs.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return log


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        ("fresh", ["install"]),
        ("unread", ["update", "install"]),
        ("stale", ["install", "update", "install"]),
    ],
)
def test_lists_are_read_again_only_when_they_are_unread_or_stale(
    apt: Path, state: str, asked: list[str]
) -> None:
    apt.with_name(state).touch()
    assert install(["chromium"], as_root=[])
    assert apt.read_text().split() == asked
