"""One run of a command: its answer or its failure, on the terminal or as JSON, and the exit code."""

import asyncio
import functools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.text import Text

from mesh.consul import Consul, ConsulAddress, ConsulError, DeniedError, read_token
from mesh.traffic import Invalid
from rollout.failure import Code, Exit, Failure

PIPED_WIDTH: Final = 120
"""Columns where there is no terminal to ask and COLUMNS is not set."""

Command = Callable[..., Awaitable["Report"]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a command answers: `data` with --json, else `lines`."""

    data: Any
    lines: Iterable[RenderableType]
    code: Code = Exit.OK


def console(*, stderr: bool = False) -> Console:
    """A console that does not fold what goes into a pipe at 80 columns."""
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPED_WIDTH
    return made


def asks_consul(command: Command) -> Callable[..., None]:
    """Options for Consul and --json around `async def command(consul, **options) -> Report`."""

    @consul_options
    @json_option
    @functools.wraps(command)
    def run(consul_addr: str, consul_token_file: Path | None, as_json: bool, **options: Any) -> None:
        async def ask() -> Report:
            async with Consul(consul_address(consul_addr, consul_token_file)) as consul:
                return await command(consul, **options)

        finish(as_json, lambda: asyncio.run(ask()))

    return run


def consul_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--consul-addr` and `--consul-token-file`."""
    address = click.option(
        "--consul-addr",
        envvar=["VERDIGRIS_CONSUL_ADDR", "CONSUL_HTTP_ADDR"],
        default="127.0.0.1:8500",
        show_default=True,
        show_envvar=True,
        help="Where Consul's HTTP API listens: HOST:PORT or a URL.",
    )
    token = click.option(
        "--consul-token-file",
        envvar="VERDIGRIS_CONSUL_TOKEN_FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with the ACL token; else CONSUL_HTTP_TOKEN, if set.",
    )
    return address(token(command))


def consul_address(consul_addr: str, consul_token_file: Path | None) -> ConsulAddress:
    """What the options say; Failure if that is no address."""
    try:
        return ConsulAddress.parse(consul_addr, token=read_token(consul_token_file, os.environ))
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value instead of text.")


def finish(as_json: bool, answer: Callable[[], Report]) -> None:
    """Get the report, print it or the failure, and end the process with its code."""
    try:
        report = _alone(answer)
        if as_json:
            print(json.dumps(report.data, indent=2, ensure_ascii=False))
        else:
            terminal = console()
            for line in report.lines:
                terminal.print(line)
        code = report.code
    except (Failure, ConsulError, Invalid) as error:
        failure = _failure(error)
        if as_json:
            print(json.dumps(_as_data(failure), indent=2, ensure_ascii=False))
        else:
            _show(failure)
        code = failure.code
    sys.stdout.flush()
    click.get_current_context().exit(code)


def _alone(answer: Callable[[], Report]) -> Report:
    """The answer; an error that task groups have wrapped comes out as itself."""
    try:
        return answer()
    except BaseExceptionGroup as group:
        raise alone(group) from None


def alone(error: BaseException) -> BaseException:
    """What task groups have wrapped, where that is one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _failure(error: Failure | ConsulError | Invalid) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, Invalid):
        return Failure(Exit.USAGE, "that is no valid document:", details=tuple(map(str, error.problems)))
    if isinstance(error, DeniedError):
        hint = "Give a token that may: --consul-token-file or CONSUL_HTTP_TOKEN."
    else:
        hint = "Is the agent running there? --consul-addr or CONSUL_HTTP_ADDR say where to look."
    return Failure(Exit.UNREACHABLE, str(error), hint=hint)


def _as_data(failure: Failure) -> Mapping[str, Any]:
    return {
        "error": {
            "code": int(failure.code),
            "kind": failure.code.name.lower(),
            "message": failure.message,
            "details": list(failure.details),
            "hint": failure.hint,
        }
    }


def _show(failure: Failure) -> None:
    terminal = console(stderr=True)
    terminal.print(Text.assemble(("error: ", "bold red"), failure.message))
    for line in failure.details:
        terminal.print(Text(f"  {line}"))
    if failure.hint:
        terminal.print(Text(failure.hint, style="dim"))
