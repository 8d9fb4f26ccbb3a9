"""Figures as people read them: the same words in the terminal and on the page. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from mesh.words import duration
from shadow.report.report import Accounting, Disagreement, Leg, Output, Subject, Told
from shadow.verdict.verdict import Finding, State, Verdict

NOTHING: Final = "–"
_RATIOS: Final = ("p50", "p99")
_LEFT_OUT: Final = frozenset({"top", "rows", "first", "moved", "primary", "shadow"})
"""Figures that say something of one pair only."""


def number(count: int) -> str:
    """`12 345`."""
    return f"{count:,}".replace(",", " ")


def plural(count: int, noun: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def share(value: float | None, *, signed: bool = False) -> str:
    """`98.7 %`; never `100 %` for less than all, nor `0 %` for more than nothing."""
    if value is None:
        return NOTHING
    percent = value * 100
    for digits in (1, 2, 3, 4):
        text = f"{percent:{'+' if signed else ''}.{digits}f}"
        if float(text) not in (0.0, 100.0, -100.0):
            return f"{text} %"
    whole = round(percent)
    return f"{'+' if signed and whole else ''}{whole} %"


def ratio(value: float | None) -> str:
    """`1.24 ×`."""
    if value is None:
        return NOTHING
    return "∞" if value == float("inf") else f"{value:.3g} ×"


def seconds(value: float | None) -> str:
    return NOTHING if value is None else duration(value)


def when(at: int | None, *, day: bool = True) -> str:
    """Local time, to the second."""
    if at is None:
        return NOTHING
    return datetime.fromtimestamp(at / 1e9).strftime("%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S")


def measured(finding: Finding, value: float | None) -> str:
    """A value in the unit of this criterion."""
    if value is None:
        return NOTHING
    if finding.criterion == "pairs":
        return number(round(value))
    if finding.criterion in _RATIOS:
        return ratio(value)
    return share(value, signed=finding.criterion == "errors")


def interval(finding: Finding) -> str:
    """`97.1 – 98.9 %`."""
    if finding.criterion == "pairs":
        return ""
    low, high = (measured(finding, each) for each in finding.interval)
    return f"{low.removesuffix(' %').removesuffix(' ×')} … {high}"


def wanted(finding: Finding) -> str:
    """`≥ 99 %`."""
    at_most = finding.criterion == "errors" or finding.criterion in _RATIOS
    bound = measured(finding, finding.bound)
    if bound.endswith("%"):
        bound = f"{finding.bound * 100:g} %"
    return f"{'≤' if at_most else '≥'} {bound}"


def more(pairs: int | None) -> str:
    """How many pairs are missing, in words; empty where none are."""
    if pairs is None:
        return "more pairs would not decide it"
    return f"about {plural(pairs, 'more pair')}" if pairs else ""


def missing(verdict: Verdict) -> str:
    """What is missing to decide it all, in words; empty where it is decided."""
    told = more(verdict.more_pairs) if verdict.state is State.NOT_ENOUGH_DATA else ""
    return f"{told} to decide" if told.startswith("about") else told


def headline(state: State) -> str:
    return str(state).upper()


def equation(accounting: Accounting) -> str:
    """`1 000 mirrored = 990 compared + 6 failed + 3 timed out + 1 dropped`."""
    parts = (
        (accounting.compared, "compared"),
        (accounting.failed, "failed"),
        (accounting.timed_out, "timed out"),
        (accounting.dropped, "dropped"),
    )
    return f"{number(accounting.mirrored)} mirrored = " + " + ".join(
        f"{number(n)} {word}" for n, word in parts
    )


def reasons(accounting: Accounting) -> list[str]:
    """`dropped: 3 in_flight, 1 bytes`, a line for each outcome that has reasons."""
    found: dict[str, list[str]] = {}
    for outcome, reason, count in accounting.reasons:
        found.setdefault(outcome.replace("_", " "), []).append(f"{number(count)} {reason}")
    return [f"{outcome}: {', '.join(parts)}" for outcome, parts in found.items()]


def figures(output: Output) -> str:
    """What is known of an output beyond its score: `9.2 of 10 in both; correlation 0.94`."""
    told = []
    for figure in output.figures:
        if figure.name == "common":
            told += _in_both(output)
        elif figure.name == "flips":
            rows = output.figure("rows")
            told.append(f"{number(round(figure.total))} of {number(round(rows.total))} flip" if rows else "")
        elif figure.name == "nonfinite":
            told.append(f"{number(round(figure.total))} NaN or infinite" if figure.total else "")
        elif figure.name in ("max_abs", "max_rel"):
            told.append(
                f"{figure.name} {figure.median:.3g}, at most {figure.high:.3g}" if figure.high else ""
            )
        elif figure.name not in _LEFT_OUT:
            told.append(f"{figure.name} {figure.median:.4g}")
    return "; ".join(filter(None, told))


def _in_both(output: Output) -> list[str]:
    common, top = output.figure("common"), output.figure("top")
    if not (common and top and common.pairs and top.pairs):
        return []
    return [f"{common.total / common.pairs:.4g} of {top.total / top.pairs:.4g} in both"]


def counted(parts: Iterable[tuple[object, int]], most: int = 6) -> str:
    """`v3 (120), v2 (4)`."""
    found = list(parts)
    told = ", ".join(f"{name} ({number(count)})" for name, count in found[:most])
    return told + (f", … {len(found) - most} more" if len(found) > most else "") or NOTHING


def title(subject: Subject) -> str:
    """`green against blue`."""
    against = f" against {' and '.join(subject.primary)}" if subject.primary else ""
    return f"{subject.color}{against}" + (f", replay {subject.run}" if subject.run else "")


def legs(subject: Subject) -> tuple[str, str]:
    """The names of both sides; of a colour beside itself, with what each was."""
    primary = " and ".join(subject.primary)
    if primary != subject.color:
        return primary, subject.color
    return f"{primary} (primary)", f"{subject.color} ({subject.role})"


def period(subject: Subject) -> str:
    """From the first pair to the last, and what was asked for."""
    if subject.first is None or subject.last is None:
        return "no pairs"
    same = when(subject.first).split()[0] == when(subject.last).split()[0]
    length = duration(max(0.0, (subject.last - subject.first) / 1e9))
    return f"{when(subject.first)} to {when(subject.last, day=not same)} ({length})"


def failing(leg: Leg) -> str:
    return f"{number(leg.failed)} ({share(leg.failed / leg.pairs)})" if leg.pairs else NOTHING


def statuses(leg: Leg) -> str:
    """`9 868 OK, 2 INTERNAL`."""
    return ", ".join(f"{number(count)} {name}" for name, count in leg.statuses)


def told(leg: Told) -> str:
    """`OK in 2.1 ms, v2 at 127.0.0.1:8011`."""
    version = f"{leg.version} " if leg.version else ""
    message = f": {leg.message}" if leg.message else ""
    return f"{leg.status or 'no status'} in {duration(leg.latency)}, {version}at {leg.endpoint or 'nowhere'}{message}"


def gist(pair: Disagreement) -> str:
    """What is different about a pair, in one line: `items 3 of 10 in both; scores 10 of 10 out of tolerance`."""
    parts = [f"{each.output} {each.detail}".strip() for each in pair.differences if not each.agrees]
    return pair.error or "; ".join(parts) or f"{pair.primary.status} and {pair.shadow.status}"
