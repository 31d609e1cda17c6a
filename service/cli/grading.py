"""Marking for the commands: the same bodies, the same checks and the same grades as over HTTP."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.api.parsing import validated
from service.api.rubrics import Task, checked_answer, task
from service.api.schemas import GradeIn
from service.api.views import attempt as shown_attempt
from service.api.views import author_question as shown_version
from service.api.views import grade as shown_grade
from service.assembly import limits_of
from service.config import Settings
from service.content import check_text, refuse
from service.domain import Question
from service.grader import Grader, PreparedQuestion

__all__ = ["Batch", "Request", "grade_answer", "parse_request", "shown_attempt", "shown_version"]

_PREPARED = 64
"""Rubrics kept ready: files often hold many answers to few questions."""
_OF_THE_ANSWER = {"answer", "language"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line to mark."""

    task: Task
    rubric: str
    """Equal for lines with the same rubric."""


def parse_request(data: dict[str, Any], settings: Settings) -> Request:
    """The request in a line; fields that `POST /v1/grade` does not know are the caller's own.

    Raises:
        InvalidInput: with a pointer to each fault.
    """
    body = {name: data[name] for name in GradeIn.model_fields if name in data}
    rubric = {name: value for name, value in body.items() if name not in _OF_THE_ANSWER}
    return Request(
        task=task(validated(GradeIn, body), limits_of(settings)),
        rubric=json.dumps(rubric, sort_keys=True),
    )


class Batch:
    """Marks windows of requests with one call of the encoder each."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._ready: OrderedDict[str, PreparedQuestion] = OrderedDict()

    def grade(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """What is added to each line."""
        items = [(self._prepared(request), request.task.answer, None) for request in requests]
        return [{"grade": shown_grade(marked.grade)} for marked in self._grader.grade_many(items)]

    def _prepared(self, request: Request) -> PreparedQuestion:
        ready = self._ready.get(request.rubric)
        if ready is None:
            ready = self._grader.prepare(request.task.question, request.task.alternatives)
            self._ready[request.rubric] = ready
            if len(self._ready) > _PREPARED:
                self._ready.popitem(last=False)
        self._ready.move_to_end(request.rubric)
        return ready


def grade_answer(grader: Grader, content: Question, text: str, settings: Settings) -> Any:
    """The grade of one answer to a question, as JSON data.

    Raises:
        InvalidInput: text that cannot be an answer.
    """
    refuse("The answer cannot be marked.", check_text(text, "#/answer"))
    answer = checked_answer(text, None, limits_of(settings))
    return shown_grade(grader.grade(grader.prepare(content), answer).grade)
