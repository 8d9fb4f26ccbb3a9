"""`shift`, `mirror` and `rollback`: the commands that write the traffic document."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mesh import contract
from mesh.consul import Consul
from mesh.traffic import Traffic, default
from mesh.words import percent
from rollout import edit, operate
from rollout.commands.number import Number
from rollout.failure import Exit, Failure
from rollout.operate import Terms
from rollout.report import Report, asks_consul
from rollout.view import change

A = TypeVar("A")
B = TypeVar("B")


def writes(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that all writing commands have."""
    options = (
        click.option(
            "--if-revision", type=int, metavar="N", help="Write only if the document is still at N."
        ),
        click.option(
            "--wait",
            type=Number(0.1, 600),
            default=operate.WAIT,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait until every live sidecar obeys.",
        ),
        click.option("--no-wait", is_flag=True, help="Return as soon as it is written."),
    )
    for option in options:
        command = option(command)
    return command


def terms(*, if_revision: int | None, wait: float, no_wait: bool, force: bool = False) -> Terms:
    return Terms(if_revision=if_revision, force=force, wait=None if no_wait else wait)


def reported(made: change.Change) -> Report:
    return Report(change.as_data(made), change.show(made), made.code)


force_option = click.option(
    "--force",
    is_flag=True,
    help="Start afresh where the present document is invalid; write for a service that nobody knows yet.",
)
note_option = click.option("--note", help="Why, for whoever looks later; kept if not given.")


@click.command()
@click.argument("service")
@click.argument("shares", nargs=-1, required=True, metavar="COLOR=PERCENT...")
@click.option("--key", metavar="NAME", help="Make calls sticky by this metadata: shares are then of users.")
@click.option("--salt", metavar="TEXT", help="Another salt deals the users anew: other users are the first.")
@click.option("--no-key", is_flag=True, help="Deal every call on its own.")
@note_option
@force_option
@writes
@asks_consul
async def shift(
    consul: Consul,
    *,
    service: str,
    shares: tuple[str, ...],
    key: str | None,
    salt: str | None,
    no_key: bool,
    note: str | None,
    force: bool,
    **how: Any,
) -> Report:
    """Say which share each colour serves: `verdigris shift recommender blue=90 green=10`.

    The shares must add up to exactly 100, in steps of 0.01. A colour that is not named gets 0. Key, shadows,
    overrides and the rest of the document stay as they are.
    """
    if no_key and (key or salt is not None):
        raise Failure(Exit.USAGE, "--no-key takes the key away; --key and --salt set one")
    split = _weights(shares)

    def change(before: Traffic | None) -> Traffic:
        after = edit.shift(before or Traffic(split=()), split)
        after = edit.unkeyed(after) if no_key else edit.keyed(after, metadata=key, salt=salt)
        return edit.noted(after, note)

    did = ", ".join(f"{color} {percent(weight)} %" for color, weight in split.items())
    made = await operate.apply(consul, service, change, did=did, terms=terms(force=force, **how))
    return reported(made)


@click.command()
@click.argument("service")
@click.argument("shadows", nargs=-1, metavar="[COLOR=PERCENT | COLOR]...")
@click.option(
    "--noise",
    multiple=True,
    metavar="[COLOR=]PERCENT",
    help="Also copy so much of what a colour serves (the one that serves most) to itself: how much it differs anyway.",
)
@click.option("--off", is_flag=True, help="Take out the shadows and the noise of the named colours, or all.")
@click.option("--timeout", metavar="TIME", help='How long a shadow may take: "2s", "500ms", "1m".')
@click.option(
    "--default-color",
    envvar="VERDIGRIS_DEFAULT_COLOR",
    default=contract.DEFAULT_COLOR,
    show_default=True,
    show_envvar=True,
    help="Where no document stands yet: the colour that the splitters send everything to.",
)
@note_option
@force_option
@writes
@asks_consul
async def mirror(
    consul: Consul,
    *,
    service: str,
    shadows: tuple[str, ...],
    noise: tuple[str, ...],
    off: bool,
    timeout: str | None,
    default_color: str,
    note: str | None,
    force: bool,
    **how: Any,
) -> Report:
    """Send copies of the calls to a shadow: `verdigris mirror recommender green=25`.

    Users never see a shadow's answers. Only methods that the document lists as safe are copied. A share of 0
    takes the shadow out, and so does --off. The rest of the document stays as it is.

    Where differences between two colours are to be judged, --noise 10 also shows how much the serving colour differs
    from itself: a tenth of its calls is copied to another of its endpoints, or to the same one if it has no other.
    """
    if not off and not shadows and not noise:
        raise Failure(Exit.USAGE, "say which colour gets how much: green=25, --noise 10, or --off")
    if off and noise:
        raise Failure(Exit.USAGE, "--off takes noise away too; --noise sets it")
    for color in shadows if off else ():
        if not contract.COLOR.fullmatch(color):
            hint = "Without --off, COLOR=0 does the same."
            raise Failure(Exit.USAGE, f"--off takes colours, and {color!r} is none", hint=hint)
    limit = _checked(edit.seconds, timeout) if timeout is not None else None
    wanted = {} if off else _weights(shadows)

    def change(before: Traffic | None) -> Traffic:
        after = before or default(default_color)
        if off:
            return edit.noted(edit.unmirrored(after, shadows), note)
        itself = edit.noise(noise, after)
        after = edit.mirrored(after, wanted, timeout=limit)
        after = edit.mirrored(after, itself, timeout=limit, role=contract.ROLE_NOISE)
        return edit.noted(after, note)

    done = [f"shadow {color} {percent(weight)} %" for color, weight in wanted.items()]
    done += [f"noise {word.removesuffix('%').replace('=', ' ')} %" for word in noise]
    did = ", ".join(done) or f"no shadow {', '.join(shadows)}".rstrip()
    made = await operate.apply(consul, service, change, did=did, terms=terms(force=force, **how))
    return reported(made)


@click.command()
@click.argument("service")
@click.option(
    "--to", type=int, metavar="REVISION", help="The revision to write again; see `verdigris history`."
)
@writes
@asks_consul
async def rollback(consul: Consul, *, service: str, to: int | None, **how: Any) -> Report:
    """Write the previous document again: the last one that was applied and routed differently.

    Twice in a row goes back and forth, as `cd -` does.
    """
    return reported(await operate.rollback(consul, service, to=to, terms=terms(**how)))


def _weights(words: tuple[str, ...]) -> dict[str, int]:
    return _checked(edit.weights, words)


def _checked(read: Callable[[A], B], value: A) -> B:
    try:
        return read(value)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None
