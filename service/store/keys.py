"""API keys and how often each may be used."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Double,
    Integer,
    Row,
    bindparam,
    case,
    cast,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from service import ids
from service.domain import ApiKey, Scope
from service.errors import Conflict, NotFound
from service.exchange import Quota
from service.models import ApiKeyRow, RateLimitRow
from service.store.connections import violated

# Names the lock of making the first admin key among the advisory locks of the database.
_FIRST_ADMIN = 7_664_625_003

_LISTED = (
    ApiKeyRow.id,
    ApiKeyRow.prefix,
    ApiKeyRow.name,
    ApiKeyRow.scopes,
    ApiKeyRow.created_at,
    ApiKeyRow.last_used_at,
    ApiKeyRow.revoked_at,
)


class Keys:
    """The keys, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, *, prefix: str, digest: bytes, name: str, scopes: frozenset[Scope]) -> ApiKey:
        """Keep a new key.

        Raises:
            Conflict: another key has this prefix.
        """
        row = {
            "id": ids.new_uuid(),
            "prefix": prefix,
            "digest": digest,
            "name": name,
            "scopes": sorted(scopes),
        }
        try:
            added = self._session.execute(insert(ApiKeyRow).returning(*_LISTED), row)
        except IntegrityError as fault:
            if violated(fault) != "uq_api_keys_prefix":
                raise
            raise Conflict(f"Another key has the prefix {prefix!r}.") from fault
        return _key(added.one())

    def get(self, key_id: str) -> ApiKey:
        """A key, working or revoked.

        Raises:
            NotFound: no such key.
        """
        uuid = ids.parse(ids.Kind.KEY, key_id)
        row = self._session.execute(select(*_LISTED).where(ApiKeyRow.id == uuid)).one_or_none()
        if row is None:
            raise NotFound(f"There is no API key {key_id!r}.")
        return _key(row)

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, oldest first."""
        rows = self._session.execute(select(*_LISTED).order_by(ApiKeyRow.id))
        return tuple(_key(row) for row in rows)

    def revoke(self, key_id: str) -> tuple[ApiKey, bool]:
        """Stop a key; True beside it if it worked until now.

        Raises:
            NotFound: no such key.
        """
        uuid = ids.parse(ids.Kind.KEY, key_id)
        working = update(ApiKeyRow).where(ApiKeyRow.id == uuid, ApiKeyRow.revoked_at.is_(None))
        stopped = self._session.execute(working.values(revoked_at=func.now()).returning(*_LISTED))
        row = stopped.one_or_none()
        if row is not None:
            return _key(row), True
        row = self._session.execute(select(*_LISTED).where(ApiKeyRow.id == uuid)).one_or_none()
        if row is None:
            raise NotFound(f"There is no API key {key_id!r}.")
        return _key(row), False

    def lock_admin(self) -> None:
        """Wait until no other process makes the first key; released with the transaction."""
        self._session.execute(select(func.pg_advisory_xact_lock(_FIRST_ADMIN)))

    def has_admin(self) -> bool:
        """Whether a working key may administer."""
        working = exists().where(
            ApiKeyRow.scopes.contains([Scope.ADMIN.value]), ApiKeyRow.revoked_at.is_(None)
        )
        return bool(self._session.scalar(select(working)))

    def holds(self, prefix: str, digest: bytes) -> bool:
        """Whether this very token is kept already, working or revoked."""
        same = exists().where(ApiKeyRow.prefix == prefix, ApiKeyRow.digest == digest)
        return bool(self._session.scalar(select(same)))


def find(connection: Connection, prefix: str) -> tuple[ApiKey, bytes] | None:
    """See `Store.find_key`."""
    row = connection.execute(_FIND, {"prefix": prefix}).one_or_none()
    return None if row is None else (_key(row), row.digest)


def note_use(connection: Connection, key: ApiKey, precision_s: int) -> None:
    """Write down that a key is in use, unless that was done less than `precision_s` ago."""
    due = timedelta(seconds=precision_s)
    if key.last_used_at is not None and datetime.now(UTC) - key.last_used_at < due:
        return
    # The condition again, in the database: of many requests in flight one writes.
    connection.execute(
        update(ApiKeyRow)
        .where(
            ApiKeyRow.id == _uuid(key),
            or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at <= func.now() - due),
        )
        .values(last_used_at=func.now())
    )


def count_request(connection: Connection, owner: UUID, limit: int, window_s: int) -> Quota:
    """One more request of a key, or of a session, in its current window of `window_s` seconds.

    Windows are counted by the database's clock, so that machines whose clocks differ agree.
    """
    if limit == 0:
        return Quota(limit=0, remaining=0, reset_s=window_s, exceeded=False)
    used, left_s = connection.execute(_COUNT, {"key": owner, "window_s": window_s}).one()
    return Quota(
        limit=limit,
        remaining=max(0, limit - used),
        reset_s=max(1, math.ceil(left_s)),
        exceeded=used > limit,
    )


def _counting() -> ReturningInsert[int, float]:
    """Count one more, beginning at 1 in a new window; the count and the seconds left."""
    now_s = cast(func.extract("epoch", func.clock_timestamp()), Double)
    window_s = bindparam("window_s", type_=Integer)
    fresh = insert_or(RateLimitRow).values(
        key_id=bindparam("key"), window_number=func.floor(now_s / window_s), used=1
    )
    same_window = RateLimitRow.window_number == fresh.excluded.window_number
    return fresh.on_conflict_do_update(
        index_elements=[RateLimitRow.key_id],
        set_={
            "window_number": fresh.excluded.window_number,
            "used": case((same_window, RateLimitRow.used + 1), else_=1),
        },
    ).returning(RateLimitRow.used, (RateLimitRow.window_number + 1) * window_s - now_s)


# Every request runs these two, so they are put together once and not each time.
_FIND = select(*_LISTED, ApiKeyRow.digest).where(ApiKeyRow.prefix == bindparam("prefix"))
_COUNT = _counting()


def _uuid(key: ApiKey) -> UUID:
    return ids.uuid_of(ids.Kind.KEY, key.key_id)


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    return ApiKey(
        key_id=ids.show(ids.Kind.KEY, row.id),
        prefix=row.prefix,
        name=row.name,
        scopes=frozenset(map(Scope, row.scopes)),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
