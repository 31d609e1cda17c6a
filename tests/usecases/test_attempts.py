from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from sqlalchemy.event import listen

from service import usecases
from service.domain import Answer, Attempt, Evidence, Language, Scope
from service.errors import InvalidInput, NotFound, NotPublished, StillRunning
from service.exchange import AttemptFilter, Claim, StoredResponse
from service.store import Store, Transaction
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question


class Desk:
    """Where answers are handed in: a store with one published question, and a grader."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.grader: Any = StandInGrader()
        self.cache = QuestionCache()
        self.key, _ = usecases.create_key(store, name="desk", scopes=[Scope.ADMIN], actor=None)
        usecases.create_question(store, a_question(), actor=None)
        usecases.publish(store, "why-relu", if_match="*", actor=None)

    def submit(self, text: str = "Gradient is one.", **changes: Any) -> Attempt:
        asked: dict[str, Any] = {
            "candidate": "ada",
            "answer": Answer(text=text),
            "metadata": {},
            "key_id": self.key.key_id,
        }
        ref = changes.pop("ref", "why-relu")
        return usecases.submit_attempt(
            self.store,
            self.grader,
            self.cache,
            ref,
            **asked | changes,
        )


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(query).fetchall()


# Submitting


def test_an_attempt_is_kept_with_its_grade_exactly_as_returned(desk: Desk) -> None:
    given = desk.submit("  Gradient \n is one. 梯度 ", metadata={"z": [1, None, 2.5], "a": "é"})

    kept = usecases.attempt(desk.store, given.attempt_id)

    assert kept == given
    assert kept.answer == "  Gradient \n is one. 梯度 "
    (stored,) = kept.grades
    assert stored.grade.points[0].evidence == (Evidence(start=2, end=10, text="Gradient"),)
    assert stored.grade.provenance.question_version == given.version_id


def test_the_real_grader_fits_too(store: Store, grader: Any) -> None:
    desk = Desk(store)
    desk.grader = grader

    for text in ("It does not saturate, 正半轴梯度恒为一。", "", "ReLU is linear.\n- cheap"):
        given = desk.submit(text)
        assert usecases.attempt(store, given.attempt_id) == given


def test_a_blank_answer_is_an_attempt(desk: Desk) -> None:
    given = desk.submit(" ")

    assert given.grades[0].grade.score == 0.0
    assert usecases.attempt(desk.store, given.attempt_id) == given


def test_metadata_comes_back_in_its_own_order(desk: Desk) -> None:
    metadata = {"zebra": {"b": 1, "a": [True, "\u2028", 10**30]}, "ant": -0.0}

    kept = usecases.attempt(desk.store, desk.submit(metadata=metadata).attempt_id)

    assert json.dumps(kept.metadata) == json.dumps(metadata)


def test_the_answers_vectors_are_kept_for_regrading(desk: Desk, database_url: str) -> None:
    desk.submit()

    (found,) = rows(
        database_url,
        "SELECT encoder_revision, dimension, vectors, spans, token_dimension, tokens, token_counts"
        " FROM answer_vectors",
    )

    revision, dimension, vectors, spans, token_dimension, tokens, counts = found
    assert (revision, dimension, spans) == ("stand-in-1", 4, [[0, 1], [1, 2]])
    assert np.frombuffer(vectors, dtype="<f2").tolist() == [0.25] * 8
    assert (token_dimension, counts) == (2, [3, 3])
    assert np.frombuffer(tokens, dtype=np.int8).tolist() == [127] * 12


def test_a_question_is_prepared_once_and_anew_after_an_edit(desk: Desk) -> None:
    desk.submit()
    desk.submit()
    before = desk.grader.prepared

    usecases.save_draft(desk.store, "why-relu", a_question(difficulty=4), if_match="*", actor=None)
    desk.submit()
    usecases.publish(desk.store, "why-relu", if_match="*", actor=None)
    after = desk.submit()

    assert before == 1
    assert desk.grader.prepared == 2
    assert after.question_version == 2


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache = QuestionCache(size=2)
    ready: Any = object()
    for number in (1, 2):
        cache.put(UUID(int=number), ready)
    cache.get(UUID(int=1))

    cache.put(UUID(int=3), ready)

    assert [cache.get(UUID(int=number)) is ready for number in (1, 2, 3)] == [True, False, True]


def test_grading_happens_outside_of_any_transaction(desk: Desk, database_url: str) -> None:
    desk.submit()
    open_transactions: list[int] = []
    grade = desk.grader.grade

    def watch(*args: Any, **kwargs: Any) -> Any:
        ((count,),) = rows(
            database_url,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type ="
            " 'client backend'",
        )
        open_transactions.append(count)
        return grade(*args, **kwargs)

    desk.grader.grade = watch
    desk.submit()

    assert open_transactions == [0]


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"answer": Answer(text="a\0b")}, ["#/answer"]),
        ({"answer": Answer(text="a\udc00b")}, ["#/answer"]),
        ({"answer": Answer(text="x" * 20_001)}, ["#/answer"]),
        ({"candidate": " "}, ["#/candidate"]),
        ({"candidate": "x" * 256}, ["#/candidate"]),
        ({"candidate": "a\0"}, ["#/candidate"]),
        ({"metadata": {"a": {"b/c": ["\0"]}}}, ["#/metadata/a/b~1c/0"]),
        ({"metadata": {"a\ud800": 1}}, ["#/metadata"]),
        ({"metadata": {"a": float("nan")}}, ["#/metadata/a"]),
        ({"candidate": "", "answer": Answer(text="\0")}, ["#/candidate", "#/answer"]),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(
    desk: Desk, changes: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        desk.submit(**changes)

    assert [fault.pointer for fault in refused.value.faults] == pointers
    assert usecases.list_attempts(desk.store, AttemptFilter()).items == ()


def test_metadata_without_end_is_refused_not_recursed_into(desk: Desk) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}

    with pytest.raises(InvalidInput, match="cannot be accepted"):
        desk.submit(metadata=deep)


def test_there_is_no_attempt_at_a_question_that_is_not_served(desk: Desk) -> None:
    usecases.create_question(desk.store, a_question(slug="draft"), actor=None)
    with pytest.raises(NotPublished):
        desk.submit(ref="draft")
    with pytest.raises(NotFound):
        desk.submit(ref="nothing")

    usecases.archive(desk.store, "why-relu", if_match="*", actor=None)

    with pytest.raises(NotFound):
        desk.submit()


def test_a_new_candidates_first_attempts_may_come_all_at_once(desk: Desk) -> None:
    attempts = [threading.Thread(target=desk.submit) for _ in range(8)]
    for each in attempts:
        each.start()
    for each in attempts:
        each.join()

    found = usecases.list_attempts(desk.store, AttemptFilter(candidate="ada"), limit=100)
    assert len(found.items) == 8


def test_twenty_requests_with_one_idempotency_key_make_one_attempt(
    desk: Desk, database_url: str
) -> None:
    start = threading.Barrier(20)
    outcomes: list[bytes | str] = []

    def request() -> None:
        start.wait()
        try:
            outcomes.append(idempotent_submit(desk))
        except StillRunning:
            outcomes.append("still running")

    requests = [threading.Thread(target=request) for _ in range(20)]
    for each in requests:
        each.start()
    for each in requests:
        each.join()

    counted = rows(
        database_url,
        "SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM grades),"
        " (SELECT count(*) FROM answer_vectors)",
    )
    assert counted == [(1, 1, 1)]
    (kept,) = usecases.list_attempts(desk.store, AttemptFilter()).items
    assert len(outcomes) == 20
    assert kept.attempt_id.encode() in outcomes
    assert set(outcomes) <= {kept.attempt_id.encode(), "still running"}
    assert idempotent_submit(desk) == kept.attempt_id.encode()


def idempotent_submit(desk: Desk) -> bytes:
    """What the HTTP layer does with an Idempotency-Key."""
    held = desk.store.claim(desk.key.key_id, "POST", "k", "f", lease_s=60, keep_s=60)
    if isinstance(held, StoredResponse):
        return held.body
    claim: Claim = held

    def finish(tx: Transaction, attempt: Attempt) -> None:
        response = StoredResponse(status=201, body=attempt.attempt_id.encode())
        tx.save_response(claim, response, subject=attempt.attempt_id)

    return desk.submit(finish=finish).attempt_id.encode()


# Reading


def test_attempts_are_listed_newest_first_and_each_once(desk: Desk) -> None:
    made = [desk.submit(f"Answer {number}").attempt_id for number in range(5)]

    def pages() -> Iterator[list[str]]:
        cursor = None
        while True:
            page = usecases.list_attempts(desk.store, AttemptFilter(), cursor=cursor, limit=2)
            yield [attempt.attempt_id for attempt in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return

    assert list(pages()) == [made[:2:-1], made[2:0:-1], made[:1]]


def test_attempts_are_found_by_question_candidate_and_time(desk: Desk) -> None:
    usecases.create_question(desk.store, a_question(slug="other"), actor=None)
    usecases.publish(desk.store, "other", if_match="*", actor=None)
    first = desk.submit(candidate="ada")
    second = desk.submit(candidate="bob", ref="other")

    def found(**filters: Any) -> list[str]:
        page = usecases.list_attempts(desk.store, AttemptFilter(**filters))
        return [attempt.attempt_id for attempt in page.items]

    assert found(question="other") == found(question=second.question_id) == [second.attempt_id]
    assert found(candidate="ada") == [first.attempt_id]
    assert found(candidate="bob", question="why-relu") == []
    assert found(since=second.created_at) == [second.attempt_id]
    assert found(until=second.created_at) == [first.attempt_id]
    assert found(since=second.created_at + timedelta(seconds=1)) == []


def test_attempts_at_an_archived_question_stay(desk: Desk) -> None:
    given = desk.submit()

    usecases.archive(desk.store, "why-relu", if_match="*", actor=None)

    assert usecases.attempt(desk.store, given.attempt_id) == given
    assert usecases.list_attempts(desk.store, AttemptFilter(question="why-relu")).items == (given,)


@pytest.mark.parametrize(
    "attempt_id", ["", "why-relu", "att_1", "att_01h455vb4pex5vsknk084sn02q", "a\0"]
)
def test_what_names_no_attempt_is_not_found(store: Store, attempt_id: str) -> None:
    with pytest.raises(NotFound):
        usecases.attempt(store, attempt_id)


def test_listing_by_a_question_that_does_not_exist_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        usecases.list_attempts(store, AttemptFilter(question="nothing"))


def test_a_cursor_of_another_listing_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput):
        usecases.list_attempts(store, AttemptFilter(), cursor="nonsense")


def test_the_export_has_all_attempts(desk: Desk) -> None:
    made = [desk.submit(f"Answer {number}") for number in range(103)]

    assert list(usecases.export_attempts(desk.store)) == made[::-1]


# Erasing


def test_erasing_a_candidate_leaves_no_word_of_theirs_anywhere(
    desk: Desk, database_url: str
) -> None:
    desk.submit("SECRET words", candidate="ada-SECRET", metadata={"note": "SECRET"})
    held = desk.store.claim(desk.key.key_id, "POST", "k", "f", lease_s=60, keep_s=60)
    assert isinstance(held, Claim)

    def finish(tx: Transaction, attempt: Attempt) -> None:
        response = StoredResponse(status=201, body=attempt.answer.encode())
        tx.save_response(held, response, subject=attempt.attempt_id)

    desk.submit("SECRET again", candidate="ada-SECRET", finish=finish)
    assert "SECRET" in everything(database_url)

    erased = usecases.erase_candidate(desk.store, "ada-SECRET", actor=desk.key)

    assert erased.attempts == 2
    assert "SECRET" not in everything(database_url)
    assert rows(database_url, "SELECT count(*) FROM answer_vectors") == [(0,)]
    assert rows(database_url, "SELECT count(*) FROM grades WHERE feedback IS NOT NULL") == [(0,)]


def everything(database_url: str) -> str:
    """All rows of all tables as text; bytes as what they spell."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        return repr(
            [connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables]
        )


