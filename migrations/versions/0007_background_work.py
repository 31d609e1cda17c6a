"""Jobs for workers, and batches of answers that they grade.

The tables of procrastinate lie in a schema of their own, made by the migrations that come with the
library. They are replayed up to the newest one there was when this was written: a later release of
the library brings more, and a migration here of its own then runs those.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import migrations_path
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NEWEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def upgrade() -> None:
    _jobs()
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint("total > 0", name=op.f("ck_batches_total_positive")),
        sa.CheckConstraint(
            "ended_at IS NOT NULL OR (NOT cancelled AND failure IS NULL)",
            name=op.f("ck_batches_ended_whole"),
        ),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_batches_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_table(
        "batch_items",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("metadata", JSON(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("error", JSONB(), nullable=True),
        sa.CheckConstraint("language IN ('en', 'zh')", name=op.f("ck_batch_items_language_known")),
        sa.CheckConstraint(
            "num_nonnulls(answer, attempt_id, error) = 1", name=op.f("ck_batch_items_one_state")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_items_batch_id")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_batch_items_candidate_id")
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_batch_items_attempt_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("pk_batch_items")),
    )
    waiting = {"postgresql_where": sa.text("answer IS NOT NULL")}
    op.create_index("ix_batch_items_waiting", "batch_items", ["batch_id", "position"], **waiting)
    op.create_index("ix_batch_items_candidate", "batch_items", ["candidate_id"], **waiting)


def _jobs() -> None:
    """Make the library's tables, types and functions in the schema `procrastinate`."""
    op.execute("CREATE SCHEMA procrastinate")
    path = op.get_bind().scalar(sa.text("SHOW search_path"))
    op.execute("SET LOCAL search_path TO procrastinate")
    # Many statements to a file, which only the driver itself takes, without parameters.
    driver = op.get_bind().connection.driver_connection
    for file in sorted(Path(migrations_path).glob("*.sql")):
        if file.name <= NEWEST:
            driver.execute(file.read_text("utf-8"))
    op.execute(f"SET LOCAL search_path TO {path}")


def downgrade() -> None:
    op.drop_table("batch_items")
    op.drop_table("batches")
    op.execute("DROP SCHEMA procrastinate CASCADE")
