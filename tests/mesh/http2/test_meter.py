"""A burst is let pass, and after it as much as is paid for."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.http2.meter import Meter


def test_a_burst_passes_and_the_next_one_does_not() -> None:
    meter = Meter(3)
    assert [meter.take(1, paid=100) for _ in range(4)] == [True, True, True, False]


def test_what_is_paid_meanwhile_passes_too() -> None:
    meter = Meter(3)
    assert meter.take(3, paid=100)
    assert meter.take(2, paid=102)
    assert not meter.take(1, paid=102)


def test_what_was_taken_is_owed_until_it_is_paid() -> None:
    meter = Meter(3)
    meter.take(5, paid=100)
    assert [meter.owed(paid=paid) for paid in (100, 104, 105, 200)] == [5, 1, 0, 0]


def test_nothing_is_saved_up_beyond_the_burst() -> None:
    meter = Meter(3)
    assert meter.take(1, paid=0)
    assert not meter.take(4, paid=1_000_000)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=60), st.integers(0, 20))
def test_no_stretch_of_time_lets_more_pass_than_the_burst_and_what_was_paid_in_it(
    steps: list[tuple[int, int]], burst: int
) -> None:
    meter, paid, taken = Meter(burst), 0, []
    for count, pays in steps:
        paid += pays
        if meter.take(count, paid=paid):
            taken.append((paid, count))
        else:
            break
    for first in range(len(taken)):
        total = sum(count for _, count in taken[first:])
        assert total <= burst + taken[-1][0] - taken[first][0]
