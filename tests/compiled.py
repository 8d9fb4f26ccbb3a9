"""The data paths' compiled modules in a checkout: never older than their sources, and left out on request.

`VERDIGRIS_INTERPRETED=1`: the tests import the sources, as if nothing had been compiled. Programs that tests start are
not affected.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = {
    f"{home}/compiled__mypyc{EXTENSION_SUFFIXES[0]}": packages
    for home, packages in (("mesh", ("mesh", "splitter")), ("model_server", ("model_server",)))
}
"""Hold the code of these packages; the modules beside their sources only load it, and are not made anew."""


def stale(root: Path = ROOT) -> list[Path]:
    """Sources that are newer than what was compiled from them."""
    found = []
    for name, packages in LIBRARIES.items():
        library = root / name
        if not library.exists():
            continue
        built = library.stat().st_mtime
        sources = (source for package in packages for source in sorted((root / package).rglob("*.py")))
        compiled = (source for source in sources if source.with_suffix(EXTENSION_SUFFIXES[0]).exists())
        found += [source.relative_to(root) for source in compiled if source.stat().st_mtime > built]
    return found


class Interpreted(MetaPathFinder):
    """Finds the sources of compiled modules, and nothing else."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        source = self._root.joinpath(*fullname.split(".")).with_suffix(".py")
        if source.with_suffix(EXTENSION_SUFFIXES[0]).exists():
            return spec_from_file_location(fullname, source)
        return None


def prepare() -> str | None:
    """Choose the form that this run tests. Why it cannot go on, or None."""
    if os.environ.get("VERDIGRIS_INTERPRETED", "") not in ("", "0"):
        sys.meta_path.insert(0, Interpreted())
        return None
    if names := stale():
        listed = ", ".join(map(str, names))
        return f"newer than their compiled modules: {listed}; run `make dev` (or `make interpreted`)"
    return None
