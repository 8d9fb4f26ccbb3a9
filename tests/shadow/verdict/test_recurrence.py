"""Whether it happens to the same keys again."""

import numpy as np

from shadow.pair import NO_BUCKET
from shadow.verdict.recurrence import recurrence


def told(happens: list[int], bucket: list[int]) -> str:
    return recurrence(np.array(happens, np.bool_), np.array(bucket))


def test_a_key_to_which_it_always_happens_is_told_from_chance() -> None:
    assert told([0, 1, 0, 0, 1, 0, 0, 1] * 10, [1, 2, 3, 4, 2, 5, 6, 2] * 10) == (
        "always on the same keys: 1 bucket, in whose 29 later pairs it happens again"
    )


def test_most_of_the_time_is_not_always() -> None:
    happens = [0, 1, 0, 0, 1, 0, 0, 1] * 10
    happens[9] = 0
    assert told(happens, [1, 2, 3, 4, 2, 5, 6, 2] * 10) == (
        "mostly on the same keys: 1 bucket, in whose 29 later pairs it happens again in 28"
    )


def test_what_was_before_the_first_time_does_not_count() -> None:
    """Perhaps the shadow was another one then."""
    assert told([0] * 50 + [1] * 5 + [0] * 20, [7] * 55 + list(range(10, 30))) == (
        "always on the same keys: 1 bucket, in whose 4 later pairs it happens again"
    )


def test_what_happens_once_to_each_key_is_not_on_particular_keys() -> None:
    assert told([1] * 10 + [0] * 90, list(range(10)) * 10) == (
        "not on particular keys: 10 buckets, in whose 90 later pairs it happens again in 0"
    )


def test_nothing_is_said_without_keys_without_events_and_where_no_key_comes_again() -> None:
    assert told([1, 0, 1], [NO_BUCKET] * 3) == ""
    assert told([0, 0, 0], [1, 1, 1]) == ""
    assert told([1, 1, 0], [1, 2, 3]) == ""
    assert told([], []) == ""
