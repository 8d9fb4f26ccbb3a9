"""`python -m benchmarks`: peers side by side, every scenario of the suite, several repeats, one table.

Exit codes: 0 measured, 1 a peer failed or did not start, 69 no backend or load generator is installed.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

import click
from rich.progress import Progress

from benchmarks import command, environment, markdown, report
from benchmarks.peers import PEERS
from benchmarks.promises import verdicts
from benchmarks.run import RUN_DIRECTORY, Run
from benchmarks.scenario import MATRIX, SUITES, of_suite


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option(
    "--suite",
    type=click.Choice([*SUITES, "all"]),
    default=MATRIX,
    show_default=True,
    help="What the peers do besides splitting: nothing, traces of every call, a mirror, TLS.",
)
@click.option("--quick", is_flag=True, help="One short repeat: does everything work?")
@click.option("--only", multiple=True, type=click.Choice([peer.name for peer in PEERS]), help="These peers.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=1.2, show_default=True, help="Of each measurement."
)
@click.option("--calls", type=click.IntRange(100), help="Calls of each measurement, instead of --seconds.")
@command.json_option
@command.markdown_option
def main(
    suite: str,
    quick: bool,
    only: tuple[str, ...],
    repeats: int,
    seconds: float,
    calls: int | None,
    json_path: Path | None,
    markdown_path: Path | None,
) -> None:
    if quick:
        repeats, seconds = 1, 0.3
    console = report.console()
    command.prepare(console, "h2load", "nghttpd")
    scenarios = of_suite(suite)
    compared = {name for scenario in scenarios for name in scenario.peers}
    peers = [peer for peer in PEERS if peer.name in compared and (not only or peer.name in only)]
    where = environment.look()
    console.print(str(where), highlight=False, soft_wrap=True)
    run = Run(scenarios, seconds=seconds, calls=calls)
    with ExitStack() as stack:
        run.start(peers, stack)
        with Progress(console=console, transient=True) as progress:
            run.all(repeats, progress)
    judged = verdicts(run.figures, scenarios)
    report.show(console, run.figures, scenarios)
    report.show_promises(console, judged)
    for name, reason in run.left_out.items():
        console.print(f"left out {name}: {reason}", highlight=False, markup=False)
    versions = {peer.name: peer.version() for peer in peers if peer.name in run.targets}
    content = report.document(
        run.figures,
        where,
        settings={"suite": suite, "repeats": repeats, "seconds": seconds, "calls": calls},
        versions=versions,
        left_out=run.left_out,
        verdicts=judged,
    )
    console.print(report.versions(versions), highlight=False, soft_wrap=True)
    for path in filter(None, (RUN_DIRECTORY / "latest.json", json_path)):
        report.write(path, content)
    if markdown_path is not None:
        page = markdown.matrix(run.figures, scenarios, judged, where, versions, run.left_out)
        markdown.write(markdown_path, page)
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
