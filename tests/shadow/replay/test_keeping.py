"""What is kept of a replay is what the document and the redactors leave, as of live pairs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.shadowing import Compare, Record
from shadow.comparison.custom import Redacted
from shadow.pair import REPLAY, Outcome, Pair
from shadow.replay.keeping import Keeping, requests
from shadow.store.store import Store
from shadow.store.values import Stored
from tests.shadow.pipe import framed
from tests.shadow.store.made import pair, recorded

METHOD = "/films.Films/Best"


class Hides:
    """A redactor that takes the request out, or fails."""

    def __init__(self, error: str = "") -> None:
        self.error = error

    def redact(self, pair: Pair) -> Redacted:
        return Redacted(replace(pair, request=b"", metadata=()), self.error)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "shadow.db")) as opened:
        yield opened


def replayed(shadow: bytes, **changes: Any) -> Pair:
    made = pair(1, source="replay-1", role=REPLAY, method=METHOD, **changes)
    primary = replace(made.primary, body=framed(b'{"name": "Alice"}'), message="for Alice")
    return replace(made, primary=primary, shadow=replace(made.shadow, body=shadow, encoding=""))


SAME = replayed(framed(b'{"name": "Alice"}'))
OTHER = replayed(framed(b'{"name": "Bob"}'))


def kept(store: Store, given: Pair, payloads: str, *redactors: Any) -> Stored:
    Keeping(store, Compare(), Record(payloads=payloads), redactors=redactors).keep([given])
    return store.pair(given.id)


@pytest.mark.parametrize(
    ("payloads", "same", "other"),
    [("all", True, True), ("differing", False, True), ("none", False, False)],
)
def test_payloads_are_kept_as_the_document_says(store: Store, payloads: str, same: bool, other: bool) -> None:
    assert (kept(store, SAME, payloads).pair.request is not None) == same
    number_two = replace(OTHER, id=replace(OTHER.id, number=2))
    assert (kept(store, number_two, payloads).pair.request is not None) == other


def test_without_payloads_no_word_of_an_answer_is_kept(store: Store) -> None:
    found = kept(store, OTHER, "none")
    assert found.comparison is not None
    assert [each.agrees for each in found.comparison.differences] == [True, False]
    assert "Bob" not in repr(found)
    assert "Alice" not in repr(found)


def test_a_redactor_sees_what_is_kept(store: Store) -> None:
    found = kept(store, OTHER, "all", Hides())
    assert (found.pair.request, found.pair.metadata) == (b"", ())
    assert found.comparison is not None
    assert [each.detail for each in found.comparison.differences] == ["", ""]


def test_a_redactor_that_fails_is_told_of_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    keeping = Keeping(store, Compare(), Record(payloads="all"), redactors=[Hides("redactor 'x' raised")])  # type: ignore[list-item]
    keeping.keep([SAME, replace(OTHER, id=replace(OTHER.id, number=2))])
    assert [each.getMessage() for each in caplog.records] == [
        "redactor 'x' raised; pairs are kept without their payloads"
    ]


def test_a_shadow_that_failed_leaves_no_payload(store: Store) -> None:
    found = kept(store, replace(OTHER, outcome=Outcome.TIMED_OUT), "all")
    assert (found.pair.request, found.comparison, found.pair.primary.message) == (None, None, "")


@pytest.mark.parametrize(
    ("request_body", "encoding"),
    [(b"\1\0\0\0\1x", "zstd"), (b"\1\0\0\0\1x", "gzip"), (framed(b"whole")[:-1], "")],
    ids=["unknown", "broken", "cut"],
)
def test_a_request_that_cannot_be_read_is_not_sent(store: Store, request_body: bytes, encoding: str) -> None:
    """The target would get its beginning, and be judged by what it says to that."""
    whole = framed(b"whole")
    store.add([recorded(1, request=request_body, encoding=encoding), recorded(2, request=whole)])
    _, found = requests(store, "recommender", None, None, None)
    assert [each.id.number for each in found] == [2]
