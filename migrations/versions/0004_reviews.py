"""A queue of what people should look at, appeals, and reviews that say what they judged.

Attempts whose last grade asked for a review join the queue, as if they were made now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TEXTS = ARRAY(sa.Text())

LAST_GRADES = "SELECT DISTINCT ON (attempt_id) * FROM grades ORDER BY attempt_id, id DESC"

ONLY_ERASED = (
    "NEW.{text} IS NULL AND to_jsonb(NEW) - ARRAY['{text}'] = to_jsonb(OLD) - ARRAY['{text}']"
)


def upgrade() -> None:
    _reviews()
    op.create_table(
        "appeals",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_appeals_attempt_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_appeals")),
    )
    _queue()
    for table, text in (("reviews", "reason"), ("appeals", "message")):
        _guard(table, "DELETE", "true")
        _guard(table, "UPDATE", f"NOT ({ONLY_ERASED.format(text=text)})")


def _reviews() -> None:
    op.alter_column("reviews", "comment", new_column_name="reason")
    op.add_column("reviews", sa.Column("grade_id", sa.Uuid(), nullable=True))
    op.add_column("reviews", sa.Column("key_id", sa.Uuid(), nullable=True))
    op.add_column(
        "reviews", sa.Column("verdicts", JSONB(), nullable=False, server_default=sa.text("'{}'"))
    )
    op.add_column(
        "reviews",
        sa.Column("grouped", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.execute(
        f"UPDATE reviews SET grade_id = last.id FROM ({LAST_GRADES}) AS last "
        "WHERE last.attempt_id = reviews.attempt_id"
    )
    op.alter_column("reviews", "grade_id", nullable=False)
    for column in ("verdicts", "grouped", "created_at"):
        op.alter_column("reviews", column, server_default=None)
    op.create_foreign_key(op.f("fk_reviews_grade_id"), "reviews", "grades", ["grade_id"], ["id"])
    op.create_foreign_key(op.f("fk_reviews_key_id"), "reviews", "api_keys", ["key_id"], ["id"])


def _queue() -> None:
    op.create_table(
        "review_queue",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("reasons", TEXTS, nullable=False),
        sa.Column("expected_error", sa.Double(), nullable=False),
        sa.Column("flags", TEXTS, nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_until", MOMENT, nullable=True),
        sa.Column("passed_by", TEXTS, nullable=False),
        sa.Column("reviewed_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "reasons <@ ARRAY['doubt', 'appeal', 'sample'] AND cardinality(reasons) > 0",
            name=op.f("ck_review_queue_reasons_known"),
        ),
        sa.CheckConstraint(
            "(claimed_by IS NULL) = (claimed_until IS NULL)",
            name=op.f("ck_review_queue_claim_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_review_queue_attempt_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_review_queue")),
    )
    op.create_index(
        "ix_review_queue_waiting",
        "review_queue",
        ["queued_at", "attempt_id"],
        postgresql_where=sa.text("reviewed_at IS NULL"),
    )
    op.execute(
        "INSERT INTO review_queue (attempt_id, reasons, expected_error, flags, queued_at, "
        "passed_by, reviewed_at) "
        "SELECT last.attempt_id, ARRAY['doubt'], last.expected_error, "
        "ARRAY(SELECT flag ->> 'code' FROM jsonb_array_elements(last.flags) AS flag), "
        "attempts.created_at, ARRAY[]::text[], "
        "(SELECT max(created_at) FROM reviews WHERE reviews.attempt_id = last.attempt_id) "
        f"FROM ({LAST_GRADES}) AS last JOIN attempts ON attempts.id = last.attempt_id "
        "WHERE last.needs_review AND attempts.answer IS NOT NULL"
    )


def _guard(table: str, event: str, when: str) -> None:
    op.execute(
        f"CREATE TRIGGER guard_{event.lower()} BEFORE {event} ON {table} "
        f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION pointmark_refuse()"
    )


def downgrade() -> None:
    op.drop_table("review_queue")
    op.drop_table("appeals")
    for event in ("delete", "update"):
        op.execute(f"DROP TRIGGER guard_{event} ON reviews")
    for column in ("grouped", "verdicts", "key_id", "grade_id"):
        op.drop_column("reviews", column)
    op.alter_column("reviews", "created_at", server_default=sa.text("now()"))
    op.alter_column("reviews", "reason", new_column_name="comment")
