"""What answers come to: shares of users and of calls, percentiles, tolerances."""

import random

import pytest

from rollout.demo.client import Answer
from rollout.demo.tally import Tally, percentile, tolerance


def answer(
    user: int, color: str, *, code: str = "OK", items: tuple[int, ...] = (1, 2), rated: int = 9
) -> Answer:
    return Answer(user, rated, code, color if code == "OK" else "", items, b"s", 0.0, 0.002)


def tally(*answers: Answer) -> Tally:
    made = Tally()
    for each in answers:
        made.add(each)
    return made


def test_users_and_calls_have_shares_of_their_own() -> None:
    """One busy user is many calls, but one user."""
    found = tally(answer(1, "green"), answer(1, "green"), answer(1, "green"), answer(2, "blue"))
    assert found.share_of_calls("green") == 0.75
    assert found.share_of_users("green") == 0.5
    assert found.users_of("green") == {1}


def test_a_user_who_met_two_colours_is_torn_and_nobodys() -> None:
    found = tally(answer(1, "green"), answer(1, "blue"), answer(2, "blue"))
    assert found.torn == 1
    assert found.users_of("blue") == {2}
    assert found.users_of("green") == frozenset()


def test_an_error_is_a_call_without_a_colour() -> None:
    found = tally(answer(1, "blue"), answer(2, "", code="UNAVAILABLE"))
    assert (found.calls, found.errors.total(), found.errors["UNAVAILABLE"]) == (2, 1, 1)
    assert found.share_of_calls("blue") == 1.0


def test_a_hit_is_the_film_that_the_user_rated_next() -> None:
    assert tally(answer(1, "blue", rated=2), answer(2, "blue", rated=3)).hits["blue"] == 1


def test_nothing_has_shares_and_percentiles_of_nothing() -> None:
    empty = Tally()
    assert (empty.share_of_calls("blue"), empty.share_of_users("blue"), empty.percentile(0.99)) == (0, 0, 0)


@pytest.mark.parametrize(("part", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_the_nearest_rank(part: float, expected: float) -> None:
    assert percentile([float(each) for each in range(100, 0, -1)], part) == expected


def test_a_fair_split_is_within_the_tolerance_and_an_unfair_one_is_not() -> None:
    """10 % of 671 users: ten thousand honest draws stay inside but for a few; 20 % never passes for 10 %."""
    chance = random.Random(7)
    allowed = tolerance(0.1, 671)
    honest = [sum(chance.random() < 0.1 for _ in range(671)) / 671 for _ in range(2000)]
    assert sum(abs(each - 0.1) > allowed for each in honest) <= 2
    assert abs(0.2 - 0.1) > allowed


def test_a_share_of_nobody_is_never_wrong() -> None:
    assert tolerance(0.5, 0) == 1.0
    assert tolerance(1.0, 10) == pytest.approx(0.1)
