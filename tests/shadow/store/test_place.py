"""Where a store is, from what people write; a password is never shown."""

from pathlib import Path

import pytest

from shadow.store import place as places
from shadow.store.fault import StoreError
from shadow.store.place import place


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("shadow.db", "shadow.db"),
        ("/var/lib/verdigris/shadow.db", "/var/lib/verdigris/shadow.db"),
        ("sqlite:///shadow.db", "shadow.db"),
        ("sqlite:////var/lib/verdigris/shadow.db", "/var/lib/verdigris/shadow.db"),
    ],
)
def test_a_path_and_its_url_are_the_same_file(url: str, file: str) -> None:
    assert place(url).file == Path(file)
    assert place(url).name == url


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_is_spoken_to_by_psycopg_and_its_password_is_not_shown(scheme: str) -> None:
    found = place(f"{scheme}://verdigris:secret@db.internal:5432/shadow?sslmode=require&sslpassword=hidden")
    assert found.server is not None
    assert found.server.drivername == "postgresql+psycopg"
    assert found.server.password == "secret"
    assert "verdigris:***@db.internal" in found.name
    assert "secret" not in found.name
    assert "hidden" not in found.name


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("", "it has no name"),
        ("mysql://root:secret@host/shadow", "mysql is no database of ours"),
        ("sqlite://", "it names no file"),
        ("sqlite:///:memory:", "it names no file"),
        ("sqlite:///shadow.db?mode=ro", "it names no file"),
        ("://secret", "its URL cannot be read"),
        ("postgresql://host:secret/shadow", "its URL cannot be read"),
    ],
)
def test_what_is_no_store_is_refused_with_the_rule(url: str, value: str) -> None:
    with pytest.raises(StoreError) as refused:
        place(url)
    assert refused.value.value == value
    assert refused.value.rule.startswith("a store is a path, sqlite:///PATH, or postgresql://")
    assert "secret" not in str(refused.value)


def test_without_its_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"psycopg is not installed; pip install 'verdigris\[postgresql\]'"):
        place("postgresql://host/shadow")
