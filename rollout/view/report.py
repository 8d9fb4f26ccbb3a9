"""A shadow's report in the terminal: verdict and criteria first, then accounting, figures, environment, worst pairs."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from rollout.view import paint
from rollout.view.disagreement import disagreement
from shadow.report import words
from shadow.report.report import Report, Variant
from shadow.report.words import number, share
from shadow.verdict.verdict import Finding, State

SHOWN: Final = 3
"""Disagreements in the terminal; the page has all."""
_STYLES: Final = {State.READY: "green3", State.NOT_READY: "red", State.NOT_ENOUGH_DATA: "yellow"}
_MARKS: Final = {State.READY: "✓", State.NOT_READY: "✗", State.NOT_ENOUGH_DATA: "…"}
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_TREND: Final = 40
"""Characters of a series, at most."""


def show(reports: Sequence[Report]) -> Iterator[RenderableType]:
    """One after the other."""
    for at, report in enumerate(reports):
        if at:
            yield Padding(Rule(style="dim"), (1, 0, 0, 0))
        yield from _summary(report)
        if report.accounting.mirrored:
            yield from _analysis(report)
            yield from _environment(report)
            yield from _worst(report)


def _summary(report: Report) -> Iterator[RenderableType]:
    subject, verdict = report.subject, report.verdict
    against = Text(" and ").join(map(paint.name, subject.primary))
    heading = Text.assemble((subject.service, "bold"), "  ", paint.name(subject.color))
    if subject.primary:
        heading.append(" against ").append(against)
    if subject.run:
        heading.append(f"  replay {subject.run}")
    yield heading
    state = Text.assemble((f" {words.headline(verdict.state)} ", f"bold reverse {_STYLES[verdict.state]}"))
    missing = words.missing(verdict)
    yield Text.assemble(
        "\n  ", state, f"  {words.plural(verdict.pairs, 'pair')}", (f", {missing}" if missing else "")
    )
    yield _marked("", words.period(subject), "dim")
    yield _marked("", f"criteria: {report.criteria_from}", "dim")
    for fault in verdict.faults:
        yield _marked("•", fault, "dim") if verdict.state is State.READY else _marked("✗", fault, "red")
    for warning in verdict.warnings:
        yield _marked("!", warning, "yellow")
    yield Padding(_criteria(verdict.findings, verdict.confidence), (1, 0, 1, 2))
    yield _marked("", words.equation(report.accounting), "bold")
    for line in words.reasons(report.accounting):
        yield _marked("", line, "dim")


def _marked(mark: str, text: str, style: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    if mark:
        grid.add_row(Text(mark, style=style), Text(text))
    else:
        grid.add_row(Text(text, style=style))
    return Padding(grid, (0, 0, 0, 2))


def _table(*titles: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", no_wrap=title in right)
    return table


def _criteria(findings: Sequence[Finding], confidence: float) -> RenderableType:
    certain = f"interval {confidence * 100:g} %"
    table = _table("", "criterion", "found", certain, "wanted", "", right=("found", certain, "wanted"))
    for each in findings:
        table.add_row(
            Text(_MARKS[each.state], style=f"bold {_STYLES[each.state]}"),
            Text(each.criterion),
            Text(words.measured(each, each.observed), style=_STYLES[each.state]),
            Text(words.interval(each)),
            Text(words.wanted(each)),
            Text(words.more(each.more_pairs) if each.state is State.NOT_ENOUGH_DATA else "", style="dim"),
        )
    return table


def _analysis(report: Report) -> Iterator[RenderableType]:
    yield _section("outputs")
    table = _table(
        "output", "compared as", "agree", "score", "worst", "figures", right=("agree", "score", "worst")
    )
    for each in report.outputs:
        style = "" if each.agreeing == each.pairs else "yellow"
        row = (share(each.agreement), f"{each.score:.4g}", f"{each.worst:.3g}")
        figures = (Text(row[0], style=style), *row[1:], Text(words.figures(each)))
        table.add_row(Text(each.name), Text(each.measure), *figures)
    yield Padding(table, (0, 0, 0, 2))
    if report.noise:
        told = f"noise: {' and '.join(report.subject.primary)} agrees with itself in {share(report.noise.agreement)}"
        yield _marked("", f"{told} of {words.plural(report.noise.pairs, 'pair')}", "dim")
    yield _section("latency and errors")
    yield Padding(_legs(report), (0, 0, 0, 2))
    if len(report.series) > 1:
        yield _section("over time")
        yield Padding(_trends(report), (0, 0, 0, 2))


def _section(title: str) -> RenderableType:
    return Padding(Rule(Text(title, style="bold"), align="left", style="dim"), (1, 0, 0, 0))


def _legs(report: Report) -> RenderableType:
    quantiles = tuple(report.primary.latency)
    table = _table("", *quantiles, "failed", "statuses", right=(*quantiles, "failed"))
    subject = report.subject
    sides = ((next(iter(subject.primary), ""), report.primary), (subject.color, report.shadow))
    for name, (color, leg) in zip(words.legs(subject), sides, strict=True):
        table.add_row(
            Text(name, style=f"bold {paint.style(color)}"),
            *(words.seconds(leg.latency[each]) for each in quantiles),
            words.failing(leg),
            Text(words.statuses(leg)),
        )
    table.add_row(Text("ratio", style="dim"), *(words.ratio(report.ratios.get(each)) for each in quantiles))
    return table


def _trends(report: Report) -> RenderableType:
    """Each series as a line of blocks: the smallest and the largest value beside it."""
    grid = Table.grid(padding=(0, 2))
    slices = report.series
    step = -(-len(slices) // _TREND)
    parts = [slices[at : at + step] for at in range(0, len(slices), step)]
    pairs = [float(sum(sum(each.outcomes.values()) for each in part)) for part in parts]
    grid.add_row(
        "pairs", Text(_blocks(pairs, 0.0), style="cyan"), _range([number(int(each)) for each in _ends(pairs)])
    )
    compared = [(sum(each.agreeing for each in part), sum(each.compared for each in part)) for part in parts]
    agree = [agreeing / all_ if all_ else None for agreeing, all_ in compared]
    known = [each for each in agree if each is not None]
    if known:
        drawn = Text(_blocks(agree, min(min(known), 0.9)), style="green3")
        grid.add_row("agreement", drawn, _range([share(each) for each in _ends(known)]))
    return grid


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _range(ends: Sequence[str]) -> str:
    return f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else ends[0]


def _blocks(values: Sequence[float | None], floor: float) -> str:
    """The values as heights, from `floor` to the largest, or to 1; where there is none, a gap."""
    top = max((each for each in values if each is not None), default=0.0)
    height = (top - floor) or 1.0
    last = len(_BLOCKS) - 1
    return "".join(
        " " if each is None else _BLOCKS[max(1, round((each - floor) / height * last))] for each in values
    )


def _environment(report: Report) -> Iterator[RenderableType]:
    yield _section("environment")
    told = report.environment
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for variant in told.primary:
        grid.add_row(paint.name(variant.color), Text(_variant(variant)))
    for variant in told.shadow:
        itself = f", {report.subject.role}" if variant.color in report.subject.primary else ""
        grid.add_row(Text.assemble(paint.name(variant.color), itself), Text(_variant(variant)))
    for name, found in (("methods", told.methods), ("revisions", told.revisions), ("sources", told.sources)):
        grid.add_row(name, Text(words.counted(found)))
    grid.add_row("store", Text(report.subject.store))
    yield Padding(grid, (0, 0, 0, 2))


def _variant(variant: Variant) -> str:
    return f"model {words.counted(variant.versions)} at {words.counted(variant.endpoints)}"


def _worst(report: Report) -> Iterator[RenderableType]:
    if not report.worst:
        return
    yield _section("worst disagreements")
    for each in report.worst[:SHOWN]:
        yield Padding(Group(*disagreement(each)), (0, 0, 1, 2))
    if len(report.worst) > SHOWN:
        yield Text(f"  … {len(report.worst) - SHOWN} more with --html FILE or --json", style="dim")
