"""What `splitter.deadline` promises: timeouts as gRPC writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.deadline import parse, render


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        (b"1n", 1),
        (b"1u", 1_000),
        (b"250m", 250_000_000),
        (b"3S", 3_000_000_000),
        (b"2M", 120_000_000_000),
        (b"1H", 3_600_000_000_000),
        (b"99999999H", 99_999_999 * 3_600_000_000_000),
        (b"0S", 0),
    ],
)
def test_every_unit_is_read(value: bytes, nanoseconds: int) -> None:
    assert parse(value) == nanoseconds


@pytest.mark.parametrize(
    "value", [b"", b"S", b"1", b"1s", b"-1S", b"1.5S", b"123456789S", b" 1S", b"1 S", b"+1S"]
)
def test_what_is_no_timeout_is_none(value: bytes) -> None:
    assert parse(value) is None


@given(st.integers(0, 99_999_999 * 3_600_000_000_000))
def test_what_is_written_is_never_more_and_hardly_less(nanoseconds: int) -> None:
    value = render(nanoseconds)
    assert len(value) <= 9
    read = parse(value)
    assert read is not None
    assert read <= max(nanoseconds, 1_000)
    assert read >= nanoseconds * (1 - 1e-5) - 1_000


def test_no_time_left_is_still_a_timeout() -> None:
    assert render(0) == b"1u"
