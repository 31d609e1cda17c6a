"""The first schema.

A snapshot: it imports no model.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TEXTS = ARRAY(sa.Text())
NOW = sa.text("now()")

RUBRIC = (
    "points",
    "point_phrasings",
    "misconceptions",
    "misconception_phrasings",
    "question_sources",
    "samples",
)

REFUSE = """
CREATE FUNCTION pointmark_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: these rows never change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""

# Rubric rows know only their version, so whether they may change is looked up there.
REFUSE_IF_PUBLISHED = """
CREATE FUNCTION pointmark_refuse_if_published() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    concerned uuid := CASE WHEN TG_OP = 'INSERT' THEN NEW.version_id ELSE OLD.version_id END;
BEGIN
    IF EXISTS (SELECT FROM question_versions WHERE id = concerned AND status = 'published') THEN
        RAISE EXCEPTION '% of % is refused: a published version never changes',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.version_id <> OLD.version_id THEN
        RAISE EXCEPTION 'rubric rows do not move between versions'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$
"""


def upgrade() -> None:
    _access()
    _questions()
    _attempts()
    _guards()


def downgrade() -> None:
    op.drop_table("answer_vectors")
    op.drop_table("reviews")
    op.drop_table("point_grades")
    op.drop_table("grades")
    op.drop_table("attempts")
    op.drop_table("candidates")
    op.drop_table("samples")
    op.drop_table("question_sources")
    op.drop_table("misconception_phrasings")
    op.drop_table("misconceptions")
    op.drop_table("point_phrasings")
    op.drop_table("points")
    op.drop_table("question_versions")
    op.drop_table("questions")
    op.drop_table("audit_log")
    op.drop_table("rate_limits")
    op.drop_table("idempotency_keys")
    op.drop_table("api_keys")
    op.execute("DROP FUNCTION pointmark_refuse_if_published")
    op.execute("DROP FUNCTION pointmark_refuse")


