"""What the database itself refuses, whoever asks."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from service import reviewing, usecases
from service.domain import Answer
from service.exchange import AttemptFilter, Judgement
from service.store import Store
from tests.stand_ins import StandInGrader, a_question


@pytest.fixture
def filled(store: Store, database_url: str) -> str:
    """A database with a published question, a draft of it, an attempt, and an audit log."""
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    usecases.save_draft(store, "why-relu", a_question(difficulty=3), if_match="*", actor=None)
    grader: Any = StandInGrader()
    usecases.submit_attempt(
        store,
        grader,
        usecases.QuestionCache(),
        "why-relu",
        candidate="ada",
        answer=Answer(text="It does not saturate."),
        metadata={},
        key_id=None,
        sample=1.0,
    )
    (attempt,) = usecases.list_attempts(store, AttemptFilter()).items
    judgement = Judgement(reviewer="grace", verdicts={}, score=50.0, reason="So.")
    reviewing.review(store, attempt.attempt_id, judgement, actor=None)
    reviewing.appeal(store, attempt.attempt_id, "But why?", actor=None)
    return database_url


OF_PUBLISHED = "version_id = (SELECT id FROM question_versions WHERE status = 'published')"
OF_DRAFT = "version_id = (SELECT id FROM question_versions WHERE status = 'draft')"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE question_versions SET difficulty = 5 WHERE status = 'published'",
        "UPDATE question_versions SET status = 'draft', published_at = NULL WHERE number = 1",
        "DELETE FROM question_versions WHERE status = 'published'",
        f"UPDATE points SET weight = 9 WHERE {OF_PUBLISHED}",
        f"DELETE FROM point_phrasings WHERE {OF_PUBLISHED}",
        f"UPDATE misconceptions SET feedback = '{{}}' WHERE {OF_PUBLISHED}",
        f"DELETE FROM misconception_phrasings WHERE {OF_PUBLISHED}",
        f"UPDATE question_sources SET title = 'x' WHERE {OF_PUBLISHED}",
        f"DELETE FROM samples WHERE {OF_PUBLISHED}",
        "INSERT INTO question_sources (version_id, position, title)"
        " SELECT id, 9, 'x' FROM question_versions WHERE status = 'published'",
        # Neither may a draft's rows be moved into it.
        "UPDATE question_sources SET position = 9, version_id ="
        f" (SELECT id FROM question_versions WHERE status = 'published') WHERE {OF_DRAFT}",
        "UPDATE grades SET score = 100",
        "UPDATE grades SET feedback = 'Better.'",
        "UPDATE grades SET feedback = NULL, score = 100",
        "DELETE FROM grades",
        "UPDATE point_grades SET credit = 0",
        "DELETE FROM point_grades",
        "UPDATE attempts SET answer = 'Something better.'",
        "UPDATE attempts SET answer = NULL, metadata = NULL, language = 'zh'",
        "DELETE FROM attempts",
        "UPDATE reviews SET score = 100",
        "UPDATE reviews SET reason = 'Another.'",
        "DELETE FROM reviews",
        "UPDATE appeals SET message = 'Another.'",
        "DELETE FROM appeals",
        "UPDATE audit_log SET action = 'nothing'",
        "DELETE FROM audit_log",
    ],
)
def test_what_must_not_change_cannot_be_changed(filled: str, statement: str) -> None:
    with (
        psycopg.connect(filled) as connection,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "INSERT INTO questions (id, slug) SELECT gen_random_uuid(), slug FROM questions",
            "uq_questions_slug",
        ),
        (
            "INSERT INTO question_versions (id, question_id, number, status, topic, difficulty,"
            " prompt, tags, reveal) SELECT gen_random_uuid(), question_id, 7, status, topic,"
            " difficulty, prompt, tags, reveal FROM question_versions WHERE status = 'draft'",
            "uq_question_versions_draft",
        ),
        (
            "UPDATE question_versions SET number = 1 WHERE status = 'draft'",
            "uq_question_versions_question_id_number",
        ),
        (
            "UPDATE question_versions SET difficulty = 6 WHERE status = 'draft'",
            "ck_question_versions_difficulty_range",
        ),
        (
            "UPDATE question_versions SET status = 'retired' WHERE status = 'draft'",
            "ck_question_versions_status_known",
        ),
        (f"UPDATE points SET kind = 'bonus' WHERE {OF_DRAFT}", "ck_points_kind_known"),
        (f"UPDATE points SET weight = 0 WHERE {OF_DRAFT}", "ck_points_weight_positive"),
        (f"UPDATE points SET key = 'cheap' WHERE {OF_DRAFT}", "pk_points"),
        (
            f"UPDATE misconceptions SET contradicts = 'nothing' WHERE {OF_DRAFT}",
            "fk_misconceptions_version_id_contradicts",
        ),
        (
            "INSERT INTO candidates (id, external_id) VALUES (gen_random_uuid(), 'ada')",
            "uq_candidates_external_id",
        ),
        ("UPDATE candidates SET external_id = NULL", "ck_candidates_tombstone"),
        ("UPDATE review_queue SET reasons = '{}'", "ck_review_queue_reasons_known"),
        ("UPDATE review_queue SET claimed_by = 'grace'", "ck_review_queue_claim_whole"),
        ("UPDATE answer_vectors SET vectors = 'short'", "ck_answer_vectors_complete"),
    ],
)
def test_rules_are_constraints(filled: str, statement: str, constraint: str) -> None:
    with (
        psycopg.connect(filled) as connection,
        pytest.raises(psycopg.errors.IntegrityError) as refused,
    ):
        connection.execute(statement)

    assert refused.value.diag.constraint_name == constraint
