"""Whether a review was made without the grader's opinion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "review_queue",
        sa.Column("shown_to", ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    # Of reviews that there are nobody knows, and so they do not count as blind.
    op.add_column(
        "reviews", sa.Column("blind", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.alter_column("review_queue", "shown_to", server_default=None)
    op.alter_column("reviews", "blind", server_default=None)


def downgrade() -> None:
    op.drop_column("reviews", "blind")
    op.drop_column("review_queue", "shown_to")
