"""Attempts, their grades and vectors, and the candidates behind them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Insert,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session, contains_eager, selectinload

from service import ids
from service.domain import (
    Attempt,
    Evidence,
    Flag,
    FlagCode,
    Grade,
    Language,
    MisconceptionGrade,
    Page,
    PointGrade,
    Provenance,
    QuestionVersion,
    Reveal,
    Signal,
    StoredGrade,
    Verdict,
)
from service.errors import NotFound
from service.exchange import AttemptFilter, Erasure
from service.grader import Kept
from service.models import (
    AnswerVectorsRow,
    AppealRow,
    AttemptRow,
    Base,
    BatchItemRow,
    CandidateRow,
    GradeRow,
    IdempotencyRow,
    PointGradeRow,
    QuestionRow,
    QueueRow,
    ReviewRow,
    SessionRow,
    VersionRow,
)
from service.store import cursors
from service.store.questions import named
from service.store.reviews import appeal_of, reviews_of
from service.store.vectors import packed, unpacked

if TYPE_CHECKING:
    from service.grader import Marked

# Names the locks of answers sent from pages among the advisory locks of the database.
_SUBMISSIONS = 7_664_625_005
_ERASED = {"code": "erased", "detail": "The candidate was erased.", "errors": []}
"""What becomes of an answer that waits to be graded."""


class Attempts:
    """The attempts, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Reading

    def get(self, attempt_id: str) -> Attempt:
        """One attempt.

        Raises:
            NotFound: no such attempt.
        """
        uuid = ids.parse(ids.Kind.ATTEMPT, attempt_id)
        row = None
        if uuid is not None:
            row = self._session.scalars(_whole(AttemptRow.id == uuid)).one_or_none()
        if row is None:
            raise NotFound(f"There is no attempt {attempt_id!r}.")
        return _attempt(row)

    def page(self, filters: AttemptFilter, *, cursor: str | None, limit: int) -> Page[Attempt]:
        """Attempts, newest first.

        Raises:
            NotFound: the question of the filter does not exist.
        """
        wanted = _whole(*self._fitting(filters))
        before = cursors.read(ids.Kind.ATTEMPT, cursor)
        if before is not None:
            wanted = wanted.where(AttemptRow.id < before)
        rows = self._session.scalars(wanted.order_by(AttemptRow.id.desc()).limit(limit + 1)).all()
        more = len(rows) > limit
        shown = rows[:limit]
        return Page(
            items=tuple(map(_attempt, shown)),
            next_cursor=cursors.write(ids.Kind.ATTEMPT, shown[-1].id) if more else None,
        )

    def matching(self, *conditions: ColumnElement[bool]) -> tuple[Attempt, ...]:
        """All attempts that fit, oldest first; for conditions that few can."""
        rows = self._session.scalars(_whole(*conditions).order_by(AttemptRow.id)).all()
        return tuple(map(_attempt, rows))

    def of_submission(self, candidate: str, submission: str) -> tuple[Attempt, ...]:
        """What a candidate's page sent under one number, oldest first."""
        return self.matching(
            CandidateRow.external_id == candidate,
            AttemptRow.extra["submission"].as_string() == submission,
        )

    def lock_submission(self, submission: str) -> None:
        """Wait for whoever else keeps an answer sent under this number."""
        number = func.hashtextextended(submission, _SUBMISSIONS)
        self._session.execute(select(func.pg_advisory_xact_lock(number)))

    def these(self, attempt_ids: Collection[UUID]) -> dict[UUID, Attempt]:
        """The attempts with these ids, by id."""
        if not attempt_ids:
            return {}
        rows = self._session.scalars(_whole(AttemptRow.id.in_(attempt_ids)))
        return {row.id: _attempt(row) for row in rows}

    def _fitting(self, filters: AttemptFilter) -> Iterator[ColumnElement[bool]]:
        if filters.question is not None:
            yield VersionRow.question_id == self._question_id(filters.question)
        if filters.candidate is not None:
            yield CandidateRow.external_id == filters.candidate
        if filters.since is not None:
            yield AttemptRow.created_at >= filters.since
        if filters.until is not None:
            yield AttemptRow.created_at < filters.until

    def _question_id(self, ref: str) -> UUID:
        """Of archived questions too: their attempts stay."""
        found = self._session.scalar(select(QuestionRow.id).where(named(ref)))
        if found is None:
            raise NotFound(f"There is no question {ref!r}.")
        return found

    # Writing

    def add(
        self,
        version: QuestionVersion,
        *,
        candidate: str,
        answer: str,
        metadata: Mapping[str, Any],
        marked: Marked,
        key_id: str | None,
        session_id: str | None = None,
    ) -> Attempt:
        """Keep an answer to a published version with its grade and its vectors."""
        attempt_id, grade_id = ids.new_uuid(), ids.new_uuid()
        now = datetime.now(UTC)
        version_id = ids.uuid_of(ids.Kind.VERSION, version.version_id)
        attempt = {
            "id": attempt_id,
            "version_id": version_id,
            "candidate_id": self.candidate(candidate),
            "key_id": None if key_id is None else ids.uuid_of(ids.Kind.KEY, key_id),
            "session_id": None if session_id is None else ids.uuid_of(ids.Kind.SESSION, session_id),
            "answer": answer,
            "language": marked.language,
            "metadata": dict(metadata),
            "created_at": now,
        }
        grade = {
            "id": grade_id,
            "attempt_id": attempt_id,
            "version_id": version_id,
            "created_at": now,
            **_grade_values(marked.grade),
        }
        points = [
            {"grade_id": str(grade_id), **_point_values(*item)}
            for item in enumerate(marked.grade.points)
        ]
        vectors = {"attempt_id": attempt_id, **_vector_values(marked)}
        self._session.connection().execute(
            _ADD,
            _prefixed("attempts", attempt)
            | _prefixed("grades", grade)
            | _prefixed("answer_vectors", vectors)
            | {"points": points},
        )
        stored = StoredGrade(
            grade_id=ids.show(ids.Kind.GRADE, grade_id), created_at=now, grade=marked.grade
        )
        return Attempt(
            attempt_id=ids.show(ids.Kind.ATTEMPT, attempt_id),
            question_id=version.question_id,
            question_slug=version.content.slug,
            question_version=version.number,
            version_id=version.version_id,
            candidate=candidate,
            answer=answer,
            language=marked.language,
            metadata=metadata,
            created_at=now,
            grades=(stored,),
            reveal=version.content.reveal,
            session_id=session_id,
        )

    def candidate(self, external_id: str) -> UUID:
        """The candidate with this id, made if new.

        The lock keeps an erasure from slipping in before the attempt is there to be erased.
        """
        known = (
            select(CandidateRow.id)
            .where(CandidateRow.external_id == external_id)
            .with_for_update(read=True, key_share=True)
        )
        found = self._session.scalar(known)
        if found is None:
            found = self._session.scalar(
                insert_or(CandidateRow)
                .values(id=ids.new_uuid(), external_id=external_id)
                .on_conflict_do_nothing(index_elements=[CandidateRow.external_id])
                .returning(CandidateRow.id)
            )
        # None again: somebody else has just made it, and by now has committed it.
        return found if found is not None else self._session.scalars(known).one()

    def of_candidate(self, external_id: str) -> tuple[datetime, tuple[Attempt, ...]]:
        """When a candidate first came, and every attempt, oldest first.

        Raises:
            NotFound: no such candidate.
        """
        wanted = select(CandidateRow.created_at).where(CandidateRow.external_id == external_id)
        created_at = self._session.scalar(wanted)
        if created_at is None:
            raise NotFound("There is no such candidate.")
        return created_at, self.matching(CandidateRow.external_id == external_id)

    def to_regrade(
        self, question_id: str, after: str | None, limit: int
    ) -> list[tuple[Attempt, Kept | None]]:
        """Attempts on any version of a question, oldest first, with what was kept of the answers.

        Erased ones are left out. `after`: the id of the last attempt that was had before.
        """
        wanted = _whole(
            VersionRow.question_id == ids.uuid_of(ids.Kind.QUESTION, question_id),
            AttemptRow.answer.is_not(None),
        )
        if after is not None:
            wanted = wanted.where(AttemptRow.id > ids.uuid_of(ids.Kind.ATTEMPT, after))
        rows = self._session.scalars(wanted.order_by(AttemptRow.id).limit(limit)).all()
        kept = select(AnswerVectorsRow).where(
            AnswerVectorsRow.attempt_id.in_([row.id for row in rows])
        )
        # Of several encoders the newest row wins; only one of them fits a grader.
        vectors = {row.attempt_id: _kept(row) for row in self._session.scalars(kept)}
        return [(_attempt(row), vectors.get(row.id)) for row in rows]

    def add_grade(self, attempt_id: str, marked: Marked) -> StoredGrade | None:
        """Keep another grade of an attempt, and what was seen of its answer.

        None if the candidate was erased meanwhile: nothing is kept then.
        """
        uuid = ids.uuid_of(ids.Kind.ATTEMPT, attempt_id)
        living = self._session.scalar(
            select(CandidateRow.id)
            .join(AttemptRow, AttemptRow.candidate_id == CandidateRow.id)
            .where(AttemptRow.id == uuid, CandidateRow.erased_at.is_(None))
            .with_for_update(read=True, key_share=True, of=CandidateRow)
        )
        if living is None:
            return None
        grade_id, now = ids.new_uuid(), datetime.now(UTC)
        version = marked.grade.provenance.question_version or ""
        row = {
            "id": grade_id,
            "attempt_id": uuid,
            "version_id": ids.uuid_of(ids.Kind.VERSION, version),
            "created_at": now,
            **_grade_values(marked.grade),
        }
        self._session.execute(insert(GradeRow), row)
        points = [
            {"grade_id": grade_id, **_point_values(*item)}
            for item in enumerate(marked.grade.points)
        ]
        self._session.execute(insert(PointGradeRow), points)
        values = _vector_values(marked)
        seen = insert_or(AnswerVectorsRow).values({"attempt_id": uuid, **values})
        self._session.execute(
            seen.on_conflict_do_update(
                index_elements=[AnswerVectorsRow.attempt_id, AnswerVectorsRow.encoder_revision],
                set_=values,
            )
        )
        return StoredGrade(
            grade_id=ids.show(ids.Kind.GRADE, grade_id), created_at=now, grade=marked.grade
        )

    def idle_candidate(self, since: datetime) -> str | None:
        """The platform's id of a candidate of whom nothing is as young as `since`, or None."""
        younger = (
            select(AttemptRow.id).where(
                AttemptRow.candidate_id == CandidateRow.id, AttemptRow.created_at >= since
            ),
            # Until it closes, and by its own making: an invitation may wait for long.
            select(SessionRow.id).where(
                SessionRow.candidate_id == CandidateRow.id,
                or_(SessionRow.created_at >= since, SessionRow.closes_at >= since),
            ),
            select(BatchItemRow.batch_id).where(
                BatchItemRow.candidate_id == CandidateRow.id, BatchItemRow.answer.is_not(None)
            ),
            select(AppealRow.attempt_id)
            .join(AttemptRow, AttemptRow.id == AppealRow.attempt_id)
            .where(AttemptRow.candidate_id == CandidateRow.id, AppealRow.created_at >= since),
        )
        return self._session.scalar(
            select(CandidateRow.external_id)
            .where(
                CandidateRow.erased_at.is_(None),
                CandidateRow.created_at < since,
                *(~found.exists() for found in younger),
            )
            .order_by(CandidateRow.id)
            .limit(1)
        )

    def erase(self, external_id: str) -> Erasure:
        """Erase a candidate.

        Raises:
            NotFound: no such candidate.
        """
        # First of all, for it waits for attempts in the making and lets none begin.
        row = self._session.execute(
            update(CandidateRow)
            .where(CandidateRow.external_id == external_id)
            .values(external_id=None, erased_at=func.now())
            .returning(CandidateRow.id, CandidateRow.erased_at)
        ).one_or_none()
        if row is None:
            raise NotFound("There is no such candidate.")
        candidate_id = row.id
        attempts = self._session.scalars(
            update(AttemptRow)
            .where(AttemptRow.candidate_id == candidate_id)
            .values(answer=None, extra=None)
            .returning(AttemptRow.id)
        ).all()
        mine = select(AttemptRow.id).where(AttemptRow.candidate_id == candidate_id)
        sessions = select(SessionRow.id).where(SessionRow.candidate_id == candidate_id)
        for erasure in (
            delete(AnswerVectorsRow).where(AnswerVectorsRow.attempt_id.in_(mine)),
            delete(IdempotencyRow).where(
                or_(IdempotencyRow.subject_id.in_(mine), IdempotencyRow.subject_id.in_(sessions))
            ),
            update(GradeRow).where(GradeRow.attempt_id.in_(mine)).values(feedback=None),
            update(ReviewRow).where(ReviewRow.attempt_id.in_(mine)).values(reason=None),
            update(AppealRow).where(AppealRow.attempt_id.in_(mine)).values(message=None),
            update(SessionRow).where(SessionRow.candidate_id == candidate_id).values(extra=None),
            update(BatchItemRow)
            .where(BatchItemRow.candidate_id == candidate_id, BatchItemRow.answer.is_not(None))
            .values(answer=None, extra=None, error=_ERASED),
            # Nobody can judge an answer that is gone.
            delete(QueueRow).where(QueueRow.attempt_id.in_(mine)),
        ):
            self._session.execute(erasure)
        return Erasure(
            candidate_id=ids.show(ids.Kind.CANDIDATE, candidate_id),
            erased_at=row.erased_at,
            attempts=len(attempts),
        )


