"""What the system may lack: found, or skipped by name with the reason."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest


def command(name: str, *, package: str, also: Sequence[str] = ()) -> str:
    """The path of a command, or of the first of `also`; skips when the system has none of them."""
    for candidate in (name, *also):
        if found := shutil.which(candidate):
            return found
    pytest.skip(f"needs {name} (Debian package {package}): make system-deps")


def file(pattern: str, *, package: str, roots: Sequence[str]) -> Path:
    """The file a package brings, wherever its version puts it; skips when it is not installed."""
    for root in roots:
        if found := sorted(Path(root).glob(pattern)):
            return found[-1]
    pytest.skip(f"needs {pattern} (Debian package {package}): make system-deps")
