"""`trace`: the latest call, or a named one, as a tree."""

import time
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
        roots = tracetree.find(file, trace_id or _latest(file))
        if not roots:
            hint = "Traces are written within a second or so of the call."
            raise Failure(Exit.FAILED, f"{file} holds no trace {trace_id}", hint=hint)
        return Report(view.as_data(roots), view.show(roots))

    finish(as_json, run)


def _latest(file: Path) -> str:
    """The id of the latest call's trace, once all of it is written."""
    span = tracetree.latest(file)
    if span is None:
        raise Failure(Exit.FAILED, f"{file} holds no trace yet", hint="Make a call through the splitter.")
    time.sleep(tracetree.settles_in(span, time.time()))
    return span.trace_id


def _newest() -> Path:
    files = sorted(RUN.glob(f"*/{TRACES}"), key=lambda each: each.stat().st_mtime)
    if not files:
        hint = "Name one with --file or VERDIGRIS_TRACE_FILE, or run `verdigris up` and make a call."
        raise Failure(Exit.FAILED, f"there is no trace file {RUN}/*/{TRACES} here", hint=hint)
    return files[-1]