def test_an_erased_attempt_keeps_its_marks_under_a_tombstone(desk: Desk) -> None:
    given = desk.submit()

    usecases.erase_candidate(desk.store, "ada", actor=None)

    kept = usecases.attempt(desk.store, given.attempt_id)
    assert kept.erased
    assert (kept.candidate, kept.answer, dict(kept.metadata)) == ("", "", {})
    (stored,) = kept.grades
    assert stored.grade.score == given.grades[0].grade.score
    assert stored.grade.feedback == ""
    assert all(point.evidence == () for point in stored.grade.points)
    assert kept.language is Language.EN


def test_erasing_one_candidate_leaves_the_others_alone(desk: Desk) -> None:
    desk.submit(candidate="ada")
    other = desk.submit(candidate="bob")

    usecases.erase_candidate(desk.store, "ada", actor=None)

    assert usecases.attempt(desk.store, other.attempt_id) == other


def test_an_erased_candidate_is_unknown_and_may_begin_anew(desk: Desk) -> None:
    desk.submit()
    usecases.erase_candidate(desk.store, "ada", actor=None)
    with pytest.raises(NotFound):
        usecases.erase_candidate(desk.store, "ada", actor=None)

    again = desk.submit()

    assert usecases.list_attempts(desk.store, AttemptFilter(candidate="ada")).items == (again,)


