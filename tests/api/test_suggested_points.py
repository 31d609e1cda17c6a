"""Suggested points over HTTP, with the real grader on the real database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from service import usecases
from service.domain import Scope
from service.grader import Grader
from service.seeding import read_question
from service.store import Store

Problem = Callable[[TestResponse], dict[str, Any]]
PATH = "/v1/questions/batch-normalisation/suggested-points"

GOOD = (
    "In training it subtracts the mean of the mini-batch and divides by its standard deviation. "
    "Gamma and beta are learned and scale and shift the result. "
    "At inference running averages from training are used instead. "
)
BESIDES = (
    "Transformers use layer norm instead of it.",
    "In transformers one uses layer normalisation instead.",
    "Layer norm is what transformers use in its place.",
    "For transformers, layer normalisation has replaced it.",
)
ALONE = "I once read a blog about it on a train to Vienna."


@pytest.fixture
def app(make_app: Callable[..., APIFlask], grader: Grader) -> APIFlask:
    """The application with the real grader."""
    return make_app(grader)


@pytest.fixture
def course(store: Store, root: Path) -> None:
    """A question whose rubric says nothing of what replaces batch norm."""
    question = read_question(root / "seed" / "batch-normalisation.yaml")
    made = usecases.create_question(store, question, actor=None)
    usecases.publish(store, made.question_id, if_match=made.etag, actor=None)


def _submit(key: Any, candidate: str, answer: str) -> str:
    made = key.post(
        "/v1/questions/batch-normalisation/attempts",
        {"candidate": candidate, "answer": answer, "language": "en"},
    )
    assert made.status_code == 201, made.json
    return str(made.json["id"])


@pytest.mark.usefixtures("course")
def test_what_no_point_says_is_suggested(admin: Any) -> None:
    attempts = [_submit(admin, f"good-{n}", GOOD + text) for n, text in enumerate(BESIDES)]
    _submit(admin, "alone", GOOD + ALONE)
    for number in range(5):
        _submit(admin, f"weak-{number}", "I would have to look that up, sorry.")

    found = admin.get(PATH)

    assert found.status_code == 200
    body = found.json
    assert (body["language"], body["attempts"], body["good_candidates"]) == ("en", 10, 5)
    (suggestion,) = body["suggestions"]
    assert suggestion["text"] in BESIDES
    assert (suggestion["candidates"], suggestion["share"]) == (4, 0.8)
    shown = [example["attempt"] for example in suggestion["examples"]]
    assert len(shown) == 3
    assert set(shown) < set(attempts)
    assert suggestion["nearest_point"]["similarity"] < 0.4
    assert body["computed_at"]


@pytest.mark.usefixtures("course")
def test_a_question_that_nobody_answered_has_no_suggestions(author: Any) -> None:
    body = author.get(PATH + "?language=zh&version=1&similarity=0.4").json

    assert (body["question"]["version"], body["language"]) == (1, "zh")
    assert (body["attempts"], body["good_candidates"], body["suggestions"]) == (0, 0, [])
    assert author.get(PATH).json["language"] is None


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("language=de", "#/language"),
        ("similarity=1.5", "#/similarity"),
        ("similarity=nan", "#/similarity"),
        ("version=0", "#/version"),
        ("limit=3", "#/limit"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    author: Any, problem: Problem, query: str, pointer: str
) -> None:
    refused = problem(author.get(f"{PATH}?{query}"))

    assert refused["code"] == "invalid_input"
    assert [each["pointer"] for each in refused["errors"]] == [pointer]


def test_candidates_keys_are_not_told(
    caller: Callable[..., Any], problem: Problem, app: APIFlask
) -> None:
    key = caller(Scope.QUESTIONS_READ, Scope.ATTEMPTS_READ, Scope.ATTEMPTS_WRITE, of=app)

    assert problem(key.get(PATH))["code"] == "forbidden"
