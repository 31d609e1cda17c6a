"""Vectors of questions, so that a start need not embed the whole bank again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "question_vectors",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("encoder_revision", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.Column("token_dimension", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.LargeBinary(), nullable=False),
        sa.Column("token_counts", JSONB(), nullable=False),
        sa.Column("background", sa.Text(), nullable=False),
        sa.CheckConstraint("dimension > 0", name=op.f("ck_question_vectors_dimension_positive")),
        sa.CheckConstraint(
            "octet_length(vectors) = 2 * dimension * jsonb_array_length(token_counts)",
            name=op.f("ck_question_vectors_complete"),
        ),
        sa.CheckConstraint(
            "token_dimension > 0", name=op.f("ck_question_vectors_token_dimension_positive")
        ),
        sa.CheckConstraint(
            "octet_length(tokens) % token_dimension = 0",
            name=op.f("ck_question_vectors_tokens_complete"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_versions.id"], name=op.f("fk_question_vectors_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "encoder_revision", name=op.f("pk_question_vectors")),
    )


def downgrade() -> None:
    op.drop_table("question_vectors")