def test_the_audit_log_tells_of_an_erasure_without_naming_anybody(
    desk: Desk, database_url: str
) -> None:
    desk.submit()
    usecases.erase_candidate(desk.store, "ada", actor=desk.key)

    ((subject, details),) = rows(
        database_url, "SELECT subject, details FROM audit_log WHERE action = 'candidate.erase'"
    )

    assert subject.startswith("cand_")
    assert details == {"attempts": 1}


def test_an_answer_that_arrives_during_an_erasure_is_not_left_behind(desk: Desk) -> None:
    desk.submit("before")
    saving, erased = threading.Event(), threading.Event()

    def pause_between_candidate_and_attempt(*event: Any) -> None:
        if threading.current_thread() is submitting and "INSERT INTO attempts" in event[2]:
            saving.set()
            # The erasure cannot get past this open transaction: it waits for our commit.
            assert not erased.wait(0.5)

    def erase() -> None:
        saving.wait(5)
        usecases.erase_candidate(desk.store, "ada", actor=None)
        erased.set()

    eraser = threading.Thread(target=erase)
    submitting = threading.current_thread()
    listen(desk.store._engine, "before_cursor_execute", pause_between_candidate_and_attempt)
    eraser.start()
    late = desk.submit("during")
    eraser.join()

    assert usecases.attempt(desk.store, late.attempt_id).erased
