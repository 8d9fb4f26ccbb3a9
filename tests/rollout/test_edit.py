"""Edits of the document: each changes its own part and keeps the rest."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.contract import ROLE_NOISE
from mesh.shadowing import Compare, Criteria, Record
from mesh.traffic import GRAIN, Invalid, Key, Mirror, Override, Share, Traffic, default, parse
from rollout import edit
from tests.mesh.documents import traffics

RICH = Traffic(
    split=(Share("blue", 9000), Share("green", 1000)),
    key=Key("x-user-id", "v3"),
    mirror=(Mirror("green", 2500, 2.0),),
    overrides=(Override((("x-try", "1"),), "green"),),
    safe=("/a.B/*",),
    fallback=False,
    note="ticket REC-112",
)


def test_percentages_are_read_exactly() -> None:
    assert edit.weights(["blue=66.67", "green=33.33", "red=0%"]) == {"blue": 6667, "green": 3333, "red": 0}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("blue", "COLOR=PERCENT"),
        ("blue=", "no number"),
        ("blue=ten", "no number"),
        ("blue=101", "from 0 to 100"),
        ("blue=-1", "from 0 to 100"),
        ("blue=nan", "from 0 to 100"),
        ("blue=10.005", "0.01"),
        ("Blue=10", "no colour"),
        ("=10", "no colour"),
    ],
)
def test_a_word_that_is_no_share_is_refused_with_the_reason(word: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        edit.weights([word])


def test_a_colour_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="blue stands twice"):
        edit.weights(["blue=50", "blue=50"])


def test_a_shift_changes_the_split_and_nothing_else() -> None:
    after = edit.shift(RICH, {"blue": 5000, "green": 5000})
    assert after == replace(RICH, split=(Share("blue", 5000), Share("green", 5000)))


def test_a_shift_keeps_colours_in_their_places_whatever_the_order_of_the_words() -> None:
    """Exchanged places would move users who need not move."""
    after = edit.shift(RICH, {"red": 1000, "green": 2000, "blue": 7000})
    assert after.split == (Share("blue", 7000), Share("green", 2000), Share("red", 1000))


def test_a_colour_that_a_shift_does_not_name_stays_with_0() -> None:
    """It is the warm way back, and its place in the order is kept."""
    assert edit.shift(RICH, {"green": GRAIN}).split == (Share("blue", 0), Share("green", GRAIN))


@given(st.permutations(["blue", "green", "red"]), st.integers(0, 5000))
def test_growing_the_last_colour_moves_users_only_towards_it(order: list[str], more: int) -> None:
    """In whatever order the words are given: no colour but the last gets a bucket that it had not."""
    before = edit.shift(Traffic(split=()), {"blue": 5000, "green": 3000, "red": 2000})
    grown = {"blue": 5000 - more, "green": 3000, "red": 2000 + more}
    after = edit.shift(before, {color: grown[color] for color in order})
    assert [share.color for share in after.split] == ["blue", "green", "red"]
    red_from = [GRAIN - traffic.split[-1].weight for traffic in (before, after)]
    assert red_from[1] <= red_from[0]


def test_key_and_salt_are_set_apart() -> None:
    assert edit.keyed(RICH, metadata=None, salt=None) == RICH
    assert edit.keyed(RICH, metadata="x-account", salt=None).key == Key("x-account", "v3")
    assert edit.keyed(RICH, metadata=None, salt="v4").key == Key("x-user-id", "v4")
    assert edit.keyed(RICH, metadata=None, salt="").key == Key("x-user-id", "")
    assert edit.unkeyed(RICH).key is None


def test_a_salt_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="add --key"):
        edit.keyed(default("blue"), metadata=None, salt="v4")


def test_a_mirror_keeps_other_shadows_and_an_old_timeout() -> None:
    after = edit.mirrored(RICH, {"green": 5000, "red": 100}, timeout=None)
    assert after == replace(RICH, mirror=(Mirror("green", 5000, 2.0), Mirror("red", 100)))
    assert edit.mirrored(RICH, {"green": 5000}, timeout=0.5).mirror == (Mirror("green", 5000, 0.5),)


def test_a_mirror_of_0_is_taken_out() -> None:
    assert edit.mirrored(RICH, {"green": 0}, timeout=None) == replace(RICH, mirror=())


def test_noise_and_a_shadow_of_a_colour_are_set_apart() -> None:
    both = edit.mirrored(RICH, {"green": 100}, timeout=None, role=ROLE_NOISE)
    assert both.mirror == (Mirror("green", 2500, 2.0), Mirror("green", 100, role=ROLE_NOISE))
    assert edit.mirrored(both, {"green": 0}, timeout=None).mirror == (both.mirror[1],)
    assert edit.mirrored(both, {"green": 0}, timeout=None, role=ROLE_NOISE) == RICH
    assert edit.unmirrored(both, ["green"]).mirror == ()


def test_noise_without_a_colour_is_of_the_one_that_serves_most() -> None:
    assert edit.noise(["10"], RICH) == {"blue": 1000}
    assert edit.noise(["0.5%"], edit.shift(RICH, {"green": GRAIN})) == {"green": 50}
    assert edit.noise(["green=10", "20"], RICH) == {"green": 1000, "blue": 2000}
    with pytest.raises(ValueError, match="blue stands twice"):
        edit.noise(["blue=10", "20"], RICH)
    with pytest.raises(ValueError, match="no number"):
        edit.noise(["some"], RICH)


def test_mirrors_are_taken_out_by_name_or_all() -> None:
    two = edit.mirrored(RICH, {"red": 100}, timeout=None)
    assert [each.color for each in edit.unmirrored(two, ["green"]).mirror] == ["red"]
    assert edit.unmirrored(two, []).mirror == ()


@given(traffics)
def test_whatever_is_edited_is_written_by_the_rules_of_the_document(traffic: Traffic) -> None:
    edited = edit.shift(traffic, {"blue": GRAIN})
    assert parse(edit.written(edited)) == edited


def test_an_edit_that_breaks_a_rule_is_not_written() -> None:
    with pytest.raises(Invalid, match="exactly 100"):
        edit.written(edit.shift(RICH, {"blue": 9000, "green": 999}))


def test_the_colours_of_a_document_are_those_that_it_sends_calls_to() -> None:
    """A colour with 0 needs nobody; one of an override does."""
    traffic = replace(RICH, split=(Share("blue", GRAIN), Share("old", 0)))
    assert edit.colors_of(traffic) == ("blue", "green")


def test_what_is_said_of_answers_is_no_route_and_a_note_neither() -> None:
    """So a rollback goes back to where calls went before, though somebody has changed a criterion since."""
    assert edit.same_routes(RICH, edit.noted(RICH, "something else"))
    said = replace(RICH, record=Record(1), compare=Compare(comparator="a"), criteria=Criteria(pairs=1))
    assert edit.same_routes(RICH, said)
    assert not edit.same_routes(RICH, edit.mirrored(RICH, {"blue": 100}, timeout=None, role=ROLE_NOISE))
    assert not edit.same_routes(RICH, edit.unkeyed(RICH))
    assert not edit.same_routes(RICH, None)
