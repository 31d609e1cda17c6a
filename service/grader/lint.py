"""What the grader itself has to say about a rubric before anybody answers it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from service.domain import Answer, PointGrade, PointKind, Question, Rule, Verdict
from service.grader.core import Grader

# Similarity, with the background removed, from which the encoder hardly tells two sentences apart.
# Points of one question in our bank stay below 0.62 and its prompts below 0.68; the same sentence
# with two words changed reaches 0.8 and more.
TOO_CLOSE = 0.7


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

    Each point stands alone here, so that no other point or prompt beside it hides how near a
    sentence comes to it. A point whose own statement is not credited is worded in a way that the
    grader takes for a denial, or does not recognise.
    """
    statements = [
        (index, text)
        for index, point in enumerate(question.points)
        for text in point.statement.values()
    ]
    prompts = list(question.prompt.values())
    answers = [Answer(text=text) for text in [*(text for _, text in statements), *prompts]]
    alone = [grader.prepare(_only(question, index)) for index in range(len(question.points))]
    graded = grader.grade_many(
        [(prepared, answer, None) for prepared in alone for answer in answers]
    )
    found: list[Finding] = []
    for index in range(len(question.points)):
        marks = graded[index * len(answers) : (index + 1) * len(answers)]
        points = [marked.grade.points[0] for marked in marks]
        for (other, text), point in zip(statements, points, strict=False):
            found += _of_statement(question, index, other, text, point)
        for point in points[len(statements) :]:
            found += _of_prompt(question, index, point)
    return list(dict.fromkeys(found))


def _only(question: Question, index: int) -> Question:
    """The question with one point; without its prompt, it does not know what was copied."""
    point = replace(question.points[index], kind=PointKind.REQUIRED)
    return replace(question, prompt={}, misconceptions=(), rule=Rule(), points=(point,))


def _of_statement(
    question: Question, index: int, other: int, text: str, grade: PointGrade
) -> list[Finding]:
    """What the mark of the point `index` says when the statement `text` of `other` is given."""
    point = question.points[index]
    if index == other and grade.verdict is not Verdict.COVERED:
        return [
            Finding(
                code="statement_denied",
                pointer=f"#/points/{index}",
                message=f"its own statement {text!r} is marked {grade.verdict}; word it plainly",
            )
        ]
    if index != other and _similarity(grade) >= TOO_CLOSE:
        return [
            Finding(
                code="points_too_close",
                pointer=f"#/points/{index}",
                message=(
                    f"{question.points[other].key!r} ({text!r}) says nearly the same as "
                    f"{point.key!r} (similarity {_similarity(grade):.2f}); merge the two or say "
                    "in both what sets them apart"
                ),
            )
        ]
    return []


def _of_prompt(question: Question, index: int, grade: PointGrade) -> list[Finding]:
    if _similarity(grade) < TOO_CLOSE:
        return []
    return [
        Finding(
            code="point_too_close_to_prompt",
            pointer=f"#/points/{index}",
            message=(
                f"the prompt says nearly the same as {question.points[index].key!r} (similarity "
                f"{_similarity(grade):.2f}): it gives the point away"
            ),
        )
    ]


def _similarity(grade: PointGrade) -> float:
    """The signal of this name; 0 where it moved nothing."""
    return next((s.value for s in grade.signals if s.name == "similarity"), 0.0)
