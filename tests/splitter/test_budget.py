"""What `splitter.budget` promises: an upstream that fails everything gets a fifth more load, not twice the load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.budget import MEMORY, PER_SECOND, RATIO, RetryBudget

SAVED = PER_SECOND * MEMORY


def taken(budget: RetryBudget, *, now: float, calls: int, tries: int = 10_000) -> int:
    """How many calls in a row may be sent again at that moment."""
    for number in range(tries):
        if not budget.take(now=now, calls=calls):
            return number
    return tries


def test_it_begins_with_what_ten_quiet_seconds_save() -> None:
    assert taken(RetryBudget(now=50.0), now=50.0, calls=0) == SAVED == 100


def test_every_fifth_call_may_be_sent_again() -> None:
    budget = RetryBudget(now=0.0)
    taken(budget, now=0.0, calls=0)
    again = sum(budget.take(now=0.0, calls=calls) for calls in range(1, 1_001))
    assert again == pytest.approx(1_000 * RATIO, abs=1)


def test_ten_a_second_may_be_sent_again_whatever_the_load() -> None:
    budget = RetryBudget(now=0.0)
    taken(budget, now=0.0, calls=0)
    again = sum(budget.take(now=tick / 100, calls=0) for tick in range(1, 1_001))
    assert again == pytest.approx(10 * PER_SECOND, abs=2)


def test_a_quiet_night_saves_no_more_than_ten_seconds_do() -> None:
    budget = RetryBudget(now=0.0)
    taken(budget, now=0.0, calls=0)
    assert taken(budget, now=30_000.0, calls=0) == SAVED


def test_a_burst_of_failures_may_use_what_the_last_ten_seconds_of_calls_have_earned() -> None:
    """An endpoint that dies under load fails all its calls at once."""
    assert taken(RetryBudget(now=0.0), now=0.0, calls=1_000) == SAVED + RATIO * 1_000
    budget = RetryBudget(now=0.0)
    for second in range(1, 61):
        budget.take(now=float(second), calls=second * 1_000)
    assert taken(budget, now=60.0, calls=60_000) == pytest.approx(SAVED + RATIO * 10_000, rel=0.01)
    assert taken(RetryBudget(now=0.0), now=60.0, calls=60_000) == pytest.approx(
        SAVED + RATIO * 10_000, rel=0.01
    )


def test_the_calls_of_yesterday_earn_nothing_for_today() -> None:
    budget = RetryBudget(now=0.0)
    budget.take(now=0.1, calls=1_000_000)
    assert taken(budget, now=86_400.0, calls=1_000_000) == SAVED


@given(
    st.lists(
        st.tuples(st.floats(0, 5, allow_subnormal=False), st.integers(0, 50), st.integers(1, 200)),
        max_size=40,
    )
)
def test_no_pattern_of_failures_gets_more_than_its_due(steps: list[tuple[float, int, int]]) -> None:
    budget, now, calls, again = RetryBudget(now=0.0), 0.0, 0, 0
    for seconds, more, tries in steps:
        now, calls = now + seconds, calls + more
        again += taken(budget, now=now, calls=calls, tries=tries)
        assert again <= SAVED + PER_SECOND * now + RATIO * calls + 1e-6
