"""The figures for people (a table) and for programs (JSON)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import environment
from benchmarks.environment import Environment
from benchmarks.figures import YARDSTICKS, Figures
from benchmarks.promises import Verdict
from benchmarks.scenario import Scenario

WIDTH: Final = 110
NAMES: Final = {"envoy": "÷Envoy", "haproxy": "÷HAProxy"}
ARRIVED: Final = {"traced": "spans/call", "mirror": "copies/call"}
NONE: Final = "–"


def console() -> Console:
    """As wide as the table even where there is no terminal, as in CI's log."""
    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, WIDTH))


def headings(scenario: Scenario) -> list[str]:
    """Of the columns after the peer's name."""
    ratios = [NAMES[proxy] for proxy in _yardsticks(scenario)]
    found = ["CPU µs", *ratios, "mean µs", *ratios, "p50 µs", "p99 µs", "calls/s"]
    return [*found, *([ARRIVED[scenario.suite]] if scenario.suite in ARRIVED else [])]


def rows(figures: Figures, scenario: Scenario) -> list[tuple[str, list[str]]]:
    """Peer and cells: CPU of the proxy per call, then latency; a ratio follows what it compares."""
    return [
        (peer, _cells(figures, scenario, peer))
        for peer in scenario.peers
        if (scenario, peer) in figures.samples
    ]


def show(console: Console, figures: Figures, scenarios: Sequence[Scenario]) -> None:
    """A table per scenario."""
    for scenario in scenarios:
        found = rows(figures, scenario)
        if not found:
            continue
        table = Table(title=scenario.name, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        table.add_column("peer", min_width=9, no_wrap=True)
        for heading in headings(scenario):
            table.add_column(heading, justify="right", no_wrap=True)
        for peer, cells in found:
            table.add_row(peer, *cells, style="bold green" if peer.startswith("verdigris") else "")
        console.print(table)


def show_promises(console: Console, judged: Sequence[Verdict]) -> None:
    for verdict in judged:
        kept = "[green]kept[/]" if verdict.kept else "[red]broken[/]"
        console.print(f"{kept}: {verdict.promise}: {verdict.ratio:.2f}", highlight=False)


def versions(found: Mapping[str, str]) -> str:
    """Of every proxy, once: its variants are the same program."""
    plain = {name.partition("-")[0]: version for name, version in found.items()}
    return "; ".join(f"{name}: {version}" for name, version in plain.items())


def document(
    figures: Figures,
    where: Environment,
    *,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    left_out: Mapping[str, str],
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    return {
        "environment": environment.document(where),
        "settings": dict(settings),
        "versions": dict(versions),
        "left_out": dict(left_out),
        "promises": [verdict.document() for verdict in verdicts],
        "results": figures.document(),
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _yardsticks(scenario: Scenario) -> list[str]:
    return [proxy for proxy in YARDSTICKS if proxy in scenario.peers]


def _cells(figures: Figures, scenario: Scenario, peer: str) -> list[str]:
    def number(column: str) -> str:
        value = figures.median(scenario, peer, column)
        return NONE if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    def ratio(proxy: str, column: str) -> str:
        """Like is compared with like: a peer without the suite's extra, with one without it."""
        plain = peer.partition("-")[0] == peer
        to = proxy if plain else scenario.variant(proxy)
        value = figures.ratio(scenario, peer, to, column)
        return NONE if value is None or to == peer else f"{value:.2f}"

    cells: list[str] = []
    for column in ("cpu_us_per_call", "mean_us"):
        cells += [number(column), *(ratio(to, column) for to in _yardsticks(scenario))]
    cells += [number("p50_us"), number("p99_us"), number("calls_per_second")]
    if scenario.suite in ARRIVED:
        arrived = figures.median(scenario, peer, "arrived_per_call")
        cells.append(NONE if arrived is None else f"{arrived:.3f}")
    return cells
