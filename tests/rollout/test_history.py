"""The history: what is read from it, and where a rollback goes back to."""

import json
from typing import Any

import pytest

from mesh.consul import Entry
from mesh.traffic import parse
from rollout.failure import Exit, Failure
from rollout.history import Revision, revisions, target, twins


def entry(number: int, document: Any, *, applied: bool = True, note: str = "") -> Entry:
    value = {
        "revision": number,
        "at": 1.5,
        "applied": applied,
        "problems": [] if applied else [{"path": "split", "value": "{}", "rule": "is required"}],
        "document": document,
        "note": note,
        "sidecar": "one",
    }
    return Entry(f"verdigris/s/history/{number:012d}", json.dumps(value).encode(), 1)


def split(blue: float, **more: Any) -> Any:
    return {"split": {"blue": blue, "green": 100 - blue}, **more}


def history(*entries: Entry) -> tuple[Revision, ...]:
    return revisions(entries)


def test_revisions_are_in_order_with_what_they_said() -> None:
    first, second = history(entry(20, split(0), note="all green"), entry(3, "{broken", applied=False))
    assert (first.number, first.applied, first.traffic, first.problems[0].path) == (3, False, None, "split")
    assert (second.number, second.note, second.sidecar, second.at) == (20, "all green", "one", 1.5)
    assert second.traffic == parse(json.dumps(split(0)).encode())


def test_percentages_come_back_as_they_were() -> None:
    """A document goes through JSON into the history and out of it without a float's rounding."""
    (found,) = history(entry(1, {"split": {"a": 33.33, "b": 33.33, "c": 33.34}}))
    assert found.traffic is not None
    assert [share.weight for share in found.traffic.split] == [3333, 3333, 3334]


@pytest.mark.parametrize("value", [b"", b"[]", b'"x"', b"{", b'{"revision": "x"}', b'{"revision": [1]}'])
def test_what_is_no_history_entry_is_left_out(value: bytes) -> None:
    assert revisions([Entry("verdigris/s/history/000000000001", value, 1)]) == ()


def test_a_rollback_goes_to_the_last_applied_document_before_this_one() -> None:
    known = history(entry(1, split(100)), entry(2, split(90)), entry(3, split(50)))
    assert target(known, to=None, revision=3, now=known[2].traffic).number == 2


def test_a_rollback_passes_over_refused_documents_and_equal_routes() -> None:
    """A note alone is no reason to stop at a revision."""
    known = history(
        entry(1, split(100)),
        entry(2, split(90)),
        entry(3, {"split": {}}, applied=False),
        entry(4, split(50)),
        entry(5, split(50, note="looks good")),
    )
    assert target(known, to=None, revision=5, now=known[4].traffic).number == 2


def test_a_rollback_from_an_invalid_document_goes_to_the_one_in_force() -> None:
    known = history(entry(1, split(100)), entry(2, split(90)), entry(3, "oops", applied=False))
    assert target(known, to=None, revision=3, now=None).number == 2


def test_a_rollback_after_a_deletion_goes_to_the_latest_document() -> None:
    known = history(entry(1, split(100)), entry(2, split(90)))
    assert target(known, to=None, revision=0, now=None).number == 2


def test_a_rollback_twice_goes_back_and_forth() -> None:
    known = history(entry(1, split(100)), entry(2, split(90)), entry(3, split(100)))
    assert target(known, to=None, revision=3, now=known[2].traffic).number == 2


def test_a_rollback_with_nothing_before_says_so() -> None:
    known = history(entry(1, split(100)))
    with pytest.raises(Failure, match="nothing to roll back to") as failure:
        target(known, to=None, revision=1, now=known[0].traffic)
    assert failure.value.code is Exit.FAILED


def test_a_revision_can_be_named() -> None:
    known = history(entry(1, split(100)), entry(2, split(90)), entry(3, split(50)))
    assert target(known, to=1, revision=3, now=known[2].traffic).number == 1


@pytest.mark.parametrize(("to", "reason"), [(7, "no revision 7"), (2, "no valid document")])
def test_a_revision_that_cannot_be_written_again_is_refused(to: int, reason: str) -> None:
    known = history(entry(1, split(100)), entry(2, "oops", applied=False))
    with pytest.raises(Failure, match=reason) as failure:
        target(known, to=to, revision=2, now=None)
    assert failure.value.code is Exit.USAGE


def test_a_revision_knows_its_latest_twin() -> None:
    known = history(entry(1, split(100)), entry(2, split(90)), entry(3, split(100)), entry(4, split(100)))
    assert twins(known) == {3: 1, 4: 3}
