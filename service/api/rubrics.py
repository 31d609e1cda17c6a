"""From the body of `POST /v1/grade` to something the grader can mark; also used by the command
line, whose input lines have the same shape."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from service.api.schemas import GradeIn
from service.content import (
    Limits,
    check_rubric,
    check_text,
    misconception_from_dict,
    point_from_dict,
    refuse,
    rule_from_data,
)
from service.domain import Answer, Language, Misconception, Question
from service.errors import AnswerTooLong, FieldFault
from service.grader.language import detect
from service.grader.references import question_from_references

if TYPE_CHECKING:
    from service.grader import Grader, PreparedQuestion

_LONGEST_TEXT = 20_000


@dataclass(frozen=True, kw_only=True)
class Task:
    """An answer, and what to mark it against."""

    question: Question
    alternatives: tuple[tuple[str, ...], ...] | None
    """Keys of the points of each model answer; None for points that were given."""
    answer: Answer


class RecentRubrics:
    """Rubrics that came with requests, with the grader's vectors of them.

    Whoever grades a class sends the same points with each answer, and embedding a rubric takes
    longer than embedding an answer. Safe between threads. Few, because one may hold megabytes.
    """

    def __init__(self, size: int = 16) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._ready: OrderedDict[bytes, PreparedQuestion] = OrderedDict()

    def prepared(self, work: Task, grader: Grader) -> PreparedQuestion:
        """The rubric of `work`, ready for grading."""
        name = hashlib.sha256(repr((work.question, work.alternatives)).encode()).digest()
        with self._lock:
            ready = self._ready.pop(name, None)
        if ready is None:
            ready = grader.prepare(work.question, work.alternatives)
        with self._lock:
            self._ready[name] = ready
            while len(self._ready) > self._size:
                self._ready.popitem(last=False)
        return ready


def task(request: GradeIn, limits: Limits) -> Task:
    """What to mark.

    Raises:
        InvalidInput: with a pointer to each fault.
    """
    answer = checked_answer(request.answer, request.language, limits)
    _require_one_of_two(request)
    if request.references is not None:
        return _from_references(request, request.references, answer, limits)
    question = Question(
        slug="inline",
        topic="inline",
        difficulty=1,
        prompt=_prompt(request.question),
        points=tuple(point_from_dict(*item) for item in _numbered(request.points or ())),
        misconceptions=_misconceptions(request),
        rule=rule_from_data(request.rule),  # type: ignore[arg-type]
    )
    refuse("The points cannot be graded against.", check_rubric(question, limits))
    return Task(question=question, alternatives=None, answer=answer)


def checked_answer(text: str, language: str | None, limits: Limits) -> Answer:
    """The answer, if it is not too long: the one fault of it that callers meet in daily use."""
    if len(text) > limits.max_answer_chars:
        detail = f"has {len(text)} characters; at most {limits.max_answer_chars} are accepted"
        raise AnswerTooLong(
            "The answer is too long.", [FieldFault(pointer="#/answer", detail=detail)]
        )
    return Answer(text=text, language=None if language is None else Language(language))


def _require_one_of_two(request: GradeIn) -> None:
    if (request.points is None) == (request.references is None):
        detail = "give either points or references, not both and not neither"
        refuse("What to grade against is not clear.", [FieldFault(pointer="#", detail=detail)])
    if request.references is not None and request.rule != "weighted":
        detail = "belongs to points; of references any one suffices"
        refuse("The rule cannot be used.", [FieldFault(pointer="#/rule", detail=detail)])


def _from_references(
    request: GradeIn, references: Sequence[str], answer: Answer, limits: Limits
) -> Task:
    refuse("The references cannot be graded against.", _reference_faults(references, limits))
    question, alternatives = question_from_references(
        references, misconceptions=_misconceptions(request)
    )
    question = replace(question, prompt=_prompt(request.question))
    faults = [fault for fault in check_rubric(question, limits) if "misconc" in fault.pointer]
    refuse("The misconceptions cannot be graded against.", faults)
    return Task(question=question, alternatives=alternatives, answer=answer)


def _reference_faults(references: Sequence[str], limits: Limits) -> list[FieldFault]:
    faults = []
    if not 1 <= len(references) <= limits.max_points:
        detail = f"must have 1 to {limits.max_points} model answers"
        faults.append(FieldFault(pointer="#/references", detail=detail))
    for index, text in enumerate(references):
        pointer = f"#/references/{index}"
        faults += check_text(text, pointer, longest=limits.max_answer_chars)
        if not text.strip():
            faults.append(FieldFault(pointer=pointer, detail="must not be blank"))
    return faults


def _prompt(given: Any) -> dict[Language, str]:
    if given is None:
        return {}
    by_language = {detect(given): given} if isinstance(given, str) else given
    prompt = {Language(language): text for language, text in by_language.items()}
    faults = [
        fault
        for language, text in prompt.items()
        for fault in check_text(text, f"#/question/{language}", longest=_LONGEST_TEXT)
    ]
    refuse("The question cannot be used.", faults)
    return prompt


def _misconceptions(request: GradeIn) -> tuple[Misconception, ...]:
    return tuple(misconception_from_dict(*item) for item in _numbered(request.misconceptions))


def _numbered(items: Sequence[Any]) -> list[tuple[Any, int]]:
    return [(item, number) for number, item in enumerate(items, 1)]
