"""Answers are kept as units with their tokens, no longer as windows.

The rows of before are of another kind, and are derived from the answers: they go.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM answer_vectors")
    op.add_column("answer_vectors", sa.Column("token_dimension", sa.Integer(), nullable=False))
    op.add_column("answer_vectors", sa.Column("tokens", sa.LargeBinary(), nullable=False))
    op.add_column("answer_vectors", sa.Column("token_counts", JSONB(), nullable=False))
    op.create_check_constraint(
        op.f("ck_answer_vectors_token_dimension_positive"), "answer_vectors", "token_dimension > 0"
    )
    op.create_check_constraint(
        op.f("ck_answer_vectors_tokens_complete"),
        "answer_vectors",
        "jsonb_array_length(token_counts) = jsonb_array_length(spans) "
        "AND octet_length(tokens) % token_dimension = 0",
    )


def downgrade() -> None:
    op.execute("DELETE FROM answer_vectors")
    for column in ("token_counts", "tokens", "token_dimension"):
        op.drop_column("answer_vectors", column)
