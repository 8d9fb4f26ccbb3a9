"""What `splitter.picker` promises: exact shares, sticky users, health before weights, and the same answer for ever."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh import contract
from mesh.traffic import GRAIN, Key, Override, Share, Traffic
from splitter.picker import NO_BUCKET, Dealer, Pick, Picker, Sampler, bucket_of

USERS = [b"user-%d" % number for number in range(100_000)]
BUCKETS = {user: bucket_of(b"green-v3", user) for user in USERS}


def traffic(
    split: dict[str, float],
    *,
    salt: str = "green-v3",
    overrides: tuple[Override, ...] = (),
    fallback: bool = True,
) -> Traffic:
    shares = tuple(Share(color, round(percent * 100)) for color, percent in split.items())
    return Traffic(shares, key=Key("x-user-id", salt), overrides=overrides, fallback=fallback)


def picker(split: dict[str, float], *up: str, **document: object) -> Picker:
    return Picker(traffic(split, **document), up or tuple(split))  # type: ignore[arg-type]


def served(by: Picker, users: Sequence[bytes] = USERS) -> dict[bytes, str]:
    """Which colour each user gets."""
    picks = {user: by.pick(user) for user in users}
    return {user: pick.color for user, pick in picks.items() if pick is not None}


def dealt(by: Picker, calls: int) -> list[str]:
    """The colours that this many calls without a key get, in order."""
    return [pick.color for pick in (by.pick(None) for _ in range(calls)) if pick is not None]


@st.composite
def weights(draw: st.DrawFn, *, most: int = 8) -> list[int]:
    """Weights that sum to the whole, with zeros among them, in any order."""
    cuts = sorted(draw(st.lists(st.integers(0, GRAIN), max_size=most - 1)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, GRAIN], strict=True)]


# Without a key


@pytest.mark.parametrize("split", [{"blue": 90, "green": 10}, {"green": 10, "blue": 90}])
def test_20_calls_at_10_percent_are_exactly_2_in_any_window_of_20(split: dict[str, float]) -> None:
    colors = dealt(picker(split), 400)
    windows = [colors[start : start + 20].count("green") for start in range(381)]
    assert set(windows) == {2}


@given(weights(), st.integers(1, 600))
def test_each_share_is_less_than_one_call_off_at_every_moment(weights: list[int], calls: int) -> None:
    dealer, counts = Dealer(weights), [0] * len(weights)
    for call in range(1, calls + 1):
        counts[dealer.deal()] += 1
        for weight, count in zip(weights, counts, strict=True):
            assert abs(count * GRAIN - call * weight) < GRAIN


def test_weights_that_the_richest_first_rule_deals_unfairly_are_dealt_fairly() -> None:
    """Smooth weighted round-robin is 1.08 calls behind on the last of these after 313 calls."""
    weights = [55, 218, 14, 7895, 218, 1600]
    dealer = Dealer(weights)
    count = Counter(dealer.deal() for _ in range(313))
    assert all(abs(count[place] - 313 * weight / GRAIN) < 1 for place, weight in enumerate(weights))


@given(weights(most=2), st.integers(0, 300), st.integers(1, 300))
def test_any_run_of_calls_between_two_colors_is_within_one_call_of_its_share(
    weights: list[int], before: int, run: int
) -> None:
    dealer = Dealer(weights)
    for _ in range(before):
        dealer.deal()
    count = Counter(dealer.deal() for _ in range(run))
    for position, weight in enumerate(weights):
        assert abs(count[position] * GRAIN - run * weight) <= GRAIN


def test_a_whole_round_is_exact_to_a_hundredth_of_a_percent() -> None:
    colors = Counter(dealt(picker({"blue": 66.65, "green": 33.33, "red": 0.02, "black": 0}), GRAIN))
    assert colors == {"blue": 6_665, "green": 3_333, "red": 2}


def test_a_color_of_weight_0_is_never_dealt() -> None:
    assert set(dealt(picker({"black": 0, "blue": 100, "green": 0}), 1_000)) == {"blue"}


def test_a_call_without_a_key_has_no_bucket_and_says_why_it_went_there() -> None:
    assert picker({"blue": 100}).pick(None) == Pick("blue", contract.REASON_SPLIT, NO_BUCKET)
    default = Picker(traffic({"blue": 100}), ["blue"], reason=contract.REASON_DEFAULT)
    assert default.pick(None) == Pick("blue", contract.REASON_DEFAULT)


def test_counting_goes_on_when_only_the_endpoints_change() -> None:
    split = {"blue": 75.0, "green": 25.0}
    before, undisturbed = picker(split), picker(split)
    colors = dealt(before, 3)
    after = picker(split)
    after.inherit(before)
    assert colors + dealt(after, 37) == dealt(undisturbed, 40)


def test_so_does_what_a_lost_color_s_calls_are_shared_by() -> None:
    """Endpoints that come and go with every call must not send all of them to one colour."""
    split = {"blue": 40.0, "red": 20.0, "green": 40.0}
    made, colors = picker(split, "blue", "red"), []
    for _ in range(300):
        colors += dealt(made, 1)
        made, before = picker(split, "blue", "red"), made
        made.inherit(before)
    assert Counter(colors) == {"blue": 200, "red": 100}


def test_other_weights_or_other_colors_begin_a_new_count() -> None:
    before = picker({"blue": 75, "green": 25})
    dealt(before, 2)
    for split in ({"blue": 50.0, "green": 50.0}, {"green": 75.0, "blue": 25.0}):
        after = picker(split)
        after.inherit(before)
        assert dealt(after, 40) == dealt(picker(split), 40)


# With a key


def test_100_000_users_are_within_0_3_points_of_each_share() -> None:
    split = {"blue": 60.0, "green": 30.0, "red": 9.99, "black": 0.01}
    shares = Counter(served(picker(split)).values())
    for color, percent in split.items():
        assert shares[color] / 1_000 == pytest.approx(percent, abs=0.3)


def test_raising_the_last_color_moves_users_only_to_it_and_lowering_returns_exactly_those() -> None:
    before = served(picker({"blue": 70, "red": 20, "green": 10}))
    raised = served(picker({"blue": 55, "red": 20, "green": 25}))
    moved = {user for user in USERS if before[user] != raised[user] == "green"}
    assert {user for user, color in before.items() if color == "green"} <= {
        user for user, color in raised.items() if color == "green"
    }
    assert len(moved) == pytest.approx(15_000, abs=300)
    assert served(picker({"blue": 70, "red": 20, "green": 10})) == before


def test_10_to_25_to_10_between_two_colors_moves_nobody_else() -> None:
    before = served(picker({"blue": 90, "green": 10}))
    raised = served(picker({"blue": 75, "green": 25}))
    assert {(before[user], raised[user]) for user in USERS if before[user] != raised[user]} == {
        ("blue", "green")
    }
    assert served(picker({"blue": 90, "green": 10})) == before


@given(st.binary(max_size=40), weights())
def test_two_pickers_agree_on_every_user(user: bytes, weights: list[int]) -> None:
    split = {f"c{number}": weight / 100 for number, weight in enumerate(weights)}
    one, other = picker(split), picker(split)
    other.pick(b"somebody else")
    assert one.pick(user) == other.pick(user)


@given(st.binary(max_size=40), weights())
def test_a_user_s_color_owns_the_user_s_bucket(user: bytes, weights: list[int]) -> None:
    split = {f"c{number}": weight / 100 for number, weight in enumerate(weights)}
    bounds = list(accumulate(weights))
    pick = picker(split).pick(user)
    assert pick is not None
    assert pick.reason == contract.REASON_KEY
    position = int(pick.color[1:])
    assert bounds[position] - weights[position] <= pick.bucket < bounds[position]


def test_another_salt_makes_another_cohort() -> None:
    split = {"blue": 90.0, "green": 10.0}
    one, other = served(picker(split)), served(picker(split, salt="green-v4"))
    both = sum(one[user] == other[user] == "green" for user in USERS)
    assert both == pytest.approx(1_000, abs=200)  # a tenth of a tenth: independent


def test_calls_without_a_key_do_not_disturb_users_nor_users_them() -> None:
    mixed, alone = picker({"blue": 90, "green": 10}), picker({"blue": 90, "green": 10})
    colors = []
    for user in USERS[:200]:
        mixed.pick(user)
        colors += dealt(mixed, 1)
    assert colors == dealt(alone, 200)


GOLDEN = {
    (b"", b""): 1_883,
    (b"", b"1"): 3_421,
    (b"", b"user-1"): 1_388,
    (b"green-v3", b"user-1"): 4_059,
    (b"green-v3", "Zoë".encode()): 8_239,
    (b"green-v3", b"x" * 1_000): 1_655,
}


@pytest.mark.parametrize(("salted", "bucket"), GOLDEN.items())
def test_no_release_ever_moves_a_user_to_another_bucket(salted: tuple[bytes, bytes], bucket: int) -> None:
    """These figures are a promise to every running experiment: never change them."""
    assert bucket_of(*salted) == bucket


def test_another_process_puts_users_into_the_same_buckets() -> None:
    """Whatever its hash seed."""
    code = "from splitter.picker import bucket_of; print(bucket_of(b'green-v3', b'user-1'))"
    env = {"PYTHONHASHSEED": "12345"}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout
    assert int(said) == bucket_of(b"green-v3", b"user-1")


def test_salt_and_user_cannot_be_shifted_into_each_other() -> None:
    assert bucket_of(b"ab", b"c") != bucket_of(b"a", b"bc")


# Health before weights


def test_the_users_of_a_lost_color_are_shared_pro_rata_and_the_others_stay() -> None:
    split = {"blue": 60.0, "red": 20.0, "green": 20.0}
    before, after = served(picker(split)), served(picker(split, "blue", "red"))
    assert all(after[user] == before[user] for user in USERS if before[user] != "green")
    moved = Counter(after[user] for user in USERS if before[user] == "green")
    assert moved["blue"] / moved["red"] == pytest.approx(3, rel=0.1)
    assert served(picker(split)) == before  # and return when it is back


def test_a_redistributed_call_says_so_and_keeps_its_bucket() -> None:
    by = picker({"blue": 50, "green": 50}, "blue")
    lost = next(user for user in USERS if BUCKETS[user] >= 5_000)
    assert by.pick(lost) == Pick("blue", contract.REASON_REDISTRIBUTED, BUCKETS[lost])
    reasons = Counter(pick.reason for pick in (by.pick(None) for _ in range(100)) if pick)
    assert reasons == {contract.REASON_SPLIT: 50, contract.REASON_REDISTRIBUTED: 50}


def test_calls_without_a_key_are_redistributed_pro_rata_and_exactly() -> None:
    by = picker({"blue": 60, "red": 20, "green": 20}, "blue", "red")
    assert Counter(dealt(by, 400)) == {"blue": 300, "red": 100}


@given(weights(), st.data())
def test_a_call_is_served_whenever_a_weighted_color_is_up_and_only_by_one_that_is(
    weights: list[int], data: st.DataObject
) -> None:
    split = {f"c{number}": weight / 100 for number, weight in enumerate(weights)}
    up = data.draw(st.sets(st.sampled_from(sorted(split))))
    by = Picker(traffic(split, fallback=data.draw(st.booleans())), up)
    weighted = {color for color in up if split[color]}
    for key in (None, *USERS[:20]):
        pick = by.pick(key)
        assert pick is None or pick.color in (weighted or up)
        assert pick is not None or not weighted


@pytest.mark.parametrize("key", [None, b"user-1"])
def test_a_color_of_weight_0_takes_over_only_with_fallback(key: bytes | None) -> None:
    """The old colour of a blue/green cut, kept warm for the way back."""
    split = {"blue": 0.0, "green": 100.0}
    pick = picker(split, "blue").pick(key)
    assert pick is not None
    assert (pick.color, pick.reason) == ("blue", contract.REASON_REDISTRIBUTED)
    assert picker(split, "blue", fallback=False).pick(key) is None


def test_several_colors_of_weight_0_take_over_in_equal_parts() -> None:
    by = picker({"blue": 0, "red": 0, "green": 100}, "blue", "red")
    assert Counter(dealt(by, 100)) == {"blue": 50, "red": 50}
    assert Counter(served(by).values())["red"] == pytest.approx(50_000, abs=600)


@pytest.mark.parametrize("key", [None, b"user-1"])
@pytest.mark.parametrize("fallback", [True, False])
def test_without_any_color_nobody_is_picked(key: bytes | None, fallback: bool) -> None:
    by = Picker(traffic({"blue": 50, "green": 50}, fallback=fallback), ())
    assert by.pick(key) is None


def test_a_failed_call_may_go_to_the_heaviest_other_color_first() -> None:
    split = {"red": 5.0, "blue": 60.0, "green": 35.0, "black": 0.0, "gone": 0.0}
    by = picker(split, "red", "blue", "green", "black")
    assert by.others("green") == ["blue", "red", "black"]
    assert picker(split, fallback=False).others("green") == []


# Overrides

TO_GREEN = Override((("x-color", "green"),), "green")
TESTER = ((b"x-color", b"green"), (b"x-user-id", b"7"))


def test_a_call_that_carries_an_override_goes_there_whatever_the_split_says() -> None:
    by = picker({"blue": 100}, "blue", "green", overrides=(TO_GREEN,))
    assert by.pick(b"7", TESTER) == Pick("green", contract.REASON_OVERRIDE)
    assert by.pick(b"7", TESTER[1:]) == Pick("blue", contract.REASON_KEY, bucket_of(b"green-v3", b"7"))


def test_an_override_asks_for_all_of_its_metadata() -> None:
    both = Override((("x-color", "green"), ("x-team", "a")), "green")
    by = picker({"blue": 100}, "blue", "green", overrides=(both,))
    assert by.pick(None, TESTER) == Pick("blue", contract.REASON_SPLIT)
    assert by.pick(None, (*TESTER, (b"x-team", b"a"))) == Pick("green", contract.REASON_OVERRIDE)


def test_the_first_override_that_fits_counts() -> None:
    to_red = Override((("x-user-id", "7"),), "red")
    by = picker({"blue": 100}, "blue", "red", "green", overrides=(to_red, TO_GREEN))
    assert by.pick(None, TESTER) == Pick("red", contract.REASON_OVERRIDE)


def test_an_override_to_a_color_that_is_down_follows_the_split_only_with_fallback() -> None:
    assert picker({"blue": 100}, "blue", overrides=(TO_GREEN,)).pick(None, TESTER) == Pick(
        "blue", contract.REASON_SPLIT
    )
    assert picker({"blue": 100}, "blue", overrides=(TO_GREEN,), fallback=False).pick(None, TESTER) is None


def test_overridden_calls_do_not_count_in_the_split() -> None:
    by = picker({"blue": 90, "green": 10}, overrides=(TO_GREEN,))
    colors = []
    for _ in range(20):
        by.pick(None, TESTER)
        colors += dealt(by, 1)
    assert colors.count("green") == 2


# The mirror's counter


@given(st.integers(0, GRAIN), st.integers(1, 2_000))
def test_a_sampler_takes_its_share_exactly_and_evenly(weight: int, calls: int) -> None:
    sampler = Sampler(weight)
    taken = sum(sampler.take() for _ in range(calls))
    assert taken == calls * weight // GRAIN


def test_a_sampler_of_everything_takes_everything_and_of_nothing_nothing() -> None:
    everything, nothing = Sampler(GRAIN), Sampler(0)
    assert all(everything.take() for _ in range(100))
    assert not any(nothing.take() for _ in range(100))
