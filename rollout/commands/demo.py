"""`demo`: a whole rollout on real processes and real requests, in about a minute."""

import asyncio
from signal import Signals

import click

from rollout.commands.up import RUN
from rollout.demo import run as demonstration
from rollout.failure import Exit, Failure
from rollout.report import Report, console, finish, json_option
from rollout.stoppable import stoppable


@click.command()
@click.option(
    "--calls",
    type=click.IntRange(50),
    default=demonstration.CALLS,
    show_default=True,
    help="Calls of a long stage; short ones have half of them.",
)
@json_option
def demo(calls: int, as_json: bool) -> None:
    """Walk through a rollout: shadow, canary, half, cut over, a crash, rollback.

    Starts a real Consul, two recommenders and a splitter on free ports, replays real users' requests through
    them, and measures what was promised. Ends by itself; exit code 1 and a list if a promise broke.
    """

    def run() -> Report:
        told = demonstration.demo((RUN / "demo").absolute(), console(stderr=as_json), calls=calls)
        ended = asyncio.run(stoppable(told))
        if isinstance(ended, Signals):
            raise Failure(Exit.FAILED, f"stopped by {ended.name}; everything is stopped")
        return ended

    finish(as_json, run)
