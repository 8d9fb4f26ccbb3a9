"""Which rows a scope means, as conditions that indexes serve: first its contexts, which are few, then pairs by time."""

from sqlalchemy import ColumnElement, Double, ScalarSelect, Select, Table, literal_column, select

from shadow.pair import Outcome
from shadow.store.rows import MINUTE
from shadow.store.schema import ACCOUNTS, CONTEXTS, DIFFERENCES, OUTPUTS, PAIRS, SOURCES
from shadow.store.values import Scope

Condition = ColumnElement[bool]


def contexts(scope: Scope) -> list[Condition]:
    """Of `contexts`."""
    wanted = {"service": scope.service, "color": scope.color, "role": scope.role}
    found: list[Condition] = [
        CONTEXTS.c[name] == value for name, value in wanted.items() if value is not None
    ]
    if scope.source is not None:
        found.append(CONTEXTS.c.source_id == _source(scope.source))
    return found


def pairs(scope: Scope, *further: Condition) -> list[Condition]:
    """Of `pairs`. `further`: conditions on contexts."""
    return [PAIRS.c.context_id.in_(select(CONTEXTS.c.id).where(*contexts(scope), *further)), *period(scope)]


def period(scope: Scope) -> list[Condition]:
    found: list[Condition] = []
    if scope.since_ns is not None:
        found.append(PAIRS.c.at >= scope.since_ns)
    if scope.until_ns is not None:
        found.append(PAIRS.c.at < scope.until_ns)
    return found


def accounts(scope: Scope) -> list[Condition]:
    """Of `accounts`, in whole minutes: those that the scope touches."""
    wanted = {"service": scope.service, "color": scope.color, "role": scope.role}
    found: list[Condition] = [
        ACCOUNTS.c[name] == value for name, value in wanted.items() if value is not None
    ]
    if scope.source is not None:
        found.append(ACCOUNTS.c.source_id == _source(scope.source))
    if scope.since_ns is not None:
        found.append(ACCOUNTS.c.minute >= scope.since_ns - scope.since_ns % MINUTE)
    if scope.until_ns is not None:
        found.append(ACCOUNTS.c.minute < scope.until_ns)
    return found


def differences(scope: Scope) -> Select[tuple[int, int, bool, float, bytes]]:
    """Of all compared pairs: pair, output, agrees, score, figures."""
    columns = (DIFFERENCES.c[name] for name in ("pair_id", "output_id", "agrees", "score", "figures"))
    joined = PAIRS.join(DIFFERENCES, DIFFERENCES.c.pair_id == PAIRS.c.id)
    return (
        select(*columns).select_from(joined).where(*pairs(scope, CONTEXTS.c.outcome == str(Outcome.COMPARED)))
    )


def worst(scope: Scope, limit: int) -> Select[tuple[int]]:
    """Ids of compared pairs that are not the same in everything, the lowest score first."""
    return (
        select(PAIRS.c.id)
        .where(*pairs(scope), _below_one(PAIRS))
        .order_by(PAIRS.c.score, PAIRS.c.at)
        .limit(limit)
    )


def worst_output(scope: Scope, limit: int, output: str) -> Select[tuple[int]]:
    """The same, by the score of one output."""
    wanted = {"service": scope.service, "color": scope.color, "role": scope.role}
    outputs = [OUTPUTS.c[name] == value for name, value in wanted.items() if value is not None]
    return (
        select(PAIRS.c.id)
        .select_from(DIFFERENCES.join(PAIRS, DIFFERENCES.c.pair_id == PAIRS.c.id))
        .where(
            DIFFERENCES.c.output_id.in_(select(OUTPUTS.c.id).where(*outputs, OUTPUTS.c.name == output)),
            _below_one(DIFFERENCES),
            *pairs(scope, CONTEXTS.c.outcome == str(Outcome.COMPARED)),
        )
        .order_by(DIFFERENCES.c.score, DIFFERENCES.c.pair_id)
        .limit(limit)
    )


def _below_one(table: Table) -> Condition:
    """In SQL's own letters: a plan that is made before values are known could not use the partial index."""
    return table.c.score < literal_column("1", Double)


def _source(name: str) -> ScalarSelect[int]:
    return select(SOURCES.c.id).where(SOURCES.c.name == name).scalar_subquery()
