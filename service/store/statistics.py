"""How questions and points do, computed by the database from what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    and_,
    extract,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from service import ids
from service.domain import Language, Verdict
from service.exchange import PointStatistics, QuestionStatistics
from service.grader.language import detect
from service.models import (
    AnswerVectorsRow,
    AttemptRow,
    GradeRow,
    PointGradeRow,
    PointRow,
    ReviewRow,
    SessionRow,
    VersionRow,
)
from service.suggesting import (
    MOST_ATTEMPTS,
    MOST_SENTENCES,
    MOST_SENTENCES_EACH,
    GoodAnswers,
    Written,
    upper_half,
)

_READ_AT_ONCE = 100
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
            GradeRow.encoder_revision,
            AttemptRow.candidate_id,
            AttemptRow.language,
            func.coalesce(_LAST_REVIEW.c.score, GradeRow.score).label("score"),
            _LAST_REVIEW.c.attempt_id.is_not(None).label("reviewed"),
            _LAST_REVIEW.c.verdicts.label("reviewed_verdicts"),
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

    def good_answers(self, version_id: UUID, language: Language | None) -> GoodAnswers:
        """The upper half, by the score that counts, of the candidates' newest answers.

        Of answers whose last grade was made against this version, in one language: the one that is
        asked for, or that most of them have. Those whose last grade came from another encoder than
        the newest one's are left out, and so are erased ones.
        """
        written = _results(
            VersionRow.question_id == _question_of(version_id), AttemptRow.answer.is_not(None)
        )
        here = written.c.version_id == version_id
        if language is None:
            language = self._main_language(written, here)
        newest = (
            select(written)
            .ext(distinct_on(written.c.candidate_id))
            .where(here, written.c.language == language)
            .order_by(written.c.candidate_id, written.c.attempt_id.desc())
            .subquery()
        )
        wanted = (
            select(
                *(newest.c.attempt_id, newest.c.grade_id, newest.c.score),
                *(newest.c.encoder_revision, newest.c.reviewed_verdicts, newest.c.misconceptions),
            )
            .order_by(newest.c.attempt_id.desc())
            .limit(MOST_ATTEMPTS)
        )
        rows = self._session.execute(wanted).all()
        rows = [row for row in rows if row.encoder_revision == rows[0].encoder_revision]
        good = upper_half([row.score for row in rows])
        return GoodAnswers(
            language=language,
            encoder_revision=rows[0].encoder_revision if rows else None,
            attempts=len(rows),
            answers=self._sentences([rows[index] for index in np.flatnonzero(good)]),
            computed_at=self._session.execute(select(func.now())).scalar_one(),
        )

    def _main_language(
        self, results: Subquery, *conditions: ColumnElement[bool]
    ) -> Language | None:
        found = self._session.scalar(
            select(results.c.language)
            .where(*conditions)
            .group_by(results.c.language)
            .order_by(func.count().desc(), results.c.language)
            .limit(1)
        )
        return None if found is None else Language(found)

    def _sentences(self, rows: Sequence[Any]) -> tuple[Written, ...]:
        """What the answers say, in order, as far as it is not too much to compare.

        What is kept of an answer are the vectors of its units, which are sentences, or clauses of
        long ones, and of each the place in the answer; none of those that repeat an earlier one,
        are small talk, or are copied from the prompt. Units in another language than the answer's
        are left out here.
        """
        found: list[Written] = []
        sentences = 0
        for first in range(0, len(rows), _READ_AT_ONCE):
            some = rows[first : first + _READ_AT_ONCE]
            told = self._evidence(some)
            kept = {row.id: row for row in self._session.execute(_units(some))}
            for row in some:
                answer = _written(row, kept.get(row.attempt_id), told[row.attempt_id])
                sentences += len(answer.sentences)
                if sentences > MOST_SENTENCES:
                    return tuple(found)
                found.append(answer)
        return tuple(found)

    def _evidence(self, rows: Sequence[Any]) -> dict[UUID, list[Sequence[int]]]:
        """By attempt, the stretches that its result tells of, for better or worse.

        A reviewer's verdict on a point takes the place of the grader's; the grader's evidence for
        what the reviewer found missing is none.
        """
        by_grade = {row.grade_id: row for row in rows}
        told: dict[UUID, list[Sequence[int]]] = defaultdict(list)
        for row in rows:
            for seen in row.misconceptions:
                told[row.attempt_id] += seen["spans"]
        points = select(
            PointGradeRow.grade_id, PointGradeRow.key, PointGradeRow.verdict, PointGradeRow.evidence
        ).where(PointGradeRow.grade_id.in_(by_grade))
        for point in self._session.execute(points):
            result = by_grade[point.grade_id]
            verdict = (result.reviewed_verdicts or {}).get(point.key, point.verdict)
            if verdict != Verdict.MISSING:
                told[result.attempt_id] += point.evidence
        return told


def _units(rows: Sequence[Any]) -> Select[Any]:
    """Answers with their first units, by the encoder of their last grade."""
    most = 2 * MOST_SENTENCES_EACH * AnswerVectorsRow.dimension
    return (
        select(
            AttemptRow.id,
            AttemptRow.answer,
            AttemptRow.language,
            AnswerVectorsRow.spans,
            AnswerVectorsRow.dimension,
            func.substring(AnswerVectorsRow.vectors, 1, most).label("vectors"),
        )
        .join(AnswerVectorsRow, AnswerVectorsRow.attempt_id == AttemptRow.id)
        .where(
            AttemptRow.id.in_([row.attempt_id for row in rows]),
            AnswerVectorsRow.encoder_revision == rows[0].encoder_revision,
        )
    )


def _written(result: Any, kept: Any, told: Sequence[Sequence[int]]) -> Written:
    """`kept` is None if no vectors are: a candidate who counts, but wrote nothing to compare."""
    spans: list[Sequence[int]] = []
    vectors = np.zeros((0, 0), dtype=np.float32)
    if kept is not None:
        spans = kept.spans[:MOST_SENTENCES_EACH]
        units = np.frombuffer(kept.vectors, dtype="<f2").reshape(-1, kept.dimension)
        own = [
            index
            for index, (start, end) in enumerate(spans)
            if detect(kept.answer[start:end]) == kept.language
        ]
        spans = [spans[index] for index in own]
        vectors = units[own].astype(np.float32)
    return Written(
        attempt_id=ids.show(ids.Kind.ATTEMPT, result.attempt_id),
        score=result.score,
        sentences=tuple(kept.answer[start:end] for start, end in spans),
        vectors=vectors,
        told=np.array([_meets(span, told) for span in spans], dtype=bool),
    )


def _meets(span: Sequence[int], others: Sequence[Sequence[int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
