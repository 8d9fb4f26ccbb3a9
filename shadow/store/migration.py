"""Brings a store's schema to the version of this Verdigris, or says why not.

The usual case, a store that is there, costs one small query; alembic is imported only where there is something to do.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

from shadow.store.database import WRITES, enter
from shadow.store.fault import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0001"
"""The newest step in `migrations/versions`."""
FOLDER: Final = Path(__file__).parent / "migrations"


def migrate(engine: Engine, name: str) -> None:
    """Make the tables, or bring them up to date; several processes may try at once. StoreError if it is newer."""
    with engine.connect() as connection:
        if version(connection) == HEAD:
            return
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        enter(connection, alone=True)
        found = version(connection)  # meanwhile another process may have done it
        if found not in (None, HEAD) and found not in _steps():
            raise _newer(name, found)
        if found != HEAD:
            upgrade(connection)


def check(engine: Engine, name: str) -> None:
    """For those who only read. StoreError if the schema is another one than ours."""
    with engine.connect() as connection:
        found = version(connection)
    if found == HEAD:
        return
    if found is None:
        raise StoreError(
            name, "it has no tables", "a recorder makes them when it starts; is it the right store?"
        )
    if found in _steps():
        raise StoreError(
            name,
            f"its schema has version {found}, this Verdigris reads {HEAD}",
            "whoever may write it brings it up to date: a recorder, or verdigris pairs forget",
        )
    raise _newer(name, found)


def version(connection: Connection) -> str | None:
    """None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """In the connection's transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _newer(name: str, found: str | None) -> StoreError:
    return StoreError(
        name,
        f"its schema has version {found}, which this Verdigris does not know",
        f"a store is written by a Verdigris at least as new as the one that made it; this one knows {HEAD}",
    )


def _steps() -> set[str]:
    from alembic.script import ScriptDirectory

    return {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> "Config":
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made
