"""Every shadow that was begun is in the accounts, once: mirrored = compared + failed + timed out + dropped."""

import itertools
from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow.pair import Outcome
from shadow.store.store import Store
from shadow.store.values import Account, Recorded, Scope
from tests.shadow.store.made import BEGIN, MINUTE, SCOPE, SECOND, broken, count, recorded


def test_accounts_are_by_outcome_and_reason(store: Store) -> None:
    store.add(
        [
            recorded(1),
            recorded(2),
            broken(3, Outcome.TIMED_OUT),
            broken(4, Outcome.DROPPED, reason="too_large"),
        ],
        [count("in_flight", 5)],
    )
    assert store.accounts(SCOPE) == (
        Account("green", "shadow", Outcome.COMPARED, "", 2),
        Account("green", "shadow", Outcome.DROPPED, "in_flight", 5),
        Account("green", "shadow", Outcome.DROPPED, "too_large", 1),
        Account("green", "shadow", Outcome.TIMED_OUT, "", 1),
    )


def test_a_count_is_a_total_of_its_source(store: Store) -> None:
    store.add([], [count("in_flight", 5), count("in_flight", 2, source="host-2")])
    store.add([], [count("in_flight", 5)])
    store.add([], [count("in_flight", 7, at=BEGIN + 5 * MINUTE), count("in_flight", 3)])
    assert [account.number for account in store.accounts(SCOPE)] == [9]


def test_a_count_and_pairs_of_the_same_kind_are_added_up(store: Store) -> None:
    dropped = [broken(number, Outcome.DROPPED, reason="too_large") for number in (1, 2)]
    store.add(dropped, [count("too_large", 3)])
    store.add(dropped, [count("too_large", 4)])
    assert [account.number for account in store.accounts(SCOPE)] == [6]


def test_accounts_of_a_period_are_those_of_the_minutes_it_touches(store: Store) -> None:
    pairs = [recorded(number, at=BEGIN + number * MINUTE) for number in range(3)]
    store.add(pairs, [count("bytes", 10), count("in_flight", 20, at=BEGIN + 2 * MINUTE)])

    def number(**changes: int) -> int:
        return sum(account.number for account in store.accounts(replace(SCOPE, **changes)))

    assert number() == 33
    assert number(since_ns=BEGIN + 2 * MINUTE + SECOND) == 21
    assert number(until_ns=BEGIN + 2 * MINUTE) == 12
    assert number(since_ns=BEGIN + 3 * MINUTE) == 0


def test_accounts_are_of_the_scopes_service_colour_role_and_source(store: Store) -> None:
    store.add([recorded(1), recorded(1, source="host-2")], [count("bytes", 3, role="noise", color="blue")])
    assert sum(account.number for account in store.accounts(SCOPE)) == 2
    assert sum(account.number for account in store.accounts(replace(SCOPE, source="host-2"))) == 1
    assert sum(account.number for account in store.accounts(Scope("recommender", role=None))) == 5
    assert store.accounts(Scope("ranker")) == ()


KEYS = st.tuples(st.sampled_from(["host-1", "host-2"]), st.integers(1, 30))
STEPS = st.lists(st.tuples(st.lists(KEYS, max_size=8), st.integers(0, 3), st.integers(1, 3)), max_size=6)
"""Each a batch of pairs, how many more were dropped without one, and how often both are told."""
OUTCOMES = (Outcome.COMPARED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.DROPPED)
SERVICES = itertools.count()


def of(service: str, source: str, number: int) -> Recorded:
    """Always the same for the same pair."""
    outcome = OUTCOMES[number % len(OUTCOMES)]
    name = f"{service}-{source}"
    if outcome is Outcome.COMPARED:
        return recorded(number, source=name, service=service)
    return broken(number, outcome, source=name, service=service, reason=("", "reset")[number % 2])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_accounts_close_and_nothing_is_twice_under_any_batching_and_repetition(
    store: Store, steps: list[tuple[list[tuple[str, int]], int, int]]
) -> None:
    service = f"service-{next(SERVICES)}"
    total = 0
    for batch, dropped, times in steps:
        total += dropped
        for _ in range(times):
            counts = [count("in_flight", total, service=service, source=f"{service}-host-1")]
            store.add([of(service, *key) for key in batch], counts)
    told = {key for batch, _, _ in steps for key in batch}
    scope = Scope(service)
    kept = sorted((each.pair.id.source, each.pair.id.number) for each in store.pairs(scope))
    assert kept == sorted((f"{service}-{source}", number) for source, number in told)
    expected = Counter(OUTCOMES[number % len(OUTCOMES)] for _, number in told)
    found: Counter[Outcome] = Counter()
    for account in store.accounts(scope):
        found[account.outcome] += account.number
    assert found == expected + Counter({Outcome.DROPPED: total})