def _whole(*conditions: ColumnElement[bool]) -> Select[AttemptRow]:
    """Attempts with all that is shown of them."""
    return (
        select(AttemptRow)
        .join(AttemptRow.candidate)
        .join(AttemptRow.version)
        .join(VersionRow.question)
        .where(*conditions)
        .options(
            contains_eager(AttemptRow.candidate),
            contains_eager(AttemptRow.version).contains_eager(VersionRow.question),
            selectinload(AttemptRow.grades).selectinload(GradeRow.points),
            selectinload(AttemptRow.reviews),
            selectinload(AttemptRow.appeal),
        )
    )


# One statement for an attempt --------------------------------------------------------------------


def _insert_row(row: type[Base]) -> Insert:
    """Insert one row whose values come as parameters named ``<table>_<column>``."""
    name = row.__tablename__
    return insert(row).values(
        {
            column: bindparam(f"{name}_{column.name}", type_=column.type)
            for column in row.__table__.c
        }
    )


def _insert_points() -> Insert:
    """Insert any number of point grades from one JSON parameter, ``points``."""
    columns = PointGradeRow.__table__.c
    given = (
        func.jsonb_to_recordset(bindparam("points", type_=JSONB()))
        .table_valued(*(Column(each.name, each.type) for each in columns), name="given")
        .render_derived(with_types=True)
    )
    return insert(PointGradeRow).from_select(list(columns), select(*given.c))


