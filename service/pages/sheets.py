"""What a reviewer sees of an answer: blind, nothing of what anybody said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain import (
    Attempt,
    Language,
    PointKind,
    Question,
    Review,
    StoredGrade,
    Verdict,
)
from service.pages.showing import ICONS, in_language, spoken


@dataclass(frozen=True, kw_only=True)
class Graded:
    """What the grader said of a point."""

    verdict: Verdict
    icon: str
    percent: int
    quotes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SheetPoint:
    """A point to be judged."""

    key: str
    number: int
    statement: str
    language: Language
    """Of the statement."""
    optional: bool
    chosen: Verdict | None
    """The reviewer's; None: left to the grader."""
    graded: Graded | None
    """None: not shown, or the grade has no such point."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A review beside the grade that stood when it was made."""

    review: Review
    graded: StoredGrade
    points: tuple[SheetPoint, ...]


def points(
    question: Question,
    chosen: Mapping[str, Verdict],
    language: Language,
    graded: StoredGrade | None = None,
) -> tuple[SheetPoint, ...]:
    """The points of a question as a sheet has them; `graded`: None where the reviewer is blind."""
    opinions = {} if graded is None else dict(_opinions(graded))
    return tuple(
        SheetPoint(
            key=point.key,
            number=number,
            statement=in_language(point.statement, language),
            language=spoken(point.statement, language),
            optional=point.kind is PointKind.OPTIONAL,
            chosen=chosen.get(point.key),
            graded=opinions.get(point.key),
        )
        for number, point in enumerate(question.points, 1)
    )


def compared(found: Attempt, question: Question, review: Review, language: Language) -> Compared:
    """A review of an attempt beside the grade that it was about."""
    stood = next(
        (each for each in found.grades if each.grade_id == review.grade_id), found.grades[-1]
    )
    return Compared(
        review=review,
        graded=stood,
        points=points(question, review.verdicts, language, stood),
    )


def waits(since: datetime, now: datetime) -> tuple[int, str]:
    """How long something waits, in the largest unit that fits, and the unit's text."""
    passed = max(now - since, timedelta())
    if passed.days:
        return passed.days, "review.days"
    hours, rest = divmod(passed.seconds, 3600)
    return (hours, "review.hours") if hours else (rest // 60, "review.minutes")


def _opinions(graded: StoredGrade) -> Iterator[tuple[str, Graded]]:
    for point in graded.grade.points:
        yield (
            point.key,
            Graded(
                verdict=point.verdict,
                icon=ICONS[point.verdict],
                percent=round(100 * point.credit),
                quotes=tuple(piece.text for piece in point.evidence),
            ),
        )
