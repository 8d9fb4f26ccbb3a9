"""What `report` and `replay` have in common: exit codes, which criteria, how a report is shown."""

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mesh import quantity
from rollout.failure import Exit, Failure, Judged
from rollout.report import Report

if TYPE_CHECKING:  # templates and plots take a second to import: not for `verdigris status`
    from shadow.report.report import Report as Judgement

_TRANSLATED: Final = {Exit.USAGE: Judged.USAGE, Exit.FAILED: Judged.UNAVAILABLE}


LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""Nanoseconds of Unix time have 64 bits until 2262."""

log = logging.getLogger("rollout")


class Misused(click.UsageError):
    """As click has it, but for the exit code."""

    exit_code = Judged.USAGE


class Judging(click.Command):
    """A command whose exit codes 0 to 2 are verdicts: whatever ends it without one ends it with another."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise Misused(error.message, error.ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise Misused(error.message, ctx) from error
        except click.exceptions.Exit:
            raise
        except (KeyboardInterrupt, click.Abort):
            ctx.exit(Judged.INTERRUPTED)
        except (BrokenPipeError, SystemExit):  # who reads has gone, in json's words or in rich's
            with suppress(OSError):  # the interpreter would complain of it once more
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Judged.SOFTWARE)
        except Exception as error:
            log.debug("this is unforeseen", exc_info=True)
            words = " ".join(f"{type(error).__name__}: {error}".split())
            click.echo(f"error: {words}; this is an error of Verdigris, please report it", err=True)
            ctx.exit(Judged.SOFTWARE)


def judging(answer: Callable[[], Report]) -> Report:
    """The answer; what fails on the way has an exit code that is no verdict."""
    try:
        return answer()
    except KeyboardInterrupt:
        raise Failure(Judged.INTERRUPTED, "stopped by SIGINT; nothing was judged") from None
    except Failure as failure:
        code = failure.code
        if not isinstance(code, Exit) or code not in _TRANSLATED:  # 2 of Judged equals 2 of Exit
            raise
        raise Failure(
            _TRANSLATED[code], failure.message, hint=failure.hint, details=failure.details
        ) from None


criteria_option = click.option(
    "--criteria",
    "criteria_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='The field "criteria" of a traffic document, as JSON; else that of the document in Consul, or the defaults.',
)
html_option = click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Also write the report as one HTML page, with plots.",
)
worst_option = click.option(
    "--worst",
    type=click.IntRange(0, 1_000),
    default=10,
    show_default=True,
    metavar="N",
    help="So many of the worst disagreements, with request and both answers.",
)


def period(since: str | None, until: str | None, now: float) -> tuple[int | None, int | None]:
    """What `--since` and `--until` say, as `moment` has it."""
    begin, end = moment(since, now, "--since"), moment(until, now, "--until")
    if begin is not None and end is not None and begin >= end:
        rule = "must be at least a minute after --since"
        raise Failure(Judged.USAGE, f"--until {until!r} {rule}, which is {since!r}")
    return begin, end


def moment(text: str | None, now: float, option: str) -> int | None:
    """`1h` ago, or an ISO 8601 date and time, in nanoseconds of Unix time: the minute's beginning, since shadows that
    left no pair are counted by the minute, and the accounting is to close."""
    if text is None:
        return None
    try:
        found = _seconds(text, now)
    except (ValueError, OverflowError):  # the year 1 is beyond what a platform may know
        rule = 'must be how long ago ("1h", "7d"), or a date and time ("2026-11-22T14:00")'
        raise Failure(Judged.USAGE, f"{option} {text!r} {rule}") from None
    if not 0 <= found < LATEST:
        raise Failure(Judged.USAGE, f"{option} {text!r} must be after 1970 and before 2200")
    return _minute(found)


def _seconds(text: str, now: float) -> float:
    with suppress(ValueError):
        return now - quantity.seconds(text)
    return datetime.fromisoformat(text).timestamp()


def _minute(seconds: float) -> int:
    return int(seconds // 60) * 60 * 1_000_000_000


def answered(service: str, reports: list["Judgement"], html: Path | None) -> Report:
    """The command's answer, with the verdict as its exit code; the page is written here."""
    from rollout.view.report import show
    from shadow.report.data import as_data
    from shadow.report.report import overall
    from shadow.verdict.verdict import State

    code = {
        State.READY: Judged.READY,
        State.NOT_READY: Judged.NOT_READY,
        State.NOT_ENOUGH_DATA: Judged.NOT_ENOUGH_DATA,
    }[overall(tuple(reports))]
    if html is not None:
        write(html, reports)
    return Report(as_data(service, reports), show(reports), code)


def write(path: Path, reports: list["Judgement"]) -> None:
    from shadow.report.page import page

    text = page(reports, command=_command())
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(Judged.USAGE, f"--html {path} cannot be written: {error.strerror}") from None


def _command() -> str:
    """As it was typed, but for what names a store: that may have a password."""
    context = click.get_current_context()
    said = [context.command_path, str(context.params["service"])]
    for name in ("color", "since", "until", "run", "to"):
        if context.params.get(name):
            said += [f"--{name}", str(context.params[name])]
    return " ".join(said)


def now() -> int:
    return time.time_ns()
