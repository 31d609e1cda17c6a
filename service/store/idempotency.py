"""Idempotency keys: who may do a piece of work, and the response once it is done.

A claim is a row without a response. It is committed before the work begins, so that a second
request sees it, and it has a lease, so that a killed process blocks the key only for a while. The
claim's token is checked when the response is saved: a process that was slow rather than dead, and
whose key was taken over meanwhile, cannot commit the work a second time.
"""

from __future__ import annotations

import math
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service import ids
from service.errors import KeyReused, StillRunning
from service.exchange import Claim, StoredResponse
from service.models import IdempotencyRow as Row

_SWEEP = 20
"""Expired rows removed with each claim: more than one, so that the table shrinks by itself."""
_TRIES = 3


def claim(
    connection: Connection,
    key_id: str,
    route: str,
    key: str,
    fingerprint: str,
    *,
    lease_s: int,
    keep_s: int,
) -> Claim | StoredResponse:
    """See `Store.claim`."""
    owner = ids.uuid_of(ids.Kind.KEY, key_id)
    wanted = Claim(key_id=owner, route=route, key=key, token=ids.new_uuid())
    _sweep(connection)
    for _ in range(_TRIES):
        if _take(connection, wanted, fingerprint, lease_s, keep_s):
            return wanted
        response = _look(connection, wanted, fingerprint)
        if response is not None:
            return response
        # The row went between the two statements: its holder gave it back, or it expired.
    raise StillRunning("Requests with this Idempotency-Key keep failing; try again.")


def release(connection: Connection, held: Claim) -> None:
    """See `Store.release`."""
    connection.execute(delete(Row).where(_held(held)))


def save_response(
    session: Session, held: Claim, response: StoredResponse, subject: str | None
) -> None:
    """See `Transaction.save_response`."""
    saved = session.execute(
        update(Row)
        .where(_held(held))
        .values(
            status=response.status,
            headers=dict(response.headers),
            body=response.body,
            subject_id=None if subject is None else ids.uuid_of(ids.kind_of(subject), subject),
        )
        .returning(Row.token)
    ).first()
    if saved is None:
        raise StillRunning("Another request with this Idempotency-Key took the work over.")


def _sweep(connection: Connection) -> None:
    """Remove a few rows whose time has passed; rows in somebody else's hands are left to them."""
    expired = (
        select(Row.key_id, Row.route, Row.key)
        .where(Row.expires_at < func.now())
        .limit(_SWEEP)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(Row).where(tuple_(Row.key_id, Row.route, Row.key).in_(expired)))


def _take(
    connection: Connection, wanted: Claim, fingerprint: str, lease_s: int, keep_s: int
) -> bool:
    """Put our claim in the row if there is none, an expired one, or one whose holder is gone."""
    values = {
        "token": wanted.token,
        "fingerprint": fingerprint,
        "locked_until": func.now() + timedelta(seconds=lease_s),
        "expires_at": func.now() + timedelta(seconds=keep_s),
        "status": None,
        "headers": None,
        "body": None,
        "subject_id": None,
    }
    abandoned = and_(
        Row.status.is_(None), Row.locked_until < func.now(), Row.fingerprint == fingerprint
    )
    taken = connection.execute(
        insert(Row)
        .values(key_id=wanted.key_id, route=wanted.route, key=wanted.key, **values)
        .on_conflict_do_update(
            index_elements=[Row.key_id, Row.route, Row.key],
            set_=values,
            where=or_(abandoned, Row.expires_at < func.now()),
        )
        .returning(Row.token)
    )
    return taken.first() is not None


def _look(connection: Connection, wanted: Claim, fingerprint: str) -> StoredResponse | None:
    """The response in the row that refused our claim; None if the row is gone."""
    remaining = func.extract("epoch", Row.locked_until - func.now())
    row = connection.execute(
        select(Row.fingerprint, Row.status, Row.headers, Row.body, remaining).where(_named(wanted))
    ).one_or_none()
    if row is None:
        return None
    found, status, headers, body, lease_s = row
    if found != fingerprint:
        raise KeyReused("This Idempotency-Key was used before with a different request.")
    if status is None:
        # Work takes far less than its lease as a rule, so the caller is not told to wait it out.
        wait = max(1, min(5, math.ceil(lease_s)))
        raise StillRunning("A request with this Idempotency-Key is still running.", wait)
    return StoredResponse(status=status, headers=headers, body=body)


def _named(held: Claim) -> ColumnElement[bool]:
    return and_(Row.key_id == held.key_id, Row.route == held.route, Row.key == held.key)


def _held(held: Claim) -> ColumnElement[bool]:
    """The row, as long as the claim is in force and has no response yet."""
    return and_(_named(held), Row.token == held.token, Row.status.is_(None))
