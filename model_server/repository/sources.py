"""Where models come from: what `--model` gives one by one, and the folders of a `--repository`.

A source says what loading a model would open (a `Plan`); it opens no model and remembers nothing, so each load
sees the disk as it is then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from model_server.config import BatchingConfig, ModelConfigValue, VersionPolicy
from model_server.errors import BadRequestError, BrokenModelError, UnknownModelError
from model_server.models import Batching
from model_server.repository import layout, pbtxt
from model_server.repository.names import fault

NOTHING: Final[Mapping[str, Batching]] = MappingProxyType({})
LATEST: Final = VersionPolicy(latest=1)
"""Triton's policy, where a model of a repository says no other. What `--model` names is served in all versions."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one load opens."""

    config: ModelConfigValue
    """As wanted: tensors that it does not name are as the file has them."""
    files: tuple[tuple[str | None, Path], ...]
    """With their versions, the newest first; a single file knows its own version (None)."""


class Sources:
    """The models of `--model` by name, then those of the repository; of one name, the former."""

    def __init__(
        self,
        models: Mapping[str, Path] = MappingProxyType({}),  # cannot change
        *,
        repository: Path | None = None,
        batching: Mapping[str, Batching] = NOTHING,
    ) -> None:
        self.given = tuple(models)
        """The names of `--model`, in its order."""
        self._models = models
        self._repository = repository
        self._batching = batching

    def __repr__(self) -> str:
        return f"Sources({ {name: str(path) for name, path in self._models.items()} }, {self._repository})"

    def names(self) -> tuple[str, ...]:
        """Every model there is now. Reads one folder."""
        return (*self.given, *(each for each in self._folders() if each not in self._models))

    def has(self, name: str) -> bool:
        if name in self._models:
            return True
        # No path is made of a name that was not checked
        return self._repository is not None and not fault(name) and (self._repository / name).is_dir()

    def plan(self, name: str, override: str | None = None) -> Plan:
        """What loading this model would open; `override` is a configuration in JSON that takes the place of
        the model's own. UnknownModelError, BrokenModelError, or BadRequestError for the override."""
        try:
            return self._plan(name, override)
        except OSError as error:
            raise BrokenModelError(f"model {name!r}: {error.filename}: {error.strerror}") from error

    def _plan(self, name: str, override: str | None) -> Plan:
        base = ModelConfigValue(name)
        path = self._models.get(name)
        if path is not None:
            if not path.is_dir():
                config = base if override is None else _overridden(name, override, base)
                return Plan(self._batched(config), ((None, path),))
            config = self._batched(_configured(name, path, override, base))
            files = _files(name, path, config)
        else:
            if self._repository is None or not self.has(name):
                # Triton's wording, which clients look for
                raise UnknownModelError(
                    f"failed to load {name!r}, failed to poll from model repository: there is no folder of this name"
                )
            base = replace(base, version_policy=LATEST)
            root = self._repository.resolve()
            path = _inside(name, root, self._repository / name)
            _inside(name, root, path / layout.CONFIG)
            config = _configured(name, path, override, base)
            # Resolved now, so that a link that is changed later leads nowhere else
            files = {
                version: _inside(name, root, file) for version, file in _files(name, path, config).items()
            }
        return Plan(config, tuple((str(version), file) for version, file in files.items()))

    def _batched(self, config: ModelConfigValue) -> ModelConfigValue:
        """With the batching of the command line, which comes last and wins."""
        batching = self._batching.get(config.name)
        if batching is None:
            return config
        delay = BatchingConfig(round(batching.delay * 1e6))
        return replace(config, max_batch_size=batching.most, dynamic_batching=delay)

    def _folders(self) -> Iterator[str]:
        if self._repository is None:
            return
        try:
            found = sorted(
                each.name for each in self._repository.iterdir() if not fault(each.name) and each.is_dir()
            )
        except OSError as error:
            raise BrokenModelError(f"repository {self._repository}: {error.strerror}") from error
        yield from found


def _configured(name: str, folder: Path, override: str | None, base: ModelConfigValue) -> ModelConfigValue:
    if override is not None:
        return _overridden(name, override, base)
    file = folder / layout.CONFIG
    if file.exists() and not file.is_file():  # to open a pipe would hold the loader for ever
        raise BrokenModelError(f"model {name!r}: {file} is no file")
    try:
        return pbtxt.read_text(file.read_text("utf-8"), base)
    except FileNotFoundError:
        return base
    except UnicodeDecodeError as error:
        raise BrokenModelError(f"model {name!r}: {file} is not UTF-8: byte {error.start}") from None
    except pbtxt.BadConfigError as error:
        raise BrokenModelError(f"model {name!r}: {file}: {error}") from None


def _overridden(name: str, override: str, base: ModelConfigValue) -> ModelConfigValue:
    try:
        return pbtxt.read_json(override, base)
    except pbtxt.BadConfigError as error:
        raise BadRequestError(f"failed to load {name!r}: parameter 'config': {error}") from None


def _files(name: str, folder: Path, config: ModelConfigValue) -> Mapping[int, Path]:
    found = layout.versions(folder, config.default_model_filename)
    if not found:
        raise BrokenModelError(
            f"model {name!r}: {folder} has no version; expected <number>/{config.default_model_filename} in it, "
            "or the path of a file"
        )
    return layout.chosen(name, found, config.version_policy)


def _inside(name: str, root: Path, path: Path) -> Path:
    """The path without links, which must not lead out of the repository."""
    resolved = path.resolve()
    if not resolved.is_relative_to(root):
        raise BrokenModelError(f"model {name!r}: {path} is a link that leaves the repository {root}")
    return resolved
