"""Fixtures for everyone: a real Postgres, a store on a clean database, the real encoder.

One embedded server serves every worker process of a run, and runs that overlap; the last to
finish stops it. Set ``TEST_POSTGRES`` to the address of a superuser's database to test on another
server instead. Nothing starts unless a test asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from service.localdb import LocalDatabase, LocalDatabaseError

if TYPE_CHECKING:
    from service.encoder import SentenceEncoder
    from service.grader import Grader
    from service.store import Store

ROOT = Path(__file__).resolve().parent
_KEPT_VARIABLES = {"POINTMARK_DATA", "POINTMARK_TRAIN"}


def pytest_configure(config: pytest.Config) -> None:
    """Drop the developer's own settings: a test sees only what it sets."""
    for name in list(os.environ):
        if name == "DATABASE_URL" or (
            name.startswith("POINTMARK_") and name not in _KEPT_VARIABLES
        ):
            del os.environ[name]


def _test_home() -> Path:
    """One folder for each checkout and user, outside of it: root's Postgres must reach it."""
    name = hashlib.sha256(f"{ROOT}:{os.getuid()}".encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"pointmark-tests-{name}"


def database_address(url: str, database: str) -> str:
    """The same server as `url`, another database."""
    return re.sub(r"(//[^/]+)/[^/?]*", rf"\1/{database}", url, count=1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a superuser's database on the test server. Make no tables in it."""
    given = os.environ.get("TEST_POSTGRES")
    if given:
        yield given
        return
    with LocalDatabase(_test_home(), durable=False, say=print).use() as url:
        yield database_address(url, "postgres")


@contextlib.contextmanager
def _made_database(postgres_url: str, name: str) -> Iterator[str]:
    """A new database for the length of the block."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        _drop_orphans(admin)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield database_address(postgres_url, name)
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def _drop_orphans(admin: psycopg.Connection[Any]) -> None:
    """Drop the databases of test processes that were killed."""
    rows = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'").fetchall()
    for (name,) in rows:
        match = re.fullmatch(r"test_(\d+)_.*", name)
        if match and not Path(f"/proc/{match[1]}").exists() and Path("/proc/self").exists():
            # Another worker may be dropping it at the same moment.
            with contextlib.suppress(psycopg.Error):
                admin.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> Iterator[str]:
    """A migrated database of this worker process. Tests that write should use `store`."""
    from service.store import migrate

    with _made_database(postgres_url, f"test_{os.getpid()}_main") as url:
        migrate(url)
        yield url


@pytest.fixture
def blank_database_url(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this test alone, with nothing in it, not even migrations."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:10]
    with _made_database(postgres_url, f"test_{os.getpid()}_{name}") as url:
        yield url


@pytest.fixture
def clean_database_url(database_url: str) -> str:
    """The migrated database of this worker, every table empty."""
    _empty(database_url)
    return database_url


@pytest.fixture
def store(clean_database_url: str) -> Iterator[Store]:
    """A store on an empty, migrated database."""
    from service.store import Store

    made = Store(clean_database_url)
    yield made
    made.close()


def _empty(url: str) -> None:
    """Empty every table that migrations made, their own record aside."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname IN ('public', 'procrastinate') AND tablename <> 'alembic_version'"
        ).fetchall()
        if rows:
            tables = sql.SQL(", ").join(sql.Identifier(*name) for name in rows)
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    """The bundled encoder, for real."""
    from service.encoder import load_encoder

    return load_encoder(None)


@pytest.fixture(scope="session")
def grader(encoder: SentenceEncoder) -> Grader:
    """The grader with the shipped calibration and the bundled encoder."""
    from service.grader import Grader
    from service.grader.calibration import load_calibration

    return Grader(encoder, load_calibration(None))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder that every user can reach; pytest's own are closed to others."""
    top = Path(tempfile.mkdtemp(prefix="pointmark-localdb-"))
    top.chmod(0o755)
    yield top / "home"
    _clear(top)


def _clear(top: Path) -> None:
    for data in top.glob("**/PG_VERSION"):
        if data.parent.name == "data":
            with contextlib.suppress(LocalDatabaseError):
                LocalDatabase(data.parent.parent.parent, durable=False).stop()
    for pid in _working_below(top):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(top)


def _working_below(top: Path) -> Iterator[int]:
    """Processes in these folders, found without the code under test: a fault of its must not
    make the tests kill strangers."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if Path(os.readlink(entry / "cwd")).is_relative_to(top):
                yield int(entry.name)
