"""A traffic document for the eye: the split as a bar, then every other rule on a line of its own."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesh import contract
from mesh.problem import legible
from mesh.shadowing_words import compared, recorded, required
from mesh.traffic import Problem, Traffic, to_json
from mesh.words import duration, percent
from rollout.view import paint


def as_json(traffic: Traffic | None) -> Any:
    """The document as JSON has it, or None."""
    return json.loads(to_json(traffic)) if traffic else None


def problems_json(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"path": each.path, "value": each.value, "rule": each.rule} for each in problems]


def document(traffic: Traffic) -> RenderableType:
    """The whole document, indented by two."""
    split = Group(paint.bar(traffic.split), paint.legend(traffic.split))
    rules = Table.grid(padding=(0, 2))
    rules.add_column(style="dim", no_wrap=True)
    rules.add_column()
    for word, text in _rules(traffic):
        rules.add_row(word, text)
    return Padding(Group(split, rules) if rules.row_count else split, (0, 0, 0, 2))


def problem_lines(problems: Sequence[Problem]) -> RenderableType:
    """Why a document is refused: a line each."""
    table = Table.grid(padding=(0, 2))
    for each in problems:
        table.add_row(
            Text("✗", style="red"), Text(each.path, style="bold"), Text(f"{each.rule} (found {each.value})")
        )
    return Padding(table, (0, 0, 0, 2))


def _rules(traffic: Traffic) -> list[tuple[str, Text]]:
    rules: list[tuple[str, Text]] = []
    if traffic.key:
        salt = f", salt {legible(traffic.key.salt)}" if traffic.key.salt else ""
        rules.append(("sticky by", Text(f"{traffic.key.metadata}{salt}")))
    for shadow in traffic.mirror:
        share = f" {percent(shadow.weight)} %, within {duration(shadow.timeout)}"
        rules.append((shadow.role, Text.assemble(paint.name(shadow.color), share)))
    for word, said in (
        ("record", recorded(traffic.record)),
        ("compare", compared(traffic.compare)),
        ("ready if", required(traffic.criteria)),
    ):
        if said:
            rules.append((word, Text(said)))
    for override in traffic.overrides:
        wanted = " and ".join(f"{name}: {value}" for name, value in override.metadata)
        rules.append(("override", Text.assemble(f"{wanted} → ", paint.name(override.color))))
    if traffic.safe != contract.SAFE_METHODS:
        rules.append(("safe", Text(", ".join(traffic.safe) or "no method")))
    if not traffic.fallback:
        rules.append(("fallback", Text("off")))
    if traffic.note:
        rules.append(("note", Text(traffic.note, style="italic")))
    return rules
