"""The outcome of an edit: the document that was written, what to mind, and who obeys it already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mesh.traffic import Traffic
from mesh.words import duration
from rollout.convergence import Convergence
from rollout.failure import Exit
from rollout.status import Stand
from rollout.view.document import as_json, document, problem_lines, problems_json


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `convergence` is None if nobody waited for it; `did` tells in words what was done."""

    service: str
    did: str
    revision: int
    written_at: float
    """By the monotonic clock."""
    previous: int
    traffic: Traffic
    warnings: Sequence[str]
    convergence: Convergence | None

    @property
    def code(self) -> Exit:
        return Exit.OK if self.convergence is None or self.convergence.complete else Exit.NOT_OBEYED


def as_data(change: Change) -> dict[str, Any]:
    """The outcome for scripts."""
    found = change.convergence
    return {
        "service": change.service,
        "revision": change.revision,
        "previous": change.previous or None,
        "document": as_json(change.traffic),
        "warnings": list(change.warnings),
        "convergence": found
        and {
            "seconds": round(found.after, 4),
            "obeyed": [each.id for each in found.of(Stand.OBEYS)],
            "refused": [
                {"sidecar": each.id, "problems": problems_json(each.problems)}
                for each in found.of(Stand.REFUSES)
            ],
            "behind": [each.id for each in found.of(Stand.BEHIND)],
            "replaced_by": found.replaced or None,
        },
    }


def show(change: Change) -> Iterator[RenderableType]:
    """The outcome for people."""
    revision = f"revision {change.revision}" + (", as before" if change.revision == change.previous else "")
    yield Text.assemble((change.service, "bold"), f"  {change.did}  ", (revision, "dim"))
    yield document(change.traffic)
    for warning in change.warnings:
        yield Text(f"! {warning}", style="yellow")
    if change.convergence:
        yield from obeyed(change.convergence)


def obeyed(found: Convergence) -> Iterator[RenderableType]:
    """`3/3 sidecars obey revision 1234 after 38 ms`, and the names of those who do not."""
    count, total = len(found.of(Stand.OBEYS)), len(found.stands)
    if not total:
        yield Text(f"Revision {found.revision} is written; no sidecar is running to obey it.", style="yellow")
        return
    words = f"{count}/{total} sidecar{'s' * (total != 1)} obey{'s' * (total == 1)} revision {found.revision}"
    style = "green3" if found.complete else "red"
    yield Text.assemble((words, style), f" after {duration(found.after)}")
    if found.replaced:
        yield Text(f"Somebody has replaced it by revision {found.replaced} meanwhile.", style="yellow")
    for sidecar in found.of(Stand.REFUSES):
        yield Text(f"{sidecar.id} refuses it:", style="red")
        yield problem_lines(sidecar.problems)
    for sidecar in found.of(Stand.BEHIND):
        yield Text(f"{sidecar.id} still applies revision {sidecar.revision or 'none'}.", style="yellow")
