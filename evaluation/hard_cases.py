"""Answers written to mislead a grader, and how often the verdicts on them are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from service.domain import Answer, Language, Misconception, Point, Question, Verdict
from service.grader import Grader

# What is as right as the verdict expected. An answer that holds the point may be credited in part;
# one that denies it is dealt with as long as it earns nothing, and reported apart.
ACCEPTED: Mapping[Verdict, frozenset[Verdict]] = {
    Verdict.COVERED: frozenset({Verdict.COVERED, Verdict.PARTIAL}),
    Verdict.MISSING: frozenset({Verdict.MISSING, Verdict.CONTRADICTED}),
    Verdict.CONTRADICTED: frozenset({Verdict.CONTRADICTED, Verdict.MISSING}),
}


@dataclass(frozen=True)
class HardCase:
    """One answer with the verdicts that any fair teacher would give to the points named."""

    name: str
    category: str
    question: str
    language: str
    answer: str
    expected: Mapping[str, Verdict]


@dataclass(frozen=True)
class Judged:
    """One verdict that was asked for."""

    case: HardCase
    point: str
    expected: Verdict
    found: Verdict
    probability: float

    @property
    def right(self) -> bool:
        """Whether credit is given or refused as it should be."""
        return self.found in ACCEPTED[self.expected]

    @property
    def exact(self) -> bool:
        """Whether it is the very verdict."""
        return self.found is self.expected


def load_cases(
    path: Path, seed: Mapping[str, Question]
) -> tuple[list[HardCase], dict[str, Question]]:
    """The cases of a file, and the questions they are about.

    Args:
        seed: questions by slug, which the file may refer to besides its own rubrics.
    """
    data = yaml.safe_load(path.read_text("utf-8"))
    own = {name: _rubric(name, rubric) for name, rubric in data["rubrics"].items()}
    cases = [
        HardCase(
            name=case["id"],
            category=case["category"],
            question=case["question"],
            language=case["language"],
            answer=case["answer"],
            expected={key: Verdict(verdict) for key, verdict in case["expect"].items()},
        )
        for case in data["cases"]
    ]
    used = {case.question for case in cases}
    return cases, {name: own.get(name) or seed[name] for name in sorted(used)}


def judge_cases(
    grader: Grader, cases: Sequence[HardCase], questions: Mapping[str, Question]
) -> list[Judged]:
    """Every verdict that the cases ask for."""
    ready = {name: grader.prepare(question) for name, question in questions.items()}
    graded = grader.grade_many(
        [(ready[case.question], Answer(text=case.answer), None) for case in cases]
    )
    found = []
    for case, marked in zip(cases, graded, strict=True):
        points = {point.key: point for point in marked.grade.points}
        found += [
            Judged(
                case=case,
                point=key,
                expected=expected,
                found=points[key].verdict,
                probability=points[key].probability,
            )
            for key, expected in case.expected.items()
        ]
    return found


def shares(judged: Sequence[Judged]) -> dict[str, tuple[int, float, float]]:
    """By category, then by language, then over all: verdicts, share right, share exact."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.case.category, []).append(one)
    named = dict(sorted(groups.items()))
    for language in Language:
        named[f"all in {language}"] = [one for one in judged if one.case.language == language]
    named["all"] = list(judged)
    return {
        name: (
            len(part),
            sum(one.right for one in part) / len(part),
            sum(one.exact for one in part) / len(part),
        )
        for name, part in named.items()
        if part
    }


def hard_table(judged: Sequence[Judged]) -> str:
    """The shares as a Markdown table."""
    lines = ["| category | verdicts | credit right | verdict exact |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {count} | {right:.0%} | {exact:.0%} |"
        for name, (count, right, exact) in shares(judged).items()
    ]
    return "\n".join(lines)


def _rubric(name: str, data: Mapping[str, Any]) -> Question:
    return Question(
        slug=name,
        topic="computer-science",
        difficulty=2,
        prompt=_texts(data["prompt"]),
        points=tuple(
            Point(
                key=item["key"],
                statement=_texts(item["statement"]),
                phrasings={Language(k): tuple(v) for k, v in item.get("phrasings", {}).items()},
            )
            for item in data["points"]
        ),
        misconceptions=tuple(
            Misconception(
                key=item["key"],
                statement=_texts(item["statement"]),
                phrasings={Language(k): tuple(v) for k, v in item.get("phrasings", {}).items()},
                contradicts=item.get("contradicts"),
            )
            for item in data.get("misconceptions", ())
        ),
    )


def _texts(data: Mapping[str, str]) -> dict[Language, str]:
    return {Language(name): text for name, text in data.items()}
