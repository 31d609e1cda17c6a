"""Kept tokens say what they were reduced by, so that a regrade knows whether it can use them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answer_vectors", sa.Column("background", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("answer_vectors", "background")
