"""What is forgotten: by age whole pairs, by size first the oldest payloads, then the oldest pairs.

In slices, each a short transaction of its own: whoever waits for the lock gets it between them. Accounts are never
forgotten, only told by less: what is older than the pairs that are kept stands in one row, without its minute.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, exists, func, select

from shadow.store import database, writing
from shadow.store.rows import MINUTE
from shadow.store.schema import ACCOUNTS, CONTEXTS, PAIRS, PAYLOADS
from shadow.store.selection import Condition

SLICE: Final = 2000
"""Pairs of one transaction: 30 ms in SQLite. With the pauses, 15 000 pairs a second can go."""
BYTES: Final = 16 << 20
"""Of payloads in one transaction, but for the last one."""
FOLDED: Final = 5000
"""Accounts of one transaction, but for those of the last minute."""
PAGES: Final = 2000
"""Of SQLite's file, given back in one transaction: 8 MB."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction that may write."""


def steps(begin: Begin, *, before: int | None, size: int | None) -> Iterator[int]:
    """One transaction each: how many pairs it took away. `before`: Unix ns; `size`: bytes."""
    gone, horizon = 0, before or 0
    while before is not None and (number := _pairs(begin, PAIRS.c.at < before)):
        gone += number
        yield number
    while size is not None and (found := _smaller(begin, size)):
        pairs, oldest = found
        gone, horizon = gone + pairs, max(horizon, oldest)
        yield pairs
    while _fold(begin, horizon - horizon % MINUTE):
        yield 0
    if gone:
        _prune(begin)
    while _give_back(begin):
        yield 0


def _pairs(begin: Begin, *conditions: Condition) -> int:
    with begin() as connection:
        database.enter(connection)
        return len(_delete_pairs(connection, *conditions))


def _smaller(begin: Begin, size: int) -> tuple[int, int] | None:
    """The next slice of what is too much: pairs that went, and the oldest that is left if any went."""
    with begin() as connection:
        database.enter(connection)
        if database.size(connection) <= size:
            return None
        query = select(PAYLOADS.c.pair_id, PAYLOADS.c.size).order_by(PAYLOADS.c.at)
        if bodies := _slice(connection.execute(query.limit(SLICE).with_for_update(skip_locked=True)).all()):
            connection.execute(delete(PAYLOADS).where(PAYLOADS.c.pair_id.in_(bodies)))
            return 0, 0
        if pairs := len(_delete_pairs(connection)):
            return pairs, connection.execute(select(func.min(PAIRS.c.at))).scalar() or 0
        return None


def _delete_pairs(connection: Connection, *conditions: Condition) -> list[int]:
    """The oldest of them, with all that belongs to them. Another process may be at the next ones already."""
    query = (
        select(PAIRS.c.id, func.coalesce(PAYLOADS.c.size, 0))
        .select_from(PAIRS.outerjoin(PAYLOADS, PAYLOADS.c.pair_id == PAIRS.c.id))
        .where(*conditions)
        .order_by(PAIRS.c.at)
        .limit(SLICE)
        .with_for_update(skip_locked=True, of=PAIRS)
    )
    ids = _slice(connection.execute(query).all())
    if ids:
        connection.execute(delete(PAIRS).where(PAIRS.c.id.in_(ids)))
    return ids


def _slice(rows: Sequence[Row[Any, Any]]) -> list[int]:
    """The first ids, by the bytes behind them."""
    ids: list[int] = []
    size = 0
    for number, more in rows:
        if size >= BYTES:
            break
        ids.append(number)
        size += more
    return ids


def _fold(begin: Begin, horizon: int) -> bool:
    """The next accounts of minutes before the horizon into the row without a minute; whether there were any."""
    minute = ACCOUNTS.c.minute
    with begin() as connection:
        database.enter(connection, alone=True)
        old = (minute > 0, minute < horizon)
        query = select(minute).where(*old).order_by(minute).offset(FOLDED).limit(1)
        last = connection.execute(query).scalar() or horizon
        some = (minute > 0, minute <= last, minute < horizon)
        pairs: Counter[tuple[Any, ...]] = Counter()
        others: Counter[tuple[Any, ...]] = Counter()
        for row in connection.execute(select(ACCOUNTS).where(*some)):
            key = tuple(row[:-3])
            pairs[key] += row.pairs
            others[key] += row.others
        connection.execute(delete(ACCOUNTS).where(*some))
        for key in pairs:
            writing.increase(connection, (*key, 0), pairs=pairs[key], others=others[key])
        return bool(pairs)


def _prune(begin: Begin) -> None:
    """Contexts without pairs."""
    with begin() as connection:
        database.enter(connection, alone=True)
        used = exists().where(PAIRS.c.context_id == CONTEXTS.c.id)
        connection.execute(delete(CONTEXTS).where(~used))


def _give_back(begin: Begin) -> bool:
    with begin() as connection:
        return database.give_back(connection, PAGES)
