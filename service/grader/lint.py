"""What the grader itself has to say about a rubric before anybody answers it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from service.domain import Answer, Grade, Point, Question, Verdict
from service.grader.core import Grader


@dataclass(frozen=True)
class Finding:
    """A weakness of a rubric that the author should look at."""

    code: str
    """points_too_close, point_too_close_to_prompt or statement_denied."""
    pointer: str
    """JSON pointer, as a URI fragment, to the point concerned."""
    message: str


def lint_question(question: Question, grader: Grader) -> list[Finding]:
    """Mark the rubric's own sentences as answers and report where the marks go wrong.

    Two points are too close when stating the one earns the other in full as well; a point is too
    close to the prompt when repeating the prompt earns it. Both use the calibrated verdicts, so
    "too close" means just what it will mean for a candidate.
    """
    # Without its prompt a question does not know what was copied, so the prompt is an answer.
    exposed = grader.prepare(replace(question, prompt={}, misconceptions=()))
    statements = [
        (index, text)
        for index, point in enumerate(question.points)
        for text in point.statement.values()
    ]
    prompts = list(question.prompt.values())
    texts = [text for _, text in statements] + prompts
    grades = [
        marked.grade
        for marked in grader.grade_many([(exposed, Answer(text=text), None) for text in texts])
    ]
    warnings = [
        warning
        for (index, text), grade in zip(statements, grades, strict=False)
        for warning in _of_statement(question, index, text, grade)
    ]
    for grade in grades[len(statements) :]:
        warnings += _of_prompt(question.points, grade)
    return list(dict.fromkeys(warnings))


def _of_statement(question: Question, index: int, text: str, grade: Grade) -> list[Finding]:
    points = question.points
    close = [
        Finding(
            code="points_too_close",
            pointer=f"#/points/{other}",
            message=(
                f"stating {points[index].key!r} ({text!r}) earns {points[other].key!r} in full "
                f"(probability {grade.points[other].probability:.2f}); merge the two or say "
                "what sets them apart"
            ),
        )
        for other in range(len(points))
        if other != index and grade.points[other].verdict is Verdict.COVERED
    ]
    own = grade.points[index]
    denied = [
        Finding(
            code="statement_denied",
            pointer=f"#/points/{index}",
            message=f"its own statement {text!r} is marked {own.verdict}; word it plainly",
        )
    ]
    return close + (denied if own.verdict is not Verdict.COVERED else [])


def _of_prompt(points: tuple[Point, ...], grade: Grade) -> list[Finding]:
    return [
        Finding(
            code="point_too_close_to_prompt",
            pointer=f"#/points/{index}",
            message=(
                f"repeating the prompt earns {point.key!r} in full (probability "
                f"{grade.points[index].probability:.2f}); the prompt gives it away"
            ),
        )
        for index, point in enumerate(points)
        if grade.points[index].verdict is Verdict.COVERED
    ]
