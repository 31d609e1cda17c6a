"""The audit log: lines are added and read, and the database refuses anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from service import ids
from service.domain import ApiKey, Page
from service.exchange import AuditEntry, AuditFilter
from service.models import AuditRow
from service.store import cursors

_LISTING = "audit"


class Audit:
    """The audit log, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, actor: ApiKey | None, action: str, subject: str, details: dict[str, Any]) -> None:
        """Write a line; it stays for ever, so it names nobody."""
        row = {"action": action, "subject": subject, "details": details}
        key_id = None if actor is None else ids.uuid_of(ids.Kind.KEY, actor.key_id)
        self._session.execute(insert(AuditRow), {**row, "key_id": key_id})

    def page(self, filters: AuditFilter, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """Entries, newest first."""
        wanted = select(AuditRow).where(*_fitting(filters))
        before = cursors.read_number(_LISTING, cursor)
        if before:
            wanted = wanted.where(AuditRow.id < before)
        rows = self._session.scalars(wanted.order_by(AuditRow.id.desc()).limit(limit + 1)).all()
        more = len(rows) > limit
        shown = rows[:limit]
        return Page(
            items=tuple(map(_entry, shown)),
            next_cursor=cursors.write_number(_LISTING, shown[-1].id) if more else None,
        )


def _fitting(filters: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if filters.action is not None:
        yield AuditRow.action == filters.action
    if filters.subject is not None:
        yield AuditRow.subject == filters.subject
    if filters.key is not None:
        key_id = ids.parse(ids.Kind.KEY, filters.key)
        # No key has an id that is none, so nothing was done by it.
        yield AuditRow.key_id == key_id if key_id is not None else AuditRow.id < 0
    if filters.since is not None:
        yield AuditRow.at >= filters.since
    if filters.until is not None:
        yield AuditRow.at < filters.until


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.id,
        at=row.at,
        key_id=None if row.key_id is None else ids.show(ids.Kind.KEY, row.key_id),
        action=row.action,
        subject=row.subject,
        details=row.details,
    )
