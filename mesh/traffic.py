"""The traffic document: where a service's calls go, as a value, read from the one key an operator edits.

`parse` is the only way in and refuses with every reason at once (`Invalid`); what it returns needs no further
check on the data path. Pure: no Consul, no clock, no chance. The rules stand in `mesh.traffic_form`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from mesh import contract, shadowing_written
from mesh.problem import Invalid, Problem
from mesh.shadowing import Compare, Criteria, Record
from mesh.shadowing_written import percent
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
    """A shadow: `color` gets a copy of `weight` hundredths of a percent of the safe calls that others serve.

    `timeout`: seconds after which the copy is given up. `role`: a noise mirror copies the calls that `color` itself
    serves instead, which shows how much it disagrees with itself.
    """

    color: str
    weight: int
    timeout: float = DEFAULT_TIMEOUT
    role: str = contract.ROLE_SHADOW


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
    `overrides` are tried in order; `safe` lists the methods that may run twice. `record`, `compare` and `criteria` say
    what becomes of the shadows' answers; no call goes elsewhere for them.
    """

    split: tuple[Share, ...]
    key: Key | None = None
    mirror: tuple[Mirror, ...] = ()
    overrides: tuple[Override, ...] = ()
    safe: tuple[str, ...] = contract.SAFE_METHODS
    fallback: bool = True
    note: str = ""
    record: Record = field(default_factory=Record)
    compare: Compare = field(default_factory=Compare)
    criteria: Criteria = field(default_factory=Criteria)


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
    document: dict[str, Any] = {"split": {each.color: percent(each.weight) for each in traffic.split}}
    if traffic.key:
        document["key"] = {"metadata": traffic.key.metadata}
        if traffic.key.salt:
            document["key"]["salt"] = traffic.key.salt
    if traffic.mirror:
        document["mirror"] = [_mirror(each) for each in traffic.mirror]
    said = {
        "record": shadowing_written.record(traffic.record),
        "compare": shadowing_written.compare(traffic.compare),
        "criteria": shadowing_written.criteria(traffic.criteria),
    }
    document |= {name: found for name, found in said.items() if found}
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


def _mirror(each: Mirror) -> dict[str, Any]:
    written = {"color": each.color, "percent": percent(each.weight), "timeout": _timeout(each.timeout)}
    return written if each.role == contract.ROLE_SHADOW else {**written, "as": each.role}


def _timeout(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _traffic(form: TrafficForm) -> Traffic:
    return Traffic(
        split=tuple(Share(color, weight) for color, weight in form.split.items()),
        key=Key(form.key.metadata, form.key.salt) if form.key else None,
        mirror=tuple(Mirror(each.color, each.percent, each.timeout, each.role) for each in form.mirror),
        overrides=tuple(Override(tuple(each.metadata.items()), each.color) for each in form.overrides),
        safe=tuple(form.methods.safe),
        fallback=form.fallback,
        note=form.note,
        record=form.record.value(),
        compare=form.compare.value(),
        criteria=form.criteria.value(),
    )
