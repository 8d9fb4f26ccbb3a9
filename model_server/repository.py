"""Which models this server has: names and versions, loaded from files, found by each call.

The table is an immutable value that loading replaces and a call reads once: no call sees half a change.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from model_server.errors import BrokenModelError, ModelServerError, NotReadyError, UnknownModelError
from model_server.models import Model

log = logging.getLogger(__name__)

FILE: Final = "model.onnx"
"""The name of a model in a version's folder (Triton's layout)."""


class Open(Protocol):
    """Loads one file, or raises BrokenModelError."""

    def __call__(self, name: str, file: Path, *, version: str | None) -> Model: ...


class Repository:
    """Models by name; a source is a file, or a folder `<version>/model.onnx` of numbered versions."""

    def __init__(self, sources: Mapping[str, Path], open_model: Open) -> None:
        self._sources = sources
        self._open = open_model
        self._table: Mapping[str, Mapping[str, Model]] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"Repository({ {name: [*versions] for name, versions in self._table.items()} })"

    @property
    def loaded(self) -> bool:
        """Every source is loaded and warm."""
        return self._table.keys() >= self._sources.keys()

    async def load(self) -> None:
        """Load and warm every source, in threads; the first one that fails ends it with BrokenModelError."""
        for name, path in self._sources.items():
            models = await asyncio.to_thread(self._load_one, name, path)
            self._table = MappingProxyType({**self._table, name: models})
            log.info("model %s is loaded, versions %s", name, ", ".join(models))

    def find(self, name: str, version: str = "") -> Model:
        """The model of this name; without a version the newest. UnknownModelError or NotReadyError."""
        versions = self.versions(name)
        if not version:
            return next(iter(versions.values()))
        if version not in versions:
            # The beginning is Triton's wording, which clients look for
            raise UnknownModelError(
                f"Request for unknown model: {name!r} version {version!r} is not found; "
                f"expected one of {', '.join(versions)}"
            )
        return versions[version]

    def versions(self, name: str) -> Mapping[str, Model]:
        """All versions of one model, the newest first."""
        versions = self._table.get(name)
        if versions is not None:
            return versions
        if name in self._sources:
            raise NotReadyError(f"model {name!r} is not loaded yet")
        known = ", ".join(self._sources) or "none"
        raise UnknownModelError(f"Request for unknown model: {name!r} is not found; expected one of {known}")

    def models(self) -> tuple[Model, ...]:
        """The newest version of every model that is loaded, in the order of the sources."""
        return tuple(next(iter(versions.values())) for versions in self._table.values())

    def abort(self) -> None:
        """Make every run that has begun fail soon; for the end of the server."""
        for versions in self._table.values():
            for model in versions.values():
                model.abort()

    def _load_one(self, name: str, path: Path) -> Mapping[str, Model]:
        models = [self._open(name, file, version=version) for version, file in files(name, path)]
        for model in models:
            warm(model)
        return MappingProxyType({model.version: model for model in models})


def files(name: str, path: Path) -> list[tuple[str | None, Path]]:
    """The files of a source with their versions, the newest first; a single file knows its own version."""
    if not path.is_dir():
        return [(None, path)]
    found = [
        (int(folder.name), folder / FILE)
        for folder in path.iterdir()
        if folder.name.isascii() and folder.name.isdecimal() and (folder / FILE).is_file()
    ]
    if not found:
        raise BrokenModelError(
            f"model {name!r}: {path} has no version; expected <number>/{FILE} in it, or the path of a file"
        )
    return [(str(version), file) for version, file in sorted(found, reverse=True)]


def warm(model: Model) -> None:
    """Run once, so that the first call does not pay for what ONNX Runtime prepares lazily.

    A model may have every right to refuse zeros, so a failure is told and not fatal.
    """
    try:
        model.run(tuple(model.outputs), model.zeros())
    except ModelServerError as error:
        log.warning("model %s version %s was not warmed with zeros: %s", model.name, model.version, error)
