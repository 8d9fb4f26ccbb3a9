"""The schema: as the tables say, from any version, and never touched by a Verdigris that does not know it."""

import re
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from setuptools import find_packages
from sqlalchemy import Connection, Engine, text

from shadow.store import database, migration
from shadow.store.fault import StoreError
from shadow.store.place import place
from shadow.store.schema import METADATA
from shadow.store.store import Store

SCRIPTS = ScriptDirectory(str(migration.FOLDER))
VERSIONS = [step.revision for step in SCRIPTS.walk_revisions()]
DEFINITIONS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    where = place(url)
    made = database.engine(where, read_only=False, patience=5)
    database.prepare(where, made)
    yield made
    made.dispose()


def begun(engine: Engine) -> Engine:
    return engine.execution_options(**{database.WRITES: True})


def definitions(connection: Connection) -> set[tuple[str, str]]:
    """Of everything but alembic's own, in one spelling."""
    rows = connection.execute(text(DEFINITIONS[connection.dialect.name])).all()
    return {(name, re.sub(r'[\s"]+', "", sql)) for name, sql in rows if "alembic" not in name}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_any_version_is_migrated_to_what_the_tables_say(
    engine: Engine, version: str, request: pytest.FixtureRequest
) -> None:
    with begun(engine).begin() as connection:
        migration.upgrade(connection, version)
    migration.migrate(engine, "the store")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        migrated = definitions(connection)
    with begun(engine).begin() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        assert definitions(connection) == migrated


def test_the_head_is_the_newest_step() -> None:
    assert SCRIPTS.get_current_head() == migration.HEAD


def test_the_steps_are_inside_the_package() -> None:
    assert "shadow.store.migrations.versions" in find_packages(include=["shadow*"])


def test_a_store_that_is_open_elsewhere_is_opened_as_it_is(url: str) -> None:
    with Store.open(url), Store.open(url) as second:
        assert second.subjects() == ()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_a_newer_version_is_refused(url: str, engine: Engine, *, read_only: bool) -> None:
    Store.open(url).close()
    with begun(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"version 9999, which this Verdigris does not know; .* knows 0001"):
        Store.open(url, read_only=read_only)


def test_a_store_of_an_older_version_is_not_read_but_says_who_brings_it_up_to_date(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(url).close()
    monkeypatch.setattr(migration, "HEAD", "0002")
    with pytest.raises(StoreError, match=r"has version 0001, this Verdigris reads 0002; .* a recorder"):
        Store.open(url, read_only=True)


def test_a_database_without_tables_is_not_read(url: str, engine: Engine) -> None:
    with pytest.raises(StoreError, match="it has no tables; a recorder makes them"):
        Store.open(url, read_only=True)
