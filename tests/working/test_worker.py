"""Workers as real processes, with the real encoder, on a real queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service import batches, usecases
from service.domain import Answer
from service.exchange import Batch, BatchItem, WorkStatus
from service.store import Store
from tests.stand_ins import a_question

LIMIT_S = 120.0


class Workers:
    """Processes that work on one database; all ended afterwards."""

    def __init__(self, url: str, log: Path, root: Path) -> None:
        self._url = url
        self._root = root
        self._log = log
        self._stack = ExitStack()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> subprocess.Popen[bytes]:
        out = self._stack.enter_context(self._log.open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "worker", "--stalled-after", "2"],
            env=os.environ | {"DATABASE_URL": self._url},
            cwd=self._root,
            stdout=out,
            stderr=out,
        )
        self._stack.callback(self._end, process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def said(self) -> str:
        return self._log.read_text("utf-8")


@pytest.fixture
def workers(clean_database_url: str, tmp_path: Path, root: Path) -> Iterator[Workers]:
    with Workers(clean_database_url, tmp_path / "log", root) as made:
        yield made


@pytest.fixture
def served(store: Store) -> Store:
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    return store


def a_batch(store: Store, count: int) -> Batch:
    items = [
        BatchItem(
            question="why-relu",
            candidate=f"c{number}",
            answer=Answer(text="Its gradient stays one, and it is cheap." if number % 5 else ""),
            metadata={"row": number},
        )
        for number in range(count)
    ]
    return batches.create(store, items, actor=None)


def until(found: Callable[[], bool], workers: Workers) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not found():
        assert time.monotonic() < deadline, workers.said()
        time.sleep(0.05)


def rows(store_url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(store_url) as connection:
        return connection.execute(query).fetchall()


def test_a_worker_killed_in_the_middle_loses_nothing_and_nothing_is_graded_twice(
    served: Store, workers: Workers, clean_database_url: str
) -> None:
    batch = a_batch(served, 1000)

    def done() -> int:
        return batches.batch(served, batch.batch_id).done

    doomed = workers.start()
    until(lambda: done() > 20, workers)
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.wait()
    seen = done()
    assert 20 < seen < 1000
    other, another = workers.start(), workers.start()
    until(lambda: batches.batch(served, batch.batch_id).over, workers)

    ended = batches.batch(served, batch.batch_id)
    assert (ended.status, ended.done, ended.failed) == (WorkStatus.FINISHED, 1000, 0)
    counted = rows(
        clean_database_url,
        "SELECT count(*), count(DISTINCT metadata ->> 'row'), "
        "(SELECT count(DISTINCT attempt_id) FROM batch_items), "
        "(SELECT count(*) FROM grades) FROM attempts",
    )
    assert counted == [(1000, 1000, 1000, 1000)]
    for process in (other, another):
        process.terminate()
        assert process.wait(30) == 0
    until(
        lambda: (
            rows(
                clean_database_url,
                "SELECT * FROM procrastinate.procrastinate_jobs WHERE task_name = 'batch.grade'",
            )
            == []
        ),
        workers,
    )


def test_a_worker_that_is_stopped_hands_back_what_it_holds(
    served: Store, workers: Workers, clean_database_url: str
) -> None:
    batch = a_batch(served, 1500)
    process = workers.start()
    until(lambda: batches.batch(served, batch.batch_id).done > 0, workers)

    process.terminate()
    assert process.wait(30) == 0

    held = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'doing'"
    assert rows(clean_database_url, held) == [(0,)]
    found = batches.batch(served, batch.batch_id)
    assert (found.status, found.failed) == (WorkStatus.RUNNING, 0)
    assert 0 < found.done < 1500


def test_a_worker_waits_for_a_database_that_goes_away(
    served: Store, workers: Workers, clean_database_url: str
) -> None:
    workers.start()
    first = a_batch(served, 5)
    until(lambda: batches.batch(served, first.batch_id).over, workers)
    killed = rows(
        clean_database_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert len(killed) > 1

    second = a_batch(served, 5)
    until(lambda: batches.batch(served, second.batch_id).over, workers)

    assert batches.batch(served, second.batch_id).done == 5
