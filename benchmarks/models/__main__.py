"""`python -m benchmarks.models`: the model server beside MLServer, a bare grpc.aio handler and the model alone.

Exit codes: 0 measured, 1 a peer failed or did not start, 69 h2load is missing.
"""

import sys
from pathlib import Path

import click
from rich.progress import Progress

from benchmarks import command, environment, markdown
from benchmarks import report as tables
from benchmarks.models import report
from benchmarks.models.peers import PEERS
from benchmarks.models.promises import verdicts
from benchmarks.models.run import Run
from benchmarks.models.workload import WORKLOADS
from benchmarks.run import RUN_DIRECTORY, fresh_setup


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option("--quick", is_flag=True, help="One short repeat: does everything work?")
@click.option("--only", multiple=True, type=click.Choice([peer.name for peer in PEERS]), help="These peers.")
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Choice([each.name for each in WORKLOADS]),
    help="These models.",
)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=1.2, show_default=True, help="Of each measurement."
)
@command.json_option
@command.markdown_option
def main(
    quick: bool,
    only: tuple[str, ...],
    models: tuple[str, ...],
    repeats: int,
    seconds: float,
    json_path: Path | None,
    markdown_path: Path | None,
) -> None:
    if quick:
        repeats, seconds = 1, 0.3
    console = tables.console()
    command.prepare(console, "h2load")
    where = environment.look()
    console.print(str(where), highlight=False, soft_wrap=True)
    run = Run([each for each in WORKLOADS if not models or each.name in models], seconds=seconds)
    wanted = [peer for peer in PEERS if not only or peer.name in only]
    run.left_out.update({peer.name: why for peer in wanted if (why := peer.missing())})
    peers = [peer for peer in wanted if peer.name not in run.left_out]
    with Progress(console=console, transient=True) as progress:
        run.all(peers, repeats, fresh_setup(), progress)
    judged = verdicts(run.figures)
    report.show(console, run, judged)
    versions = {peer.name: peer.version() for peer in peers}
    settings = {"repeats": repeats, "seconds": seconds}
    content = report.document(run, judged, where, settings=settings, versions=versions)
    for path in filter(None, (RUN_DIRECTORY / "models.json", json_path)):
        tables.write(path, content)
    if markdown_path is not None:
        markdown.write(markdown_path, report.page(run, judged, where, versions))
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
