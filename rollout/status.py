"""What live sidecars say about themselves: status keys as values, and what they make of a revision. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mesh.consul import Entry
from mesh.traffic import Problem


class Stand(StrEnum):
    """What a sidecar makes of a revision."""

    OBEYS = "obeys"
    REFUSES = "refuses"
    BEHIND = "behind"
    KEEPS = "keeps"
    """There is no document any more, and it goes on with the last good one."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A live splitter: the revision it applies, since `applied_at` (unix seconds), and the one it refused."""

    id: str
    revision: int
    applied_at: float | None
    warnings: tuple[str, ...]
    refused: int
    problems: tuple[Problem, ...]
    endpoints: Mapping[str, tuple[int, int]]
    """Registered and healthy endpoints by colour, as it sees them."""
    admin: str

    def stand(self, revision: int) -> Stand:
        """Whether it obeys this revision (0: there is no document), has refused it, or neither.

        Not `>=`: a Consul that lost its data counts from the beginning again.
        """
        if self.revision == revision:
            return Stand.OBEYS
        if not revision:
            return Stand.KEEPS
        return Stand.REFUSES if self.refused == revision else Stand.BEHIND


def sidecars(entries: Iterable[Entry]) -> tuple[Sidecar, ...]:
    """The sidecars behind the status keys, by id; a key that no session holds is nobody's any more."""
    return tuple(_sidecar(entry) for entry in entries if entry.session)


def problems(items: Any) -> tuple[Problem, ...]:
    """Problems as status and history spell them."""
    return tuple(
        Problem(str(each.get("path")), str(each.get("value")), str(each.get("rule"))) for each in items or ()
    )


def _sidecar(entry: Entry) -> Sidecar:
    try:
        value: Any = json.loads(entry.value)
        error = value.get("error") or {}
        return Sidecar(
            id=str(value.get("sidecar") or entry.key.rpartition("/")[2]),
            revision=int(value.get("revision") or 0),
            applied_at=value.get("applied_at"),
            warnings=tuple(map(str, value.get("warnings") or ())),
            refused=int(error.get("revision") or 0),
            problems=problems(error.get("problems")),
            endpoints={
                str(color): (int(each.get("registered", 0)), int(each.get("healthy", 0)))
                for color, each in (value.get("endpoints") or {}).items()
            },
            admin=str(value.get("admin") or ""),
        )
    except (ValueError, AttributeError, TypeError) as error:
        unreadable = (f"its status key cannot be read: {error}",)
        return Sidecar(entry.key.rpartition("/")[2], 0, None, unreadable, 0, (), {}, "")
