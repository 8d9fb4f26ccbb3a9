"""Every limit has a default that is sane, and refuses a value that is not, naming itself."""

import dataclasses

import pytest

from mesh.http2.limits import DEFAULT, Limits

NAMES = [field.name for field in dataclasses.fields(Limits)]


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_below_its_least_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: at least .*, not -1$"):
        Limits(**{name: -1})


def test_a_rate_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="reset_rate"):
        Limits(reset_rate=float("inf"))


@pytest.mark.parametrize("name", NAMES)
def test_no_limit_may_be_no_number(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: float("nan")})


@pytest.mark.parametrize("name", ["max_queued", "reset_burst"])
def test_some_limits_may_be_nothing(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) == 0


def test_an_address_that_is_refused_is_forgiven_some_day() -> None:
    with pytest.raises(ValueError, match=r"^reset_rate: at least 0\.01, not 0$"):
        Limits(reset_rate=0)
    assert Limits(reset_rate=0.01).reset_rate == 0.01


@pytest.mark.parametrize(("name", "least"), [("max_block", 16_384), ("stream_window", 65_535)])
def test_what_every_peer_may_send_unasked_is_not_limited(name: str, least: int) -> None:
    """One frame, and the window that holds before our SETTINGS have arrived."""
    assert getattr(Limits(**{name: least}), name) == least
    with pytest.raises(ValueError, match=name):
        Limits(**{name: least - 1})


def test_a_window_is_no_larger_than_the_protocol_knows() -> None:
    with pytest.raises(ValueError, match="stream_window: at most 2147483647"):
        Limits(stream_window=1 << 31)


def test_limits_are_values() -> None:
    assert Limits() == DEFAULT
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.max_streams = 1  # type: ignore[misc]
