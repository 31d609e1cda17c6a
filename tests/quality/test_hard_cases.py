"""Answers written to mislead graders: the file is sound, and the shares that were reached stay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evaluation.hard_cases import HardCase, judge_cases, load_cases, shares
from service.domain import Question, Verdict
from service.grader import Grader
from service.seeding import read_question

FILE = Path(__file__).parent / "hard_cases.yaml"
SEED = (
    "activation-function-properties",
    "common-cnn-models",
    "exploding-gradients",
    "gradient-descent-local-optima",
    "local-connected-conv-face",
)
# What is reached, less a few cases of room. Negation, swapped roles and taking back are far from
# the aim of 0.85: rules and sentence vectors don't read (docs/evaluation.md).
FLOORS = {
    "analogy": 0.85,
    "code_only": 0.75,
    "copied_prompt": 0.7,
    "correct_but_off_question": 0.9,
    "formula_only": 0.7,
    "full_width": 0.9,
    "hedged_or_self_contradicting": 0.45,
    "injection": 0.95,
    "keyword_list": 0.85,
    "mixed_language": 0.75,
    "negated_point": 0.85,
    "other_language": 0.85,
    "other_words": 0.8,
    "padding": 0.85,
    "swapped_roles": 0.35,
    "traditional_characters": 0.9,
    "typos": 0.9,
    "very_long": 0.85,
    "very_short": 0.75,
    "all in en": 0.8,
    "all in zh": 0.82,
    "all": 0.82,
}

Loaded = tuple[list[HardCase], dict[str, Question]]


@pytest.fixture(scope="module")
def loaded(root: Path) -> Loaded:
    seed = {slug: read_question(root / "seed" / f"{slug}.yaml") for slug in SEED}
    return load_cases(FILE, seed)


def test_the_cases_are_many_and_even(loaded: Loaded) -> None:
    cases, _ = loaded
    languages = Counter(case.language for case in cases)

    assert len(cases) >= 300
    assert min(languages.values()) >= 0.45 * len(cases)
    assert min(Counter(case.category for case in cases).values()) >= 16
    assert len({case.name for case in cases}) == len(cases)


def test_the_cases_ask_for_points_that_exist(loaded: Loaded) -> None:
    cases, questions = loaded

    for case in cases:
        keys = {point.key for point in questions[case.question].points}
        assert case.expected, case.name
        assert set(case.expected) <= keys, case.name


def test_the_verdicts_are_as_good_as_they_were(loaded: Loaded, grader: Grader) -> None:
    judged = judge_cases(grader, *loaded)

    found = {name: right for name, (_, right, _) in shares(judged).items()}
    wrong = [
        f"{one.case.name} {one.point}: {one.expected} expected, {one.found}"
        for one in judged
        if not one.right
    ]
    assert found.keys() == FLOORS.keys()
    below = {name: share for name, share in found.items() if share < FLOORS[name]}
    assert below == {}, "\n".join(wrong)
    # The gate must be able to fail: a grader that credits everything, or nothing, is far below.
    everything = [one for one in judged if one.expected is Verdict.COVERED]
    assert 0.3 < len(everything) / len(judged) < 0.7
