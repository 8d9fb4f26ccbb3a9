"""What `splitter.ejection` promises: an endpoint that keeps failing is left out, and tried again with single calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.ejection import FAILURES, FIRST, JITTER, LONGEST, Ejection

SECOND = 1_000_000_000


def ejected(now: int = 0) -> Ejection:
    """Left out since then."""
    ejection = Ejection(chance=lambda: 0.5)
    for _ in range(FAILURES):
        ejection.note(failed=True, began=now)
    ejection.eject(now=now)
    return ejection


def test_seven_failures_in_a_row_are_enough_and_six_are_not() -> None:
    ejection = Ejection()
    assert [ejection.note(failed=True, began=0) for _ in range(7)] == [False] * 6 + [True]


def test_a_success_between_them_begins_the_count_anew() -> None:
    ejection = Ejection()
    for _ in range(10):
        assert not any(ejection.note(failed=True, began=0) for _ in range(FAILURES - 1))
        assert not ejection.note(failed=False, began=0)


def test_a_probe_may_go_after_a_second_and_then_one_for_each_wait() -> None:
    ejection = ejected()
    assert not ejection.take_probe(now=FIRST - 1)
    assert ejection.take_probe(now=FIRST)
    assert not ejection.take_probe(now=FIRST + 1), "one call at a time"
    assert ejection.take_probe(now=2 * FIRST)


def test_a_probe_that_succeeds_restores_it() -> None:
    ejection = ejected()
    assert not ejection.note(failed=False, began=FIRST)
    assert (ejection.ejected, ejection.failures) == (False, 0)


def test_a_probe_that_fails_ejects_it_for_twice_as_long_up_to_a_minute() -> None:
    ejection, now, waits = ejected(), 0, []
    for _ in range(9):
        waits.append(ejection.remaining(now=now))
        now += round(waits[-1] * SECOND)
        assert ejection.take_probe(now=now)
        assert ejection.note(failed=True, began=now)
        ejection.eject(now=now)
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_a_restored_endpoint_that_fails_again_waits_a_second_again() -> None:
    ejection = ejected()
    ejection.note(failed=True, began=FIRST)
    ejection.eject(now=FIRST)
    ejection.note(failed=False, began=5 * FIRST)
    for _ in range(FAILURES):
        ejection.note(failed=True, began=6 * FIRST)
    ejection.eject(now=6 * FIRST)
    assert ejection.remaining(now=6 * FIRST) == 1


@pytest.mark.parametrize("failed", [True, False])
def test_what_began_before_it_was_ejected_says_nothing_new(failed: bool) -> None:
    ejection = ejected(now=100)
    assert not ejection.note(failed=failed, began=99)
    assert ejection.ejected


@given(st.floats(0, 1), st.integers(0, 12))
def test_chance_moves_the_probe_by_a_tenth_at_most(chance: float, times: int) -> None:
    ejection = Ejection(chance=lambda: chance)
    for _ in range(times + 1):
        ejection.eject(now=0)
    wait = min(FIRST << times, LONGEST) / SECOND
    assert wait * (1 - JITTER) - 1e-6 <= ejection.remaining(now=0) <= wait * (1 + JITTER) + 1e-6
