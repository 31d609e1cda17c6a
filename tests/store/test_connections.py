from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text

from service import usecases
from service.errors import NotFound, StoreUnavailable
from service.exchange import QuestionFilter
from service.store import Store, make_engine, migrate


@pytest.fixture
def own_store(blank_database_url: str) -> Iterator[Store]:
    """A store on a database that a test may take away."""
    migrate(blank_database_url)
    store = Store(blank_database_url, pool_size=1)
    yield store
    store.close()


def cut_connections(postgres_url: str, database_url: str, *, allow_new: bool) -> None:
    """Do to a database what its restart does to those who use it."""
    name = make_engine(database_url).url.database
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allow_new}')
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )


def test_connections_lost_while_idle_are_replaced_without_a_failed_request(
    own_store: Store, postgres_url: str, blank_database_url: str
) -> None:
    usecases.list_questions(own_store, QuestionFilter())

    cut_connections(postgres_url, blank_database_url, allow_new=True)

    assert usecases.list_questions(own_store, QuestionFilter()).items == ()


def test_a_database_that_is_away_is_said_to_be_and_found_again(
    own_store: Store, postgres_url: str, blank_database_url: str
) -> None:
    usecases.list_questions(own_store, QuestionFilter())

    cut_connections(postgres_url, blank_database_url, allow_new=False)
    with pytest.raises(StoreUnavailable) as away:
        usecases.list_questions(own_store, QuestionFilter())
    reasons = own_store.ready()
    cut_connections(postgres_url, blank_database_url, allow_new=True)

    assert away.value.__cause__ is not None
    assert reasons == [str(away.value)]
    assert usecases.list_questions(own_store, QuestionFilter()).items == ()
    assert own_store.ready() == []


def test_losing_the_database_in_the_middle_of_a_transaction_says_so(
    own_store: Store, postgres_url: str, blank_database_url: str
) -> None:
    def lose_it_halfway() -> None:
        with own_store.transaction() as tx:
            tx.lock_seeding()
            cut_connections(postgres_url, blank_database_url, allow_new=True)
            tx.lock_seeding()

    with pytest.raises(StoreUnavailable):
        lose_it_halfway()
    with pytest.raises(NotFound):
        usecases.published(own_store, "no-such-question")


def test_an_address_where_nobody_listens_is_told_within_seconds() -> None:
    started = time.monotonic()

    with closing(Store("postgresql://nobody@127.0.0.1:1/nothing")) as store:
        (reason,) = store.ready()

    assert "does not answer" in reason
    assert time.monotonic() - started < 5


def test_a_pool_with_no_connection_left_is_no_crash(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_store._engine.pool, "_timeout", 0.05)
    both_held = threading.Barrier(3)
    done = threading.Event()

    def hold() -> None:
        with own_store.transaction() as tx:
            tx.keys.has_admin()
            both_held.wait(10)
            done.wait(10)

    # pool_size 1 means one connection kept and one more in a rush.
    holders = [threading.Thread(target=hold) for _ in range(2)]
    for holder in holders:
        holder.start()
    both_held.wait(10)
    try:
        with pytest.raises(StoreUnavailable):
            usecases.list_questions(own_store, QuestionFilter())
    finally:
        done.set()
        for holder in holders:
            holder.join()


def test_no_statement_runs_or_waits_without_end(database_url: str) -> None:
    engine = make_engine(database_url)

    with engine.connect() as connection:
        limits = [
            connection.scalar(text(f"SHOW {name}"))
            for name in ("statement_timeout", "lock_timeout", "timezone")
        ]

    engine.dispose()
    assert limits == ["10s", "5s", "UTC"]


def test_options_in_the_address_are_kept(database_url: str) -> None:
    joined = "&" if "?" in database_url else "?"
    engine = make_engine(f"{database_url}{joined}options=-c%20work_mem%3D5MB")

    with engine.connect() as connection:
        found = connection.scalar(text("SHOW work_mem"))

    engine.dispose()
    assert found == "5MB"
