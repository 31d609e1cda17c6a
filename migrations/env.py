"""How Alembic reaches the database.

`service.store.migrate` hands its own connection over, locked against other starters. Run by hand,
`alembic` connects to `DATABASE_URL`.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from service.models import Base


def run(connection: Connection) -> None:
    """Run what was asked for, each migration in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        # Our connections see the schema of jobs too, which no model is about.
        include_name=lambda name, kind, _: (
            kind != "table" or not str(name).startswith("procrastinate_")
        ),
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
elif url := os.environ.get("DATABASE_URL"):
    with create_engine(url, poolclass=NullPool).connect() as own:
        run(own)
else:
    raise SystemExit("Set DATABASE_URL to the database that Alembic should work on.")
