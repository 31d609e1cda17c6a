from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.content import (
    Limits,
    check_content,
    check_rubric,
    check_text,
    content_from_dict,
    content_to_dict,
    misconception_from_dict,
    point_from_dict,
)
from service.domain import Misconception, Point, PointKind, Question, Rule, Sample, Source
from tests.stand_ins import EN, ZH, a_question

POINT = a_question().points[0]
WRONG = a_question().misconceptions[0]


def with_point(**changes: Any) -> Question:
    return a_question(points=(replace(POINT, **changes),))


def with_wrong(**changes: Any) -> Question:
    return a_question(misconceptions=(replace(WRONG, **changes),))


def many(count: int) -> tuple[Point, ...]:
    return tuple(replace(POINT, key=f"p-{number}") for number in range(count))


def test_a_good_question_has_no_faults() -> None:
    assert check_content(a_question(), Limits()) == []


@pytest.mark.parametrize(
    ("question", "pointers"),
    [
        (a_question(slug="Why ReLU"), ["#/slug"]),
        (a_question(slug="a_b"), ["#/slug"]),
        (a_question(slug="x" * 101), ["#/slug"]),
        (a_question(slug="a\n"), ["#/slug"]),
        (a_question(topic=" "), ["#/topic"]),
        (a_question(difficulty=0), ["#/difficulty"]),
        (a_question(difficulty=6), ["#/difficulty"]),
        (a_question(prompt={}), ["#/prompt"]),
        (a_question(prompt={EN: "fine", ZH: ""}), ["#/prompt/zh"]),
        (a_question(tags=("a", "b", "a")), ["#/tags/2"]),
        (a_question(tags=("\ud800",)), ["#/tags/0"]),
        (a_question(sources=(Source(title="\0"),)), ["#/sources/0/title"]),
        (
            a_question(sources=(Source(title="x", url="javascript:alert(1)"),)),
            ["#/sources/0/url"],
        ),
        (a_question(points=(), misconceptions=()), ["#/points"]),
        (a_question(points=many(64), misconceptions=()), []),
        (a_question(points=many(65), misconceptions=()), ["#/points"]),
        (a_question(points=(POINT, POINT)), ["#/points/1/key"]),
        (
            with_point(key="No Slug", statement={EN: "x"}),
            ["#/points/0/key", "#/misconceptions/0/contradicts"],
        ),
        (with_point(statement={}), ["#/points/0/statement"]),
        (with_point(statement={ZH: "\t"}), ["#/points/0/statement/zh"]),
        (with_point(phrasings={EN: ("a", "b\0")}), ["#/points/0/phrasings/en/1"]),
        (with_point(phrasings={EN: ("a",) * 8, ZH: ("b",) * 8}), []),
        (with_point(phrasings={EN: ("a",) * 8, ZH: ("b",) * 9}), ["#/points/0/phrasings"]),
        (with_point(weight=0.0), ["#/points/0/weight"]),
        (with_point(weight=float("nan")), ["#/points/0/weight"]),
        (with_point(weight=float("inf")), ["#/points/0/weight"]),
        (with_point(hint={EN: ""}), ["#/points/0/hint/en"]),
        (with_point(terms=("ok", "")), ["#/points/0/terms/1"]),
        # Weighted: required points make up the maximum, so there must be one.
        (with_point(kind=PointKind.OPTIONAL), ["#/points"]),
        (a_question(rule=Rule(any_of=2)), []),
        (a_question(rule=Rule(any_of=3)), ["#/rule/any_of"]),
        (a_question(rule=Rule(any_of=0)), ["#/rule/any_of"]),
        (with_wrong(contradicts="nothing"), ["#/misconceptions/0/contradicts"]),
        (with_wrong(statement={}), ["#/misconceptions/0/statement"]),
        (with_wrong(feedback={EN: " "}), ["#/misconceptions/0/feedback/en"]),
        (a_question(misconceptions=(WRONG, WRONG)), ["#/misconceptions/1/key"]),
        (
            a_question(samples=(Sample(language=EN, level="fair", score=101.0, answer="\0"),)),
            ["#/samples/0/level", "#/samples/0/score", "#/samples/0/answer"],
        ),
    ],
)
def test_each_fault_is_told_with_its_place(question: Question, pointers: list[str]) -> None:
    assert [fault.pointer for fault in check_content(question, Limits())] == pointers


def test_all_faults_are_told_at_once() -> None:
    question = a_question(slug="?", difficulty=9, topic="", rule=Rule(any_of=9))

    pointers = [fault.pointer for fault in check_content(question, Limits())]

    assert pointers == ["#/slug", "#/topic", "#/difficulty", "#/rule/any_of"]


def test_a_rubric_without_a_question_has_only_a_rubrics_faults() -> None:
    question = a_question(slug="?", prompt={}, points=())

    pointers = [fault.pointer for fault in check_rubric(question, Limits())]

    assert pointers == ["#/points", "#/misconceptions/0/contradicts"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ab\0", "position 2"),
        ("a\ud800", "U+D800"),
        ("\udfff", "U+DFFF"),
        ("\0\ud800", "NUL"),
        ("abcdef", "has 6 characters"),
    ],
)
def test_text_that_cannot_be_kept_is_explained(text: str, said: str) -> None:
    faults = check_text(text, "#/x", longest=5)

    assert said in faults[0].detail
    assert {fault.pointer for fault in faults} == {"#/x"}


@pytest.mark.parametrize(
    "text", ["", "é", "好", "\x01\x7f\x85", "\ufffe\uffff", "🏳️‍🌈", "\U0010ffff"]
)
def test_everything_else_in_unicode_is_text(text: str) -> None:
    assert check_text(text, "#/x") == []


def test_a_question_survives_being_plain_data() -> None:
    assert content_from_dict(content_to_dict(a_question())) == a_question()


@pytest.mark.parametrize("rule", [Rule(), Rule(any_of=2)])
def test_a_rule_survives_being_plain_data(rule: Rule) -> None:
    question = a_question(rule=rule)

    assert content_from_dict(content_to_dict(question)).rule == rule


def test_the_seed_files_survive_being_plain_data(root: Path) -> None:
    files = sorted((root / "seed").glob("*.yaml"))

    assert files
    for path in files:
        question = content_from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert content_from_dict(content_to_dict(question)) == question


def test_plain_strings_get_the_language_they_are_in() -> None:
    point = point_from_dict(
        {
            "statement": "梯度不会消失。",
            "phrasings": ["Gradients stay.", "梯度恒为一。", "No decay."],
        },
        3,
    )
    wrong = misconception_from_dict({"statement": "ReLU is linear."}, 2)

    assert point == Point(
        key="point-3",
        statement={ZH: "梯度不会消失。"},
        phrasings={EN: ("Gradients stay.", "No decay."), ZH: ("梯度恒为一。",)},
    )
    assert wrong == Misconception(key="misconception-2", statement={EN: "ReLU is linear."})


def test_a_language_without_phrasings_is_no_language() -> None:
    data = content_to_dict(a_question())
    data["points"][1]["phrasings"] = {"en": [], "zh": []}

    assert content_from_dict(data) == a_question()
