"""Bringing a database to the schema of this release, and telling whether it is there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from service.errors import ConfigurationError
from service.store.connections import translated

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
# Any number does that nothing else in the database uses: it names the lock of migrations.
_LOCK = 7_664_625_001


def migrate(url: str) -> None:
    """Run the migrations that the database lacks.

    Two starters at once do not collide: one waits for the other and then finds nothing to do.
    There is no statement timeout here, because a migration of a large table takes its time.

    Raises:
        ConfigurationError: the database was migrated by a later release.
        StoreUnavailable: the database does not answer.
    """
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with translated(), engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:name)"), {"name": _LOCK})
        connection.commit()
        try:
            command.upgrade(configuration(connection), "head")
        except CommandError as fault:
            raise ConfigurationError([f"the database cannot be migrated: {fault}"]) from fault
        # The lock goes with the connection, which a NullPool closes.


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, whatever the working directory."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def shortcomings(connection: Connection) -> list[str]:
    """Why this database is not at the schema of this release; empty when it is."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found == _head():
        return []
    return [
        f"the database is at migration {found or '(none)'}, this release needs {_head()}: "
        "run `pointmark migrate`"
    ]


@cache
def _head() -> str | None:
    """The newest migration of this release."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
