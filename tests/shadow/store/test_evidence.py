"""What a verdict is reached on: columns in the order of time, as `Evidence` promises."""

from dataclasses import replace

import numpy as np
import pytest

from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Answer, Outcome
from shadow.store.store import Store
from tests.shadow.store.made import BEGIN, SCOPE, SECOND, broken, count, differing, pair, recorded


def test_an_empty_scope_is_evidence_of_nothing(store: Store) -> None:
    found = store.evidence(SCOPE)
    assert (found.pairs, found.outputs, found.dropped) == (0, (), {})
    assert store.series(SCOPE, 3) == ()
    assert store.environment(SCOPE).pairs == 0


def test_pairs_are_in_the_order_of_time_whichever_source_told_them_first(store: Store) -> None:
    late = recorded(1, differing(0.2), source="host-1", at=BEGIN + 99 * SECOND)
    store.add([late])
    store.add([recorded(3, differing(0.6), source="host-2"), recorded(2, source="host-2")])
    found = store.evidence(SCOPE)
    assert found.bucket.tolist() == [2, 3, 1]
    assert found.agrees.tolist() == [True, False, False]
    assert found.scores.tolist() == [1.0, 0.6, 0.2]
    assert found.compared.tolist() == [0, 1, 2]
    items = found.output("items")
    assert items is not None
    assert (items.measure, items.scores.tolist()) == ("ranking", [1.0, 0.6, 0.2])
    assert items.figures["common"].tolist() == [10.0, 6.0, 2.0]


def test_every_pair_of_many_batches_is_there_in_its_place(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the database gives rows in pieces."""
    monkeypatch.setattr("shadow.store.columns.ROWS", 3)
    store.add([recorded(number, differing(number / 100)) for number in range(10)])
    found = store.evidence(SCOPE)
    items = found.output("items")
    assert items is not None
    assert found.bucket.tolist() == list(range(10))
    assert items.figures["common"].tolist() == pytest.approx([number / 10 for number in range(10)])


def test_dropped_pairs_are_counted_by_reason_and_are_no_rows(store: Store) -> None:
    too_large = [broken(number, Outcome.DROPPED, reason="too_large") for number in (1, 2)]
    store.add([*too_large, recorded(3)], [count("in_flight", 4)])
    found = store.evidence(SCOPE)
    assert (found.pairs, dict(found.dropped)) == (1, {"too_large": 2, "in_flight": 4})


def test_a_leg_failed_by_the_servers_fault_only(store: Store) -> None:
    refused, internal = Answer("green", "NOT_FOUND", latency=5), Answer("green", "INTERNAL", latency=5)
    unavailable = replace(pair(3).primary, status="UNAVAILABLE")
    store.add(
        [
            recorded(1, shadow=refused),
            recorded(2, shadow=internal),
            recorded(3, primary=unavailable),
            broken(4, Outcome.FAILED, reason="reset"),
            broken(5, Outcome.TIMED_OUT),
            recorded(6, primary=Answer("blue"), canceled=True),
        ]
    )
    found = store.evidence(SCOPE)
    assert found.primary_failed.tolist() == [False, False, True, False, False, False]
    assert found.shadow_failed.tolist() == [False, True, False, True, True, False]
    assert [found.statuses[each] for each in found.primary_status] == [
        "OK",
        "OK",
        "UNAVAILABLE",
        "OK",
        "OK",
        "canceled",
    ]
    assert [found.statuses[each] for each in found.shadow_status] == [
        *("NOT_FOUND", "INTERNAL", "OK", "failed", "timed_out", "OK")
    ]
    assert found.compared.tolist() == [0, 1, 2, 5]


def test_latencies_that_say_nothing_are_nan_and_that_of_a_timeout_is_longer_than_any(store: Store) -> None:
    store.add(
        [
            recorded(1),
            recorded(2, shadow=Answer("green", "INTERNAL", latency=5)),
            broken(3, Outcome.TIMED_OUT),
            recorded(4, canceled=True),
            recorded(5, primary=Answer("blue", "OK", latency=0)),
        ]
    )
    found = store.evidence(SCOPE)
    np.testing.assert_equal(found.primary_latency, [2e6, 2e6, 2e6, np.nan, np.nan])
    np.testing.assert_equal(found.shadow_latency, [3e6, np.nan, np.inf, np.nan, 3e6])


def test_an_output_that_some_pairs_have_is_nan_and_agrees_in_the_others(store: Store) -> None:
    """Also where the measure, or what it tells, has changed meanwhile."""
    values = Difference("items", "values", False, 0.5, {"max_abs": 3.0})
    store.add(
        [
            recorded(1),
            recorded(2, Comparison(())),
            broken(3, Outcome.FAILED),
            recorded(4, Comparison((values,))),
        ]
    )
    found = store.evidence(SCOPE)
    items = found.output("items")
    assert items is not None
    assert found.compared.tolist() == [0, 1, 3]
    assert (items.measure, items.agrees.tolist()) == ("values", [True, True, False])
    np.testing.assert_equal(items.scores, [1.0, np.nan, 0.5])
    np.testing.assert_equal(items.figures["common"], [10.0, np.nan, np.nan])
    np.testing.assert_equal(items.figures["max_abs"], [np.nan, np.nan, 3.0])
    assert [each.name for each in found.outputs] == ["items", "status"]


def test_a_pair_that_was_never_compared_although_both_answered_is_no_row(store: Store) -> None:
    store.add([recorded(1, Comparison((), "no message")), recorded(2)])
    found = store.evidence(SCOPE)
    assert (found.bucket.tolist(), dict(found.dropped)) == ([2], {"incomparable": 1})