def _prefixed(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{table}_{column}": value for column, value in values.items()}


# An attempt, its grade, the point grades and the vectors go in one statement: one trip to the
# database instead of four, which is most of what saving an attempt costs. Foreign keys are checked
# at the end of a statement, so the order of its parts does not matter.
_ADD = _insert_row(AttemptRow).add_cte(
    _insert_row(GradeRow).cte("grade"),
    _insert_row(AnswerVectorsRow).cte("vectors"),
    _insert_points().cte("points"),
)


# Domain to rows ----------------------------------------------------------------------------------


def _grade_values(grade: Grade) -> dict[str, Any]:
    provenance = grade.provenance
    return {
        "score": grade.score,
        "expected_error": grade.expected_error,
        "needs_review": grade.needs_review,
        "flags": [{"code": flag.code, "message": flag.message} for flag in grade.flags],
        "misconceptions": [
            {"key": seen.key, "probability": seen.probability, "spans": _spans(seen.evidence)}
            for seen in grade.misconceptions
        ],
        "feedback": grade.feedback,
        "grader": provenance.grader,
        "encoder": provenance.encoder,
        "encoder_revision": provenance.encoder_revision,
        "verifier": provenance.verifier,
        "verifier_revision": provenance.verifier_revision,
        "calibration": provenance.calibration,
        "thresholds": dict(provenance.thresholds),
        "elapsed_ms": provenance.elapsed_ms,
    }


def _point_values(position: int, point: PointGrade) -> dict[str, Any]:
    return {
        "position": position,
        "key": point.key,
        "verdict": point.verdict,
        "credit": point.credit,
        "probability": point.probability,
        "similarity": point.similarity,
        "evidence": _spans(point.evidence),
        "signals": [
            {"name": signal.name, "value": signal.value, "effect": signal.effect}
            for signal in point.signals
        ],
    }


def _spans(evidence: Sequence[Evidence]) -> list[tuple[int, int]]:
    return [(piece.start, piece.end) for piece in evidence]


def _vector_values(marked: Marked) -> dict[str, Any]:
    return {
        "encoder_revision": marked.grade.provenance.encoder_revision,
        "spans": [list(span) for span in marked.spans],
        **packed(marked.said),
    }


def _kept(row: AnswerVectorsRow) -> Kept:
    return Kept(
        said=unpacked(row, row.background or ""),
        spans=tuple((start, end) for start, end in row.spans),
        encoder_revision=row.encoder_revision,
    )


# Rows to domain ----------------------------------------------------------------------------------


def _attempt(row: AttemptRow) -> Attempt:
    question = row.version.question
    return Attempt(
        attempt_id=ids.show(ids.Kind.ATTEMPT, row.id),
        question_id=ids.show(ids.Kind.QUESTION, question.id),
        question_slug=question.slug,
        question_version=row.version.number,
        version_id=ids.show(ids.Kind.VERSION, row.version_id),
        candidate=row.candidate.external_id or "",
        answer=row.answer or "",
        language=Language(row.language),
        metadata=row.extra or {},
        created_at=row.created_at,
        grades=tuple(_stored_grade(grade, row.answer) for grade in row.grades),
        reveal=Reveal(row.version.reveal),
        reviews=reviews_of(row.reviews),
        appeal=appeal_of(row.appeal),
        session_id=None if row.session_id is None else ids.show(ids.Kind.SESSION, row.session_id),
        erased=row.answer is None,
    )


def _stored_grade(row: GradeRow, answer: str | None) -> StoredGrade:
    grade = Grade(
        score=row.score,
        expected_error=row.expected_error,
        needs_review=row.needs_review,
        flags=tuple(
            Flag(code=FlagCode(flag["code"]), message=flag["message"]) for flag in row.flags
        ),
        points=tuple(_point_grade(point, answer) for point in row.points),
        misconceptions=tuple(
            MisconceptionGrade(
                key=seen["key"],
                probability=seen["probability"],
                evidence=_evidence(seen["spans"], answer),
            )
            for seen in row.misconceptions
        ),
        feedback=row.feedback or "",
        provenance=_provenance(row),
    )
    return StoredGrade(
        grade_id=ids.show(ids.Kind.GRADE, row.id), created_at=row.created_at, grade=grade
    )


def _provenance(row: GradeRow) -> Provenance:
    return Provenance(
        question_version=ids.show(ids.Kind.VERSION, row.version_id),
        grader=row.grader,
        encoder=row.encoder,
        encoder_revision=row.encoder_revision,
        verifier=row.verifier,
        verifier_revision=row.verifier_revision,
        calibration=row.calibration,
        thresholds=row.thresholds,
        elapsed_ms=row.elapsed_ms,
    )


def _point_grade(row: PointGradeRow, answer: str | None) -> PointGrade:
    return PointGrade(
        key=row.key,
        verdict=Verdict(row.verdict),
        credit=row.credit,
        probability=row.probability,
        similarity=row.similarity,
        evidence=_evidence(row.evidence, answer),
        signals=tuple(Signal(**signal) for signal in row.signals),
    )


def _evidence(spans: Sequence[tuple[int, int]], answer: str | None) -> tuple[Evidence, ...]:
    """The words come from the answer; of an erased one there are none."""
    if answer is None:
        return ()
    return tuple(Evidence(start=start, end=end, text=answer[start:end]) for start, end in spans)
