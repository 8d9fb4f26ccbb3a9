"""Which models this server has: names and versions, found by each call, loaded and unloaded while it runs.

The table is an immutable value that a change replaces and a call reads once: no call sees half a change. A model
that is loaded again is read from the disk in all its versions and warmed, and only then takes the place of
the old one, which ends with its last call. A load that fails changes nothing but the index.

Changes of one model come one after the other, in the order they were asked for. A load belongs to whoever asked
for it: if they leave before it is done, nothing is loaded.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, TypeVar
from weakref import WeakSet, WeakValueDictionary

from model_server.config import ModelConfigValue
from model_server.errors import (
    BrokenModelError,
    ControlOffError,
    ModelServerError,
    NotReadyError,
    UnknownModelError,
)
from model_server.models import Model
from model_server.repository.agreement import agreed
from model_server.repository.names import check_name
from model_server.repository.sources import Plan, Sources
from model_server.repository.standing import IndexEntry, Standing, State
from model_server.repository.warming import warm

log = logging.getLogger(__name__)

T = TypeVar("T")

LOADERS: Final = 2
"""Loads at a time. More would only take the processor from the calls."""
NOBODY: Final = Standing()


class Open(Protocol):
    """Loads one file, or raises BrokenModelError."""

    def __call__(self, name: str, file: Path, *, version: str | None, wanted: ModelConfigValue) -> Model:
        """`wanted` says how; that it agrees with the file is not checked here."""


class Repository:
    """Models by name. Used on the event loop; files are opened and models warmed in threads of its own."""

    def __init__(
        self,
        sources: Sources,
        open_model: Open,
        *,
        explicit: bool = False,
        first: Collection[str] | None = None,
    ) -> None:
        """`explicit`: models can be loaded and unloaded, and one that fails does not fail the start. `first` are
        the names to start with, None for all."""
        self._sources = sources
        self._open = open_model
        self._explicit = explicit
        self._first = first
        self._table: Mapping[str, Standing] = MappingProxyType({})
        self._starting: Collection[str] | None = first
        """What the start has still to load; None: everything, not listed yet."""
        self._loaded = False
        self._changed: Callable[[], None] = lambda: None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._alive: WeakSet[Model] = WeakSet()
        self._threads = ThreadPoolExecutor(LOADERS, thread_name_prefix="load")

    def __repr__(self) -> str:
        return f"Repository({ {name: [*each.serving] for name, each in self._table.items()} })"

    @property
    def loaded(self) -> bool:
        """Every model to start with is loaded and warm, or has failed."""
        return self._loaded

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call this whenever `models()` has become another answer."""
        self._changed = changed

    # What calls ask

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
        standing = self._table.get(name)
        if standing is not None and standing.serving:
            return standing.serving
        if self._awaited(name) or (standing is not None and standing.loading is not None):
            raise NotReadyError(f"model {name!r} is not loaded yet")
        if standing is not None:
            raise UnknownModelError(
                f"Request for unknown model: {name!r} has no available versions; "
                + (f"its last load failed: {standing.failure}" if standing.failure else "it was unloaded")
            )
        known = ", ".join(name for name, each in self._table.items() if each.serving) or "none"
        raise UnknownModelError(f"Request for unknown model: {name!r} is not found; expected one of {known}")

    def ready(self, name: str, version: str = "") -> bool:
        """Whether this model is served; UnknownModelError if there is none of this name that could be."""
        standing = self._table.get(name)
        if standing is not None and standing.serving:
            return bool(self.find(name, version))
        if standing is not None or self._awaited(name) or self._sources.has(name):
            return False
        self.find(name, version)
        return False

    def models(self) -> tuple[Model, ...]:
        """The newest version of every model that is served, in the order of the sources."""
        return tuple(next(iter(each.serving.values())) for each in self._table.values() if each.serving)

    def index(self, *, ready: bool = False) -> tuple[IndexEntry, ...]:
        """Every version of every model that is known; `ready`: only those that are served."""
        lines = [line for name, each in self._table.items() for line in each.entries(name)]
        if ready:
            return tuple(line for line in lines if line.state is State.READY)
        seen = {line.name for line in lines}
        lines += [
            IndexEntry(name, "", State.LOADING)
            if self._awaited(name)
            else IndexEntry(name, "", State.UNAVAILABLE, "not loaded")
            for name in self._known_names()
            if name not in seen
        ]
        return tuple(lines)

    def _known_names(self) -> tuple[str, ...]:
        """What could be loaded; nothing while the repository's folder is away."""
        try:
            return tuple(self._sources.names())
        except BrokenModelError as error:
            log.warning("%s", error)
            return ()

    # How models come and go

    async def start(self) -> None:
        """Load what there is to start with, one after the other. Without explicit control the first one that fails
        ends it with BrokenModelError."""
        names = await self._in_thread(self._sources.names) if self._first is None else tuple(self._first)
        if not names and not self._explicit:
            raise BrokenModelError("there is no model to serve")
        self._starting = names
        for name in names:
            try:
                async with self._turn(name):
                    if self._awaited(name):  # else it was unloaded meanwhile
                        await self._load(name, None)
            except ModelServerError as error:
                if not self._explicit:
                    raise BrokenModelError(str(error)) from error
                log.error("%s", error)
            self._settle(name)
        self._loaded = True

    async def load(self, name: str, *, config: str | None = None) -> None:
        """Load a model, or load it again; returns once it is served. What was served stays until then, and for good
        if that fails: with BrokenModelError, UnknownModelError or BadRequestError. `config` is a ModelConfig in JSON,
        for this load only, in the place of the model's own."""
        self._check_control(name)
        async with self._turn(name):
            try:
                await self._load(name, config)
            except BrokenModelError as error:
                # Triton's wording, which clients look for
                raise BrokenModelError(f"load failed for model {name!r}: {error}") from error

    async def unload(self, name: str) -> None:
        """Find the model no more; its calls under way finish. A model that is not there is unloaded already, which is
        Triton's view too."""
        self._check_control(name)
        async with self._turn(name):
            self._settle(name)
            if self._table.get(name, NOBODY).serving:
                self._publish(name, self._table[name].serve({}))
                log.info("model %s is unloaded", name)

    def abort(self) -> None:
        """Make every run that has begun fail soon, of old models too; for the end of the server."""
        for model in tuple(self._alive):
            model.abort()

    def close(self) -> None:
        """Load nothing any more; what a thread has begun it finishes."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _load(self, name: str, config: str | None) -> None:
        before = self._table.get(name)
        self._stand(name, (before or NOBODY).load(("",)))
        try:
            plan = await self._in_thread(self._sources.plan, name, config)
            self._stand(name, self._table[name].load(tuple(version or "" for version, _ in plan.files)))
            models = [await self._one(plan, version, file) for version, file in plan.files]
        except BrokenModelError as error:
            self._stand(name, self._table[name].fail(str(error)))
            raise
        except BaseException:  # also whoever left: nothing of theirs stays, and the others wait for the turn
            self._forget(name, before)
            raise
        self._publish(name, self._table[name].serve({model.version: model for model in models}))
        log.info("model %s is loaded, versions %s", name, ", ".join(model.version for model in models))

    async def _one(self, plan: Plan, version: str | None, file: Path) -> Model:
        opening = partial(self._open, plan.config.name, file, version=version, wanted=plan.config)
        model = agreed(await self._in_thread(opening), plan.config)
        self._alive.add(model)
        # Handed over, so that the thread keeps nothing when it is done: a model ends with its last call
        await self._in_thread(_warm, [model])
        return model

    def _awaited(self, name: str) -> bool:
        """Whether the start has still to load it."""
        return self._sources.has(name) if self._starting is None else name in self._starting

    def _settle(self, name: str) -> None:
        if self._starting is not None:
            self._starting = [each for each in self._starting if each != name]

    def _check_control(self, name: str) -> None:
        if not self._explicit:
            # The beginning is Triton's wording, which clients look for
            raise ControlOffError(
                "explicit model load / unload is not allowed: this server was started without --model-control explicit"
            )
        check_name(name)

    def _turn(self, name: str) -> asyncio.Lock:
        """Whoever holds it may change this model."""
        return self._turns.setdefault(name, asyncio.Lock())

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _stand(self, name: str, standing: Standing) -> None:
        self._table = MappingProxyType({**self._table, name: standing})

    def _forget(self, name: str, before: Standing | None) -> None:
        """As if this load had never been asked for."""
        table = {**self._table, name: before or NOBODY}
        if before is None:
            del table[name]
        self._table = MappingProxyType(table)

    def _publish(self, name: str, standing: Standing) -> None:
        self._stand(name, standing)
        self._changed()


def _warm(handed: list[Model]) -> None:
    warm(handed.pop())
