"""How one model stands: what is served of it, what is on its way, what was the matter. Immutable; pure changes."""

import enum
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from model_server.models import Model


class State(enum.StrEnum):
    """Of one version, in Triton's words."""

    READY = "READY"
    LOADING = "LOADING"
    UNLOADING = "UNLOADING"
    """Not served any more; calls that had begun still run."""
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of the repository's index."""

    name: str
    version: str
    """Empty where no version is known: the model was never loaded."""
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One model."""

    serving: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))
    """By version, the newest first."""
    loading: tuple[str, ...] | None = None
    """The versions that are being loaded (`""`: not known yet); None: no load is under way."""
    gone: Mapping[str, "weakref.ref[Model]"] = field(
        default_factory=lambda: MappingProxyType({})
    )  # cannot change
    """What was served before, by version. Only as long as somebody else keeps it."""
    failure: str = ""
    """Why the last load failed."""

    def load(self, versions: tuple[str, ...]) -> "Standing":
        return replace(self, loading=versions)

    def fail(self, reason: str) -> "Standing":
        return replace(self, loading=None, failure=reason)

    def serve(self, models: Mapping[str, Model]) -> "Standing":
        """These models and no others; none: it is unloaded."""
        gone = {version: weakref.ref(model) for version, model in self.serving.items()}
        still = {version: ref for version, ref in self.gone.items() if ref() is not None}
        return Standing(
            MappingProxyType(models),
            gone={version: ref for version, ref in (still | gone).items() if version not in models},
        )

    def entries(self, name: str) -> Iterator[IndexEntry]:
        """Its lines of the index."""
        for version in self.serving:
            reason = f"the last load failed: {self.failure}" if self.failure else ""
            yield IndexEntry(name, version, State.READY, reason)
        for version in self.loading or ():
            if version not in self.serving:
                yield IndexEntry(name, version, State.LOADING)
        for version, ref in self.gone.items():
            if version not in (self.loading or ()):
                if ref() is None:
                    yield IndexEntry(name, version, State.UNAVAILABLE, "unloaded")
                else:
                    yield IndexEntry(name, version, State.UNLOADING)
        if not self.serving and self.loading is None and self.failure:
            yield IndexEntry(name, "", State.UNAVAILABLE, self.failure)
