"""The demo's judgements: each one kept by good figures, and broken by the fault that it watches for."""

from mesh import contract
from mesh.tracefile import Span
from rollout.demo import promises
from rollout.demo.obeyed import FIRST_ANSWER, Obeyed
from rollout.demo.overlap import Overlap
from rollout.demo.tally import Tally
from rollout.tracetree import tree
from tests.rollout.demo.test_tally import answer, tally


def users(**colors: range) -> Tally:
    return tally(*(answer(user, color) for color, each in colors.items() for user in each))


def test_no_call_fails() -> None:
    assert promises.no_errors({"OK": 3}).kept
    assert promises.no_errors({"OK": 3}).figures == "3 calls, 0 errors"
    broken = promises.no_errors({"OK": 3, "UNAVAILABLE": 2})
    assert not broken.kept
    assert "2 UNAVAILABLE" in broken.figures
    assert not promises.no_errors({}).kept


def test_every_edit_is_obeyed_in_time() -> None:
    fast, slow = Obeyed(0.02, FIRST_ANSWER, True), Obeyed(1.01, FIRST_ANSWER, True)
    assert promises.obeyed({"a": fast}).kept
    broken = promises.obeyed({"a": fast, "b": slow})
    assert not broken.kept
    assert "late: b" in broken.figures
    assert not promises.obeyed({"a": Obeyed(0.1, FIRST_ANSWER, False)}).kept


def test_all_answers_are_of_one_colour() -> None:
    assert promises.all_on("blue", "stage", users(blue=range(5))).kept
    assert not promises.all_on("blue", "stage", users(blue=range(5), green=range(1))).kept
    assert not promises.all_on("blue", "stage", Tally()).kept


def test_a_share_of_users_is_within_what_chance_allows() -> None:
    assert promises.share("green", 0.1, "stage", users(blue=range(600), green=range(600, 671))).kept
    assert not promises.share("green", 0.1, "stage", users(blue=range(671))).kept
    assert not promises.share("green", 0.1, "stage", users(blue=range(500), green=range(500, 671))).kept


def test_nobody_meets_two_colours() -> None:
    assert promises.sticky("stage", users(blue=range(3), green=range(3, 5))).kept
    assert not promises.sticky("stage", users(blue=range(3), green=range(2, 5))).kept
    assert not promises.sticky("stage", Tally()).kept


def test_growth_moves_nobody_back() -> None:
    before = users(blue=range(9), green=range(9, 10))
    assert promises.nobody_back("green", before, users(blue=range(5), green=range(5, 10))).kept
    assert not promises.nobody_back("green", before, users(blue=range(5, 10), green=range(5))).kept


def test_a_rollback_brings_exactly_the_same_users_back() -> None:
    before = users(blue=range(5), green=range(5, 10))
    assert promises.same_users("green", before, users(blue=range(5), green=range(5, 10))).kept
    assert promises.same_users("green", before, users(blue=range(4), green=range(5, 10))).kept, (
        "4 was not seen"
    )
    assert not promises.same_users("green", before, users(blue=range(4), green=range(4, 10))).kept


def test_a_shadow_changes_no_answer() -> None:
    before = tally(answer(1, "blue", items=(1, 2)))
    assert promises.unchanged(before, tally(answer(1, "blue", items=(1, 2)))).kept
    assert not promises.unchanged(before, tally(answer(1, "blue", items=(2, 1)))).kept
    assert not promises.unchanged(before, tally(answer(1, "green", items=(1, 2)))).kept
    assert not promises.unchanged(before, tally(answer(2, "blue"))).kept, "nobody to compare"


def test_every_call_has_a_shadow_that_ended_well() -> None:
    assert promises.shadowed(10, {"begun": 11, "completed": 11}).kept
    assert not promises.shadowed(10, {"begun": 9, "completed": 9}).kept
    assert not promises.shadowed(10, {"begun": 10, "completed": 9}).kept, "one disappeared"
    assert not promises.shadowed(10, {"begun": 10, "completed": 9, "dropped": 1}).kept


def test_every_shadow_is_a_pair_in_the_store() -> None:
    assert promises.recorded({"begun": 10}, {"compared": 10}).kept
    assert not promises.recorded({"begun": 10}, {"compared": 9}).kept, "one disappeared"
    assert not promises.recorded({"begun": 10}, {"compared": 10, "dropped": 1}).kept, "one is there twice"
    assert not promises.recorded({"begun": 10}, {"compared": 9, "dropped": 1}).kept
    assert not promises.recorded({"begun": 0}, {}).kept


def test_the_overlap_is_that_of_the_models_to_the_last_film() -> None:
    """Also where one film too many and one too few make the same mean."""
    assert promises.same_overlap(Overlap(500, 1192), Overlap(500, 1192)).kept
    broken = promises.same_overlap(Overlap(500, 1192), Overlap(500, 1191))
    assert not broken.kept
    assert broken.figures == "of 5000 films 1192 in both; offline 1191"
    assert not promises.same_overlap(Overlap(0, 0), Overlap(0, 0)).kept


def test_a_model_that_is_asked_twice_says_the_same() -> None:
    assert promises.itself("blue", Overlap(50, 500)).kept
    assert not promises.itself("blue", Overlap(50, 499)).kept
    assert not promises.itself("blue", Overlap(0, 0)).kept


def test_a_shadowed_call_is_one_tree_with_both_legs_and_their_servers() -> None:
    root = Span("t", "0", None, "call", 0, 9)
    roles = {"1": contract.ROLE_PRIMARY, "2": contract.ROLE_SHADOW}
    legs = [Span("t", id, "0", id, 1, 8, attributes={contract.ATTR_ROLE: role}) for id, role in roles.items()]
    servers = [Span("t", f"{id}s", id, "server", 2, 7) for id in roles]
    assert promises.traced(tree([root, *legs, *servers])).kept
    assert not promises.traced(tree([root, *legs, servers[0]])).kept
    assert not promises.traced(tree([*legs, *servers])).kept
    assert not promises.traced(()).kept
