"""What is added comes back as it was, once, and on both databases alike."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from mesh import contract
from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Outcome, PairId
from shadow.store import reading
from shadow.store.fault import StoreError
from shadow.store.store import Store
from shadow.store.values import Recorded, Scope, Stored
from tests.shadow.store.made import BEGIN, SCOPE, SECOND, broken, differing, pair, recorded


def test_a_pair_comes_back_as_it_was_recorded(store: Store) -> None:
    added = recorded(7, differing())
    store.add([added])
    found = store.pair(PairId("host-1", 7))
    assert (found.pair, found.comparison) == (added.pair, added.comparison)


def test_a_pair_without_payload_comes_back_with_its_figures_only(store: Store) -> None:
    added = recorded(7, differing(), keep_payload=False)
    store.add([added])
    found = store.pair(PairId("host-1", 7))
    primary, shadow = replace(added.pair.primary, body=None), replace(added.pair.shadow, body=None)
    bare = replace(added.pair, request=None, primary=primary, shadow=shadow, metadata=())
    assert (found.pair, found.comparison) == (bare, added.comparison)


def test_a_body_that_was_not_captured_stays_none_and_an_empty_one_stays_empty(store: Store) -> None:
    added = recorded(7, request=None, primary=replace(pair(7).primary, body=b""))
    store.add([added])
    found = store.pair(PairId("host-1", 7)).pair
    assert (found.request, found.primary.body) == (None, b"")


def test_a_pair_that_is_there_stays_as_it_is(store: Store) -> None:
    store.add([recorded(7), recorded(7, differing())])
    store.add([recorded(7, differing()), recorded(8)])
    comparison = store.pair(PairId("host-1", 7)).comparison
    assert comparison is not None
    assert comparison.agrees
    assert sum(account.number for account in store.accounts(SCOPE)) == 2


def test_pairs_of_two_sources_with_the_same_number_are_two(store: Store) -> None:
    store.add([recorded(7), recorded(7, source="host-2")])
    assert [each.pair.id for each in store.pairs(SCOPE)] == [PairId("host-1", 7), PairId("host-2", 7)]


def test_a_pair_that_failed_has_no_comparison(store: Store) -> None:
    store.add([broken(7, Outcome.FAILED, reason="reset")])
    found = store.pair(PairId("host-1", 7))
    assert (found.comparison, found.pair.outcome, found.pair.reason) == (None, Outcome.FAILED, "reset")


def test_a_pair_that_could_not_be_compared_is_dropped_as_incomparable_and_says_why(store: Store) -> None:
    store.add([recorded(7, Comparison((), "comparator top raised KeyError: 'items'"))])
    found = store.pair(PairId("host-1", 7))
    assert (found.pair.outcome, found.pair.reason) == (Outcome.DROPPED, "incomparable")
    assert found.comparison == Comparison((), "comparator top raised KeyError: 'items'")
    assert store.evidence(SCOPE).pairs == 0


def test_text_that_no_database_holds_is_kept_legible(store: Store) -> None:
    answer = replace(pair(7).shadow, message="NUL \0, half a pair \ud800")
    store.add(
        [recorded(7, Comparison((Difference("items", "set", False, 0.0, detail="\0"),)), shadow=answer)]
    )
    found = store.pair(PairId("host-1", 7))
    assert found.pair.shadow.message == "NUL \N{REPLACEMENT CHARACTER}, half a pair ?"
    assert found.comparison is not None
    assert found.comparison.differences[0].detail == "\N{REPLACEMENT CHARACTER}"


def test_a_name_that_no_index_holds_is_cut(store: Store) -> None:
    name = "".join(chr(0x10000 + number) for number in range(4_000))
    store.add([recorded(7, Comparison((Difference(name, "exact", False, 0.0),)))])
    assert [each.name for each in store.evidence(SCOPE).outputs] == [name[:500]]


def test_a_score_that_is_no_number_is_kept_as_the_worst(store: Store) -> None:
    store.add([recorded(7, Comparison((Difference("items", "mine", False, float("nan")),)))])
    assert [each.pair.id.number for each in store.worst(SCOPE, 1)] == [7]


@pytest.mark.parametrize(
    "figure", [math.nan, math.inf, -math.inf, 10**400], ids=["nan", "inf", "-inf", "int"]
)
def test_a_figure_that_is_no_number_is_left_out(store: Store, figure: float) -> None:
    figures = {"max_abs": figure, "missing": 1.0}
    store.add([recorded(7, Comparison((Difference("items", "mine", False, 0.5, figures),)))])
    kept = store.pair(PairId("host-1", 7)).comparison
    assert kept is not None
    assert kept.differences[0].figures == {"missing": 1.0}


@pytest.mark.parametrize("number", [2**63, 10**400, -(10**400)], ids=["64 bits", "more", "less"])
def test_a_number_that_no_column_holds_is_the_largest_that_one_does(store: Store, number: int) -> None:
    wild = pair(7, at=number, revision=number, bucket=number)
    wild = replace(wild, primary=replace(wild.primary, latency=number))
    store.add([Recorded(wild, Comparison((Difference("items", "mine", False, number),)))])
    found = store.pair(PairId("host-1", 7))
    assert found.comparison is not None
    assert found.comparison.score == (number > 0)
    kept = (found.pair.at, found.pair.revision, found.pair.bucket, found.pair.primary.latency)
    assert all((each > 0) == (number > 0) and 2**31 - 1 <= abs(each) < 2**63 for each in kept)


@pytest.mark.parametrize(
    "wanted", [Scope("films\udcff"), Scope("films", since_ns=10**30)], ids=["text", "time"]
)
def test_what_no_database_can_be_asked_is_a_fault(store: Store, wanted: Scope) -> None:
    with pytest.raises(StoreError):
        store.accounts(wanted)


def test_a_pair_that_is_not_there_is_a_fault_that_names_it(store: Store) -> None:
    with pytest.raises(StoreError, match="pair host-9/3 is not there; it must have been recorded"):
        store.pair(PairId("host-9", 3))


def test_pairs_come_in_the_order_of_time_whoever_made_them(store: Store) -> None:
    late = recorded(1, source="host-2", at=BEGIN + 9 * SECOND)
    store.add([late, recorded(2), recorded(1)])
    assert [(each.pair.id.source, each.pair.id.number) for each in store.pairs(SCOPE)] == [
        ("host-1", 1),
        ("host-1", 2),
        ("host-2", 1),
    ]


def test_a_scope_is_of_one_service_colour_role_period_and_source(store: Store) -> None:
    noise = recorded(3, role=contract.ROLE_NOISE, shadow=replace(pair(3).shadow, color="blue"))
    store.add([recorded(1), recorded(2, service="ranker"), noise, recorded(4), recorded(5, source="host-2")])

    def numbers(**changes: object) -> list[int]:
        return [each.pair.id.number for each in store.pairs(replace(SCOPE, **changes))]

    assert numbers() == [1, 4, 5]
    assert numbers(service="ranker") == [2]
    assert numbers(color="blue", role=contract.ROLE_NOISE) == [3]
    assert numbers(color=None, role=None) == [1, 3, 4, 5]
    assert numbers(since_ns=BEGIN + 4 * SECOND) == [4, 5]
    assert numbers(until_ns=BEGIN + 4 * SECOND) == [1]
    assert numbers(source="host-2") == [5]
    assert numbers(source="host-3") == []


def test_more_pairs_than_a_page_are_streamed_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shadow.store.reading.PAGE", 3)
    store.add([recorded(number) for number in range(8)])
    assert [each.pair.id.number for each in store.pairs(SCOPE)] == list(range(8))


def test_large_payloads_are_streamed_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of 500 pairs of three mebibytes each would be read whole for the first of them."""
    bodies = [random.Random(number).randbytes(10_000 if number == 4 else 1_000) for number in range(9)]
    store.add([recorded(number, request=body) for number, body in enumerate(bodies)])
    read: list[int] = []
    fetch = reading.fetch

    def watched(connection: Connection, numbers: Sequence[int], *, payloads: bool = True) -> list[Stored]:
        read.append(len(numbers))
        return fetch(connection, numbers, payloads=payloads)

    monkeypatch.setattr(reading, "fetch", watched)
    monkeypatch.setattr(reading, "BYTES", 3_500)
    assert [each.pair.request for each in store.pairs(SCOPE)] == bodies
    assert read == [3, 1, 1, 3, 1]
    read.clear()
    assert len(list(store.pairs(SCOPE, payloads=False))) == 9
    assert read == [9]


