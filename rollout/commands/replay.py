"""`replay`: stored requests, sent again to a colour, and judged like its shadow."""

import asyncio
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any, Final

import click

from mesh import contract
from mesh.address import Address
from mesh.consul import Consul, ConsulAddress
from rollout.commands import judged
from rollout.commands.number import Number
from rollout.commands.pairs import opened as opened_store
from rollout.commands.pairs import store_option
from rollout.commands.report import Wanted, named, one
from rollout.criteria import Terms, terms
from rollout.failure import JUDGED, Exit, Failure, Judged
from rollout.report import Report, alone, console, consul_address, consul_options, finish, json_option
from rollout.stoppable import stoppable
from rollout.view.replay import Progress

if TYPE_CHECKING:
    from shadow.replay.call import Target
    from shadow.store.store import Store

_RATE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/s)?")
FASTEST: Final = 10_000.0


class Rate(click.ParamType[float]):
    """`50/s`, or `50`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        matched = _RATE.fullmatch(str(value))
        if matched is None or not 0 < float(matched[1]) <= FASTEST:
            self.fail(f'{value!r} must be calls a second, "50/s", at most {FASTEST:g}', param, ctx)
        return float(matched[1])


@click.command(cls=judged.Judging, epilog=f"Exit codes: {JUDGED}.")
@click.argument("service")
@click.option("--to", required=True, metavar="COLOR", help="The colour that gets the requests.")
@click.option("--since", metavar="TIME", help='Requests from then on: "1h" ago, or "2026-11-22T14:00".')
@click.option("--until", metavar="TIME", help="Requests before then.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="So many requests at most, the oldest first."
)
@click.option("--rate", type=Rate(), default="50/s", show_default=True, help="Calls a second.")
@click.option(
    "--at-once", type=click.IntRange(1, 1_000), default=16, show_default=True, metavar="N",
    help="So many calls at the same time at most.",
)  # fmt: skip
@click.option(
    "--timeout",
    type=Number(0.001, 3_600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Of one call.",
)
@click.option("--target", metavar="HOST:PORT", help="Send there, whatever Consul knows.")
@click.option(
    "--redactor", "redactors", multiple=True, envvar="VERDIGRIS_REDACTOR", metavar="NAME",
    help="As the splitter's: an entry point that sees each pair before it is kept. Repeatable.",
)  # fmt: skip
@judged.criteria_option
@judged.html_option
@judged.worst_option
@store_option
@consul_options
@json_option
def replay(
    service: str,
    to: str,
    since: str | None,
    until: str | None,
    limit: int | None,
    rate: float,
    at_once: int,
    timeout: float,
    target: str | None,
    redactors: tuple[str, ...],
    criteria_file: Path | None,
    html: Path | None,
    worst: int,
    store: str | None,
    consul_addr: str,
    consul_token_file: Path | None,
    as_json: bool,
) -> None:
    """Send stored requests to a colour, and judge its answers: `verdigris replay recommender --to green`.

    The answers are compared with those that the primary gave when the requests were live, and kept as a run of their
    own. The report is that of `verdigris report`, but latencies are only shown: they were measured by another client.
    Ctrl-C keeps what is done.
    """

    def answer() -> Report:
        from shadow.replay.replay import Pace

        now = judged.now()
        if not contract.COLOR.fullmatch(to):
            raise Failure(Exit.USAGE, f"--to {to!r} is no colour: small letters, digits and - only")
        wanted = Wanted(
            named(service),
            to,
            *judged.period(since, until, now / 1e9),
            run_name(now),
            worst,
        )
        pace = Pace(rate=rate, at_once=at_once, timeout=timeout)
        address = consul_address(consul_addr, consul_token_file)
        with opened_store(store, read_only=False) as opened:
            found = asyncio.run(_found(address, service, to, target, criteria_file))
            held = found[0]
            progress = Progress(console(stderr=True), to, str(wanted.run))
            ended = asyncio.run(
                stoppable(_run(opened, wanted, found[1], held, pace, limit, progress, redactors))
            )
            if isinstance(ended, Signals):
                _interrupted(ended, wanted, progress)
            # the run's own times, not those of the requests
            shown = Wanted(service, to, None, None, wanted.run, worst)
            return judged.answered(service, [one(opened, shown, to, held, judged.now())], html)

    finish(as_json, lambda: judged.judging(answer))


def run_name(now: int) -> str:
    """`replay-20261123-001122-4f2a`."""
    return f"replay-{datetime.fromtimestamp(now / 1e9, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


async def _found(
    address: ConsulAddress, service: str, color: str, target: str | None, criteria: Path | None
) -> tuple[Terms, "list[Target]"]:
    """Criteria, and where to send: every passing endpoint of the colour, or the one that is named."""
    from shadow.replay.call import Target

    async with Consul(address) as consul:
        held = await terms(consul, service, criteria)
        if target is not None:
            try:
                return held, [Target(str(Address.parse(target)), color)]
            except ValueError as error:
                raise Failure(Exit.USAGE, f"--target {target!r} {error}") from None
        instances = (await consul.instances(service)).value
    mine = [each for each in instances if color in each.tags]
    passing = [each for each in mine if each.passing]
    if passing:
        return held, [
            Target(
                f"{Address(each.address, each.port)}", color, each.meta.get(contract.META_MODEL_VERSION, "")
            )
            for each in passing
        ]
    if mine:
        message = f"no {color} of {service} is healthy"
        raise Failure(Judged.UNAVAILABLE, message, hint="--target HOST:PORT sends there all the same.")
    colors = sorted({tag for each in instances for tag in each.tags if tag != contract.TAG})
    known = f"Consul knows {', '.join(colors)}." if colors else f"Consul knows no {service} at all."
    raise Failure(Exit.USAGE, f"nobody has registered as {color} in {service}", hint=known)


async def _run(
    store: "Store",
    wanted: Wanted,
    targets: "list[Target]",
    held: Terms,
    pace: Any,
    limit: int | None,
    progress: Progress,
    redactors: tuple[str, ...],
) -> None:
    from shadow.comparison.custom import NotInstalled, Redactor
    from shadow.replay.keeping import Keeping, requests
    from shadow.replay.replay import Replay, Unreachable

    number, pairs = requests(store, wanted.service, wanted.since, wanted.until, limit)
    if not number:
        hint = 'Splitters keep them if the document says "record": {"payloads": "all"}, and the store was given one.'
        message = f"{store.name} has no request of {wanted.service} with its payload in this period"
        raise Failure(Judged.UNAVAILABLE, message, hint=hint)
    try:
        redact = [Redactor(name) for name in redactors]  # without one that was asked for, nothing is sent
        keeping = Keeping(store, held.traffic.compare, held.traffic.record, redactors=redact)
    except NotInstalled as error:
        raise Failure(Judged.UNAVAILABLE, str(error)) from None
    replay = Replay(str(wanted.run), targets, pace, keep=keeping.keep, finished=progress.finished)
    with progress.shown(number):
        try:
            await replay.send(pairs)
        except Unreachable as error:
            raise Failure(Judged.UNAVAILABLE, str(error)) from None
        except BaseExceptionGroup as group:
            raise alone(group) from None


def _interrupted(signal: Signals, wanted: Wanted, progress: Progress) -> None:
    if not progress.done:
        raise Failure(Judged.INTERRUPTED, f"stopped by {signal.name}; nothing was sent yet")
    hint = f"verdigris report {wanted.service} --color {wanted.color} --run {wanted.run} shows what is there."
    message = (
        f"stopped by {signal.name} after {progress.done} of {progress.number}; they are kept as {wanted.run}"
    )
    raise Failure(Judged.INTERRUPTED, message, hint=hint)
