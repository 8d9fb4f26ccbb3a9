"""The traffic document in Consul: read it with its revision, write it if nobody else has.

Every write is a check-and-set against the revision that was read, so two operators cannot overwrite each
other unseen; the one who comes second is told what the first one did.
"""

import time
from dataclasses import dataclass

from mesh import contract
from mesh.consul import Consul, ConsulError
from mesh.traffic import Invalid, Problem, Traffic, parse
from mesh.words import told
from rollout.failure import Exit, Failure


@dataclass(frozen=True, slots=True)
class Current:
    """What stands in the key: `revision` 0 is nothing; `traffic` is None then, or if it is invalid."""

    service: str
    revision: int
    raw: bytes = b""
    traffic: Traffic | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def exists(self) -> bool:
        return self.revision > 0


async def read(consul: Consul, service: str) -> Current:
    """The document as it stands, good or bad."""
    entry = (await consul.get(contract.traffic_key(service))).value
    if entry is None:
        return Current(service, 0)
    try:
        return Current(service, entry.revision, entry.value, parse(entry.value))
    except Invalid as error:
        return Current(service, entry.revision, entry.value, None, error.problems)


@dataclass(frozen=True, slots=True)
class Written:
    """A document that stands in Consul now; `at` is when the write returned, by the monotonic clock."""

    revision: int
    at: float


async def write(consul: Consul, current: Current, raw: bytes) -> Written:
    """Write over `current`; Failure(CONFLICT) if it no longer stands there."""
    key = contract.traffic_key(current.service)
    written = await consul.put(key, raw, cas=current.revision)
    at = time.monotonic()
    try:
        entry = (await consul.get(key)).value
    except ConsulError as error:
        raise (unconfirmed("at a revision that could not be read", error) if written else error) from None
    if written and entry is not None and entry.value == raw:
        return Written(entry.revision, at)
    now = await read(consul, current.service)
    if written:
        message = f"written, but somebody replaced it at once: {_changed(current, now)}"
        raise Failure(Exit.CONFLICT, message, hint="Look at it with `verdigris history`.", details=_says(now))
    message = f"nothing was written: somebody else changed {key} meanwhile: {_changed(current, now)}"
    raise Failure(Exit.CONFLICT, message, hint="Look at it and run the command again.", details=_says(now))


def unconfirmed(where: str, error: ConsulError) -> Failure:
    """Consul failed, but after the write: nobody may think that nothing has changed."""
    message = f"the document was written, {where}, but then: {error}"
    hint = "`verdigris status` shows who obeys it, once Consul answers again."
    return Failure(Exit.UNREACHABLE, message, hint=hint)


def usable(current: Current, *, force: bool) -> Traffic | None:
    """The document to edit, None to start afresh; an invalid one is not silently thrown away."""
    if current.traffic is None and current.exists and not force:
        raise Failure(
            Exit.INVALID,
            f"the document in {contract.traffic_key(current.service)} (revision {current.revision}) "
            "is invalid, so there is nothing to edit",
            hint="Mend it, roll back (`verdigris rollback`), or start afresh with --force.",
            details=tuple(map(str, current.problems)),
        )
    return current.traffic


def _changed(before: Current, now: Current) -> str:
    after = f"revision {now.revision}" if now.exists else "deleted"
    return f"{f'revision {before.revision}' if before.exists else 'no document'} → {after}"


def _says(now: Current) -> tuple[str, ...]:
    if now.traffic:
        return (f"it now says: {told(now.traffic)}",)
    return ("the document is gone",) if not now.exists else ("it is invalid:", *map(str, now.problems))
