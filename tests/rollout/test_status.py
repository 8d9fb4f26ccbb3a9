"""Sidecars as their status keys tell, and what each makes of a revision."""

import json
from typing import Any

import pytest

from mesh.consul import Entry
from rollout.status import Stand, sidecars


def entry(value: Any, *, session: str | None = "s", id: str = "one") -> Entry:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Entry(f"verdigris/films/status/{id}", raw, 1, session)


STATUS = {
    "sidecar": "one",
    "service": "films",
    "revision": 7,
    "applied_at": 1.5,
    "warnings": ["nobody is red"],
    "error": {"revision": 9, "problems": [{"path": "split", "value": "{}", "rule": "is required"}]},
    "endpoints": {"blue": {"registered": 2, "healthy": 1}},
    "admin": "127.0.0.1:9001",
}


def test_a_status_is_read_whole() -> None:
    (found,) = sidecars([entry(STATUS)])
    assert (found.id, found.revision, found.applied_at, found.refused) == ("one", 7, 1.5, 9)
    assert found.warnings == ("nobody is red",)
    assert found.problems[0].rule == "is required"
    assert found.endpoints == {"blue": (2, 1)}


def test_a_sidecar_obeys_refuses_or_is_behind() -> None:
    (found,) = sidecars([entry(STATUS)])
    assert found.stand(7) is Stand.OBEYS
    assert found.stand(9) is Stand.REFUSES
    assert found.stand(8) is Stand.BEHIND


def test_a_revision_of_a_consul_that_lost_its_data_is_not_obeyed() -> None:
    """Revisions count from the beginning again there; a higher number from before proves nothing."""
    (found,) = sidecars([entry({**STATUS, "revision": 500, "error": None})])
    assert found.stand(30) is Stand.BEHIND


def test_where_the_document_has_gone_a_sidecar_keeps_its_last_good_one_and_refuses_nothing() -> None:
    """As after a Consul that lost its data: there is no revision to obey, to refuse or to be behind of."""
    (found,) = sidecars([entry({**STATUS, "error": None})])
    assert found.stand(0) is Stand.KEEPS
    (default,) = sidecars([entry({**STATUS, "revision": 0, "error": None})])
    assert default.stand(0) is Stand.OBEYS


def test_a_key_without_a_session_is_nobodys() -> None:
    assert sidecars([entry(STATUS, session=None)]) == ()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"7", b'{"revision": "x"}', b'{"endpoints": [1]}'])
def test_an_unreadable_status_is_a_warning_not_a_crash(raw: bytes) -> None:
    (found,) = sidecars([entry(raw, id="odd")])
    assert found.id == "odd"
    assert "cannot be read" in found.warnings[0]
    assert found.stand(1) is Stand.BEHIND


def test_a_status_of_defaults_is_a_sidecar_without_a_document() -> None:
    (found,) = sidecars([entry({})])
    assert (found.id, found.revision, found.refused, found.problems) == ("one", 0, 0, ())
