"""How many films two top tens have in common."""

from rollout.demo.overlap import Overlap


def test_films_are_counted_wherever_they_stand_among_the_ten() -> None:
    tens = [([1, 2, 3], [3, 1, 9]), ([4, 5, 6], [7, 8, 9]), ([1, 2], [2, 1])]
    assert Overlap.of(tens) == Overlap(pairs=3, common=4)


def test_the_share_is_the_mean_of_the_pairs() -> None:
    assert Overlap(4, 10).share == 0.25
    assert Overlap(0, 0).share == 0.0
