"""What waits to be done, as those who watch see it."""

from __future__ import annotations

from service import usecases
from service.domain import Answer
from service.exchange import JobKind, JobQueue
from service.store import Job, Store
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question


def test_nothing_waits_in_the_beginning(store: Store) -> None:
    found = store.backlog()

    assert found is not None
    assert (dict(found.jobs), found.workers, found.reviews, found.deliveries) == ({}, 0, 0, {})


def test_jobs_and_reviews_that_wait_are_counted(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(3):
            arguments = {"batch": "bat_x", "first": number}
            job = Job(kind=JobKind.GRADE_BATCH, arguments=arguments, queue=JobQueue.GRADING)
            tx.jobs.put([job])
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    usecases.submit_attempt(
        store,
        StandInGrader(),  # type: ignore[arg-type]
        QuestionCache(),
        "why-relu",
        candidate="ada",
        answer=Answer(text="It is cheap."),
        metadata={},
        key_id=None,
        sample=1.0,
    )

    found = store.backlog()

    assert found is not None
    assert dict(found.jobs) == {("grading", "todo"): 3}
    assert found.oldest_s["grading"] > 0
    assert found.reviews == 1
