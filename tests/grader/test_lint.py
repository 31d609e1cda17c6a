"""What the linter says about rubrics, with the real encoder and the shipped calibration."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain import Language, Point, Question
from service.grader import Grader
from service.grader.lint import lint_question

EN, ZH = Language.EN, Language.ZH


def a_question(
    *points: Point, prompt: str = "Why do networks need activation functions?"
) -> Question:
    return Question(slug="q", topic="t", difficulty=2, prompt={EN: prompt}, points=points)


def codes(question: Question, grader: Grader) -> list[tuple[str, str]]:
    return [(finding.code, finding.pointer) for finding in lint_question(question, grader)]


NON_LINEAR = Point(key="a", statement={EN: "It must be non-linear."})


def test_two_points_that_say_the_same_are_too_close(grader: Grader) -> None:
    twin = Point(key="b", statement={EN: "The function has to be non-linear."})

    assert codes(a_question(NON_LINEAR, twin), grader) == [
        ("points_too_close", "#/points/0"),
        ("points_too_close", "#/points/1"),
    ]


def test_points_about_different_things_are_not(grader: Grader) -> None:
    other = Point(key="b", statement={EN: "Saddle points are more frequent than bad local minima."})

    assert codes(a_question(NON_LINEAR, other), grader) == []


def test_a_prompt_that_gives_a_point_away_is_named(grader: Grader) -> None:
    question = a_question(NON_LINEAR, prompt="It must be non-linear. Why?")

    assert codes(question, grader) == [("point_too_close_to_prompt", "#/points/0")]


def test_good_questions_are_clean(grader: Grader, questions: Mapping[str, Question]) -> None:
    assert {slug: lint_question(question, grader) for slug, question in questions.items()} == {
        slug: [] for slug in questions
    }
