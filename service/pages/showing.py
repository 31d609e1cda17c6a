"""What a page shows of a result: no more than `service.api.views` lets candidates see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.api import views
from service.domain import (
    Attempt,
    Language,
    MisconceptionGrade,
    PointGrade,
    PointKind,
    Question,
    QuestionVersion,
    Reveal,
    Verdict,
)
from service.pages.marking import Segment, Span, segments

ICONS: Mapping[Verdict, str] = {
    Verdict.COVERED: "✓",
    Verdict.PARTIAL: "~",
    Verdict.MISSING: "–",
    Verdict.CONTRADICTED: "✗",
}
_QUOTED = 120
"""Code points of a quotation for those who cannot see the marked text."""


@dataclass(frozen=True, kw_only=True)
class ShownPoint:
    """A point as its row on the page."""

    label: str
    """Ties it to the stretches of the answer."""
    number: int
    verdict: Verdict
    icon: str
    percent: int
    optional: bool
    statement: str | None
    """None: this question never reveals it."""
    hint: str | None
    """Only where there is something left to find."""
    quote: str | None


@dataclass(frozen=True, kw_only=True)
class ShownMistake:
    """A misconception as its row on the page."""

    label: str
    feedback: str | None
    quote: str | None


@dataclass(frozen=True, kw_only=True)
class ShownResult:
    """All of a result page that is not fixed text."""

    score: float
    by_person: bool
    reason: str | None
    """What the person said, if anything is to be shown of it."""
    expected_error: float
    needs_review: bool
    summary: str
    """The first line of the feedback, in the answer's language."""
    flags: tuple[str, ...]
    points: tuple[ShownPoint, ...]
    mistakes: tuple[ShownMistake, ...]
    answer: tuple[Segment, ...]
    reveals: bool


def in_language(texts: Mapping[Language, str], language: Language) -> str:
    """The text in this language, else in the other, else nothing."""
    return texts.get(language) or next(iter(texts.values()), "")


def spoken(texts: Mapping[Language, str], language: Language) -> Language:
    """The language that `in_language` finds."""
    return language if texts.get(language) else next(iter(texts), language)


def result(found: Attempt, version: QuestionVersion, language: Language) -> ShownResult:
    """An attempt as its candidate sees it."""
    data = views.attempt(found, to_candidate=True)
    grade = found.grades[-1].grade
    reviews = data["reviews"]
    points = tuple(_points(found, version.content, language))
    mistakes = tuple(_mistakes(found, version.content, language))
    return ShownResult(
        score=data["result"]["score"],
        by_person=data["result"]["by"] == "person",
        reason=reviews[-1]["reason"] if reviews else None,
        expected_error=grade.expected_error,
        needs_review=grade.needs_review and not reviews,
        summary=(grade.feedback or "").partition("\n")[0],
        flags=tuple(flag.code.value for flag in grade.flags),
        points=points,
        mistakes=mistakes,
        answer=tuple(segments(found.answer, _spans(found))),
        reveals=found.reveal is Reveal.AFTER_ATTEMPT,
    )


def _points(found: Attempt, question: Question, language: Language) -> Iterator[ShownPoint]:
    reveals = found.reveal is Reveal.AFTER_ATTEMPT
    by_key = {point.key: point for point in question.points}
    verdicts = found.reviews[-1].verdicts if found.reviews else {}
    for number, graded in enumerate(found.grades[-1].grade.points, 1):
        point = by_key[graded.key]
        verdict = verdicts.get(graded.key, graded.verdict)
        optional = point.kind is PointKind.OPTIONAL
        # Of optional points the feedback of a question that reveals nothing gives no hint either.
        to_find = verdict is not Verdict.COVERED and (reveals or not optional)
        yield ShownPoint(
            label=str(number),
            number=number,
            verdict=verdict,
            icon=ICONS[verdict],
            percent=_percent(verdict, graded),
            optional=optional,
            statement=in_language(point.statement, language) if reveals else None,
            hint=(in_language(point.hint, language) or None) if to_find else None,
            quote=_quote(graded),
        )


def _percent(verdict: Verdict, graded: PointGrade) -> int:
    """Length of the bar: the grader's credit, unless a person said otherwise."""
    if verdict is graded.verdict:
        return round(100 * graded.credit)
    return {Verdict.COVERED: 100, Verdict.PARTIAL: 50}.get(verdict, 0)


def _mistakes(found: Attempt, question: Question, language: Language) -> Iterator[ShownMistake]:
    reveals = found.reveal is Reveal.AFTER_ATTEMPT
    by_key = {wrong.key: wrong for wrong in question.misconceptions}
    for number, seen in enumerate(found.grades[-1].grade.misconceptions, 1):
        # The correction of a misconception states the point.
        feedback = in_language(by_key[seen.key].feedback, language) if reveals else ""
        yield ShownMistake(label=f"m{number}", feedback=feedback or None, quote=_quote(seen))


def _quote(graded: PointGrade | MisconceptionGrade) -> str | None:
    if not graded.evidence:
        return None
    said = graded.evidence[0].text
    return said if len(said) <= _QUOTED else said[:_QUOTED] + "…"


def _spans(found: Attempt) -> Iterator[Span]:
    grade = found.grades[-1].grade
    for number, point in enumerate(grade.points, 1):
        for piece in point.evidence:
            yield Span(start=piece.start, end=piece.end, label=str(number))
    for number, wrong in enumerate(grade.misconceptions, 1):
        for piece in wrong.evidence:
            yield Span(start=piece.start, end=piece.end, label=f"m{number}")
