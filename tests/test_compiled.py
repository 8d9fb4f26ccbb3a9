"""The suite tests what is built: a compiled module that is older than its source stops it, by name."""

import os
from pathlib import Path

import pytest

from tests import compiled

SUFFIX = compiled.EXTENSION_SUFFIXES[0]


SOURCES = ["mesh/http2/frames.py", "splitter/call.py", "model_server/transport/wire.py"]


def tree(root: Path, name: str, *, source: int, built: int | None) -> None:
    file = root / name
    file.parent.mkdir(parents=True)
    library = next(each for each, packages in compiled.LIBRARIES.items() if name.startswith(packages))
    (root / library).parent.mkdir(exist_ok=True)
    for path, when in (
        (file, source),
        (file.with_suffix(SUFFIX), 1 if built else None),
        (root / library, built),
    ):
        if when is not None:
            path.touch()
            os.utime(path, (when, when))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("source", "built", "stale"), [(2, 1, True), (1, 2, False), (1, None, False)])
def test_a_source_that_is_newer_than_its_compiled_module_is_found(
    tmp_path: Path, name: str, source: int, built: int | None, stale: bool
) -> None:
    tree(tmp_path, name, source=source, built=built)
    assert compiled.stale(tmp_path) == ([Path(name)] if stale else [])


def test_on_request_the_sources_are_imported(tmp_path: Path) -> None:
    tree(tmp_path, "mesh/http2/frames.py", source=1, built=2)
    found = compiled.Interpreted(tmp_path).find_spec("mesh.http2.frames", None)
    assert found is not None
    assert found.origin == str(tmp_path / "mesh" / "http2" / "frames.py")
    assert compiled.Interpreted(tmp_path).find_spec("mesh.http2.inlet", None) is None
