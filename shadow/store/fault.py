"""What goes wrong with a store, in words: which store, what was found, what has to hold."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from sqlalchemy import exc


class StoreError(Exception):
    """`culprit` is the store's URL without its password, or a part of it; `passing` if it may be better next time."""

    def __init__(self, culprit: str, value: str, rule: str, *, passing: bool = False) -> None:
        super().__init__(f"{culprit}: {value}; {rule}")
        self.culprit = culprit
        self.value = value
        self.rule = rule
        self.passing = passing


class Meaning(NamedTuple):
    value: str
    rule: str
    passing: bool = False


FULL: Final = Meaning("there is no room", "free some, or keep less: verdigris pairs forget", True)
LOCKED: Final = Meaning("somebody holds its lock", "nobody may write for so long at a time", True)
READ_ONLY: Final = Meaning("it cannot be written", "who records must be allowed to write it and its folder")
MISSING: Final = Meaning("it cannot be opened", "its folder must exist, and the file be allowed to be read")
BROKEN: Final = Meaning(
    "it is broken, or no store at all",
    "move it away, a new one is made; sqlite3 FILE .recover saves what it can",
)
DISK: Final = Meaning("the disk failed", "see the system's log", True)
APART: Final = Meaning(
    "there is no connection", "the server must run and be reachable, user, password and database right", True
)
NO_VALUE: Final = Meaning("it cannot hold a value", "integers have 64 bits, and text is Unicode")
REFUSED: Final = Meaning("it refused", "this is an error of Verdigris, please report it")

SQLITE: Final = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: MISSING,
    sqlite3.SQLITE_CORRUPT: BROKEN,
    sqlite3.SQLITE_NOTADB: BROKEN,
    sqlite3.SQLITE_IOERR: DISK,
}
"""By primary result code (sqlite.org/rescode.html): the low byte of what the driver tells."""
POSTGRESQL: Final = {
    "53100": FULL,
    "55P03": LOCKED,
    "40P01": LOCKED,
    "25006": READ_ONLY,
    "42501": READ_ONLY,
    "28": APART,
    "3D": APART,
    "XX": BROKEN,
    "58": DISK,
    "08": APART,
    "57": APART,
    "53": APART,
}
"""By SQLSTATE, or by its class (postgresql.org/docs/current/errcodes-appendix.html)."""


def meaning(error: exc.DBAPIError | sqlite3.Error) -> Meaning:
    """What the driver's error stands for."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return REFUSED if code is None else SQLITE.get(code & 0xFF, REFUSED)
    state = getattr(cause, "sqlstate", None)
    if state is None:  # psycopg tells none of a connection that was never made
        return APART if isinstance(error, exc.OperationalError) else REFUSED
    return POSTGRESQL.get(state) or POSTGRESQL.get(state[:2], REFUSED)


def _cause(error: exc.DBAPIError | sqlite3.Error) -> BaseException | None:
    return error.orig if isinstance(error, exc.DBAPIError) else error


@contextmanager
def told(culprit: str) -> Iterator[None]:
    """Errors of the driver leave as StoreErrors."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:
        found = meaning(error)
        words = (str(_cause(error)).strip().splitlines() or [""])[0]
        raise StoreError(culprit, f"{found.value} ({words})", found.rule, passing=found.passing) from error
    except (
        OverflowError,
        TypeError,
        UnicodeError,
    ) as error:  # a driver that did not get as far as its database
        raise StoreError(culprit, f"{NO_VALUE.value} ({error})", NO_VALUE.rule) from error
