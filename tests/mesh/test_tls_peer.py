"""Whose certificate is whose: names compared whole, and each with its own kind."""

import pytest

from mesh.tls_peer import stranger


def test_nobody_is_a_stranger_where_no_names_are_asked_for() -> None:
    assert stranger((), ()) is None


@pytest.mark.parametrize(
    "shown",
    [
        (),
        (("DNS", "b"),),
        (("DNS", "a.b"), ("DNS", "*.a")),
        (("DNS", "*"),),
        (("URI", "a"),),
        (("IP Address", "a"), ("email", "a")),
    ],
)
def test_a_stranger_does_not_prove_the_name(shown: tuple[tuple[str, str], ...]) -> None:
    assert stranger(shown, ("a",)) is not None


def test_uris_are_compared_to_the_letter_and_only_with_uris() -> None:
    assert stranger((("URI", "spiffe://a/B"),), ("spiffe://a/B",)) is None
    assert stranger((("URI", "spiffe://a/b"),), ("spiffe://a/B",)) is not None
    assert stranger((("DNS", "spiffe://a/B"),), ("spiffe://a/B",)) is not None


def test_a_stranger_puts_nothing_into_the_log_that_a_terminal_would_obey() -> None:
    said = stranger((("DNS", "\x1b[2J" + "x" * 500),), ("a",))
    assert said is not None
    assert "\x1b" not in said
    assert len(said) < 200
