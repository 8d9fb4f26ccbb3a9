"""`report`: what the pairs of a shadow say, as a verdict with its reasons."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh import contract
from mesh.consul import Consul
from rollout.commands import judged
from rollout.commands.pairs import opened as opened_store
from rollout.commands.pairs import store_option
from rollout.criteria import Terms, terms, without_latencies
from rollout.failure import JUDGED, Exit, Failure, Judged
from rollout.report import Report, consul_address, consul_options, finish, json_option
from shadow.pair import REPLAY

if TYPE_CHECKING:
    from shadow.store.store import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options."""

    service: str
    color: str | None
    since: int | None
    until: int | None
    run: str | None
    worst: int

    @property
    def role(self) -> str:
        return REPLAY if self.run else contract.ROLE_SHADOW


@click.command(cls=judged.Judging, epilog=f"Exit codes: {JUDGED}.")
@click.argument("service")
@click.option("--color", help="The shadow's colour; else a report of each that has pairs.")
@click.option("--since", metavar="TIME", help='Pairs from then on: "1h" ago, or "2026-11-22T14:00".')
@click.option("--until", metavar="TIME", help="Pairs before then.")
@click.option("--run", metavar="NAME", help="Of a replay, by the name that it told.")
@judged.criteria_option
@judged.html_option
@judged.worst_option
@store_option
@consul_options
@json_option
def report(
    service: str,
    color: str | None,
    since: str | None,
    until: str | None,
    run: str | None,
    criteria_file: Path | None,
    html: Path | None,
    worst: int,
    store: str | None,
    consul_addr: str,
    consul_token_file: Path | None,
    as_json: bool,
) -> None:
    """Say whether a shadow's colour is ready: `verdigris report recommender --since 1h`.

    Reads the pairs that splitters have stored, judges them by the criteria of the traffic document, and tells what is
    wrong, how sure that is, and which pairs disagree most. The exit code is the verdict, for CI.
    """

    def answer() -> Report:
        now = judged.now()
        if color is not None and not contract.COLOR.fullmatch(color):
            raise Failure(Exit.USAGE, f"--color {color!r} is no colour: small letters, digits and - only")
        wanted = Wanted(
            named(service),
            color,
            *judged.period(since, until, now / 1e9),
            run,
            worst,
        )
        with opened_store(store, read_only=True) as opened:
            held = asyncio.run(_terms(service, criteria_file, consul_addr, consul_token_file))
            colors = _colors(opened, wanted)
            return judged.answered(service, [one(opened, wanted, each, held, now) for each in colors], html)

    finish(as_json, lambda: judged.judging(answer))


def named(service: str) -> str:
    if not contract.SERVICE.fullmatch(service):
        raise Failure(Exit.USAGE, f"{service!r} is no service name: letters, digits and - only")
    return service


async def _terms(service: str, file: Path | None, consul_addr: str, consul_token_file: Path | None) -> Terms:
    async with Consul(consul_address(consul_addr, consul_token_file)) as consul:
        return await terms(consul, service, file)


def _colors(store: "Store", wanted: Wanted) -> tuple[str, ...]:
    """The colour that is wanted, or all; Failure, which is no verdict, if there is nothing of it."""
    from shadow.store.values import Scope

    if wanted.color and store.accounts(
        Scope(wanted.service, wanted.color, wanted.role, source=wanted.run or None)
    ):
        return (wanted.color,)
    subjects = store.subjects()
    found = [each.color for each in subjects if (each.service, each.role) == (wanted.service, wanted.role)]
    if wanted.run:  # of this run, not of every replay
        scopes = {color: Scope(wanted.service, color, wanted.role, source=wanted.run) for color in found}
        found = [color for color, scope in scopes.items() if store.environment(scope).pairs]
    if found and not wanted.color:
        return tuple(dict.fromkeys(found))
    known = sorted({f"{each.service} {each.color} ({each.role})" for each in subjects})
    what = f"the replay {wanted.run}" if wanted.run else "a shadow"
    named_color = f" {wanted.color}" if wanted.color else ""
    message = f"{store.name} has no pair of {what}{named_color} of {wanted.service}"
    hint = f"It has: {', '.join(known)}." if known else "It has no pair at all."
    raise Failure(Judged.NOT_ENOUGH_DATA, message, hint=hint)


def one(store: "Store", wanted: Wanted, color: str, held: Terms, now: int):  # type: ignore[no-untyped-def]
    """The report of one colour."""
    from shadow.report.gather import Question, gather

    asked = Question(
        service=wanted.service,
        color=color,
        role=wanted.role,
        run=wanted.run or "",
        since=wanted.since,
        until=wanted.until,
        worst=wanted.worst,
    )
    if wanted.role == REPLAY:
        held = without_latencies(held)
    return gather(store, asked, held.traffic.criteria, criteria_from=held.found, now=now)
