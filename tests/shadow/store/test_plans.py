"""Every question of the report is served by an index: SQLite's planner says of each how it would go about it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from shadow.pair import PairId
from shadow.store import database
from shadow.store.store import Store
from shadow.store.values import Scope
from tests.shadow.store.made import BEGIN, SCOPE, SECOND, count, differing, recorded

PERIOD = replace(SCOPE, since_ns=BEGIN, until_ns=BEGIN + 60 * SECOND)
FEW = ("contexts", "outputs", "sources")
"""Tables of a few rows: SQLite may read them whole."""

QUESTIONS: dict[str, Callable[[Store], object]] = {
    "accounts": lambda store: store.accounts(SCOPE),
    "accounts of a period": lambda store: store.accounts(PERIOD),
    "evidence": lambda store: store.evidence(SCOPE),
    "evidence of a period": lambda store: store.evidence(PERIOD),
    "evidence of a replay": lambda store: store.evidence(
        Scope("recommender", "green", "replay", source="run-1")
    ),
    "worst": lambda store: store.worst(SCOPE, 10),
    "worst of a period": lambda store: store.worst(PERIOD, 10),
    "worst of an output": lambda store: store.worst(PERIOD, 10, "items"),
    "series": lambda store: store.series(PERIOD, 10),
    "environment": lambda store: store.environment(PERIOD),
    "subjects": lambda store: store.subjects("recommender"),
    "requests": lambda store: list(store.requests("recommender", since_ns=BEGIN)),
    "pair": lambda store: store.pair(PairId("host-1", 1)),
    "add": lambda store: store.add([recorded(1), recorded(99)], [count("bytes", 1)]),
    "retain by age": lambda store: store.retain(age=10**9, rest=lambda: None),
    "retain by size": lambda store: store.retain(size=0, rest=lambda: None),
}


class Asked:
    """The statements that a store's connections run: as the driver gets them, values apart, since a plan is made before
    values are known; those of the driver's own cursors (`columns`) with their values in them."""

    def __init__(self) -> None:
        self.statements: dict[tuple[str, tuple[object, ...]], None] = {}
        self.raw: dict[str, None] = {}

    def listen(self, engine: Engine) -> None:
        event.listen(engine, "connect", lambda connection, _: connection.set_trace_callback(self._note_raw))
        event.listen(engine, "before_cursor_execute", self._note)
        self.engine = engine

    def _note(self, _: object, __: object, statement: str, values: object, ___: object, many: bool) -> None:
        if re.match(r"SELECT|INSERT|UPDATE|DELETE", statement) and "sqlite_master" not in statement:
            first = values[0] if many else values  # type: ignore[index]
            self.statements[statement, tuple(first)] = None

    def _note_raw(self, statement: str) -> None:
        if statement.startswith(("SELECT pairs.id, ", "SELECT differences.pair_id, ")):
            self.raw[statement] = None

    def explain(self) -> dict[str, list[str]]:
        """The plans of all."""
        asked = [*self.statements, *((statement, ()) for statement in self.raw)]
        plans = {}
        with self.engine.connect() as connection:
            for statement, values in asked:
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                plans[statement] = [str(row[3]) for row in rows]
        return plans

    def forget(self) -> None:
        self.statements.clear()
        self.raw.clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    listener = Asked()
    made = database.engine

    def engine(*arguments: object, **options: object) -> Engine:
        found = made(*arguments, **options)  # type: ignore[arg-type]
        listener.listen(found)
        return found

    monkeypatch.setattr(database, "engine", engine)
    return listener


@pytest.fixture
def filled(tmp_path: object, asked: Asked) -> Iterator[Store]:
    with Store.open(f"{tmp_path}/shadow.db") as store:
        store.add([recorded(number, differing()) for number in range(20)], [count("in_flight", 3)])
        asked.forget()
        yield store


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_a_table_whole(filled: Store, asked: Asked, question: str) -> None:
    QUESTIONS[question](filled)
    plans = asked.explain()
    assert plans
    for statement, plan in plans.items():
        whole = [
            step for step in plan if re.match(r"SCAN (?!\(|CONSTANT)", step) and not allowed(statement, step)
        ]
        assert not whole, f"{statement}\n{plan}"


def allowed(statement: str, step: str) -> bool:
    """The tables of few rows; what a subquery of ours has counted already; from an index in order, until enough."""
    scanned = step.split()[1]
    in_order = " USING " in step and " LIMIT " in statement
    return scanned in (*FEW, "anon_1") or in_order


def test_retention_finds_the_oldest_by_index(filled: Store, asked: Asked) -> None:
    filled.retain(age=0, size=0, rest=lambda: None)
    used = {
        step.split(" USING ")[-1] for plan in asked.explain().values() for step in plan if " USING " in step
    }
    assert any("pairs_by_time" in each for each in used)


def test_the_worst_pairs_come_from_the_index_of_imperfect_ones(filled: Store, asked: Asked) -> None:
    filled.worst(SCOPE, 10)
    assert any("pairs_by_score" in step for plan in asked.explain().values() for step in plan)
    asked.forget()
    filled.worst(SCOPE, 10, "items")
    assert any("differences_by_score" in step for plan in asked.explain().values() for step in plan)
