"""What is added in one transaction: pairs with what belongs to them, and accounts; once, however often told."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from shadow.store import payload, rows
from shadow.store.schema import (
    ACCOUNT,
    ACCOUNTS,
    CONTEXTS,
    DIFFERENCES,
    NUMBERS,
    OUTPUTS,
    PAIRS,
    PAYLOADS,
    SOURCES,
)
from shadow.store.values import Count, Recorded

PARAMETERS: Final = 5000
"""In one IN (…): SQLite allows 32 766."""


T = TypeVar("T")
D = TypeVar("D", bound="Described")


class Described(Protocol):
    """Something that stands in a table once, found by its digest."""

    def row(self) -> rows.Row: ...
    def __hash__(self) -> int: ...


def add(connection: Connection, recorded: Sequence[Recorded], counts: Sequence[Count]) -> None:
    """What is there already changes nothing."""
    names = {each.pair.id.source for each in recorded} | {each.source for each in counts}
    sources = _sources(connection, names)
    told = {
        sources[each.pair.id.source] * NUMBERS + each.pair.id.number: rows.bounded(each)
        for each in reversed(recorded)
    }
    known = _known(connection, told)
    fresh = {pair_id: told[pair_id] for pair_id in sorted(told.keys() - known)}
    _pairs(connection, fresh)
    _account(connection, fresh)
    for count in counts:
        _total(connection, count, sources[count.source])


def _sources(connection: Connection, names: set[str]) -> dict[str, int]:
    """Ids by name. Locked until the end: PostgreSQL lets two writers tell of one source one after the other."""
    written = {name: rows.legible(name) for name in names}
    ids: dict[str, int] = {}
    for missing in (
        False,
        True,
    ):  # an INSERT takes a number of PostgreSQL's sequence also where it does nothing
        if missing:
            _put(connection, SOURCES, [{"name": name} for name in sorted(set(written.values()) - ids.keys())])
        for some in _slices(sorted(set(written.values()) - ids.keys())):
            query = select(SOURCES.c.name, SOURCES.c.id).where(SOURCES.c.name.in_(some))
            locked = connection.execute(query.order_by(SOURCES.c.name).with_for_update())
            ids |= {row.name: row.id for row in locked}
    return {name: ids[clean] for name, clean in written.items()}


def _known(connection: Connection, ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for some in _slices(sorted(ids)):
        found.update(connection.execute(select(PAIRS.c.id).where(PAIRS.c.id.in_(some))).scalars())
    return found


def _pairs(connection: Connection, fresh: Mapping[int, Recorded]) -> None:
    commons = {pair_id: rows.common(each, pair_id // NUMBERS) for pair_id, each in fresh.items()}
    contexts = _described(connection, CONTEXTS, set(commons.values()))
    compared = [(pair_id, each) for pair_id, each in fresh.items() if each.comparison]
    kinds = [
        (pair_id, place, rows.kind(each.pair, found), found)
        for pair_id, each in compared
        for place, found in enumerate(each.comparison.differences if each.comparison else ())
    ]
    outputs = _described(connection, OUTPUTS, {kind for _, _, kind, _ in kinds})
    bodies = [
        (pair_id, each.pair.at, payload.packed(each.pair))
        for pair_id, each in fresh.items()
        if each.keep_payload
    ]
    _put(connection, PAIRS, [rows.row(each, id_, contexts[commons[id_]]) for id_, each in fresh.items()])
    _put(
        connection,
        DIFFERENCES,
        [
            rows.difference_row(found, pair_id=pair_id, place=place, output_id=outputs[kind])
            for pair_id, place, kind, found in kinds
        ],
    )
    _put(
        connection,
        PAYLOADS,
        [{"pair_id": id_, "at": at, "size": len(body), "body": body} for id_, at, body in bodies],
    )


def _described(connection: Connection, table: Table, wanted: set[D]) -> dict[D, int]:
    """Their ids; what is not there yet is made. In the order of digests: no two writers wait for each other."""
    made = {each: each.row() for each in wanted}
    digests = {row["digest"]: row for row in made.values()}
    ids: dict[bytes, int] = {}
    for missing in (False, True):
        if missing:
            _put(connection, table, [digests[each] for each in sorted(digests.keys() - ids.keys())])
        for some in _slices(sorted(digests.keys() - ids.keys())):
            query = select(table.c.digest, table.c.id).where(table.c.digest.in_(some))
            ids |= {bytes(row.digest): row.id for row in connection.execute(query)}
    return {each: ids[row["digest"]] for each, row in made.items()}


def _account(connection: Connection, fresh: Mapping[int, Recorded]) -> None:
    numbers: Counter[tuple[Any, ...]] = Counter()
    for pair_id, each in fresh.items():
        became, reason = rows.outcome(each)
        pair = each.pair
        labels = map(rows.legible, (pair.service, pair.shadow.color, pair.role))
        key = (pair_id // NUMBERS, *labels, pair.revision, became.value, rows.legible(reason))
        numbers[*key, _minute(pair.at)] += 1
    for key in sorted(numbers):
        increase(connection, key, pairs=numbers[key], others=0)


def _total(connection: Connection, count: Count, source_id: int) -> None:
    """`number` is a total since the source's beginning: what of it is not there yet, is added."""
    labels = map(rows.legible, (count.service, count.color, count.role))
    key = (source_id, *labels, count.revision, count.outcome.value, rows.legible(count.reason))
    same = (ACCOUNTS.c[name] == value for name, value in zip(ACCOUNT, key, strict=False))
    known = connection.execute(
        select(func.coalesce(func.sum(ACCOUNTS.c.others), 0)).where(*same)
    ).scalar_one()
    if count.number > known:
        increase(connection, (*key, _minute(count.at)), pairs=0, others=count.number - int(known))


def increase(connection: Connection, key: tuple[Any, ...], *, pairs: int, others: int) -> None:
    """`key`: an account's, in the order of `ACCOUNT`."""
    values = dict(zip(ACCOUNT, key, strict=True)) | {"pairs": pairs, "others": others}
    added = _insert(connection, ACCOUNTS).values(values)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=list(ACCOUNT),
            set_={name: ACCOUNTS.c[name] + added.excluded[name] for name in ("pairs", "others")},
        )
    )


def _minute(at: int) -> int:
    return at - at % rows.MINUTE


def _put(connection: Connection, table: Table, values: Sequence[rows.Row]) -> None:
    """Insert what is not there."""
    if values:
        once = table in (SOURCES, CONTEXTS, OUTPUTS)
        connection.execute(
            _insert(connection, table).on_conflict_do_nothing() if once else insert(table), values
        )


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _slices(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + PARAMETERS] for start in range(0, len(values), PARAMETERS))
