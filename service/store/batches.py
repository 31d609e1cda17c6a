"""Batches, their items, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session

from service import ids
from service.domain import Answer, Language, Page
from service.errors import FieldFault, NotFound
from service.exchange import Batch, BatchItem, ItemError, ItemResult, WorkStatus
from service.models import BatchItemRow, BatchRow, CandidateRow
from service.store import cursors
from service.store.attempts import Attempts

_WAITING = BatchItemRow.answer.is_not(None)


class Batches:
    """The batches, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, items: Sequence[BatchItem], *, key_id: str | None) -> Batch:
        """Keep the items of a new batch."""
        batch_id = ids.new_uuid()
        row = {
            "id": batch_id,
            "key_id": None if key_id is None else ids.uuid_of(ids.Kind.KEY, key_id),
            "total": len(items),
            "created_at": datetime.now(UTC),
            "cancelled": False,
        }
        self._session.execute(insert(BatchRow), row)
        candidates = self._candidates({item.candidate for item in items})
        rows = [
            {
                "batch_id": batch_id,
                "position": position,
                "candidate_id": candidates[item.candidate],
                "question": item.question,
                "answer": item.answer.text,
                "language": item.answer.language,
                "extra": dict(item.metadata),
            }
            for position, item in enumerate(items)
        ]
        self._session.execute(insert(BatchItemRow), rows)
        return self.get(ids.show(ids.Kind.BATCH, batch_id))

    def _candidates(self, names: set[str]) -> dict[str, UUID]:
        """The candidates with these ids of the platform's, made where they are new."""
        # In one order, so that two batches with the same candidates cannot lock each other out.
        ordered = sorted(names)
        self._session.execute(
            insert_or(CandidateRow).on_conflict_do_nothing(
                index_elements=[CandidateRow.external_id]
            ),
            [{"id": ids.new_uuid(), "external_id": name} for name in ordered],
        )
        # Held against an erasure until the items are there to be erased.
        known = (
            select(CandidateRow.external_id, CandidateRow.id)
            .where(CandidateRow.external_id.in_(ordered))
            .order_by(CandidateRow.external_id)
            .with_for_update(read=True, key_share=True)
        )
        return {name: found for name, found in self._session.execute(known) if name is not None}

    def get(self, batch_id: str) -> Batch:
        """One batch, its items counted.

        Raises:
            NotFound: no such batch.
        """
        return self._shown(self._row(batch_id))

    def page(self, *, cursor: str | None, limit: int) -> Page[Batch]:
        """Batches, newest first."""
        wanted = select(BatchRow).order_by(BatchRow.id.desc()).limit(limit + 1)
        before = cursors.read(ids.Kind.BATCH, cursor)
        if before is not None:
            wanted = wanted.where(BatchRow.id < before)
        rows = self._session.scalars(wanted).all()
        more = len(rows) > limit
        shown = rows[:limit]
        return Page(
            items=tuple(map(self._shown, shown)),
            next_cursor=cursors.write(ids.Kind.BATCH, shown[-1].id) if more else None,
        )

    def waiting(
        self, batch_id: str, first: int, last: int, limit: int
    ) -> list[tuple[int, BatchItem]]:
        """Items at `first` to `last` that wait, in order, with their places."""
        uuid = ids.uuid_of(ids.Kind.BATCH, batch_id)
        wanted = (
            select(BatchItemRow, CandidateRow.external_id)
            .join(CandidateRow, CandidateRow.id == BatchItemRow.candidate_id)
            .where(
                BatchItemRow.batch_id == uuid,
                BatchItemRow.position.between(first, last),
                _WAITING,
                CandidateRow.external_id.is_not(None),
            )
            .order_by(BatchItemRow.position)
            .limit(limit)
        )
        return [
            (row.position, _item(row, name or "")) for row, name in self._session.execute(wanted)
        ]

    def begin(self, batch_id: str) -> None:
        """Note that a worker has begun; later ones change nothing."""
        self._session.execute(
            update(BatchRow)
            .where(
                BatchRow.id == ids.uuid_of(ids.Kind.BATCH, batch_id), BatchRow.started_at.is_(None)
            )
            .values(started_at=func.now())
        )

    def settle(
        self, batch_id: str, position: int, *, attempt_id: str | None, error: ItemError | None
    ) -> bool:
        """Say what became of an item that waits; False if it does not wait any more."""
        attempt = None if attempt_id is None else ids.uuid_of(ids.Kind.ATTEMPT, attempt_id)
        settled = self._session.execute(
            update(BatchItemRow)
            .where(
                BatchItemRow.batch_id == ids.uuid_of(ids.Kind.BATCH, batch_id),
                BatchItemRow.position == position,
                _WAITING,
            )
            .values(answer=None, extra=None, attempt_id=attempt, error=_stored(error))
            .returning(BatchItemRow.position)
        )
        return settled.one_or_none() is not None

    def end(self, batch_id: str) -> Batch | None:
        """End the batch if no item waits; the batch if this call ended it."""
        row = self._row(batch_id, lock=True)
        if row.ended_at is not None or self._counted(row.id, _WAITING):
            return None
        row.ended_at = datetime.now(UTC)
        self._session.flush()
        return self._shown(row)

    def stop(self, batch_id: str, *, cancelled: bool, why: ItemError) -> Batch | None:
        """End the batch before its time; None if it is over. `why` becomes the error of items
        that wait, and their answers are dropped.

        Raises:
            NotFound: no such batch.
        """
        row = self._row(batch_id, lock=True)
        if row.ended_at is not None:
            return None
        self._session.execute(
            update(BatchItemRow)
            .where(BatchItemRow.batch_id == row.id, _WAITING)
            .values(answer=None, extra=None, error=_stored(why))
        )
        row.ended_at = datetime.now(UTC)
        row.cancelled = cancelled
        row.failure = None if cancelled else why.detail
        self._session.flush()
        return self._shown(row)

    def results(self, batch_id: str, after: int, limit: int) -> list[ItemResult]:
        """What became of the items after the place `after`, those that wait left out."""
        wanted = (
            select(BatchItemRow)
            .where(
                BatchItemRow.batch_id == ids.uuid_of(ids.Kind.BATCH, batch_id),
                BatchItemRow.position > after,
                ~_WAITING,
            )
            .order_by(BatchItemRow.position)
            .limit(limit)
        )
        rows = self._session.scalars(wanted).all()
        made = [row.attempt_id for row in rows if row.attempt_id is not None]
        attempts = Attempts(self._session).these(made)
        return [
            ItemResult(
                position=row.position,
                attempt=None if row.attempt_id is None else attempts[row.attempt_id],
                error=_error(row.error),
            )
            for row in rows
        ]

    def _row(self, batch_id: str, *, lock: bool = False) -> BatchRow:
        uuid = ids.parse(ids.Kind.BATCH, batch_id)
        found = None
        if uuid is not None:
            found = self._session.get(BatchRow, uuid, with_for_update=lock, populate_existing=lock)
        if found is None:
            raise NotFound(f"There is no batch {batch_id!r}.")
        return found

    def _counted(self, batch_id: UUID, condition: ColumnElement[bool]) -> int:
        wanted = (
            select(func.count())
            .select_from(BatchItemRow)
            .where(BatchItemRow.batch_id == batch_id, condition)
        )
        return self._session.scalar(wanted) or 0

    def _shown(self, row: BatchRow) -> Batch:
        counted = self._session.execute(
            select(
                func.count(BatchItemRow.attempt_id).label("done"),
                func.count(BatchItemRow.error).label("failed"),
            ).where(BatchItemRow.batch_id == row.id)
        ).one()
        return Batch(
            batch_id=ids.show(ids.Kind.BATCH, row.id),
            status=_status(row),
            total=row.total,
            done=counted.done,
            failed=counted.failed,
            created_at=row.created_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            failure=row.failure,
            key_id=None if row.key_id is None else ids.show(ids.Kind.KEY, row.key_id),
        )


def _status(row: BatchRow) -> WorkStatus:
    if row.cancelled:
        return WorkStatus.CANCELLED
    if row.failure is not None:
        return WorkStatus.FAILED
    if row.ended_at is not None:
        return WorkStatus.FINISHED
    return WorkStatus.QUEUED if row.started_at is None else WorkStatus.RUNNING


def _item(row: BatchItemRow, candidate: str) -> BatchItem:
    language = None if row.language is None else Language(row.language)
    return BatchItem(
        question=row.question,
        candidate=candidate,
        answer=Answer(text=row.answer or "", language=language),
        metadata=row.extra or {},
    )


def _stored(error: ItemError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults]
    return {"code": error.code, "detail": error.detail, "errors": faults}


def _error(stored: dict[str, Any] | None) -> ItemError | None:
    if stored is None:
        return None
    return ItemError(
        code=stored["code"],
        detail=stored["detail"],
        faults=tuple(FieldFault(**fault) for fault in stored["errors"]),
    )
