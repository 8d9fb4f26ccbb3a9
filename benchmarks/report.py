"""The figures for people (a table) and for programs (JSON)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.environment import Environment
from benchmarks.figures import Figures, promises
from benchmarks.scenario import Scenario

WIDTH: Final = 100


def console() -> Console:
    """As wide as the table even where there is no terminal, as in CI's log."""
    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, WIDTH))


def show(console: Console, figures: Figures, scenarios: Sequence[Scenario], peers: Sequence[str]) -> None:
    """A table per scenario: CPU of the proxy per call, then latency; a ratio follows what it compares."""
    for scenario in scenarios:
        table = Table(title=scenario.name, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        table.add_column("peer", min_width=9)
        for heading in ("CPU µs", "÷Envoy", "÷HAProxy", "mean µs", "÷Envoy", "÷HAProxy"):
            table.add_column(heading, justify="right", no_wrap=True)
        for heading in ("p50 µs", "p99 µs", "calls/s"):
            table.add_column(heading, justify="right", no_wrap=True)
        for peer in peers:
            if (scenario, peer) in figures.samples:
                style = "bold green" if peer.startswith("verdigris") else ""
                table.add_row(peer, *_cells(figures, scenario, peer), style=style)
        console.print(table)


def show_promises(console: Console, figures: Figures, scenarios: Sequence[Scenario]) -> None:
    for promise in promises(tuple(scenarios)):
        ratio = figures.ratio(promise.scenario, "verdigris", "envoy", promise.column)
        if ratio is not None:
            kept = "[green]kept[/]" if ratio <= promise.at_most else "[red]broken[/]"
            console.print(f"{kept}: {promise}: {ratio:.2f}", highlight=False)


def document(
    figures: Figures,
    environment: Environment,
    *,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    left_out: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "environment": asdict(environment),
        "settings": dict(settings),
        "versions": dict(versions),
        "left_out": dict(left_out),
        "results": figures.document(),
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _cells(figures: Figures, scenario: Scenario, peer: str) -> list[str]:
    def number(column: str) -> str:
        value = figures.median(scenario, peer, column)
        return "–" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    def ratio(to: str, column: str) -> str:
        value = figures.ratio(scenario, peer, to, column)
        return "–" if value is None or to == peer else f"{value:.2f}"

    cells: list[str] = []
    for column in ("cpu_us_per_call", "mean_us"):
        cells += [number(column), ratio("envoy", column), ratio("haproxy", column)]
    return [*cells, number("p50_us"), number("p99_us"), number("calls_per_second")]
