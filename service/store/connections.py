"""Connections to Postgres that fail quickly, say so in our words, and recover by themselves."""

from __future__ import annotations

import json
import select
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.errors import StoreUnavailable

_CONNECT_S = 3
_POOL_WAIT_S = 5
_STATEMENT_S = 10
_LOCK_S = 5
_SILENCE_S = 10
SEARCH_PATH = '"$user",public,procrastinate'
"""The jobs of workers lie in a schema of their own, whose functions take its names as known."""


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for `url`; it connects when first used, so it may be made before a fork.

    No wait is without end: not for a connection, not for a lock, not for an answer, not for a peer
    that went silent. A caller with a database that hangs gets its 503 in seconds.
    """
    address = make_url(url)
    given = address.query.get("options", "")
    engine = create_engine(
        address,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=_POOL_WAIT_S,
        # Messages of errors end up in logs, and parameters are candidates' answers.
        hide_parameters=True,
        json_serializer=partial(json.dumps, ensure_ascii=False, allow_nan=False),
        connect_args={
            "connect_timeout": _CONNECT_S,
            "keepalives_idle": 30,
            "tcp_user_timeout": _SILENCE_S * 1000,
            "application_name": "pointmark",
            "options": f"{given} -c statement_timeout={_STATEMENT_S}s -c lock_timeout={_LOCK_S}s"
            " -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
            f" -c search_path={SEARCH_PATH}",
        },
    )
    event.listen(engine, "checkout", _refuse_dropped)
    return engine


def driver_address(url: str) -> str:
    """The same database for psycopg itself, which the queue of jobs talks to."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    given = conninfo_to_dict(plain).get("options") or ""
    return make_conninfo(
        plain,
        connect_timeout=_CONNECT_S,
        keepalives_idle=30,
        tcp_user_timeout=_SILENCE_S * 1000,
        application_name="pointmark worker",
        options=f"{given} -c search_path={SEARCH_PATH} -c timezone=UTC",
    )


def _refuse_dropped(connection: Connection[Any], _record: object, _proxy: object) -> None:
    """Make the pool replace a connection that the server has closed while it lay idle.

    As `pool_pre_ping` does, but without a round trip for each request: an idle connection has
    nothing to say, so anything that waits to be read is its end. (Or an unasked-for notice; a new
    connection then costs a few milliseconds, once.)
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if poller.poll(0):
        raise DisconnectionError("the server closed this connection")


@contextmanager
def translated() -> Iterator[None]:
    """Say `StoreUnavailable` where the database does not answer, keeping the cause."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as fault:
        raise StoreUnavailable("The database does not answer; try again in a moment.") from fault
    except DBAPIError as fault:
        if not fault.connection_invalidated:
            raise
        raise StoreUnavailable("The database went away; try again in a moment.") from fault


def violated(fault: IntegrityError) -> str | None:
    """Name of the constraint that a statement ran into."""
    diagnosis = getattr(fault.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)
