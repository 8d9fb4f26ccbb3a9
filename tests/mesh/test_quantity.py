"""Times and sizes as people write them."""

import pytest

from mesh import quantity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1.5h", 5400), ("7d", 604_800), ("250ms", 0.25), ("2 m", 120), ("0s", 0)],
)
def test_a_time_is_its_number_times_its_unit(text: str, seconds: float) -> None:
    assert quantity.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("64KiB", 65_536), ("2GiB", 2 << 30), ("10MB", 10_000_000), ("1B", 1)]
)
def test_a_size_is_its_number_times_its_unit(text: str, size: int) -> None:
    assert quantity.size(text) == size


@pytest.mark.parametrize("text", ["", "7", "d", "-1s", "1e3s", "1 week", "1S", "1KiB", "٣s", "nan s"])
def test_what_is_no_time_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time with its unit"):
        quantity.seconds(text)


@pytest.mark.parametrize("text", ["", "7", "1kib", "1 KB", "1s", "-1B"])
def test_what_is_no_size_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size with its unit"):
        quantity.size(text)


def test_a_size_is_whole_bytes() -> None:
    with pytest.raises(ValueError, match="whole bytes"):
        quantity.size("0.3B")
