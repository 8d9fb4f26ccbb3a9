"""Triton's folder of one model: `<version>/<file>` beside an optional `config.pbtxt`. Reads names, opens nothing."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from model_server.config import VersionPolicy
from model_server.errors import BrokenModelError

CONFIG: Final = "config.pbtxt"
VERSION: Final = re.compile("[1-9][0-9]*", re.ASCII)
"""As Triton has it: a folder whose name begins with 0 is no version."""


def versions(folder: Path, filename: str) -> Mapping[int, Path]:
    """The file of each version, the newest first. A folder without the file is no version (yet)."""
    found = {
        int(each.name): each / filename
        for each in folder.iterdir()
        if VERSION.fullmatch(each.name) and (each / filename).is_file()
    }
    return {version: found[version] for version in sorted(found, reverse=True)}


def chosen(name: str, found: Mapping[int, Path], policy: VersionPolicy) -> Mapping[int, Path]:
    """What the policy serves of them; BrokenModelError for a version that it names and nobody has."""
    missing = [version for version in policy.specific if version not in found]
    if missing:
        raise BrokenModelError(
            f"model {name!r}: its version_policy names version {missing[0]}, "
            f"expected one of {', '.join(map(str, found)) or 'none'}"
        )
    if policy.specific:
        return {version: file for version, file in found.items() if version in policy.specific}
    wanted = list(found)[: policy.latest or None]
    return {version: found[version] for version in wanted}
