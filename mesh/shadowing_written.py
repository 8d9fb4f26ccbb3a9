"""What a document says of its shadows, as the document spells it: only what is not default anyway."""

from typing import Any, Final

from mesh.shadowing import Compare, Criteria, OutputRule, Record
from mesh.shadowing_rules import OFF
from mesh.traffic_rules import GRAIN

_UNITS: Final = {"MiB": 1 << 20, "KiB": 1 << 10, "B": 1}


def record(value: Record) -> dict[str, Any]:
    default = Record()
    written: dict[str, Any] = {}
    if value.weight != default.weight:
        written["percent"] = percent(value.weight)
    if value.payloads != default.payloads:
        written["payloads"] = value.payloads
    if value.largest != default.largest:
        written["largest"] = size(value.largest)
    return written


def compare(value: Compare) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if value.outputs:
        written["outputs"] = {name: _output(rule) for name, rule in value.outputs}
    if value.comparator:
        written["comparator"] = value.comparator
    return written


def criteria(value: Criteria) -> dict[str, Any]:
    default = Criteria()
    written: dict[str, Any] = {}
    if value.agreement != default.agreement:
        written["agreement"] = share(value.agreement)
    if value.scores:
        written["scores"] = {name: share(least) for name, least in value.scores}
    if value.errors != default.errors:
        written["errors"] = share(value.errors)
    if value.p50 != default.p50:
        written["p50"] = _ratio(value.p50)
    if value.p99 != default.p99:
        written["p99"] = _ratio(value.p99)
    if value.pairs != default.pairs:
        written["pairs"] = value.pairs
    if value.confidence != default.confidence:
        written["confidence"] = share(value.confidence)
    return written


def percent(weight: int) -> int | float:
    """Hundredths of a percent as a percentage."""
    return weight // 100 if weight % 100 == 0 else weight / 100  # the quotient's repr is the shortest: 33.33


def share(value: float) -> int | float:
    """A share from 0 to 1 as a percentage."""
    return percent(round(value * GRAIN))


def size(value: int) -> str:
    """Bytes in the largest unit that they are whole in."""
    unit = next(each for each, bytes in _UNITS.items() if value % bytes == 0)
    return f"{value // _UNITS[unit]}{unit}"


def number(value: float) -> int | float:
    """As short as it is: 2, not 2.0."""
    return int(value) if value.is_integer() and value < 1e15 else value


def _output(rule: OutputRule) -> dict[str, Any]:
    default = OutputRule()
    written: dict[str, Any] = {}
    if rule.measure:
        written["as"] = rule.measure
    if rule.rtol != default.rtol:
        written["rtol"] = number(rule.rtol)
    if rule.atol != default.atol:
        written["atol"] = number(rule.atol)
    if rule.top != default.top:
        written["top"] = rule.top
    if rule.overlap != default.overlap:
        written["overlap"] = share(rule.overlap)
    return written


def _ratio(value: float | None) -> int | float | str:
    return OFF if value is None else number(value)
