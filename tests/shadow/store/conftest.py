"""A store on each of the databases: the same promises hold on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.store.store import Store
from tests import postgresql
from tests.postgresql import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with postgresql.cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without anything."""
    if request.param == "sqlite":
        return str(tmp_path / "shadow.db")
    found: Cluster = request.getfixturevalue("cluster")
    return found.database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """Where the promise is SQLite's alone."""
    with Store.open(str(tmp_path / "shadow.db")) as opened:
        yield opened
