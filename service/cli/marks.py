"""Human marks: JSON lines that say what was asked, answered and given, or stored reviews."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.api.rubrics import checked_answer
from service.assembly import limits_of
from service.cli.grading import parse_request
from service.config import Settings
from service.content import check_text, refuse
from service.domain import Question
from service.errors import InvalidInput, PointmarkError

if TYPE_CHECKING:
    from evaluation.measured import Case
    from service.store import Store


def read_marks(
    path: Path, known: Mapping[str, Question], settings: Settings, *, only: str | None
) -> list[Case]:
    """The marked answers of a file.

    A line is what `pointmark grade --input` takes, or ``{"slug", "answer"}`` for a known question,
    with ``score`` (0 to 100) besides.

    Args:
        only: leave out lines of other questions than this slug.

    Raises:
        InvalidInput: for the first line that is none of these; it names the line and the field.
    """
    if only is not None and only not in known:
        raise InvalidInput(f"no question {only!r} in the folder of --questions")
    rubrics: dict[str, tuple[Question, tuple[tuple[str, ...], ...] | None]] = {}
    cases: list[Case] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                case = _case(line, known, settings, rubrics)
            except (PointmarkError, ValueError) as fault:
                raise InvalidInput(f"{path}, line {number}: {fault}") from fault
            if only is None or case.group == only:
                cases.append(case)
    return cases


def reviewed_cases(store: Store, *, only: str | None) -> list[Case]:
    """The stored reviews as marked answers; of this question alone if one is named."""
    from evaluation.measured import Case
    from service.reviewing import reviewed_answers

    return [
        Case(
            question=question,
            alternatives=None,
            answer=answer,
            target=score / 100,
            contradictory=None,
            dataset="marks",
            group=question.slug,
        )
        for question, answer, score in reviewed_answers(store)
        if only is None or question.slug == only
    ]


def _case(
    line: str,
    known: Mapping[str, Question],
    settings: Settings,
    rubrics: dict[str, tuple[Question, tuple[tuple[str, ...], ...] | None]],
) -> Case:
    from evaluation.measured import Case

    data = json.loads(line)
    if not isinstance(data, dict):
        raise InvalidInput("must be a JSON object")
    score = data.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 100:
        raise InvalidInput("score must be a number from 0 to 100")
    if "slug" in data:
        question, alternatives, answer, group = _known(data, known, settings)
    else:
        request = parse_request(data, settings)
        # One object for equal rubrics: it is prepared once, and is one question when folds are cut.
        made = (request.task.question, request.task.alternatives)
        question, alternatives = rubrics.setdefault(request.rubric, made)
        answer, group = request.task.answer.text, request.rubric
    return Case(
        question=question,
        alternatives=alternatives,
        answer=answer,
        target=score / 100,
        contradictory=None,
        dataset="marks",
        group=group,
    )


def _known(
    data: Mapping[str, Any], known: Mapping[str, Question], settings: Settings
) -> tuple[Question, None, str, str]:
    question = known.get(data["slug"])
    if question is None:
        raise InvalidInput(f"no question {data['slug']!r} in the folder of --questions")
    text = data.get("answer")
    if not isinstance(text, str):
        raise InvalidInput("answer must be a string")
    refuse("The answer cannot be marked.", check_text(text, "#/answer"))
    return question, None, checked_answer(text, None, limits_of(settings)).text, question.slug
