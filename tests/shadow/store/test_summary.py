"""What the report shows beside the verdict: the worst pairs, the course of time, where pairs come from."""

import math
from dataclasses import replace

from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Answer, Outcome
from shadow.store.store import Store
from shadow.store.values import Instance, Scope, Subject
from tests.shadow.store.made import BEGIN, SCOPE, SECOND, broken, count, differing, pair, recorded


def numbers(found: object) -> list[int]:
    return [each.pair.id.number for each in found]  # type: ignore[attr-defined]


def test_the_worst_pairs_are_those_with_the_lowest_score_with_payload_and_differences(store: Store) -> None:
    scores = {1: 0.9, 2: 0.1, 3: 0.5}
    store.add([*(recorded(number, differing(score)) for number, score in scores.items()), recorded(4)])
    worst = store.worst(SCOPE, 2)
    assert numbers(worst) == [2, 3]
    assert worst[0].pair.request == b"\0\0\0\0\4what"
    assert worst[0].comparison == differing(0.1)
    assert numbers(store.worst(SCOPE, 9)) == [2, 3, 1]


def test_the_worst_pairs_of_an_output_are_by_its_own_score(store: Store) -> None:
    def both(items: float, scores: float) -> Comparison:
        return Comparison(
            (
                Difference("items", "set", items == 1, items),
                Difference("scores", "values", scores == 1, scores),
            )
        )

    store.add([recorded(1, both(0.1, 1.0)), recorded(2, both(0.9, 0.2)), recorded(3, both(1.0, 0.1))])
    assert numbers(store.worst(SCOPE, 9)) == [1, 3, 2]
    assert numbers(store.worst(SCOPE, 9, "items")) == [1, 2]
    assert numbers(store.worst(SCOPE, 9, "scores")) == [3, 2]
    assert numbers(store.worst(replace(SCOPE, since_ns=BEGIN + 2 * SECOND), 1, "items")) == [2]
    assert numbers(store.worst(SCOPE, 9, "nothing")) == []


def test_slices_cover_the_scope_and_hold_every_pair_once(store: Store) -> None:
    store.add(
        [recorded(0), recorded(1, differing()), broken(8, Outcome.TIMED_OUT), broken(9, Outcome.DROPPED)]
    )
    first, second = store.series(SCOPE, 2)
    assert (first.begin, first.end, second.end) == (BEGIN, second.begin, BEGIN + 9 * SECOND + 1)
    assert (first.outcomes, first.agreeing, first.shadow_failed) == ({Outcome.COMPARED: 2}, 1, 0)
    assert (first.primary_latency, first.shadow_latency) == (
        {"p50": 2e6, "p99": 2e6},
        {"p50": 3e6, "p99": 3e6},
    )
    assert second.outcomes == {Outcome.TIMED_OUT: 1, Outcome.DROPPED: 1}
    assert (second.agreeing, second.primary_failed, second.shadow_failed) == (0, 0, 1)
    assert second.shadow_latency == {"p50": math.inf, "p99": math.inf}


def test_slices_of_a_period_are_the_periods_and_empty_ones_have_no_latency(store: Store) -> None:
    store.add([recorded(5)])
    period = replace(SCOPE, since_ns=BEGIN, until_ns=BEGIN + 9 * SECOND)
    slices = store.series(period, 3)
    assert [each.begin for each in slices] == [BEGIN, BEGIN + 3 * SECOND, BEGIN + 6 * SECOND]
    assert [sum(each.outcomes.values()) for each in slices] == [0, 1, 0]
    assert math.isnan(slices[0].primary_latency["p50"])


def test_the_environment_says_where_pairs_come_from_the_most_frequent_first(store: Store) -> None:
    other = Answer("green", "OK", latency=1, endpoint="127.0.0.1:9003", version="3")
    noise = recorded(9, role="noise", shadow=replace(pair(9).shadow, color="blue"))
    store.add([recorded(1), recorded(2), recorded(3, source="host-2", revision=43, shadow=other), noise])
    found = store.environment(SCOPE)
    assert (found.pairs, found.first, found.last) == (3, BEGIN + SECOND, BEGIN + 3 * SECOND)
    assert found.sources == (("host-1", 2), ("host-2", 1))
    assert found.revisions == ((42, 2), (43, 1))
    assert found.methods == (("/inference.GRPCInferenceService/ModelInfer", 3),)
    assert found.primary == (Instance("blue", "127.0.0.1:9001", "1", 3),)
    assert found.shadow == (
        Instance("green", "127.0.0.1:9002", "2", 2),
        Instance("green", "127.0.0.1:9003", "3", 1),
    )
    assert found.roles == (("shadow", 3), ("noise", 1))


def test_subjects_are_what_there_are_pairs_of(store: Store) -> None:
    store.add(
        [recorded(1), recorded(5), recorded(2, service="ranker")], [count("bytes", 3, service="unheard")]
    )
    both = Subject("recommender", "green", "shadow", 2, BEGIN + SECOND, BEGIN + 5 * SECOND)
    ranker = Subject("ranker", "green", "shadow", 1, BEGIN + 2 * SECOND, BEGIN + 2 * SECOND)
    assert store.subjects() == (ranker, both)
    assert store.subjects("ranker") == (ranker,)


def test_a_scope_may_be_of_everything(store: Store) -> None:
    store.add([recorded(1), recorded(2, service="ranker")])
    assert numbers(store.pairs(Scope(None, role=None))) == [1, 2]
