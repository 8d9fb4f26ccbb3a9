"""`python -m shadow.recorder`: started by a splitter, for its pairs; ends with it."""

import contextlib
import logging
import os
import signal
import socket
import sys
from threading import Event, Thread
from typing import Final

import click

from shadow.comparison.custom import NotInstalled, Redactor
from shadow.recorder.recorder import Recorder, is_alone
from shadow.store.fault import StoreError
from shadow.store.store import Store

NICENESS: Final = 10
"""Calls come first: on a machine that is full, pairs wait."""
TIDY_EVERY: Final = 60.0
"""Seconds between two looks for pairs that are too old, or too many."""
UNAVAILABLE: Final = 69
"""Exit code: the store cannot be used (sysexits.h, EX_UNAVAILABLE)."""
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0

log = logging.getLogger("shadow.recorder")


@click.command()
@click.option("--retain-age", type=float, help="Seconds that a pair is kept.")
@click.option("--retain-size", type=int, help="Bytes that the store may take.")
@click.option(
    "--redactor", "redactors", multiple=True, help="An entry point in `verdigris.redactors`. Repeatable."
)
@click.option("--store", required=True, envvar="VERDIGRIS_STORE", help="Where pairs are kept.")
@click.option("--carefully", default=0, help="Bytes to be read message by message.")
@click.argument("descriptor", type=int)
def main(
    retain_age: float | None,
    retain_size: int | None,
    redactors: tuple[str, ...],
    store: str,
    carefully: int,
    descriptor: int,
) -> None:
    """Keep the pairs that come in on DESCRIPTOR."""
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s recorder %(name)s: %(message)s",
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the splitter decides when there is nothing more to keep
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    connection, ended = socket.socket(fileno=descriptor), Event()
    try:
        redact = [Redactor(name) for name in redactors]  # without one that was asked for, nothing is kept
        with _opened(store, connection) as opened:
            if retain_age is not None or retain_size is not None:
                # Beside the pairs that come: what is forgotten must not hold up what is kept
                arguments = (opened, retain_age, retain_size)
                Thread(target=keep_tidy, args=arguments, kwargs={"ended": ended}, daemon=True).start()
            Recorder(connection, opened, redactors=redact, carefully=carefully).run()
    except (NotInstalled, StoreError) as error:
        log.error("%s", error)
        sys.exit(UNAVAILABLE)
    finally:
        ended.set()


def _opened(url: str, connection: socket.socket) -> Store:
    """The store, as soon as it can be used: pairs wait meanwhile. Raises StoreError when nobody waits any more."""
    delay = FIRST_WAIT
    while True:
        try:
            return Store.open(url)
        except StoreError as error:
            if is_alone(connection):
                raise
            log.error("%s; trying again in %g s", error, delay)
        is_alone(connection, within=delay)
        delay = min(delay * 2, LONGEST_WAIT)


def keep_tidy(store: Store, age: float | None, size: int | None, *, ended: Event) -> None:
    """Let the store forget what is too old, or too much, every `TIDY_EVERY` until it has `ended`."""
    while not ended.wait(TIDY_EVERY):
        try:
            store.retain(age=age, size=size)
        except StoreError as error:
            log.error("%s", error)


if __name__ == "__main__":
    main()