def _access() -> None:
    """Who may call, and what must not be done twice."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", TEXTS, nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['questions:read', 'questions:write', 'attempts:write', "
            "'attempts:read', 'review', 'admin'] AND cardinality(scopes) > 0",
            name=op.f("ck_api_keys_scopes_known"),
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_api_keys_digest_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("locked_until", MOMENT, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", JSONB(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "(status IS NULL) = (body IS NULL) AND (status IS NULL) = (headers IS NULL)",
            name=op.f("ck_idempotency_keys_response_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_idempotency_keys_key_id")
        ),
        sa.PrimaryKeyConstraint("key_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_expires_at"), "idempotency_keys", ["expires_at"])
    op.create_index(
        op.f("ix_idempotency_keys_subject_id"),
        "idempotency_keys",
        ["subject_id"],
        postgresql_where=sa.text("subject_id IS NOT NULL"),
    )
    op.create_table(
        "rate_limits",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("window_number", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_rate_limits")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_audit_log_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_subject"), "audit_log", ["subject"])


def _questions() -> None:
    """Questions, their versions, and rubrics as rows."""
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("seed_digest", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.CheckConstraint("revision > 0", name=op.f("ck_questions_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sa.UniqueConstraint("slug", name=op.f("uq_questions_slug")),
    )
    op.create_table(
        "question_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("difficulty", sa.SmallInteger(), nullable=False),
        sa.Column("prompt", JSONB(), nullable=False),
        sa.Column("tags", TEXTS, nullable=False),
        sa.Column("any_of", sa.Integer(), nullable=True),
        sa.Column("reveal", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("published_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(status = 'published') = (published_at IS NOT NULL)",
            name=op.f("ck_question_versions_published_at_set"),
        ),
        sa.CheckConstraint(
            "reveal IN ('never', 'after_attempt')", name=op.f("ck_question_versions_reveal_known")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'published')", name=op.f("ck_question_versions_status_known")
        ),
        sa.CheckConstraint("any_of > 0", name=op.f("ck_question_versions_any_of_positive")),
        sa.CheckConstraint(
            "difficulty BETWEEN 1 AND 5", name=op.f("ck_question_versions_difficulty_range")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_question_versions_number_positive")),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_question_versions_question_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_versions")),
        sa.UniqueConstraint(
            "question_id", "number", name=op.f("uq_question_versions_question_id_number")
        ),
    )
    op.create_index(
        "ix_question_versions_tags", "question_versions", ["tags"], postgresql_using="gin"
    )
    op.create_index(
        "uq_question_versions_draft",
        "question_versions",
        ["question_id"],
        unique=True,
        postgresql_where=sa.text("status = 'draft'"),
    )
    op.create_table(
        "points",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("statement", JSONB(), nullable=False),
        sa.Column("hint", JSONB(), nullable=False),
        sa.Column("terms", TEXTS, nullable=False),
        sa.CheckConstraint("kind IN ('required', 'optional')", name=op.f("ck_points_kind_known")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_points_weight_positive")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_points_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "key", name=op.f("pk_points")),
        sa.UniqueConstraint("version_id", "position", name=op.f("uq_points_version_id_position")),
    )
    op.create_table(
        "point_phrasings",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("point_key", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "language IN ('en', 'zh')", name=op.f("ck_point_phrasings_language_known")
        ),
        sa.ForeignKeyConstraint(
            ["version_id", "point_key"],
            ["points.version_id", "points.key"],
            name=op.f("fk_point_phrasings_version_id_point_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "version_id", "point_key", "language", "position", name=op.f("pk_point_phrasings")
        ),
    )
    op.create_table(
        "misconceptions",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("contradicts", sa.Text(), nullable=True),
        sa.Column("statement", JSONB(), nullable=False),
        sa.Column("feedback", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id", "contradicts"],
            ["points.version_id", "points.key"],
            name=op.f("fk_misconceptions_version_id_contradicts"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_misconceptions_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "key", name=op.f("pk_misconceptions")),
        sa.UniqueConstraint(
            "version_id", "position", name=op.f("uq_misconceptions_version_id_position")
        ),
    )
    op.create_table(
        "misconception_phrasings",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("misconception_key", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "language IN ('en', 'zh')", name=op.f("ck_misconception_phrasings_language_known")
        ),
        sa.ForeignKeyConstraint(
            ["version_id", "misconception_key"],
            ["misconceptions.version_id", "misconceptions.key"],
            name=op.f("fk_misconception_phrasings_version_id_misconception_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "version_id",
            "misconception_key",
            "language",
            "position",
            name=op.f("pk_misconception_phrasings"),
        ),
    )
    op.create_table(
        "question_sources",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_question_sources_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name=op.f("pk_question_sources")),
    )
    op.create_table(
        "samples",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.CheckConstraint("language IN ('en', 'zh')", name=op.f("ck_samples_language_known")),
        sa.CheckConstraint(
            "level IN ('excellent', 'good', 'weak', 'wrong')", name=op.f("ck_samples_level_known")
        ),
        sa.CheckConstraint("score >= 0 AND score <= 100", name=op.f("ck_samples_score_range")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_samples_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name=op.f("pk_samples")),
    )


def _attempts() -> None:
    """Answers, what was said of them, and by whom they were given."""
    op.create_table(
        "candidates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(external_id IS NULL) = (erased_at IS NOT NULL)", name=op.f("ck_candidates_tombstone")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidates")),
        sa.UniqueConstraint("external_id", name=op.f("uq_candidates_external_id")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("candidate_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("metadata", JSON(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("language IN ('en', 'zh')", name=op.f("ck_attempts_language_known")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_attempts_candidate_id")
        ),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_attempts_key_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_attempts_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_candidate_id_id"), "attempts", ["candidate_id", "id"])
    op.create_index(op.f("ix_attempts_version_id_id"), "attempts", ["version_id", "id"])
    op.create_table(
        "grades",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("expected_error", sa.Double(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("flags", JSONB(), nullable=False),
        sa.Column("misconceptions", JSONB(), nullable=False),
        sa.Column("feedback", sa.Text(), nullable=True),
        sa.Column("grader", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("encoder_revision", sa.Text(), nullable=False),
        sa.Column("calibration", sa.Text(), nullable=False),
        sa.Column("thresholds", JSONB(), nullable=False),
        sa.Column("elapsed_ms", sa.Double(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("expected_error >= 0", name=op.f("ck_grades_expected_error_range")),
        sa.CheckConstraint("score >= 0 AND score <= 100", name=op.f("ck_grades_score_range")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_grades_attempt_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_grades_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grades")),
    )
    op.create_index(op.f("ix_grades_attempt_id"), "grades", ["attempt_id"])
    op.create_table(
        "point_grades",
        sa.Column("grade_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("credit", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("signals", JSONB(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('covered', 'partial', 'missing', 'contradicted')",
            name=op.f("ck_point_grades_verdict_known"),
        ),
        sa.CheckConstraint(
            "credit >= 0 AND credit <= 1", name=op.f("ck_point_grades_credit_range")
        ),
        sa.CheckConstraint(
            "probability >= 0 AND probability <= 1", name=op.f("ck_point_grades_probability_range")
        ),
        sa.ForeignKeyConstraint(["grade_id"], ["grades.id"], name=op.f("fk_point_grades_grade_id")),
        sa.PrimaryKeyConstraint("grade_id", "position", name=op.f("pk_point_grades")),
        sa.UniqueConstraint("grade_id", "key", name=op.f("uq_point_grades_grade_id_key")),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.CheckConstraint("score >= 0 AND score <= 100", name=op.f("ck_reviews_score_range")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_reviews_attempt_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_attempt_id"), "reviews", ["attempt_id"])
    op.create_table(
        "answer_vectors",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("encoder_revision", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.Column("spans", JSONB(), nullable=False),
        sa.CheckConstraint("dimension > 0", name=op.f("ck_answer_vectors_dimension_positive")),
        sa.CheckConstraint(
            "octet_length(vectors) = 2 * dimension * jsonb_array_length(spans)",
            name=op.f("ck_answer_vectors_complete"),
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_answer_vectors_attempt_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", "encoder_revision", name=op.f("pk_answer_vectors")),
    )


def _guards() -> None:
    """Triggers that keep what must never change; erasing a candidate is the one exception."""
    op.execute(REFUSE)
    op.execute(REFUSE_IF_PUBLISHED)
    _guard("audit_log", "UPDATE OR DELETE")
    _guard("point_grades", "UPDATE OR DELETE")
    _guard("grades", "DELETE")
    _guard("grades", "UPDATE", f"NOT ({_only_erased('feedback')})")
    _guard("attempts", "DELETE")
    _guard("attempts", "UPDATE", f"NOT ({_only_erased('answer', 'metadata')})")
    _guard("question_versions", "UPDATE OR DELETE", "OLD.status = 'published'")
    for table in RUBRIC:
        op.execute(
            f"CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION pointmark_refuse_if_published()"
        )


def _guard(table: str, events: str, when: str = "true") -> None:
    """Refuse these events on rows of `table` where the condition holds."""
    name = "guard_" + events.lower().replace(" ", "_")
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {events} ON {table} "
        f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION pointmark_refuse()"
    )


def _only_erased(*columns: str) -> str:
    """Condition of an update that sets these columns to NULL and leaves all others alone."""
    empty = " AND ".join(f"NEW.{column} IS NULL" for column in columns)
    named = ", ".join(f"'{column}'" for column in columns)
    rest = f"to_jsonb({{row}}) - ARRAY[{named}]"
    return f"{empty} AND {rest.format(row='NEW')} = {rest.format(row='OLD')}"
