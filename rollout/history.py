"""The history of a document: the revisions that sidecars saw, and where a rollback goes back to. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mesh.consul import Entry
from mesh.traffic import Invalid, Problem, Traffic, parse
from rollout import edit
from rollout.failure import Exit, Failure
from rollout.status import problems


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: when a sidecar first saw it (unix seconds), whether it was applied, and what it said."""

    number: int
    at: float | None
    applied: bool
    problems: tuple[Problem, ...]
    document: Any
    """The JSON value, or the text if it was none."""
    traffic: Traffic | None
    note: str
    sidecar: str


def revisions(entries: Iterable[Entry]) -> tuple[Revision, ...]:
    """The history, oldest first; what cannot be read as an entry of it is left out."""
    found = (_revision(entry) for entry in entries)
    return tuple(sorted((each for each in found if each), key=lambda each: each.number))


def target(history: Sequence[Revision], *, to: int | None, revision: int, now: Traffic | None) -> Revision:
    """The revision to roll back to from the document `now` at `revision`; Failure says why there is none."""
    if to is None:
        return _previous(history, revision, now)
    for each in history:
        if each.number == to:
            if each.traffic is None:
                reasons = tuple(map(str, each.problems))
                raise Failure(Exit.USAGE, f"revision {to} is no valid document", details=reasons)
            return each
    known = ", ".join(str(each.number) for each in history[-8:]) or "none"
    raise Failure(Exit.USAGE, f"the history has no revision {to}", hint=f"The latest it has: {known}.")


def _previous(history: Sequence[Revision], revision: int, now: Traffic | None) -> Revision:
    for each in reversed(history):
        earlier = each.number < revision or not revision
        if earlier and each.applied and each.traffic and not edit.same_routes(each.traffic, now):
            return each
    raise Failure(
        Exit.FAILED,
        "there is nothing to roll back to: the history has no earlier applied document that differs",
        hint="See `verdigris history`; `verdigris shift` says directly where the traffic goes.",
    )


def twins(history: Sequence[Revision]) -> dict[int, int]:
    """For every revision whose routes an earlier one had already: the latest such revision before it."""
    found: dict[int, int] = {}
    for position, each in enumerate(history):
        for earlier in reversed(history[:position]):
            if each.traffic and edit.same_routes(each.traffic, earlier.traffic):
                found[each.number] = earlier.number
                break
    return found


def _revision(entry: Entry) -> Revision | None:
    try:
        value: Any = json.loads(entry.value)
        document = value.get("document")
        raw = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        return Revision(
            number=int(value.get("revision") or entry.key.rpartition("/")[2]),
            at=value.get("at"),
            applied=value.get("applied") is True,
            problems=problems(value.get("problems")),
            document=document,
            traffic=_traffic(raw),
            note=str(value.get("note") or ""),
            sidecar=str(value.get("sidecar") or ""),
        )
    except (ValueError, AttributeError, TypeError):
        return None


def _traffic(raw: bytes) -> Traffic | None:
    try:
        return parse(raw)
    except Invalid:
        return None
