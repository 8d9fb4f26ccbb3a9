"""`pairs export` and `pairs forget`: what is kept of shadows, for notebooks, and less of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from mesh import quantity
from rollout.commands.up import RUN
from rollout.failure import Exit, Failure
from rollout.report import Report, finish, json_option
from shadow.pair import ROLES

if TYPE_CHECKING:  # SQL takes a second to import: not for `verdigris status`
    from shadow.store.store import Store

USUAL: Final = RUN / "up" / "shadow.db"
"""Where `verdigris up` keeps its pairs."""


def read_by(
    read: Callable[[str], float],
) -> Callable[[click.Context, click.Parameter, str | None], float | None]:
    """An option's callback: its text as a number, or the rule."""

    def convert(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
        try:
            return None if text is None else read(text)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} {error}.") from None

    return convert


def age(text: str) -> float:
    """Seconds ago, after 1970: what is older than that nobody can have."""
    found = quantity.seconds(text)
    if found > time.time():
        raise ValueError('must be shorter ago than 1970, such as "7d"')
    return found


TIME: Final = read_by(age)
SIZE: Final = read_by(quantity.size)
store_option = click.option(
    "--store",
    envvar="VERDIGRIS_STORE",
    show_envvar=True,
    metavar="URL",
    help=f"Where the pairs are: a file, sqlite:///FILE or postgresql://…; else {USUAL}, if it is there.",
)


@click.group()
def pairs() -> None:
    """What is kept of shadows: export it, or forget the older part."""


@pairs.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--service", help="Of this service only.")
@click.option("--color", help="Of shadows of this colour only.")
@click.option("--role", type=click.Choice(ROLES), help="Only shadows, noise, or replays.")
@click.option("--since", callback=TIME, metavar="TIME", help='As old as this at most, such as "1h" or "7d".')
@click.option("--payloads", is_flag=True, help="Also requests, answers and metadata, where they were kept.")
@store_option
@json_option
def export(file: Path, store: str | None, as_json: bool, payloads: bool, **wanted: Any) -> None:
    """Write pairs to a Parquet FILE, for notebooks."""

    def run() -> Report:
        from shadow.export.parquet import ExportError, export
        from shadow.store.values import Scope

        since = wanted.pop("since")
        begin = None if since is None else time.time_ns() - round(since * 1e9)
        with opened(store, read_only=True) as found:
            try:
                scope = Scope(**wanted, since_ns=begin)
                number = export(found.pairs(scope, payloads=payloads), file, payloads=payloads)
            except ExportError as error:
                raise Failure(Exit.FAILED, str(error)) from None
        return Report(
            {"file": str(file), "pairs": number}, [Text(f"{number:,} pairs are in {file}".replace(",", " "))]
        )

    finish(as_json, run)


@pairs.command()
@click.option(
    "--older-than", callback=TIME, metavar="TIME", help='Pairs that began longer ago, such as "7d".'
)
@click.option(
    "--down-to",
    callback=SIZE,
    metavar="SIZE",
    help='The oldest payloads, then pairs, until the rest takes so much, such as "2GiB".',
)
@store_option
@json_option
def forget(store: str | None, as_json: bool, older_than: float | None, down_to: int | None) -> None:
    """Take the oldest pairs away, for good. Who records meanwhile is not in the way."""

    def run() -> Report:
        if older_than is None and down_to is None:
            raise Failure(Exit.USAGE, "forget what? Say --older-than, --down-to, or both")
        with opened(store, read_only=False) as found:
            gone = found.retain(age=older_than, size=down_to)
            size = found.size()
        told = f"{gone:,} pairs are forgotten; the others take {size / 2**20:,.1f} MiB".replace(",", " ")
        return Report({"pairs": gone, "size": size}, [Text(told)])

    finish(as_json, run)


@contextmanager
def opened(url: str | None, *, read_only: bool) -> "Iterator[Store]":
    """The store that is named, or the one of `verdigris up`; what goes wrong with it is a Failure."""
    from shadow.store.fault import StoreError
    from shadow.store.place import place
    from shadow.store.store import Store

    if url is None and not USUAL.exists():
        hint = "Name one with --store or VERDIGRIS_STORE: the one that the splitter was given with --store."
        raise Failure(Exit.FAILED, f"no store is named, and there is no {USUAL} here", hint=hint)
    named = url or str(USUAL)
    try:
        where = place(named)
        if where.file is not None and not where.file.exists():
            raise Failure(Exit.FAILED, f"there is no store {where.name}")
        with Store.open(named, read_only=read_only) as found:
            yield found
    except StoreError as error:
        raise Failure(Exit.FAILED, str(error)) from None
