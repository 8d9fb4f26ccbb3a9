"""The report's plots as SVG that stands in the page: no raster, no font file, colours by the page's own variables."""

import io
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from mesh.words import duration
from shadow.report import words
from shadow.report.report import Output, Report, Slice

# Plots are drawn with stand-ins, which the page's variables replace: they are light or dark as the page is
INK: Final = "#010101"
FAINT: Final = "#020202"
PRIMARY: Final = "#030303"
SHADOW: Final = "#040404"
BAD: Final = "#050505"
WARN: Final = "#060606"
GONE: Final = "#070707"
_VARIABLES: Final = {
    INK: "ink",
    FAINT: "faint",
    PRIMARY: "primary",
    SHADOW: "shadow",
    BAD: "bad",
    WARN: "warn",
    GONE: "gone",
}
_OUTCOMES: Final = (
    ("compared", SHADOW, "compared"),
    ("failed", BAD, "failed"),
    ("timed_out", WARN, "timed out"),
    ("dropped", GONE, "dropped"),
)
_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "verdigris",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.parse_math": False,  # a `$` in the name of an output is a `$`
}
_SIZE: Final = (5.4, 2.5)
"""Inches, of 72 units each: half of a wide page, or the whole of a narrow one."""


def plots(report: Report) -> list[str]:
    """Every plot for which there is something to draw; each is one `<svg>` element."""
    made: list[Figure] = []
    with matplotlib.rc_context(cast(Any, _STYLE)):
        if len(report.series) > 1:
            made.append(_outcomes(report.series))
            made.append(_agreement(report))
        if report.edges:
            made.append(_latency(report))
        made += [_scores(each) for each in report.outputs if sum(each.histogram)]
        return [_svg(figure, f"plot{number}") for number, figure in enumerate(made, 1)]


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.tick_params(length=2)
    return figure, axes


def _times(axes: Axes, slices: Sequence[Slice]) -> tuple[list[datetime], float]:
    locator: Any = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    middles = [datetime.fromtimestamp((each.begin + each.end) / 2e9) for each in slices]
    return middles, (slices[0].end - slices[0].begin) / 1e9 / 86_400


def _outcomes(slices: Sequence[Slice]) -> Figure:
    figure, axes = _axes("Pairs over time, by outcome")
    at, width = _times(axes, slices)
    below = [0] * len(slices)
    for outcome, color, word in _OUTCOMES:
        counts = [each.outcomes.get(outcome, 0) for each in slices]
        if not any(counts):
            continue
        axes.bar(at, counts, width * 0.9, below, color=color, label=word, linewidth=0)  # type: ignore[arg-type]
        below = [a + b for a, b in zip(below, counts, strict=True)]
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="x", visible=False)
    axes.set_ylim(0, max(below) * 1.18 or 1)
    axes.legend(loc="upper left", ncols=4, borderpad=0.1, handlelength=1, columnspacing=1.2)
    return figure


def _agreement(report: Report) -> Figure:
    figure, axes = _axes("Agreement over time, with its confidence sequence")
    slices = report.series
    at, _ = _times(axes, slices)
    here = [
        (when, each.agreeing / each.compared) for when, each in zip(at, slices, strict=True) if each.compared
    ]
    axes.plot(*zip(*here, strict=True), ".", color=FAINT, markersize=4, label="of each slice")
    known = [
        (when, each.agreement, *each.interval)
        for when, each in zip(at, slices, strict=True)
        if each.agreement is not None and each.interval is not None
    ]
    if known:
        times, rates, lows, highs = zip(*known, strict=True)
        label = f"{report.criteria.confidence * 100:g} %, at any time"
        axes.fill_between(times, lows, highs, color=SHADOW, alpha=0.22, linewidth=0, label=label)
        axes.plot(times, rates, color=SHADOW, linewidth=1.6, label="of all so far")
    wanted = "wanted, above noise" if report.noise else "wanted"
    axes.axhline(report.criteria.agreement, color=BAD, linewidth=1, linestyle=(0, (4, 3)), label=wanted)
    seen = [rate for _, rate in here] + [low for _, _, low, _ in known[len(known) // 4 :]]
    low = min([report.criteria.agreement, *seen], default=0.0)
    axes.set_ylim(max(-0.02, low - 0.1 * (1 - low) - 0.002), 1 + 0.04 * (1 - low) + 0.0005)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="best", ncols=2, borderpad=0.1, handlelength=1.5)
    return figure


def _latency(report: Report) -> Figure:
    figure, axes = _axes("Latency of both (logarithmic)")
    edges = list(report.edges)
    names = words.legs(report.subject)
    sides = ((report.primary, PRIMARY, names[0]), (report.shadow, SHADOW, names[1]))
    for leg, color, word in sides:
        axes.stairs(leg.histogram, edges, color=color, fill=True, alpha=0.25, linewidth=0)
        axes.stairs(leg.histogram, edges, color=color, linewidth=1.2, label=_plain(word))
        for quantile, style in (("p50", "-"), ("p99", ":")):
            found = leg.latency.get(quantile)
            if found is not None:
                axes.axvline(found, color=color, linewidth=1, linestyle=style)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylabel("pairs")
    axes.plot([], [], color=FAINT, linewidth=1, label="median")
    axes.plot([], [], color=FAINT, linewidth=1, linestyle=":", label="p99")
    axes.legend(loc="upper right", borderpad=0.1, handlelength=1.5)
    return figure


def _scores(output: Output) -> Figure:
    figure, axes = _axes(f"Scores of {_plain(output.name)}, {output.measure} (logarithmic)")
    bins = len(output.histogram) - 1
    edges = [at / bins for at in range(bins)]
    axes.bar(edges, output.histogram[:-1], 0.9 / bins, align="edge", color=WARN, linewidth=0)
    axes.bar([1.0], output.histogram[-1:], 0.9 / bins, align="edge", color=SHADOW, linewidth=0)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, max(output.histogram) * 2.5)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", " ")))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(-0.02, 1.07)
    axes.grid(axis="x", visible=False)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.02], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_ylabel("pairs")
    return figure


def _plain(text: str, most: int = 40) -> str:
    """A name that somebody else chose: one line that leaves room for the plot. A leading _ hides a legend's entry."""
    text = text.lstrip("_") or text.replace("_", "-")
    return text if len(text) <= most else text[: most - 1] + "…"


def _svg(figure: Figure, name: str) -> str:
    """The `<svg>` element alone: ids are its own, colours are variables, its width is the page's affair."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*pt"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*pt"', r'\1 role="img"', svg, count=1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var(--{variable})")
    return svg
