"""The review queue, appeals, and what reviewers said."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    any_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, array, distinct_on
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session, contains_eager
from sqlalchemy.types import Text

from service import ids
from service.domain import (
    ApiKey,
    Appeal,
    FlagCode,
    Grade,
    Language,
    Page,
    Review,
    Verdict,
    Waiting,
    WaitReason,
)
from service.errors import AlreadyAppealed, Claimed, Erased, NotFound
from service.exchange import Judgement, MarkedPair, QueueFilter, QueueOrder, QueueState
from service.grouping import Comparable
from service.models import (
    AnswerVectorsRow,
    AppealRow,
    AttemptRow,
    CandidateRow,
    GradeRow,
    PointGradeRow,
    QuestionRow,
    QueueRow,
    ReviewRow,
    VersionRow,
)
from service.store import cursors
from service.store.questions import named

_OPEN = QueueRow.reviewed_at.is_(None)
_HELD = and_(_OPEN, QueueRow.claimed_until > func.now())
_FREE = and_(_OPEN, or_(QueueRow.claimed_until.is_(None), QueueRow.claimed_until <= func.now()))
_LAST = (
    select(ReviewRow.id)
    .ext(distinct_on(ReviewRow.attempt_id))
    .order_by(ReviewRow.attempt_id, ReviewRow.id.desc())
)
"""The last review of each attempt."""
_STATES = {
    QueueState.WAITING: _FREE,
    QueueState.CLAIMED: _HELD,
    QueueState.DONE: QueueRow.reviewed_at.is_not(None),
}


class Reviews:
    """Reviews and what leads to them, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # The queue

    def enqueue(self, attempt_id: str, reasons: Collection[WaitReason], grade: Grade) -> None:
        """Put an attempt that is not in the queue into it."""
        row = _queued(ids.uuid_of(ids.Kind.ATTEMPT, attempt_id), reasons, grade)
        self._session.execute(insert(QueueRow), row)

    def enqueue_again(self, attempt_id: str, grade: Grade) -> None:
        """Put an attempt into the queue for the doubts of a new grade, unless it was ever there."""
        row = _queued(ids.uuid_of(ids.Kind.ATTEMPT, attempt_id), [WaitReason.DOUBT], grade)
        self._session.execute(insert_or(QueueRow).values(row).on_conflict_do_nothing())

    def page(
        self, filters: QueueFilter, order: QueueOrder, *, cursor: str | None, limit: int
    ) -> Page[Waiting]:
        """The attempts of the queue that fit.

        Raises:
            NotFound: the question of the filter does not exist.
        """
        wanted = _whole(_STATES[filters.state], *self._fitting(filters))
        after = cursors.read(ids.Kind.ATTEMPT, cursor)
        if after is not None:
            wanted = wanted.where(_past(order, after))
        rows = self._session.scalars(wanted.order_by(*_sorted(order)).limit(limit + 1)).all()
        shown = rows[:limit]
        return Page(
            items=tuple(map(_waiting, shown)),
            next_cursor=(
                cursors.write(ids.Kind.ATTEMPT, shown[-1].attempt_id) if len(rows) > limit else None
            ),
        )

    def place(self, attempt_id: str) -> Waiting | None:
        """An attempt's place in the queue, done or not; None: it was never in it."""
        uuid = ids.parse(ids.Kind.ATTEMPT, attempt_id)
        row = self._session.scalars(_whole(QueueRow.attempt_id == uuid)).one_or_none()
        return None if row is None else _waiting(row)

    def show_to(self, attempt_id: str, reviewer: str) -> None:
        """Note that a reviewer is shown the grade of an attempt, if it is in the queue."""
        uuid = ids.parse(ids.Kind.ATTEMPT, attempt_id)
        self._session.execute(
            update(QueueRow)
            .where(QueueRow.attempt_id == uuid)
            .values(shown_to=_with(QueueRow.shown_to, reviewer))
        )

    def claim(self, attempt_id: str, reviewer: str, lease: timedelta, *, blind: bool) -> Waiting:
        """Lease an attempt of the queue to a reviewer, or lengthen the lease.

        Args:
            blind: whether the reviewer is not shown the grade.

        Raises:
            NotFound: the attempt does not wait for a review.
            Claimed: another reviewer holds it.
        """
        uuid = ids.parse(ids.Kind.ATTEMPT, attempt_id)
        mine = and_(
            QueueRow.attempt_id == uuid, or_(_FREE, and_(_OPEN, QueueRow.claimed_by == reviewer))
        )
        if not self._lease(mine, reviewer, lease, blind=blind):
            raise self._why_not(uuid, attempt_id)
        return self._one(uuid)

    def claim_next(
        self,
        filters: QueueFilter,
        order: QueueOrder,
        reviewer: str,
        lease: timedelta,
        *,
        blind: bool,
    ) -> Waiting | None:
        """Lease the attempt to a reviewer that comes first; None if none is left.

        The one that the reviewer holds already comes before all, so asking twice takes one. What
        the reviewer gave back is not offered again.

        Args:
            blind: whether the reviewer is not shown the grade.

        Raises:
            NotFound: the question of the filter does not exist.
        """
        held = and_(_HELD, QueueRow.claimed_by == reviewer)
        new = and_(_FREE, ~(literal(reviewer) == any_(QueueRow.passed_by)))
        wanted = (
            _joined(select(QueueRow.attempt_id))
            .where(or_(held, new), *self._fitting(filters))
            .order_by(case((held, 0), else_=1), *_sorted(order))
            .limit(1)
            # Two who ask at once get two attempts, and neither waits for the other.
            .with_for_update(of=QueueRow, skip_locked=True)
        )
        uuid = self._session.scalar(wanted)
        if uuid is None:
            return None
        self._lease(QueueRow.attempt_id == uuid, reviewer, lease, blind=blind)
        return self._one(uuid)

    def release(self, attempt_id: str, reviewer: str) -> None:
        """Give an attempt back; nothing happens where the reviewer does not hold it.

        Raises:
            NotFound: the attempt is not in the queue.
        """
        uuid = ids.parse(ids.Kind.ATTEMPT, attempt_id)
        mine = (QueueRow.attempt_id == uuid, _OPEN, QueueRow.claimed_by == reviewer)
        self._session.execute(
            update(QueueRow)
            .where(*mine)
            .values(
                claimed_by=None,
                claimed_until=None,
                passed_by=func.array_append(QueueRow.passed_by, reviewer),
            )
        )
        if not self._session.scalar(select(QueueRow.attempt_id).where(QueueRow.attempt_id == uuid)):
            raise NotFound(f"The attempt {attempt_id!r} does not wait for a review.")

    def _lease(
        self, condition: ColumnElement[bool], reviewer: str, lease: timedelta, *, blind: bool
    ) -> bool:
        values: dict[str, Any] = {"claimed_by": reviewer, "claimed_until": func.now() + lease}
        if not blind:
            values["shown_to"] = _with(QueueRow.shown_to, reviewer)
        taken = self._session.execute(
            update(QueueRow).where(condition).values(values).returning(QueueRow.attempt_id)
        )
        return taken.one_or_none() is not None

    def _why_not(self, uuid: UUID | None, attempt_id: str) -> Exception:
        wanted = select(QueueRow.claimed_until).where(QueueRow.attempt_id == uuid, _OPEN)
        row = self._session.execute(wanted).one_or_none()
        if row is None:
            return NotFound(f"The attempt {attempt_id!r} does not wait for a review.")
        return _claimed(attempt_id, row.claimed_until)

    def _one(self, uuid: UUID | None) -> Waiting:
        wanted = _whole(QueueRow.attempt_id == uuid).execution_options(populate_existing=True)
        return _waiting(self._session.scalars(wanted).one())

    def _fitting(self, filters: QueueFilter) -> Iterator[ColumnElement[bool]]:
        if filters.question is not None:
            found = self._session.scalar(select(QuestionRow.id).where(named(filters.question)))
            if found is None:
                raise NotFound(f"There is no question {filters.question!r}.")
            yield VersionRow.question_id == found
        if filters.reason is not None:
            yield literal(filters.reason.value) == any_(QueueRow.reasons)
        if filters.flag is not None:
            yield literal(filters.flag.value) == any_(QueueRow.flags)
        if filters.language is not None:
            yield AttemptRow.language == filters.language

    # Appeals

    def appeal(self, attempt_id: str, message: str, grade: Grade) -> Appeal:
        """Keep an appeal and put the attempt into the queue, or back into it.

        Raises:
            NotFound: no such attempt.
            Erased: its candidate was erased.
            AlreadyAppealed: there was an appeal before.
        """
        uuid = self._lock_candidate(attempt_id)
        now = datetime.now(UTC)
        row = {"attempt_id": uuid, "message": message, "created_at": now}
        made = self._session.execute(
            insert_or(AppealRow)
            .values(row)
            .on_conflict_do_nothing()
            .returning(AppealRow.attempt_id)
        )
        if made.one_or_none() is None:
            raise AlreadyAppealed(
                "There was an appeal against the mark of this attempt before; one is heard."
            )
        queued = insert_or(QueueRow).values(_queued(uuid, [WaitReason.APPEAL], grade))
        self._session.execute(
            queued.on_conflict_do_update(
                index_elements=[QueueRow.attempt_id],
                set_={
                    "reasons": QueueRow.reasons + array([WaitReason.APPEAL.value], type_=Text()),
                    "queued_at": queued.excluded.queued_at,
                    "passed_by": queued.excluded.passed_by,
                    "reviewed_at": None,
                },
            )
        )
        return Appeal(message=message, created_at=now)

    # Reviews

    def add(
        self,
        attempt_id: str,
        judgement: Judgement,
        *,
        score: float,
        grade_id: str,
        grouped: bool,
        actor: ApiKey | None,
    ) -> Review:
        """Keep a review; the attempt waits no longer.

        Raises:
            NotFound: no such attempt.
            Erased: its candidate was erased.
            Claimed: another reviewer holds it.
        """
        uuid = self._lock_candidate(attempt_id)
        blind = self._is_blind(uuid, attempt_id, judgement.reviewer)
        row = {
            "id": ids.new_uuid(),
            "attempt_id": uuid,
            "grade_id": ids.uuid_of(ids.Kind.GRADE, grade_id),
            "key_id": None if actor is None else ids.uuid_of(ids.Kind.KEY, actor.key_id),
            "reviewer": judgement.reviewer,
            "score": score,
            "verdicts": dict(judgement.verdicts),
            "reason": judgement.reason,
            "grouped": grouped,
            "blind": blind,
            "created_at": datetime.now(UTC),
        }
        self._session.execute(insert(ReviewRow), row)
        # Whoever has judged may look at the grade now, and is not blind if it comes back.
        shown_to = _with(QueueRow.shown_to, judgement.reviewer)
        self._session.execute(
            update(QueueRow)
            .where(QueueRow.attempt_id == uuid)
            .values(reviewed_at=func.now(), shown_to=shown_to)
        )
        return _review(ReviewRow(**row))

    def _is_blind(self, uuid: UUID, attempt_id: str, reviewer: str) -> bool:
        """Whether a review by this reviewer is blind.

        Raises:
            Claimed: another reviewer holds the attempt.
        """
        place = select(QueueRow, _HELD.label("held")).where(QueueRow.attempt_id == uuid)
        row = self._session.execute(place.with_for_update()).one_or_none()
        if row is None:
            return False
        if row.QueueRow.claimed_by != reviewer:
            if row.held:
                raise _claimed(attempt_id, row.QueueRow.claimed_until)
            return False
        return reviewer not in row.QueueRow.shown_to

    def _lock_candidate(self, attempt_id: str) -> UUID:
        """The attempt's row id, with a lock that keeps its candidate from being erased."""
        uuid = ids.parse(ids.Kind.ATTEMPT, attempt_id)
        row = self._session.execute(
            select(AttemptRow.id, CandidateRow.erased_at)
            .join(AttemptRow.candidate)
            .where(AttemptRow.id == uuid)
            .with_for_update(read=True, key_share=True, of=CandidateRow)
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no attempt {attempt_id!r}.")
        if row.erased_at is not None:
            raise Erased("The candidate was erased: there is no answer left to judge.")
        found: UUID = row.id
        return found

    # Looking back

    def marked_pairs(
        self, question: str | None, *, sampled: bool, blind: bool
    ) -> Iterator[MarkedPair]:
        """The last review of each attempt beside the grade that stood.

        Args:
            sampled: only attempts that were drawn by chance.
            blind: only reviews that were made without sight of the grade.

        Raises:
            NotFound: no such question.
        """
        verdicts = (
            select(func.jsonb_object_agg(PointGradeRow.key, PointGradeRow.verdict))
            .where(PointGradeRow.grade_id == ReviewRow.grade_id)
            .correlate(ReviewRow)
            .scalar_subquery()
        )
        wanted = (
            select(
                ReviewRow.attempt_id,
                ReviewRow.score,
                ReviewRow.verdicts,
                GradeRow.score.label("graded"),
                verdicts.label("graded_verdicts"),
                QuestionRow.id.label("question_id"),
                QuestionRow.slug,
            )
            .join(GradeRow, GradeRow.id == ReviewRow.grade_id)
            .join(VersionRow, VersionRow.id == GradeRow.version_id)
            .join(QuestionRow, QuestionRow.id == VersionRow.question_id)
            .where(ReviewRow.id.in_(_LAST))
        )
        if question is not None:
            *_, condition = self._fitting(QueueFilter(question=question))
            wanted = wanted.where(condition)
        if blind:
            wanted = wanted.where(ReviewRow.blind)
        if sampled:
            drawn = literal(WaitReason.SAMPLE.value) == any_(QueueRow.reasons)
            wanted = wanted.join(QueueRow, QueueRow.attempt_id == ReviewRow.attempt_id).where(drawn)
        for row in self._session.execute(wanted):
            yield MarkedPair(
                attempt_id=ids.show(ids.Kind.ATTEMPT, row.attempt_id),
                question_id=ids.show(ids.Kind.QUESTION, row.question_id),
                question_slug=row.slug,
                graded=row.graded,
                reviewed=row.score,
                verdicts=tuple(
                    (key, Verdict(row.graded_verdicts[key]), Verdict(verdict))
                    for key, verdict in row.verdicts.items()
                ),
            )

    def reviewed_answers(self) -> list[tuple[UUID, str, float]]:
        """Version that was marked against, answer, and score by the last review, oldest first."""
        wanted = (
            select(GradeRow.version_id, AttemptRow.answer, ReviewRow.score)
            .join(AttemptRow, AttemptRow.id == ReviewRow.attempt_id)
            .join(GradeRow, GradeRow.id == ReviewRow.grade_id)
            .where(ReviewRow.id.in_(_LAST), AttemptRow.answer.is_not(None))
            .order_by(ReviewRow.id)
        )
        rows = self._session.execute(wanted)
        return [(row.version_id, row.answer or "", row.score) for row in rows]

    def waiting_answers(self, question: str, most: int) -> list[Comparable]:
        """Answers to a question that wait for a review, the oldest first, as grouping needs them.

        Of each with the vectors of its last grade's encoder; one without any is left out.

        Raises:
            NotFound: no such question.
        """
        last = (
            select(GradeRow.id)
            .where(GradeRow.attempt_id == QueueRow.attempt_id)
            .order_by(GradeRow.id.desc())
            .limit(1)
            .correlate(QueueRow)
            .scalar_subquery()
        )
        verdicts = (
            select(
                func.array_agg(aggregate_order_by(PointGradeRow.verdict, PointGradeRow.position))
            )
            .where(PointGradeRow.grade_id == GradeRow.id)
            .correlate(GradeRow)
            .scalar_subquery()
        )
        wanted = (
            _joined(
                select(
                    QueueRow.attempt_id,
                    AttemptRow.answer,
                    verdicts.label("verdicts"),
                    AnswerVectorsRow.vectors,
                    AnswerVectorsRow.dimension,
                )
            )
            .join(GradeRow, GradeRow.id == last)
            .join(
                AnswerVectorsRow,
                and_(
                    AnswerVectorsRow.attempt_id == QueueRow.attempt_id,
                    AnswerVectorsRow.encoder_revision == GradeRow.encoder_revision,
                ),
            )
            .where(_FREE, func.octet_length(AnswerVectorsRow.vectors) > 0)
            .where(*self._fitting(QueueFilter(question=question)))
            .order_by(*_sorted(QueueOrder.OLDEST))
            .limit(most)
        )
        return [
            Comparable(
                attempt_id=ids.show(ids.Kind.ATTEMPT, row.attempt_id),
                answer=row.answer,
                verdicts=tuple(map(Verdict, row.verdicts)),
                vector=_mean_vector(row.vectors, row.dimension),
            )
            for row in self._session.execute(wanted)
        ]


def _joined(statement: Select[Any]) -> Select[Any]:
    return (
        statement.select_from(QueueRow)
        .join(QueueRow.attempt)
        .join(AttemptRow.version)
        .join(VersionRow.question)
    )


def _whole(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Rows of the queue with what is shown of them."""
    return (
        _joined(select(QueueRow))
        .where(*conditions)
        .options(
            contains_eager(QueueRow.attempt)
            .contains_eager(AttemptRow.version)
            .contains_eager(VersionRow.question)
        )
    )


def _sorted(order: QueueOrder) -> tuple[Any, ...]:
    if order is QueueOrder.OLDEST:
        return QueueRow.queued_at, QueueRow.attempt_id
    return QueueRow.expected_error.desc(), QueueRow.attempt_id.desc()


def _past(order: QueueOrder, after: UUID) -> ColumnElement[bool]:
    """What comes after the row that a cursor names, which stays in the table when it is done."""
    column = QueueRow.queued_at if order is QueueOrder.OLDEST else QueueRow.expected_error
    row = select(column).where(QueueRow.attempt_id == after).scalar_subquery()
    here, there = tuple_(column, QueueRow.attempt_id), tuple_(row, literal(after))
    return here > there if order is QueueOrder.OLDEST else here < there


def _queued(uuid: UUID, reasons: Collection[WaitReason], grade: Grade) -> dict[str, Any]:
    return {
        "attempt_id": uuid,
        "reasons": sorted(reasons),
        "expected_error": grade.expected_error,
        "flags": [flag.code.value for flag in grade.flags],
        "queued_at": datetime.now(UTC),
        "passed_by": [],
        "shown_to": [],
    }


def _with(names: Any, name: str) -> ColumnElement[Any]:
    """A list of names with one more, once."""
    return func.array_append(func.array_remove(names, name), name)


def _claimed(attempt_id: str, until: datetime | None) -> Claimed:
    left = 0.0 if until is None else (until - datetime.now(UTC)).total_seconds()
    return Claimed(f"Another reviewer holds the attempt {attempt_id!r}.", max(1, round(left)))


def _mean_vector(raw: bytes, dimension: int) -> Any:
    units = np.frombuffer(raw, dtype="<f2").reshape(-1, dimension).astype(np.float32)
    mean = units.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


# Rows to domain


def _waiting(row: QueueRow) -> Waiting:
    version = row.attempt.version
    return Waiting(
        attempt_id=ids.show(ids.Kind.ATTEMPT, row.attempt_id),
        question_id=ids.show(ids.Kind.QUESTION, version.question_id),
        question_slug=version.question.slug,
        question_version=version.number,
        language=Language(row.attempt.language),
        reasons=frozenset(map(WaitReason, row.reasons)),
        expected_error=row.expected_error,
        flags=tuple(map(FlagCode, row.flags)),
        queued_at=row.queued_at,
        claimed_by=row.claimed_by,
        claimed_until=row.claimed_until,
        reviewed_at=row.reviewed_at,
    )


def reviews_of(rows: Sequence[ReviewRow]) -> tuple[Review, ...]:
    """Reviews of an attempt, oldest first."""
    return tuple(map(_review, rows))


def appeal_of(row: AppealRow | None) -> Appeal | None:
    """The appeal against an attempt's mark."""
    return None if row is None else Appeal(message=row.message or "", created_at=row.created_at)


def _review(row: ReviewRow) -> Review:
    verdicts: Mapping[str, str] = row.verdicts
    return Review(
        review_id=ids.show(ids.Kind.REVIEW, row.id),
        reviewer=row.reviewer,
        score=row.score,
        verdicts={key: Verdict(verdict) for key, verdict in verdicts.items()},
        reason=row.reason or "",
        grade_id=ids.show(ids.Kind.GRADE, row.grade_id),
        grouped=row.grouped,
        blind=row.blind,
        created_at=row.created_at,
    )
