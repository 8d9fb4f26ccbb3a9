"""What `benchmarks.shadows` promises of its figures and its splitters."""

from benchmarks.shadows.measure import Times
from benchmarks.shadows.variant import NONE, VARIANTS, Variant


def test_ratios_are_of_the_same_round_and_the_median_of_them() -> None:
    """A machine that is slow for one round is slow for all that are compared in it."""
    base = Times([100, 200, 400], [1000, 2000, 4000])
    mine = Times([110, 220, 440], [1000, 4000, 4000])
    assert mine.row(base) == ["220", "4000", "1.10", "1.00"]


def test_what_is_compared_begins_with_no_shadow_and_differs_in_name() -> None:
    assert VARIANTS[0].green == VARIANTS[0].recorder == NONE
    assert len({each.name for each in VARIANTS}) == len(VARIANTS)


def test_only_a_variant_with_a_shadow_has_one_in_its_document() -> None:
    assert "mirror" not in Variant("plain", green=NONE, recorder=NONE).document()
    (mirror,) = Variant("shadow").document()["mirror"]
    assert (mirror["color"], mirror["percent"]) == ("green", 100)
