"""The store of pairs: SQLite or PostgreSQL behind one class. Everything blocks; whatever goes wrong is a StoreError.

Several processes may use the same store at once, each with its own `Store`; of one process, several threads.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, Engine

from mesh import contract
from shadow.pair import PairId
from shadow.store import (
    database,
    evidence,
    migration,
    reading,
    retention,
    selection,
    series,
    summary,
    writing,
)
from shadow.store.fault import StoreError, told
from shadow.store.place import place
from shadow.store.values import Account, Count, Environment, Recorded, Scope, Slice, Stored, Subject
from shadow.verdict.evidence import Evidence

PAUSE: Final = 0.1
"""Seconds between two slices of retention: who waits for SQLite's lock looks again at least so often
(sqliteDefaultBusyCallback in its main.c)."""


class Store:
    """Made by `open`."""

    def __init__(self, engine: Engine, name: str, *, clock: Callable[[], float] = time.time) -> None:
        self.name: Final = name
        """Its URL, without a password."""
        self._clock = clock
        self._writer = engine.execution_options(**{database.WRITES: True})
        postgresql = engine.dialect.name == "postgresql"
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ") if postgresql else engine

    @classmethod
    def open(cls, url: str, *, read_only: bool = False, patience: float = database.PATIENCE) -> "Store":
        """Made where it is not, and brought up to date, unless `read_only`. `patience`: seconds to wait for a lock."""
        where = place(url)
        engine = database.engine(where, read_only=read_only, patience=patience)
        try:
            with told(where.name):
                if read_only:
                    migration.check(engine, where.name)
                else:
                    database.prepare(where, engine)
                    migration.migrate(engine, where.name)
        except StoreError:
            engine.dispose()
            raise
        return cls(engine, where.name)

    def close(self) -> None:
        self._reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- writing

    def add(self, recorded: Sequence[Recorded], counts: Sequence[Count] = ()) -> None:
        """All or nothing. A pair that is there changes nothing, nor do its accounts; a count is a total."""
        with self._writing() as connection:
            writing.add(connection, recorded, counts)

    def retain(
        self,
        *,
        age: float | None = None,
        size: int | None = None,
        slices: int | None = None,
        rest: Callable[[], None] = lambda: time.sleep(PAUSE),
    ) -> int:
        """Forget pairs that began more than `age` seconds ago, and the oldest payloads, then pairs, until the rest
        takes `size` bytes. In short transactions with `rest` between them; `slices`: at most so many now. Returns the
        number of pairs."""
        before = None if age is None else round((self._clock() - age) * 1e9)
        gone = 0
        for number, pairs in enumerate(retention.steps(self._writing, before=before, size=size), 1):
            gone += pairs
            if number == slices:
                break
            rest()
        return gone

    # --- reading

    def size(self) -> int:
        """Bytes, as `retain` counts them."""
        with self._reading() as connection:
            return database.size(connection)

    def subjects(self, service: str | None = None) -> tuple[Subject, ...]:
        """What there are pairs of."""
        with self._reading() as connection:
            return summary.subjects(connection, service)

    def accounts(self, scope: Scope) -> tuple[Account, ...]:
        """What became of every shadow, in the whole minutes that the scope touches: their sum is what was mirrored.
        Pairs that were forgotten are in it, where the scope has no beginning."""
        with self._reading() as connection:
            return summary.accounts(connection, scope)

    def evidence(self, scope: Scope) -> Evidence:
        """What a verdict is reached on."""
        with self._reading() as connection:
            return evidence.evidence(connection, scope)

    def worst(self, scope: Scope, limit: int, output: str | None = None) -> tuple[Stored, ...]:
        """Compared pairs with a score below 1 (of this output), the lowest first, with payloads and differences."""
        by_score = selection.worst(scope, limit)
        query = by_score if output is None else selection.worst_output(scope, limit, output)
        with self._reading() as connection:
            return tuple(reading.fetch(connection, [row.id for row in connection.execute(query)]))

    def series(self, scope: Scope, slices: int) -> tuple[Slice, ...]:
        """How it went over time."""
        with self._reading() as connection:
            return series.series(connection, scope, slices)

    def environment(self, scope: Scope) -> Environment:
        """Where the pairs come from."""
        with self._reading() as connection:
            return summary.environment(connection, scope)

    def pairs(self, scope: Scope, *, payloads: bool = True) -> Iterator[Stored]:
        """All of a scope in the order of time, a page at a time: what is forgotten meanwhile is left out."""
        with self._reading() as connection:
            numbers, _ = reading.ids(connection, scope)
        with told(self.name):
            yield from reading.stream(self._reader, numbers, payloads=payloads)

    def requests(
        self,
        service: str,
        *,
        color: str | None = None,
        role: str = contract.ROLE_SHADOW,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Stored]:
        """Pairs whose request was kept, in the order of time: one of each call, however many shadows it had."""
        scope = Scope(service, color, role, since_ns, until_ns)
        with self._reading() as connection:
            numbers = reading.calls(*reading.ids(connection, scope, kept=True))[:limit]
        with told(self.name):
            yield from reading.stream(self._reader, numbers, payloads=True)

    def pair(self, pair: PairId) -> Stored:
        """StoreError if there is none."""
        with self._reading() as connection:
            found = reading.fetch(connection, reading.numbered(connection, pair))
        if not found:
            wanted = f"pair {pair.source}/{pair.number}"
            raise StoreError(
                self.name, f"{wanted} is not there", "it must have been recorded, and not be forgotten"
            )
        return found[0]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with told(self.name), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with told(self.name), self._writer.begin() as connection:
            yield connection