def test_a_batch_larger_than_one_statement_may_be_is_added_whole(store: Store) -> None:
    batch = [recorded(number, keep_payload=False) for number in range(6_000)]
    store.add(batch)
    store.add(batch)
    assert store.evidence(SCOPE).pairs == 6_000


def test_requests_to_replay_are_those_kept_and_one_for_each_call(store: Store) -> None:
    red = replace(pair(1).shadow, color="red")
    again = recorded(2, shadow=red, at=pair(1).at)
    store.add([recorded(1), again, recorded(3, keep_payload=False), recorded(4)])
    assert [each.pair.id.number for each in store.requests("recommender")] == [1, 4]
    assert [each.pair.id.number for each in store.requests("recommender", color="red")] == [2]
    assert [each.pair.id.number for each in store.requests("recommender", limit=1)] == [1]
    assert [each.pair.request for each in store.requests("recommender", since_ns=BEGIN + 4 * SECOND)] == [
        b"\0\0\0\0\4what"
    ]


def test_what_is_forgotten_while_requests_are_streamed_is_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadow.store.reading.PAGE", 1)
    store.add([recorded(1), recorded(2), recorded(3)])
    streamed = store.requests("recommender")
    assert next(streamed).pair.id.number == 1
    store.retain(age=0, rest=lambda: None)
    assert list(streamed) == []
