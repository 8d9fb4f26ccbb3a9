"""A witness waits for what is late, and does not take it for more than it is."""

from collections.abc import Iterable

import pytest

from benchmarks.load import LoadError
from benchmarks.witness import QUIET, Witness


class Time:
    """Passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def witness(counts: Iterable[int], *, per_call: int = 1) -> tuple[Witness, Time]:
    """Sees these counts one after the other, and the last of them for ever."""
    time, left = Time(), list(counts)

    def count() -> int:
        return left.pop(0) if len(left) > 1 else left[0]

    return Witness("copies", per_call, count, clock=time, sleep=time.sleep), time


def test_all_arrived_is_known_at_once() -> None:
    seen, time = witness([120])
    assert seen.arrived(20, 100) == 1
    assert time.now == 0


def test_late_ones_are_waited_for() -> None:
    seen, _ = witness([0, 50, 50, 90, 200], per_call=2)
    assert seen.arrived(0, 100) == 2


def test_after_a_quiet_time_nothing_more_is_waited_for() -> None:
    seen, time = witness([40, 80])
    with pytest.raises(LoadError, match="80 copies arrived of 100 calls, not 100"):
        seen.arrived(0, 100)
    assert time.now < QUIET + 1


def test_one_in_a_hundred_may_be_missing() -> None:
    assert witness([99])[0].arrived(0, 100) == 0.99


def test_too_many_are_as_wrong_as_too_few() -> None:
    with pytest.raises(LoadError):
        witness([150])[0].arrived(0, 100)


def test_settling_without_an_expectation_waits_for_quiet() -> None:
    seen, time = witness([1, 2, 3])
    assert seen.settle() == 3
    assert time.now >= QUIET
