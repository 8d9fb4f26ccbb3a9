"""Pairs in columns: a million rows as a handful of arrays, without an object per row."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Integer, Select, cast, func, select
from sqlalchemy.exc import DBAPIError

from shadow.pair import Outcome
from shadow.store import selection
from shadow.store.schema import CONTEXTS, PAIRS
from shadow.store.values import Scope

Array = NDArray[Any]
ROWS: Final = 10_000
"""At a time from the driver: as tuples they take some 4 MB."""
_NEITHER: Final = -1


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a context, what figures depend on."""

    outcome: Outcome
    canceled: bool
    primary_status: str
    shadow_status: str


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """All pairs of a scope, in the order of time. [n] each."""

    ids: Array
    context: Array
    """Positions in `facts`."""
    at: Array
    primary_latency: Array
    shadow_latency: Array
    bucket: Array
    agrees: Array
    """1, 0, or -1: it was not compared."""
    scores: Array
    facts: tuple[Facts, ...]

    def by_context(self, values: list[Any]) -> Array:
        """[n], from a value for each of `facts`."""
        return np.array(values)[self.context] if values else np.empty(0, np.bool_)


def read(connection: Connection, scope: Scope) -> Columns:
    """The columns; dropped pairs too."""
    ids, facts = _facts(connection, scope)
    query = select(
        PAIRS.c.id,
        PAIRS.c.context_id,
        PAIRS.c.at,
        PAIRS.c.primary_latency,
        PAIRS.c.shadow_latency,
        PAIRS.c.bucket,
        func.coalesce(cast(PAIRS.c.agrees, Integer), _NEITHER),
        func.coalesce(PAIRS.c.score, 0.0),
    ).where(*selection.pairs(scope))
    kinds = (np.int64, np.int64, np.int64, np.float64, np.float64, np.int64, np.int8, np.float64)
    parts = [
        [
            np.fromiter(column, kind, len(rows))
            for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
        ]
        for rows in batches(connection, query)
    ]
    found: list[Array] = [
        np.concatenate([part[at] for part in parts]) if parts else np.empty(0, kind)
        for at, kind in enumerate(kinds)
    ]
    order = np.lexsort((found[0], found[2]))
    number, context, at, primary, shadow, bucket, agrees, scores = (column[order] for column in found)
    return Columns(
        number, np.searchsorted(ids, context), at, primary, shadow, bucket, agrees, scores, facts=facts
    )


def batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Rows from the driver's own cursor, in the connection's transaction: SQLAlchemy's rows, each value with its type,
    would take twice the time of all the rest."""
    compiled = query.compile(dialect=connection.dialect)
    values = compiled.construct_params()
    positions = compiled.positiontup
    driver: Any = connection.connection.driver_connection
    with_name = {"name": "columns", "binary": True} if connection.dialect.name == "postgresql" else {}
    try:
        with closing(driver.cursor(**with_name)) as cursor:  # with a name: the rest waits at the server
            cursor.execute(
                str(compiled), values if positions is None else [values[name] for name in positions]
            )
            while rows := cursor.fetchmany(ROWS):
                yield rows
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            str(compiled), values, error, connection.dialect.loaded_dbapi.Error
        ) from error


def _facts(connection: Connection, scope: Scope) -> tuple[Array, tuple[Facts, ...]]:
    names = ("id", "outcome", "canceled", "primary_status", "shadow_status")
    query = (
        select(*(CONTEXTS.c[name] for name in names))
        .where(*selection.contexts(scope))
        .order_by(CONTEXTS.c.id)
    )
    rows = connection.execute(query).all()
    ids = np.array([row[0] for row in rows], np.int64)
    return ids, tuple(Facts(Outcome(outcome), *rest) for _, outcome, *rest in rows)
