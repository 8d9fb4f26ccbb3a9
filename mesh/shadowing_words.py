"""What a document says of its shadows in plain words, for logs and people: only what is not default anyway. Pure."""

from mesh.problem import legible
from mesh.shadowing import ALL, DIFFERING, IGNORED, Compare, Criteria, OutputRule, Record
from mesh.shadowing_written import number, percent, share, size


def recorded(record: Record) -> str:
    """`50 % of the pairs, payloads only of those that differ, messages up to 64KiB`."""
    default = Record()
    parts = []
    if record.weight != default.weight:
        parts.append(f"{percent(record.weight)} % of the pairs")
    if record.payloads != ALL:
        differing = record.payloads == DIFFERING
        parts.append("payloads only of those that differ" if differing else "no payloads")
    if record.largest != default.largest:
        parts.append(f"messages up to {size(record.largest)}")
    return ", ".join(parts)


def compared(compare: Compare) -> str:
    """`items as ranking, top 20, overlap at least 80 %; took ignored`."""
    parts = [_output(name, rule) for name, rule in compare.outputs]
    if compare.comparator:
        parts.append(f"by the comparator {compare.comparator}")
    return "; ".join(parts)


def required(criteria: Criteria) -> str:
    """`agreement at least 95 %, items at least 60 %, p99 whatever it is, 1000 pairs at least`."""
    default = Criteria()
    parts = []
    if criteria.agreement != default.agreement:
        parts.append(f"agreement at least {share(criteria.agreement)} %")
    parts += [f"{legible(name)} at least {share(least)} %" for name, least in criteria.scores]
    if criteria.errors != default.errors:
        parts.append(f"errors at most {share(criteria.errors)} % more")
    for name, bound, usual in (
        ("p50", criteria.p50, default.p50),
        ("p99", criteria.p99, default.p99),
    ):
        if bound != usual:
            parts.append(f"{name} whatever it is" if bound is None else f"{name} at most × {number(bound)}")
    if criteria.pairs != default.pairs:
        parts.append(f"{criteria.pairs} pairs at least")
    if criteria.confidence != default.confidence:
        parts.append(f"{share(criteria.confidence)} % sure")
    return ", ".join(parts)


def _output(name: str, rule: OutputRule) -> str:
    default = OutputRule()
    said = legible(name)
    if rule.measure:
        said += " ignored" if rule.measure == IGNORED else f" as {rule.measure}"
    if rule.rtol != default.rtol:
        said += f", rtol {number(rule.rtol)}"
    if rule.atol != default.atol:
        said += f", atol {number(rule.atol)}"
    if rule.top != default.top:
        said += f", top {rule.top}"
    if rule.overlap != default.overlap:
        said += f", overlap at least {share(rule.overlap)} %"
    return said
