"""`trace`: the latest call, or a named one, as a tree."""

from pathlib import Path

import click

from rollout import tracetree
from rollout.commands.up import RUN
from rollout.failure import Exit, Failure
from rollout.local import TRACES
from rollout.report import Report, finish, json_option
from rollout.view import trace as view


@click.command()
@click.argument("trace_id", required=False, metavar="[ID]")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="VERDIGRIS_TRACE_FILE",
    show_envvar=True,
    help=f"Where the spans are; else the newest of {RUN}/*/{TRACES}.",
)
@json_option
def trace(trace_id: str | None, path: Path | None, as_json: bool) -> None:
    """Draw the latest trace, or the one with this ID, from the trace file.

    The file is what splitter and model server write unless OTEL_* variables send traces elsewhere.
    """

    def run() -> Report:
        file = path or _newest()
        roots = tracetree.find(file, trace_id)
        if not roots:
            what = f"no trace {trace_id}" if trace_id else "no trace yet"
            hint = "Traces are written about a fifth of a second after the call."
            raise Failure(Exit.FAILED, f"{file} holds {what}", hint=hint)
        return Report(view.as_data(roots), view.show(roots))

    finish(as_json, run)


def _newest() -> Path:
    files = sorted(RUN.glob(f"*/{TRACES}"), key=lambda each: each.stat().st_mtime)
    if not files:
        hint = "Name one with --file or VERDIGRIS_TRACE_FILE, or run `verdigris up` and make a call."
        raise Failure(Exit.FAILED, f"there is no trace file {RUN}/*/{TRACES} here", hint=hint)
    return files[-1]
