"""The traffic document: where a service's calls go, as a value, read from the one key an operator edits.

`parse` is the only way in and refuses with every reason at once (`Invalid`); what it returns needs no further
check on the data path. Pure: no Consul, no clock, no chance. The rules stand in `mesh.traffic_form`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from mesh import contract
from mesh.problem import Invalid, Problem
from mesh.shadowing import Record
from mesh.strict_json import decode
from mesh.traffic_form import TrafficForm, check
from mesh.traffic_rules import DEFAULT_TIMEOUT, GRAIN

__all__ = [
    "DEFAULT_TIMEOUT",
    "GRAIN",
    "Invalid",
    "Key",
    "Mirror",
    "Override",
    "Problem",
    "Share",
    "Traffic",
    "default",
    "parse",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class Share:
    """A colour's part of the calls: `weight` in hundredths of a percent, 0 to `GRAIN`."""

    color: str
    weight: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """A shadow: `color` gets a copy of `weight` hundredths of a percent of the safe calls.

    `timeout`: seconds after which the copy is given up.
    """

    color: str
    weight: int
    timeout: float = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True)
class Override:
    """A call that carries all of `metadata` goes to `color`, whatever the split says."""

    metadata: tuple[tuple[str, str], ...]
    color: str


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a call sticky: the value of this metadata, hashed together with the salt."""

    metadata: str
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Traffic:
    """A whole document.

    `split` keeps the document's order, which decides who owns which buckets; its weights add up to `GRAIN`.
    `overrides` are tried in order; `safe` lists the methods that may run twice.
    """

    split: tuple[Share, ...]
    key: Key | None = None
    mirror: tuple[Mirror, ...] = ()
    overrides: tuple[Override, ...] = ()
    safe: tuple[str, ...] = contract.SAFE_METHODS
    fallback: bool = True
    note: str = ""
    record: Record = field(default_factory=Record)


def default(color: str) -> Traffic:
    """What holds where nobody has written a document: everything to one colour."""
    return Traffic(split=(Share(color, GRAIN),))


def parse(raw: bytes) -> Traffic:
    """The document in a key's value; raises `Invalid` with every problem it has."""
    tree, misspelled = decode(raw)
    form, problems = check(tree)
    if form is None or problems or misspelled:
        raise Invalid([*misspelled, *problems])
    return _traffic(form)


def to_json(traffic: Traffic) -> bytes:
    """The document as the command writes it: indented, in a fixed order, without what is default anyway."""
    document: dict[str, Any] = {"split": {each.color: _percent(each.weight) for each in traffic.split}}
    if traffic.key:
        document["key"] = {"metadata": traffic.key.metadata}
        if traffic.key.salt:
            document["key"]["salt"] = traffic.key.salt
    if traffic.mirror:
        document["mirror"] = [
            {"color": each.color, "percent": _percent(each.weight), "timeout": _timeout(each.timeout)}
            for each in traffic.mirror
        ]
    if traffic.overrides:
        document["overrides"] = [
            {"metadata": dict(each.metadata), "color": each.color} for each in traffic.overrides
        ]
    if traffic.safe != contract.SAFE_METHODS:
        document["methods"] = {"safe": list(traffic.safe)}
    if not traffic.fallback:
        document["fallback"] = False
    if traffic.note:
        document["note"] = traffic.note
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _percent(weight: int) -> int | float:
    return weight // 100 if weight % 100 == 0 else weight / 100  # the quotient's repr is the shortest: 33.33


def _timeout(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _traffic(form: TrafficForm) -> Traffic:
    return Traffic(
        split=tuple(Share(color, weight) for color, weight in form.split.items()),
        key=Key(form.key.metadata, form.key.salt) if form.key else None,
        mirror=tuple(Mirror(each.color, each.percent, each.timeout) for each in form.mirror),
        overrides=tuple(Override(tuple(each.metadata.items()), each.color) for each in form.overrides),
        safe=tuple(form.methods.safe),
        fallback=form.fallback,
        note=form.note,
    )
