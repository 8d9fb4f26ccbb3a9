"""Pairs as they were recorded, by their ids, a few hundred at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Engine, select

from shadow.comparison.difference import Difference
from shadow.pair import PairId
from shadow.store import columns, payload, rows, selection
from shadow.store.columns import Array
from shadow.store.schema import CONTEXTS, DIFFERENCES, NUMBERS, OUTPUTS, PAIRS, PAYLOADS, SOURCES
from shadow.store.values import Scope, Stored

PAGE: Final = 500
"""Pairs of one transaction: whoever reads for hours (a replay) keeps no old state of the database alive for so long."""

BYTES: Final = 16 << 20
"""Of payloads, as they are stored, in one transaction; a larger one comes alone."""


def numbered(connection: Connection, pair: PairId) -> list[int]:
    """The id that it has, if there is such a source."""
    query = select(SOURCES.c.id).where(SOURCES.c.name == rows.legible(pair.source))
    return [source * NUMBERS + pair.number for source in connection.execute(query).scalars()]


def ids(connection: Connection, scope: Scope, *, kept: bool = False) -> tuple[Array, Array]:
    """Ids and times of all pairs of a scope, in the order of time: 16 bytes each, from indexes alone. `kept`: those
    with a payload."""
    query = select(PAIRS.c.id, PAIRS.c.at).where(*selection.pairs(scope))
    if kept:
        query = query.join(PAYLOADS, PAYLOADS.c.pair_id == PAIRS.c.id)
    parts = [np.array(part, np.int64) for part in columns.batches(connection, query)]
    table = np.concatenate(parts) if parts else np.empty((0, 2), np.int64)
    order = np.lexsort((table[:, 0], table[:, 1]))
    return table[order, 0], table[order, 1]


def calls(numbers: Array, times: Array) -> Array:
    """One pair of each call: two shadows of one call have its source and its beginning in common."""
    origin = np.stack((numbers // NUMBERS, times))
    _, first = np.unique(origin, axis=1, return_index=True)
    return numbers[np.sort(first)]


def stream(engine: Engine, numbers: Array, *, payloads: bool) -> Iterator[Stored]:
    """In this order. What was forgotten meanwhile is left out."""
    for start in range(0, numbers.size, PAGE):
        page = numbers[start : start + PAGE].tolist()
        for some in _portions(engine, page) if payloads else (page,):
            with engine.connect() as connection:
                found = fetch(connection, some, payloads=payloads)
            yield from found


def _portions(engine: Engine, page: list[int]) -> Iterator[list[int]]:
    """The page, cut where the payloads would be too much at once."""
    query = select(PAYLOADS.c.pair_id, PAYLOADS.c.size).where(PAYLOADS.c.pair_id.in_(page))
    with engine.connect() as connection:
        sizes = {row.pair_id: row.size for row in connection.execute(query)}
    some: list[int] = []
    room = BYTES
    for number in page:
        size = sizes.get(number, 0)
        if some and size > room:
            yield some
            some, room = [], BYTES
        some.append(number)
        room -= size
    yield some


def fetch(connection: Connection, numbers: Sequence[int], *, payloads: bool = True) -> list[Stored]:
    """In this order, as far as they are there."""
    common = [column for column in CONTEXTS.c if column.name not in ("id", "digest", "source_id")]
    query = (
        select(PAIRS, *common, SOURCES.c.name.label("source"))
        .join(CONTEXTS, CONTEXTS.c.id == PAIRS.c.context_id)
        .join(SOURCES, SOURCES.c.id == CONTEXTS.c.source_id)
        .where(PAIRS.c.id.in_(numbers))
    )
    found = {row["id"]: row for row in connection.execute(query).mappings()}
    differences = _differences(connection, numbers)
    bodies = _bodies(connection, numbers) if payloads else {}
    return [
        _stored(found[number], differences.get(number, []), bodies.get(number))
        for number in numbers
        if number in found
    ]


def _stored(found: Any, differences: list[Difference], body: bytes | None) -> Stored:
    bare = rows.pair({**found, "number": found["id"] % NUMBERS})
    pair = bare if body is None else payload.unpacked(body, bare)
    return Stored(pair, rows.comparison(found, differences))


def _differences(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Difference]]:
    query = (
        select(DIFFERENCES, OUTPUTS.c.name, OUTPUTS.c.measure, OUTPUTS.c.figures.label("names"))
        .join(OUTPUTS, OUTPUTS.c.id == DIFFERENCES.c.output_id)
        .where(DIFFERENCES.c.pair_id.in_(numbers))
        .order_by(DIFFERENCES.c.pair_id, DIFFERENCES.c.place)
    )
    found: dict[int, list[Difference]] = {}
    for row in connection.execute(query):
        found.setdefault(row.pair_id, []).append(rows.difference(row))
    return found


def _bodies(connection: Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    query = select(PAYLOADS.c.pair_id, PAYLOADS.c.body).where(PAYLOADS.c.pair_id.in_(numbers))
    return {number: bytes(body) for number, body in connection.execute(query)}
