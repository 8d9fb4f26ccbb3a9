"""The figures of model servers for people (tables, a page) and for programs (JSON)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import environment, markdown
from benchmarks.environment import Environment
from benchmarks.figures import COLUMNS, rounded
from benchmarks.models import promises
from benchmarks.models.peers import MLSERVER, PEERS
from benchmarks.models.promises import Verdict
from benchmarks.models.run import Run
from benchmarks.models.workload import Scenario

COMMAND: Final = "python -m benchmarks.models --markdown"
HEADINGS: Final = ("calls/s", "÷ MLServer", "CPU µs", "÷ bare", "mean µs", "p50 µs", "p99 µs")
NONE: Final = "–"
MEASURED: Final = [each for each in COLUMNS if each != "arrived_per_call"]


def rows(run: Run, scenario: Scenario) -> list[list[str]]:
    """Peer and cells. ÷ MLServer: to the best of its settings; ÷ bare: to the least that serves at all."""
    measured = [peer.name for peer in PEERS if (scenario, peer.name) in run.figures.samples]
    return [[name, *_cells(run, scenario, name)] for name in measured]


def show(console: Console, run: Run, judged: Sequence[Verdict]) -> None:
    for scenario in run.scenarios:
        if not (found := rows(run, scenario)):
            continue
        table = Table(title=scenario.name, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        table.add_column("peer", min_width=18, no_wrap=True)
        for heading in HEADINGS:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in found:
            table.add_row(*row, style="bold green" if row[0].startswith("verdigris") else "")
        console.print(table)
    if run.batch_cost is not None:
        console.print(promises.about_batches(run.batch_cost), highlight=False, soft_wrap=True)
    for text, ratio, verdict in promises.describe(judged):
        color = "green" if verdict == "kept" else "red"
        console.print(f"[{color}]{verdict}[/]: {text}: {ratio}", highlight=False, soft_wrap=True)
    for name, reason in run.left_out.items():
        console.print(f"left out {name}: {reason}", highlight=False, markup=False)


def page(run: Run, judged: Sequence[Verdict], where: Environment, versions: Mapping[str, str]) -> str:
    once = {version: name for name, version in reversed(dict(versions).items())}  # variants are one program
    parts = ["; ".join(f"{name}: {version}" for version, name in reversed(once.items())) + "\n"]
    if judged:
        parts += ["## Promises\n", markdown.table(("promise", "measured", ""), promises.describe(judged))]
    for workload in run.workloads:
        parts += [f"## {workload.name}\n", f"{workload.about[0].upper()}{workload.about[1:]}.\n"]
        for scenario in run.scenarios:
            if scenario.workload is workload and (found := rows(run, scenario)):
                parts += [f"{scenario.in_flight} in flight:\n", markdown.table(["peer", *HEADINGS], found)]
    if run.batch_cost is not None:
        parts += [promises.about_batches(run.batch_cost) + ".\n"]
    if run.left_out:
        reasons = (f"- {name}: {reason.splitlines()[0]}" for name, reason in run.left_out.items())
        parts += ["## Left out\n", "\n".join(reasons) + "\n"]
    return markdown.page("Model servers side by side", where, COMMAND, *parts)


def document(
    run: Run,
    judged: Sequence[Verdict],
    where: Environment,
    *,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "environment": environment.document(where),
        "settings": dict(settings),
        "versions": dict(versions),
        "left_out": run.left_out,
        "batch_cost": rounded(run.batch_cost, 2),
        "promises": [verdict.document() for verdict in judged],
        "results": [
            {
                "workload": scenario.workload.name,
                "in_flight": scenario.in_flight,
                "peer": peer,
                **{each: rounded(run.figures.median(scenario, peer, each)) for each in MEASURED},
                "repeats": {
                    each: [rounded(value) for value in run.figures.values(scenario, peer, each).values()]
                    for each in MEASURED
                },
            }
            for scenario, peer in run.figures.samples
        ],
    }


def _cells(run: Run, scenario: Scenario, peer: str) -> list[str]:
    def number(column: str) -> str:
        value = run.figures.median(scenario, peer, column)
        return NONE if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    def ratio(column: str, to: Sequence[str]) -> str:
        """To the one with the best median."""
        known = {each: run.figures.median(scenario, each, column) or 0.0 for each in to}
        best = max(known, key=lambda each: known[each])
        value = run.figures.ratio(scenario, peer, best, column)
        return NONE if value is None or peer in to else f"{value:.2f}"

    throughput, cpu = promises.THROUGHPUT, promises.CPU
    mlserver = [each.name for each in MLSERVER]
    return [
        *(number(throughput), ratio(throughput, mlserver), number(cpu), ratio(cpu, ["bare"])),
        *(number(column) for column in ("mean_us", "p50_us", "p99_us")),
    ]
