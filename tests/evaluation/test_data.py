"""Reading graded answers, and the cases made of our own questions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evaluation.bank import bank_cases, elsewhere_cases, reference_cases
from evaluation.data import DataMissing, Row, data_folder, load
from evaluation.negate import negate
from service.domain import Question
from service.seeding import read_folder

ROW = {
    "question_id": 7,
    "question": "What?",
    "references": ["This. That."],
    "answer": "This",
    "score": 0.5,
    "label": "Partially correct",
}


def write(folder: Path, name: str, *lines: object) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        for line in lines:
            file.write(line if isinstance(line, str) else json.dumps(line) + "\n")


def test_every_file_in_the_folder_is_a_data_set(tmp_path: Path) -> None:
    write(tmp_path, "b", ROW)
    write(tmp_path, "a", {**ROW, "label": "contradictory", "split": "dev"})

    first, second = load(tmp_path)

    assert (first.dataset, first.group, first.label, first.split) == (
        "a",
        "a/7",
        "contradictory",
        "dev",
    )
    assert (second.dataset, second.label, second.split) == ("b", None, "train")


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a", ROW, {"question": "What?"})

    with pytest.raises(DataMissing, match=r"a\.jsonl\.gz, line 2: .*question_id"):
        load(tmp_path)


def test_a_folder_without_data_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"jsonl\.gz"):
        load(tmp_path)
    with pytest.raises(DataMissing, match="POINTMARK_DATA"):
        data_folder(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("It must be linear.", "It must not be linear."),
        ("The gradient is zero.", "The gradient is not zero."),
        ("激活函数必须可微。", "激活函数不必可微。"),
        ("它是非线性的。", "它不是非线性的。"),
        ("Gradients explode.", None),
    ],
)
def test_negations_deny_the_main_verb(text: str, denied: str | None) -> None:
    assert negate(text) == denied


@pytest.fixture(scope="module")
def question(root: Path) -> Question:
    found = {question.slug: question for question in read_folder(root / "seed")}
    return found["exploding-gradients"]


def test_a_phrasing_left_out_of_its_point_is_an_answer_that_earns_it_alone(
    question: Question,
) -> None:
    phrasing = next(iter(question.points[0].phrasings.values()))[0]
    cases = [
        case
        for case in bank_cases([question])
        if case.answer == phrasing and case.contradictory is False
    ]

    assert {case.item: case.target for case in cases} == {
        **{item.key: 0.0 for item in (*question.points, *question.misconceptions)},
        question.points[0].key: 1.0,
    }
    for case in cases:
        assert phrasing not in [text for _, text in case.question.points[0].texts()]


def test_sample_answers_are_never_cases(question: Question) -> None:
    samples = {sample.answer for sample in question.samples}

    assert samples
    assert not samples & {case.answer for case in bank_cases([question])}


def test_made_cases_of_graded_rows_say_what_they_are() -> None:
    rows = [
        Row(
            dataset="d",
            question_id=str(number),
            question=f"Question {number}?",
            references=(f"The answer {number} is long.",),
            answer=f"It is {number}.",
            score=1.0,
            label=None,
            split="train",
        )
        for number in range(4)
    ]

    plain, denied = [
        [case for case in reference_cases(rows) if case.contradictory is said]
        for said in (False, True)
    ]
    assert {(case.answer, case.target) for case in plain} == {
        (row.references[0], 1.0) for row in rows
    }
    assert all(case.target == 0.0 and "is not long" in case.answer for case in denied)
    assert len(denied) == 4
    elsewhere = elsewhere_cases(rows)
    assert {case.target for case in elsewhere} == {0.0}
    assert ("d/0", "It is 2.") in {(case.group, case.answer) for case in elsewhere}
    assert all(case.answer != f"It is {case.group[-1]}." for case in elsewhere)
