"""One edit from beginning to end: read, change, check, write if nobody else has, see who obeys.

What the commands `shift`, `mirror` and `rollback` and the demo have in common.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh import contract
from mesh.consul import Consul, ConsulError, DeniedError
from mesh.traffic import Traffic
from rollout import document, edit, history
from rollout.convergence import converge
from rollout.failure import Exit, Failure
from rollout.view.change import Change
from rollout.view.status import unregistered

WAIT: Final = 5.0
"""Seconds to wait for the sidecars after a write: a hundred times what they need."""

Edit = Callable[[Traffic | None], Traffic]
"""From the document as it stands, or None where there is none, to the new one; ValueError says why not."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How an edit is to be made: only over revision `if_revision`; over an invalid document, or for a service that
    nobody knows, with `force`; waiting `wait` seconds for the sidecars, or not at all.
    """

    if_revision: int | None = None
    force: bool = False
    wait: float | None = WAIT


async def apply(consul: Consul, service: str, change: Edit, *, did: str, terms: Terms) -> Change:
    """Change the document of `service`; Failure tells why nothing was written."""
    current = await _read(consul, service, terms)
    before = document.usable(current, force=terms.force)
    try:
        after = change(before)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None
    return await _write(consul, current, after, did=did, terms=terms)


async def rollback(consul: Consul, service: str, *, to: int | None, terms: Terms) -> Change:
    """Write the previous applied document again, or that of revision `to`."""
    current = await _read(consul, service, terms)
    entries = (await consul.list(contract.history_prefix(service))).value
    found = history.target(history.revisions(entries), to=to, revision=current.revision, now=current.traffic)
    assert found.traffic is not None
    did = f"rolled back to revision {found.number}"
    return await _write(consul, current, found.traffic, did=did, terms=terms)


async def _read(consul: Consul, service: str, terms: Terms) -> document.Current:
    if not contract.SERVICE.fullmatch(service):
        raise Failure(Exit.USAGE, f"{service!r} is no service name: letters, digits and - only")
    current = await document.read(consul, service)
    if terms.if_revision is not None and current.revision != terms.if_revision:
        message = f"the document is at revision {current.revision or 'none'}, not {terms.if_revision}"
        raise Failure(Exit.CONFLICT, message, hint="Nothing was written.")
    return current


async def _check_name(consul: Consul, service: str) -> None:
    """Failure if nothing at all is known of a service without a document and without a model server: what would be
    written for a name that was misspelled would be obeyed by nobody, and look like a success."""
    try:
        names = await consul.folders(f"{contract.KEY_ROOT}/")
    except DeniedError:
        return  # a token that is bound to names (`enable_key_list_policy`): the write of another one is denied
    if service not in names:  # else it has sidecars, or a history
        message = f"nothing is known of {service}: it has no document, no model server and no sidecar"
        known = f"Consul knows {', '.join(names)}. " if names else ""
        hint = f"{known}If the name is right, --force writes the document all the same."
        raise Failure(Exit.USAGE, message, hint=hint)


async def _write(
    consul: Consul, current: document.Current, after: Traffic, *, did: str, terms: Terms
) -> Change:
    raw = edit.written(after)
    instances = (await consul.instances(current.service)).value
    if not (current.exists or instances or terms.force):
        await _check_name(consul, current.service)
    written = await document.write(consul, current, raw)
    found = None
    if terms.wait is not None:
        try:
            found = await converge(
                consul, current.service, written.revision, since=written.at, within=terms.wait
            )
        except ConsulError as error:
            raise document.unconfirmed(f"as revision {written.revision}", error) from None
    now = document.Current(current.service, written.revision, raw, after)
    return Change(
        service=current.service,
        did=did,
        revision=written.revision,
        written_at=written.at,
        previous=current.revision,
        traffic=after,
        warnings=unregistered(now, instances),
        convergence=found,
    )
