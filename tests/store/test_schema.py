from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from service.errors import ConfigurationError
from service.models import Base
from service.store import Store, make_engine, migrate
from service.store.schema import configuration

# What psql would show of a schema: everything that a model can say about a table.
CATALOG = {
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default,
               is_identity, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "persistence": """
        SELECT relname, relpersistence::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'""",
}


@pytest.fixture
def blank_engine(blank_database_url: str) -> Any:
    engine = make_engine(blank_database_url)
    yield engine
    engine.dispose()


def reasons_not_ready(url: str) -> list[str]:
    with closing(Store(url)) as store:
        return store.ready()


def catalog(engine: Engine) -> dict[str, set[Any]]:
    with engine.connect() as connection:
        return {
            name: {tuple(row) for row in connection.execute(text(query)) if "alembic" not in row[0]}
            for name, query in CATALOG.items()
        }


def test_alembic_finds_nothing_to_migrate_between_migrations_and_models(database_url: str) -> None:
    # A plain connection: ours also see the schema of jobs, which no model is about.
    engine = create_engine(database_url)

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        difference = compare_metadata(context, Base.metadata)

    engine.dispose()
    assert difference == []


def test_migrations_and_models_make_the_same_database_down_to_each_constraint(
    database_url: str, blank_engine: Engine
) -> None:
    migrated = make_engine(database_url)

    Base.metadata.create_all(blank_engine)

    for part, modelled in catalog(blank_engine).items():
        assert catalog(migrated)[part] == modelled, part
    migrated.dispose()


def test_going_down_leaves_nothing_and_up_again_works(blank_engine: Engine) -> None:
    url = blank_engine.url.render_as_string(hide_password=False)
    migrate(url)
    before = catalog(blank_engine)

    with blank_engine.connect() as connection:
        command.downgrade(configuration(connection), "base")
        connection.commit()
        functions = connection.scalar(
            text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        )
        empty = catalog(blank_engine)
    migrate(url)

    assert functions == 0
    assert not any(empty.values())
    assert catalog(blank_engine) == before


def test_starters_that_migrate_at_once_do_not_collide(blank_database_url: str) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        try:
            migrate(blank_database_url)
        except BaseException as fault:
            faults.append(fault)

    starters = [threading.Thread(target=start) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()

    assert faults == []
    assert reasons_not_ready(blank_database_url) == []


def test_migrating_works_from_any_folder(
    blank_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    migrate(blank_database_url)

    assert reasons_not_ready(blank_database_url) == []


def test_alembic_by_hand_finds_its_way_too(database_url: str, root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(root / "alembic.ini"), "check"],
        env={**os.environ, "DATABASE_URL": database_url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "No new upgrade operations detected.\n"), done


def test_a_store_without_migrations_is_not_ready_and_says_what_to_do(
    blank_database_url: str,
) -> None:
    (reason,) = reasons_not_ready(blank_database_url)

    assert "migration (none)" in reason
    assert "pointmark migrate" in reason


def test_a_database_of_a_later_release_is_not_migrated(blank_database_url: str) -> None:
    migrate(blank_database_url)
    with psycopg.connect(blank_database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigurationError, match="9999"):
        migrate(blank_database_url)
    (reason,) = reasons_not_ready(blank_database_url)
    assert "9999" in reason
