from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from service import batches, usecases
from service.api.problems import KINDS
from service.content import Limits
from service.domain import Answer, Language, Scope
from service.errors import Conflict, InvalidInput, NotFound
from service.exchange import AttemptFilter, Batch, BatchItem, WorkStatus
from service.store import Store
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question


def never() -> bool:
    return False


def an_item(**changes: Any) -> BatchItem:
    plain: dict[str, Any] = {
        "question": "why-relu",
        "candidate": "ada",
        "answer": Answer(text="Gradient is one."),
        "metadata": {},
    }
    return BatchItem(**plain | changes)


class Works:
    """A store with one published question, and what a worker does to batches."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.grader: Any = StandInGrader()
        self.key, _ = usecases.create_key(store, name="desk", scopes=[Scope.ADMIN], actor=None)
        usecases.create_question(store, a_question(), actor=None)
        usecases.publish(store, "why-relu", if_match="*", actor=None)

    def create(self, *items: BatchItem) -> Batch:
        return batches.create(self.store, items or [an_item()], actor=self.key)

    def grade(self, batch: Batch, stop: Any = never) -> bool:
        return batches.grade_items(
            self.store,
            self.grader,
            QuestionCache(),
            batch.batch_id,
            0,
            batch.total - 1,
            stop=stop,
            limits=Limits(max_answer_chars=1000),
            sample=0.0,
        )

    def get(self, batch: Batch) -> Batch:
        return batches.batch(self.store, batch.batch_id)

    def results(self, batch: Batch, after: int = -1) -> list[Any]:
        return list(batches.results(self.store, batch.batch_id, after))

    def attempts(self) -> int:
        return len(usecases.list_attempts(self.store, AttemptFilter(), limit=100).items)


@pytest.fixture
def works(store: Store) -> Works:
    return Works(store)


def jobs(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT task_name, queue_name, args, lock, priority "
            "FROM procrastinate.procrastinate_jobs ORDER BY id"
        ).fetchall()


def test_each_item_becomes_an_attempt_or_an_error_of_its_own(works: Works) -> None:
    batch = works.create(
        an_item(candidate="ada", metadata={"row": 1}),
        an_item(question="no-such"),
        an_item(candidate="bob", answer=Answer(text="梯度恒为一。", language=Language.ZH)),
        an_item(answer=Answer(text="x" * 1001)),
    )
    assert (batch.status, batch.total, batch.done) == (WorkStatus.QUEUED, 4, 0)

    assert works.grade(batch)

    ended = works.get(batch)
    assert (ended.status, ended.done, ended.failed) == (WorkStatus.FINISHED, 2, 2)
    first, unknown, second, long = works.results(batch)
    assert (first.attempt.candidate, first.attempt.metadata) == ("ada", {"row": 1})
    assert second.attempt.language is Language.ZH
    assert unknown.error.code == "not_found"
    assert (long.error.code, long.error.faults[0].pointer) == ("invalid_input", "#/answer")
    assert [each.position for each in works.results(batch, after=1)] == [2, 3]


def test_jobs_are_put_down_with_the_batch_or_not_at_all(
    works: Works, clean_database_url: str
) -> None:
    batch = works.create(*[an_item()] * 120)

    assert [
        (name, queue, args["first"], args["last"], priority)
        for name, queue, args, _, priority in jobs(clean_database_url)
    ] == [
        ("batch.grade", "grading", 0, 49, 0),
        ("batch.grade", "grading", 50, 99, -1),
        ("batch.grade", "grading", 100, 119, -2),
    ]
    assert {args["batch"] for _, _, args, _, _ in jobs(clean_database_url)} == {batch.batch_id}

    def refuse(*_: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        batches.create(works.store, [an_item()], actor=works.key, finish=refuse)
    assert len(jobs(clean_database_url)) == 3


def test_faults_of_items_are_named_before_anything_is_kept(works: Works) -> None:
    with pytest.raises(InvalidInput) as caught:
        works.create(an_item(), an_item(candidate=" "), an_item(metadata={"a": "\0"}))

    assert [fault.pointer for fault in caught.value.faults] == [
        "#/items/1/candidate",
        "#/items/2/metadata/a",
    ]
    with pytest.raises(InvalidInput, match="cannot be accepted"):
        batches.create(works.store, [], actor=None)
    assert batches.list_batches(works.store).items == ()


def test_a_job_that_runs_again_grades_nothing_twice(works: Works) -> None:
    batch = works.create(*[an_item()] * 5)
    asked = iter([False, False, True])

    assert not works.grade(batch, stop=lambda: next(asked))
    assert (works.get(batch).status, works.attempts()) == (WorkStatus.RUNNING, 2)

    assert works.grade(batch)
    assert works.grade(batch)

    assert (works.get(batch).done, works.attempts()) == (5, 5)


def test_two_workers_on_the_same_items_grade_each_once(works: Works) -> None:
    batch = works.create(*[an_item(candidate=f"c{n % 3}") for n in range(20)])
    barrier = threading.Barrier(2)

    def work(_: int) -> bool:
        barrier.wait()
        return works.grade(batch)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [True, True]

    assert works.get(batch).status is WorkStatus.FINISHED
    assert (works.get(batch).done, works.attempts()) == (20, 20)


def test_a_cancelled_batch_keeps_what_is_graded_and_drops_the_rest(
    works: Works, clean_database_url: str
) -> None:
    batch = works.create(*[an_item()] * 3)
    asked = iter([False, True])
    works.grade(batch, stop=lambda: next(asked))

    cancelled = batches.cancel(works.store, batch.batch_id, actor=works.key)

    assert (cancelled.status, cancelled.done, cancelled.failed) == (WorkStatus.CANCELLED, 1, 2)
    assert batches.cancel(works.store, batch.batch_id, actor=works.key) == cancelled
    assert works.grade(batch)
    assert works.attempts() == 1
    assert [each.error and each.error.code for each in works.results(batch)] == [
        None,
        "cancelled",
        "cancelled",
    ]
    with psycopg.connect(clean_database_url) as connection:
        kept = connection.execute("SELECT count(answer) FROM batch_items").fetchone()
    assert kept == (0,)


def test_a_batch_that_is_over_cannot_be_cancelled(works: Works) -> None:
    batch = works.create()
    works.grade(batch)

    with pytest.raises(Conflict, match="finished"):
        batches.cancel(works.store, batch.batch_id, actor=None)
    with pytest.raises(NotFound):
        batches.cancel(works.store, "bat_nothing", actor=None)


def test_a_batch_whose_work_keeps_failing_is_given_up_with_its_reason(works: Works) -> None:
    batch = works.create(*[an_item()] * 2)

    batches.give_up(works.store, batch.batch_id, "The encoder is broken.")

    ended = works.get(batch)
    assert (ended.status, ended.failure) == (WorkStatus.FAILED, "The encoder is broken.")
    assert {each.error.code for each in works.results(batch)} == {"internal_error"}


def test_erasing_a_candidate_takes_answers_that_wait(works: Works) -> None:
    batch = works.create(an_item(candidate="ada"), an_item(candidate="bob"))

    usecases.erase_candidate(works.store, "ada", actor=None)
    works.grade(batch)

    erased, kept = works.results(batch)
    assert (erased.error.code, kept.attempt.candidate) == ("erased", "bob")
    assert works.get(batch).status is WorkStatus.FINISHED


def test_an_erasure_between_reading_and_keeping_wins(works: Works) -> None:
    batch = works.create()

    class Slow(StandInGrader):
        def grade(self, *args: Any, **named: Any) -> Any:
            usecases.erase_candidate(works.store, "ada", actor=None)
            return super().grade(*args, **named)

    works.grader = Slow()
    assert works.grade(batch)

    (item,) = works.results(batch)
    assert (item.error.code, works.attempts()) == ("erased", 0)


def test_batches_are_listed_newest_first(works: Works) -> None:
    made = [works.create().batch_id for _ in range(3)]

    page = batches.list_batches(works.store, limit=2)
    rest = batches.list_batches(works.store, limit=2, cursor=page.next_cursor)

    assert [each.batch_id for each in (*page.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None


def test_every_code_of_an_item_is_explained_under_problems() -> None:
    assert {*batches._CODES.values(), "erased", "cancelled", "internal_error"} <= set(KINDS)
