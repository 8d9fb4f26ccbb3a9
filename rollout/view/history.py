"""The history as a table, newest first: what each revision said, and whether it was applied."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mesh import contract
from mesh.traffic import Share
from rollout.history import Revision, twins
from rollout.view import paint
from rollout.view.document import problem_lines, problems_json
from rollout.view.fitting import Fitting


def as_data(history: Sequence[Revision], current: int) -> list[dict[str, Any]]:
    """The history for scripts, newest first."""
    return [
        {
            "revision": each.number,
            "at": each.at,
            "applied": each.applied,
            "current": each.number == current,
            "problems": problems_json(each.problems),
            "document": each.document,
            "note": each.note,
            "sidecar": each.sidecar,
        }
        for each in reversed(history)
    ]


def show(history: Sequence[Revision], current: int, *, limit: int) -> Iterator[RenderableType]:
    """The newest `limit` revisions for people."""
    if not history:
        yield Text("No sidecar has seen a document yet.", style="dim")
        return
    same = twins(history)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for title in ("revision", "when", "", "split", "shadow"):
        table.add_column(title, no_wrap=True)
    table.add_column("note", ratio=1)
    table.add_column("seen by", overflow="fold")
    shown = list(reversed(history))[:limit]
    for each in shown:
        table.add_row(
            Text(f"{each.number}{' ◀' if each.number == current else ''}", style="bold"),
            _when(each.at),
            Text("applied", style="green3") if each.applied else Text("refused", style="red"),
            _split(each),
            _shadow(each),
            _note(each, same.get(each.number)),
            Text(each.sidecar, style="dim"),
        )
    yield Fitting(table)
    for each in shown:
        if each.problems:
            yield Text(f"\nRevision {each.number} was refused:", style="red")
            yield problem_lines(each.problems)
    if len(history) > limit:
        yield Text(f"… and {len(history) - limit} older; --limit shows more", style="dim")


def _when(at: float | None) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _split(revision: Revision) -> Text:
    return paint.legend(revision.traffic.split, unit="") if revision.traffic else Text("invalid", style="red")


def _shadow(revision: Revision) -> Text:
    mirrors = revision.traffic.mirror if revision.traffic else ()
    said = [
        Text.assemble(
            paint.legend([Share(each.color, each.weight)], unit=""),
            (" noise" if each.role == contract.ROLE_NOISE else "", "dim"),
        )
        for each in mirrors
    ]
    return Text("  ").join(said)


def _note(revision: Revision, twin: int | None) -> Text:
    again = f"as {twin} " if twin else ""
    return Text.assemble((again, "dim"), (revision.note, "italic"))
