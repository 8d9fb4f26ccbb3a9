"""Numbers of pairs: accounts, what there is, where it comes from, and how it went over time."""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, func, select

from shadow.pair import Outcome
from shadow.store import selection
from shadow.store.schema import ACCOUNTS, CONTEXTS, PAIRS, SOURCES
from shadow.store.values import Account, Environment, Instance, Scope, Subject


def accounts(connection: Connection, scope: Scope) -> tuple[Account, ...]:
    names = ("color", "role", "outcome", "reason")
    columns = [ACCOUNTS.c[name] for name in names]
    number = func.sum(ACCOUNTS.c.pairs + ACCOUNTS.c.others).label("number")
    query = select(*columns, number).where(*selection.accounts(scope)).group_by(*columns).order_by(*columns)
    return tuple(
        Account(row.color, row.role, Outcome(row.outcome), row.reason, int(row.number))
        for row in connection.execute(query)
    )


def subjects(connection: Connection, service: str | None) -> tuple[Subject, ...]:
    found: dict[tuple[str, str, str], list[Any]] = {}
    for row in _numbers(connection, Scope(service, role=None)):
        found.setdefault((row.service, row.color, row.role), []).append(row)
    return tuple(
        Subject(
            *key,
            sum(row.pairs for row in rows),
            min(row.first for row in rows),
            max(row.last for row in rows),
        )
        for key, rows in sorted(found.items())
    )


def environment(connection: Connection, scope: Scope) -> Environment:
    everything = Scope(
        scope.service, role=None, since_ns=scope.since_ns, until_ns=scope.until_ns, source=scope.source
    )
    roles: Counter[str] = Counter()
    for row in _numbers(connection, everything):
        roles[row.role] += row.pairs
    rows = _numbers(connection, scope)
    if not rows:
        return Environment(roles=tuple(roles.most_common()))

    def number(*names: str) -> list[tuple[Any, int]]:
        counted: Counter[Any] = Counter()
        for row in rows:
            counted[tuple(getattr(row, name) for name in names)] += row.pairs
        return counted.most_common()

    def one(name: str) -> tuple[tuple[Any, int], ...]:
        return tuple((value, pairs) for (value,), pairs in number(name))

    def instances(color: str, leg: str) -> tuple[Instance, ...]:
        found = number(color, f"{leg}_endpoint", f"{leg}_version")
        return tuple(Instance(side, endpoint, version, pairs) for (side, endpoint, version), pairs in found)

    return Environment(
        pairs=sum(row.pairs for row in rows),
        first=min(row.first for row in rows),
        last=max(row.last for row in rows),
        sources=one("source"),
        revisions=one("revision"),
        methods=one("method"),
        primary=instances("primary_color", "primary"),
        shadow=instances("color", "shadow"),
        roles=tuple(roles.most_common()),
    )


def _numbers(connection: Connection, scope: Scope) -> list[Any]:
    """Contexts that have pairs in the scope, with how many, the first and the last: from one index alone."""
    counted = (
        select(
            PAIRS.c.context_id,
            func.count().label("pairs"),
            func.min(PAIRS.c.at).label("first"),
            func.max(PAIRS.c.at).label("last"),
        )
        .where(*selection.pairs(scope))
        .group_by(PAIRS.c.context_id)
        .subquery()
    )
    names = ("service", "color", "role", "method", "revision", "primary_color")
    legs = ("primary_endpoint", "primary_version", "shadow_endpoint", "shadow_version")
    query = (
        select(
            *(CONTEXTS.c[name] for name in (*names, *legs)),
            SOURCES.c.name.label("source"),
            counted.c.pairs,
            counted.c.first,
            counted.c.last,
        )
        .join(CONTEXTS, CONTEXTS.c.id == counted.c.context_id)
        .join(SOURCES, SOURCES.c.id == CONTEXTS.c.source_id)
    )
    return list(connection.execute(query))
