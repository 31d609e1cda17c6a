"""Sessions: what one candidate is to answer, and by which rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "octet_length(secret) >= 32", name=op.f("ck_signing_keys_secret_length")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("candidate_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("time_limit_s", sa.Integer(), nullable=True),
        sa.Column("extra_time_s", sa.Integer(), nullable=False),
        sa.Column("opens_at", MOMENT, nullable=False),
        sa.Column("closes_at", MOMENT, nullable=False),
        sa.Column("attempts_allowed", sa.Integer(), nullable=False),
        sa.Column("feedback", sa.Text(), nullable=False),
        sa.Column("metadata", JSON(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("cancelled_at", MOMENT, nullable=True),
        sa.Column("expiry_told", sa.Boolean(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("language IN ('en', 'zh')", name=op.f("ck_sessions_language_known")),
        sa.CheckConstraint(
            "feedback IN ('never', 'after_answer', 'after_finish')",
            name=op.f("ck_sessions_feedback_known"),
        ),
        sa.CheckConstraint("time_limit_s > 0", name=op.f("ck_sessions_time_limit_positive")),
        sa.CheckConstraint("extra_time_s >= 0", name=op.f("ck_sessions_extra_time_range")),
        sa.CheckConstraint("attempts_allowed > 0", name=op.f("ck_sessions_attempts_positive")),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_sessions_window_order")),
        sa.CheckConstraint(
            "finished_at IS NULL OR (started_at IS NOT NULL AND cancelled_at IS NULL)",
            name=op.f("ck_sessions_states_in_order"),
        ),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_sessions_candidate_id")
        ),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_sessions_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_candidate_id"), "sessions", ["candidate_id"])
    op.create_index(op.f("ix_sessions_change"), "sessions", ["change"], unique=True)
    op.create_table(
        "session_questions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_session_questions_session_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_session_questions_version_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "position", name=op.f("pk_session_questions")),
        sa.UniqueConstraint(
            "session_id", "version_id", name=op.f("uq_session_questions_session_id_version_id")
        ),
    )
    op.add_column("attempts", sa.Column("session_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_attempts_session_id"), "attempts", "sessions", ["session_id"], ["id"]
    )
    op.create_index(op.f("ix_attempts_session_id"), "attempts", ["session_id"])


def downgrade() -> None:
    op.drop_column("attempts", "session_id")
    for table in ("session_questions", "sessions", "signing_keys"):
        op.drop_table(table)
