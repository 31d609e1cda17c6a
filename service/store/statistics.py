"""How questions and points do, computed by the database from what is stored."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Subquery,
    and_,
    extract,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from service.domain import Verdict
from service.exchange import PointStatistics, QuestionStatistics
from service.models import (
    AttemptRow,
    GradeRow,
    PointGradeRow,
    PointRow,
    ReviewRow,
    SessionRow,
    VersionRow,
)

_LAST_REVIEW = (
    select(ReviewRow.attempt_id, ReviewRow.score, ReviewRow.verdicts, ReviewRow.grade_id)
    .ext(distinct_on(ReviewRow.attempt_id))
    .order_by(ReviewRow.attempt_id, ReviewRow.id.desc())
    .subquery("last_review")
)


def _results(*conditions: ColumnElement[bool]) -> Subquery:
    """Of each attempt that fits the last grade, and the score that counts."""
    return (
        select(
            GradeRow.id.label("grade_id"),
            GradeRow.attempt_id,
            GradeRow.version_id,
            GradeRow.needs_review,
            GradeRow.flags,
            GradeRow.misconceptions,
            AttemptRow.candidate_id,
            func.coalesce(_LAST_REVIEW.c.score, GradeRow.score).label("score"),
            _LAST_REVIEW.c.attempt_id.is_not(None).label("reviewed"),
        )
        .ext(distinct_on(GradeRow.attempt_id))
        .join(AttemptRow, AttemptRow.id == GradeRow.attempt_id)
        .join(VersionRow, VersionRow.id == AttemptRow.version_id)
        .outerjoin(_LAST_REVIEW, _LAST_REVIEW.c.attempt_id == GradeRow.attempt_id)
        .where(*conditions)
        .order_by(GradeRow.attempt_id, GradeRow.id.desc())
        .subquery()
    )


def _question_of(version_id: UUID) -> ScalarSelect[UUID]:
    return select(VersionRow.question_id).where(VersionRow.id == version_id).scalar_subquery()


class Statistics:
    """Statistics, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, version_id: UUID) -> QuestionStatistics:
        """How candidates did whose last grade was made against this version."""
        results = _results(VersionRow.question_id == _question_of(version_id))
        here = results.c.version_id == version_id
        row = self._session.execute(
            select(
                func.count().label("attempts"),
                func.count(results.c.candidate_id.distinct()).label("candidates"),
                func.avg(results.c.score).label("mean"),
                func.stddev_samp(results.c.score).label("deviation"),
                func.count().filter(results.c.needs_review).label("needs_review"),
                func.count().filter(results.c.reviewed).label("reviewed"),
                func.now().label("computed_at"),
            ).where(here)
        ).one()
        return QuestionStatistics(
            attempts=row.attempts,
            candidates=row.candidates,
            mean=_rounded(row.mean, 1),
            deviation=_rounded(row.deviation, 1),
            discrimination=self._discrimination(version_id),
            needs_review=row.needs_review,
            reviewed=row.reviewed,
            flags=self._counted(version_id, "flags", "code"),
            misconceptions=self._counted(version_id, "misconceptions", "key"),
            median_seconds=self._median_seconds(version_id),
            points=self._points(version_id),
            computed_at=row.computed_at,
        )

    def _discrimination(self, version_id: UUID) -> float | None:
        here = _results(VersionRow.question_id == _question_of(version_id))
        there = _results(
            VersionRow.question_id != _question_of(version_id),
            AttemptRow.candidate_id.in_(select(here.c.candidate_id)),
        )
        others = (
            select(here.c.score, func.avg(there.c.score).label("others"))
            .join(there, there.c.candidate_id == here.c.candidate_id)
            .where(here.c.version_id == version_id)
            .group_by(here.c.attempt_id, here.c.score)
            .subquery()
        )
        return _rounded(self._session.scalar(select(func.corr(others.c.score, others.c.others))), 3)

    def _median_seconds(self, version_id: UUID) -> float | None:
        """From the session's start, or the candidate's answer before in it, to the answer."""
        results = _results(VersionRow.question_id == _question_of(version_id))
        here = (
            select(AttemptRow.session_id)
            .join(results, results.c.attempt_id == AttemptRow.id)
            .where(results.c.version_id == version_id)
        )
        begun = func.lag(AttemptRow.created_at).over(
            partition_by=AttemptRow.session_id, order_by=AttemptRow.id
        )
        steps = (
            select(
                AttemptRow.id,
                (AttemptRow.created_at - func.coalesce(begun, SessionRow.started_at)).label("took"),
            )
            .join(SessionRow, SessionRow.id == AttemptRow.session_id)
            .where(AttemptRow.session_id.in_(here))
            .subquery("steps")
        )
        seconds = extract("epoch", steps.c.took)
        wanted = (
            select(func.percentile_cont(0.5).within_group(seconds))
            .join(results, results.c.attempt_id == steps.c.id)
            .where(results.c.version_id == version_id)
        )
        return _rounded(self._session.scalar(wanted), 1)

    def _counted(self, version_id: UUID, column: str, name: str) -> dict[str, int]:
        """How many attempts have each of the things that a list in the grade names."""
        results = _results(VersionRow.question_id == _question_of(version_id))
        each = func.jsonb_array_elements(results.c[column]).table_valued("value")
        key = each.c.value.op("->>")(name)
        wanted = (
            select(key.label("name"), func.count(results.c.attempt_id.distinct()).label("attempts"))
            .select_from(results.join(each, literal_column("true")))
            .where(results.c.version_id == version_id)
            .group_by(key)
            .order_by(func.count(results.c.attempt_id.distinct()).desc(), key)
        )
        return {row.name: row.attempts for row in self._session.execute(wanted)}

    def _points(self, version_id: UUID) -> tuple[PointStatistics, ...]:
        results = _results(VersionRow.question_id == _question_of(version_id))
        worth = PointGradeRow.credit * PointRow.weight
        earned = (
            select(
                PointGradeRow.key,
                PointGradeRow.verdict,
                PointGradeRow.credit,
                PointRow.position,
                (func.sum(worth).over(partition_by=PointGradeRow.grade_id) - worth).label("rest"),
            )
            .join(results, results.c.grade_id == PointGradeRow.grade_id)
            .join(
                PointRow,
                and_(PointRow.version_id == version_id, PointRow.key == PointGradeRow.key),
            )
            .where(results.c.version_id == version_id)
            .subquery("earned")
        )
        counts = [
            func.count().filter(earned.c.verdict == verdict.value).label(verdict.value)
            for verdict in Verdict
        ]
        wanted = (
            select(
                earned.c.key,
                func.avg(earned.c.credit).label("credit"),
                func.corr(earned.c.credit, earned.c.rest).label("discrimination"),
                *counts,
            )
            .group_by(earned.c.key, earned.c.position)
            .order_by(earned.c.position)
        )
        reviewed = self._reviewed(version_id)
        return tuple(
            PointStatistics(
                key=row.key,
                credit=round(row.credit, 4),
                verdicts=dict(zip(Verdict, row[-len(Verdict) :], strict=True)),
                discrimination=_rounded(row.discrimination, 3),
                reviews=reviewed.get(row.key, (0, 0))[0],
                overruled=reviewed.get(row.key, (0, 0))[1],
            )
            for row in self._session.execute(wanted)
        )

    def _reviewed(self, version_id: UUID) -> dict[str, tuple[int, int]]:
        """By point: last reviews that judged it, and those that overruled the grade that stood."""
        said = func.jsonb_each_text(_LAST_REVIEW.c.verdicts).table_valued("key", "value")
        stood = aliased(PointGradeRow)
        wanted = (
            select(
                said.c.key,
                func.count().label("reviews"),
                func.count().filter(stood.verdict != said.c.value).label("overruled"),
            )
            .select_from(_LAST_REVIEW.join(said, literal_column("true")))
            .join(GradeRow, GradeRow.id == _LAST_REVIEW.c.grade_id)
            .join(stood, and_(stood.grade_id == GradeRow.id, stood.key == said.c.key))
            .where(GradeRow.version_id == version_id)
            .group_by(said.c.key)
        )
        return {row.key: (row.reviews, row.overruled) for row in self._session.execute(wanted)}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
