"""Regrades: what was asked for, how far it came, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, contains_eager

from service import ids
from service.domain import Page
from service.errors import NotFound
from service.exchange import Regrade, WorkStatus
from service.models import AttemptRow, RegradeRow, VersionRow
from service.store import cursors


class Regrades:
    """The regrades, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, version_id: UUID, *, pass_mark: float | None, key_id: str | None) -> Regrade:
        """Keep that somebody asks for a dry run by a version."""
        version = self._session.get_one(VersionRow, version_id)
        row = RegradeRow(
            id=ids.new_uuid(),
            question_id=version.question_id,
            version_id=version_id,
            key_id=None if key_id is None else ids.uuid_of(ids.Kind.KEY, key_id),
            pass_mark=pass_mark,
            commit=False,
            progress={},
            created_at=datetime.now(UTC),
            cancelled=False,
        )
        self._session.add(row)
        self._session.flush()
        return self.get(ids.show(ids.Kind.REGRADE, row.id))

    def get(self, regrade_id: str, *, lock: bool = False) -> Regrade:
        """One regrade.

        Raises:
            NotFound: no such regrade.
        """
        uuid = ids.parse(ids.Kind.REGRADE, regrade_id)
        row = None
        if uuid is not None:
            wanted = _whole().where(RegradeRow.id == uuid)
            if lock:
                wanted = wanted.with_for_update(of=RegradeRow)
            row = self._session.scalars(
                wanted, execution_options={"populate_existing": True}
            ).one_or_none()
        if row is None:
            raise NotFound(f"There is no regrade {regrade_id!r}.")
        return _regrade(row)

    def page(self, question_id: str, *, cursor: str | None, limit: int) -> Page[Regrade]:
        """Regrades of a question, newest first."""
        wanted = _whole().where(
            RegradeRow.question_id == ids.uuid_of(ids.Kind.QUESTION, question_id)
        )
        before = cursors.read(ids.Kind.REGRADE, cursor)
        if before is not None:
            wanted = wanted.where(RegradeRow.id < before)
        rows = self._session.scalars(wanted.order_by(RegradeRow.id.desc()).limit(limit + 1)).all()
        more = len(rows) > limit
        shown = rows[:limit]
        return Page(
            items=tuple(map(_regrade, shown)),
            next_cursor=cursors.write(ids.Kind.REGRADE, shown[-1].id) if more else None,
        )

    def begin(self, asked: Regrade, *, grader: str) -> Regrade:
        """Note that a worker has begun, what it marks with, and how many answers there are."""
        row = self._row(asked)
        row.grader = grader
        if row.started_at is None:
            row.started_at = datetime.now(UTC)
            row.progress = {"of": self._count(row.question_id)}
        return self._saved(row)

    def save(self, asked: Regrade, progress: Mapping[str, Any]) -> bool:
        """Keep how far it came; False if it is over."""
        kept = self._session.execute(
            update(RegradeRow)
            .where(
                RegradeRow.id == ids.uuid_of(ids.Kind.REGRADE, asked.regrade_id),
                RegradeRow.ended_at.is_(None),
            )
            .values(progress=dict(progress))
            .returning(RegradeRow.id)
        )
        return kept.one_or_none() is not None

    def begin_commit(self, asked: Regrade) -> Regrade:
        """Begin anew, for good."""
        row = self._row(asked)
        row.commit = True
        row.progress = {}
        row.started_at = row.ended_at = None
        return self._saved(row)

    def end(self, asked: Regrade, *, cancelled: bool, failure: str | None = None) -> Regrade:
        """End it."""
        row = self._row(asked)
        row.ended_at = datetime.now(UTC)
        row.cancelled = cancelled
        row.failure = failure
        return self._saved(row)

    def _count(self, question_id: UUID) -> int:
        wanted = (
            select(func.count())
            .select_from(AttemptRow)
            .join(AttemptRow.version)
            .where(VersionRow.question_id == question_id, AttemptRow.answer.is_not(None))
        )
        return self._session.scalar(wanted) or 0

    def _row(self, asked: Regrade) -> RegradeRow:
        uuid = ids.uuid_of(ids.Kind.REGRADE, asked.regrade_id)
        return self._session.get_one(RegradeRow, uuid)

    def _saved(self, row: RegradeRow) -> Regrade:
        self._session.flush()
        return self.get(ids.show(ids.Kind.REGRADE, row.id))


def _whole() -> Select[RegradeRow]:
    return (
        select(RegradeRow)
        .join(RegradeRow.question)
        .join(RegradeRow.version)
        .options(contains_eager(RegradeRow.question), contains_eager(RegradeRow.version))
    )


def _regrade(row: RegradeRow) -> Regrade:
    return Regrade(
        regrade_id=ids.show(ids.Kind.REGRADE, row.id),
        question_id=ids.show(ids.Kind.QUESTION, row.question_id),
        question_slug=row.question.slug,
        question_version=row.version.number,
        version_id=ids.show(ids.Kind.VERSION, row.version_id),
        pass_mark=row.pass_mark,
        commit=row.commit,
        status=_status(row),
        progress=row.progress,
        grader=row.grader,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        failure=row.failure,
    )


def _status(row: RegradeRow) -> WorkStatus:
    if row.cancelled:
        return WorkStatus.CANCELLED
    if row.failure is not None:
        return WorkStatus.FAILED
    if row.ended_at is not None:
        return WorkStatus.FINISHED
    return WorkStatus.QUEUED if row.started_at is None else WorkStatus.RUNNING
