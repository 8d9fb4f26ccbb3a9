"""Where a store is, from what people write: a path, `sqlite:///path` or `postgresql://user@host/database`."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from shadow.store.fault import StoreError

RULE: Final = "a store is a path, sqlite:///PATH, or postgresql://USER@HOST/DATABASE"
_HIDDEN: Final = "***"
_SECRET: Final = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Place:
    """One of `file` and `server` is there."""

    name: str
    """As it was written, without a password: for errors and reports."""
    file: Path | None = None
    server: URL | None = None


def place(url: str) -> Place:
    """The place; StoreError if that is none, or its driver is not installed."""
    if "://" not in url:
        if not url:
            raise StoreError("store", "it has no name", RULE)
        return Place(url, file=Path(url))
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("store", "its URL cannot be read", RULE) from None
    backend = found.drivername.partition("+")[0]
    name = found.set(query={key: _HIDDEN if key in _SECRET else value for key, value in found.query.items()})
    shown = name.render_as_string(hide_password=True)
    if backend == "sqlite":
        if not found.database or found.database == ":memory:" or found.query:
            raise StoreError(shown, "it names no file", RULE)
        return Place(shown, file=Path(found.database))
    if backend not in ("postgresql", "postgres"):
        raise StoreError(shown, f"{backend} is no database of ours", RULE)
    if find_spec("psycopg") is None:
        raise StoreError(shown, "psycopg is not installed", "pip install 'verdigris[postgresql]' brings it")
    return Place(shown, server=found.set(drivername="postgresql+psycopg"))
