"""`python -m benchmarks.attacks`: each attack of the end-to-end tests, and a well-behaved client beside it.

The client makes 200 calls a second over one connection; its times are p50 / p99 in ms before, during and after the
attack. Attackers, client, victim and backend share the machine: what an attack costs the client includes the CPU
that the attackers take from it.

Exit codes: 0 no call of the client failed, 1 one did or the victim ended, 69 h2load is missing.
"""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks import backend, command, environment, markdown, report
from benchmarks.attacks.trial import HEADINGS, Attack, Trial, attempt
from benchmarks.attacks.victim import VICTIMS
from benchmarks.descriptors import raise_limit
from benchmarks.peers.site import Site
from benchmarks.run import RUN_DIRECTORY, fresh_setup
from tests.e2e.attacks import ATTACKS


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option("--only", help="Attacks whose name holds this.")
@click.option("--victim", type=click.Choice(list(VICTIMS)), default="verdigris", show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Before; twice that during."
)
@command.json_option
@command.markdown_option
def main(
    only: str | None, victim: str, seconds: float, json_path: Path | None, markdown_path: Path | None
) -> None:
    console = report.console()
    command.prepare(console, "h2load", "nghttpd")
    raise_limit()
    peer = VICTIMS[victim]
    if reason := peer.missing():
        console.print(f"{victim}: {reason}")
        sys.exit(command.UNAVAILABLE)
    chosen: list[Attack] = [each for each in ATTACKS if only is None or only in each.name]
    where = environment.look()
    console.print(f"{where}; {victim} {peer.version()}", highlight=False, soft_wrap=True)
    trials: list[Trial] = []
    with ExitStack() as stack:
        directory = fresh_setup()
        target = peer.start(Site(backend.start(directory, stack), directory, stack))
        assert target.process is not None
        for attack in chosen:
            with console.status(attack.name):
                trials.append(asyncio.run(attempt(attack, target, seconds, directory)))
            if not target.process.running:
                console.print(f"[red]{victim} ended during {attack.name}[/]")
                break
        alive = target.process.running
    table = Table(box=SIMPLE_HEAD)
    for heading in HEADINGS:
        table.add_column(heading)
    for trial in trials:
        table.add_row(*trial.row())
    console.print(table)
    content = {
        "environment": environment.document(where),
        "victim": {"name": victim, "version": peer.version(), "alive": alive},
        "seconds": seconds,
        "trials": [trial.document() for trial in trials],
    }
    for path in filter(None, (RUN_DIRECTORY / "attacks.json", json_path)):
        report.write(path, content)
    if markdown_path is not None:
        markdown.write(markdown_path, page(trials, victim, where))
    sys.exit(1 if not alive or any(trial.failed for trial in trials) else 0)


def page(trials: list[Trial], victim: str, where: environment.Environment) -> str:
    text = (
        "Before, during and after: p50 / p99 in ms of a client that makes 200 calls a second on a connection of"
        " its own; failed: its calls that did not come back whole. MiB: resident memory before and at most.\n"
    )
    rows = [trial.row() for trial in trials]
    table = markdown.table(HEADINGS, rows, left=3)
    return markdown.page(
        f"Attacks on {victim}", where, "python -m benchmarks.attacks --markdown", text, table
    )


if __name__ == "__main__":
    main()
