"""What the system may lack: found, or skipped by name with the reason."""

import os
import shutil
from collections.abc import Sequence
from typing import Final

import pytest

SBIN: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian keeps daemons; not on the PATH of ordinary users."""


def command(name: str, *, package: str, also: Sequence[str] = ()) -> str:
    """The path of a command, or of the first of `also`; skips when the system has none of them."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    for candidate in (name, *also):
        if found := shutil.which(candidate, path=path):
            return found
    pytest.skip(f"needs {name} (Debian package {package}): make system-deps")
