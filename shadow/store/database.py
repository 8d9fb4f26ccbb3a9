"""The two databases where they are not alike: how each is connected to, begun, locked, and measured.

SQLite: WAL, so that reports read while recorders write. synchronous=NORMAL: a process that is killed loses nothing,
since what it wrote is the kernel's; a machine that loses power may lose the last transactions, but never the file
(sqlite.org/pragma.html#pragma_synchronous). FULL would wait for the disk at every batch, for the sake of statistics.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.pool import QueuePool

from shadow.store.place import Place
from shadow.store.schema import PAIRS, PAYLOADS

PATIENCE: Final = 10.0
"""Seconds to wait for a lock. Nobody here holds one for a tenth of that: batches and slices are small."""
WRITES: Final = "verdigris_writes"
"""The execution option of a transaction that will write."""
GATE: Final = 0x76657264
"""The key of PostgreSQL's advisory lock ("verd"): shared by who adds, alone for who takes away what seems unused."""
PAIR_BYTES: Final = 530
"""What a pair with three outputs takes in PostgreSQL without its payload, with all indexes; measured at a million."""


def engine(place: Place, *, read_only: bool, patience: float) -> Engine:
    """Connects at first use."""
    if place.server is not None:
        settings = {
            "lock_timeout": round(patience * 1000),
            "default_transaction_read_only": read_only,
            "cursor_tuple_fraction": 1.0,  # who reads columns reads all rows: it is no gain to have the first ones soon
        }
        return create_engine(
            place.server,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": max(2, round(patience)),
                "application_name": "verdigris",
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            },
        )
    assert place.file is not None
    address = f"{place.file.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(
            address, uri=True, timeout=patience, isolation_level=None, check_same_thread=False
        )
        made.execute("PRAGMA foreign_keys = ON")
        made.execute("PRAGMA synchronous = NORMAL")
        made.execute(
            "PRAGMA journal_size_limit = 67108864"
        )  # what a long report made of the WAL is given back
        return made

    made = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(
        made, "begin", _begin
    )  # the driver's own would begin at the first INSERT, too late for a lock
    return made


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def prepare(place: Place, made: Engine) -> None:
    """Make SQLite's file, where there is none."""
    if place.file is None:
        return
    if not place.file.exists():
        with suppress(OSError):  # another process was faster, or SQLite will say why it cannot be opened
            _new(place.file)
    with made.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if driver.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            _modes(driver)


def _new(file: Path) -> None:
    """Elsewhere first, and then there at once: a file that others have open cannot always become WAL. Readable by its
    owner only, as it holds requests of people."""
    with TemporaryDirectory(dir=file.parent, prefix=".new-store-") as folder:
        first = Path(folder, "shadow.db")
        first.touch(0o600)
        with closing(sqlite3.connect(first)) as driver:
            _modes(driver)
        os.link(first, file)


def _modes(driver: sqlite3.Connection) -> None:
    driver.execute("PRAGMA auto_vacuum = INCREMENTAL")  # works before the first table only
    driver.execute("PRAGMA journal_mode = WAL")


def enter(connection: Connection, *, alone: bool = False) -> None:
    """First in every transaction that writes. Of SQLite BEGIN IMMEDIATE has done it."""
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(GATE)))


def size(connection: Connection) -> int:
    """Bytes. Of SQLite what of the file is used; of PostgreSQL about what the rows take, since files do not shrink."""
    if connection.dialect.name == "sqlite":
        pages, free, page = (
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page)
    payloads = connection.execute(select(func.coalesce(func.sum(PAYLOADS.c.size), 0))).scalar_one()
    pairs = connection.execute(select(func.count(PAIRS.c.at))).scalar_one()
    return int(payloads) + int(pairs) * PAIR_BYTES


def give_back(connection: Connection, pages: int) -> bool:
    """Free pages of SQLite's file to the disk, so many at most, but for a tenth that is soon needed again; whether it
    did: a file that was made elsewhere (.recover) keeps what it has. PostgreSQL's autovacuum does it alone."""
    if connection.dialect.name != "sqlite":
        return False
    whole, free = (
        connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "freelist_count")
    )
    if free <= whole // 10:
        return False
    driver: Any = connection.connection.driver_connection
    # A step for each page, of which execute() does the first only. This does them all, and commits before and after
    driver.executescript(f"PRAGMA incremental_vacuum({pages})")
    return bool(driver.execute("PRAGMA freelist_count").fetchone()[0] < free)
