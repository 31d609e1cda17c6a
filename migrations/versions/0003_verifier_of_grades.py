"""Grades say which verifier had a part in them; those of before had none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("grades", sa.Column("verifier", sa.Text(), nullable=True))
    op.add_column("grades", sa.Column("verifier_revision", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("grades", "verifier_revision")
    op.drop_column("grades", "verifier")
