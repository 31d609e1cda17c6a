"""Questions, grades and a grader for tests of everything around the grader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from service.domain import (
    Answer,
    Evidence,
    Flag,
    FlagCode,
    Grade,
    Language,
    Misconception,
    MisconceptionGrade,
    Point,
    PointGrade,
    PointKind,
    Provenance,
    Question,
    Sample,
    Signal,
    Source,
    Verdict,
)
from service.grader import Marked
from service.grader.signals import Embedded

EN, ZH = Language.EN, Language.ZH


def a_question(**changes: Any) -> Question:
    """A small question that uses every field."""
    return replace(_QUESTION, **changes)


_QUESTION = Question(
    slug="why-relu",
    topic="neural-networks",
    difficulty=2,
    prompt={EN: "Why is ReLU used?", ZH: "为什么用 ReLU？"},
    points=(
        Point(
            key="no-saturation",
            statement={EN: "It does not saturate for x > 0.", ZH: "正半轴不饱和。"},
            phrasings={EN: ("Its gradient stays one.", "No vanishing."), ZH: ("梯度恒为一。",)},
            weight=2.5,
            hint={EN: "Think of the gradient."},
            terms=("saturate", "饱和"),
        ),
        Point(
            key="cheap",
            statement={EN: "It is cheap to compute."},
            kind=PointKind.OPTIONAL,
        ),
    ),
    misconceptions=(
        Misconception(
            key="always-active",
            statement={EN: "ReLU is never zero."},
            phrasings={ZH: ("ReLU 永远不为零。",)},
            contradicts="no-saturation",
            feedback={EN: "It is zero for x < 0."},
        ),
        Misconception(key="linear", statement={EN: "ReLU is linear."}),
    ),
    tags=("activation", "basics"),
    sources=(Source(title="A paper", url="https://example.org/p"), Source(title="A book")),
    samples=(Sample(language=EN, level="good", score=70.0, answer="It does not saturate."),),
)


class StandInGrader:
    """Covers every point with the answer's first word; needs no model."""

    encoder_revision = "stand-in-1"
    verifier_revision = None
    version = "stand-in"

    def calibration_of(self, slug: str) -> str:
        return "none"

    def __init__(self) -> None:
        self.prepared = 0

    def keep(self, question: Question, kept: object = None) -> None:
        """Nothing is worth keeping."""

    def prepare(
        self, question: Question, alternatives: object = None, kept: object = None
    ) -> Question:
        self.prepared += 1
        return question

    def grade_again(self, items: Sequence[Any]) -> list[Marked]:
        return [
            self.grade(prepared, answer, version_id=version_id)
            for prepared, answer, version_id, _ in items
        ]

    def grade(self, prepared: Question, answer: Answer, *, version_id: str | None = None) -> Marked:
        word = (answer.text.split() or [""])[0]
        start = answer.text.find(word)
        found = (Evidence(start=start, end=start + len(word), text=word),) if word else ()
        points = tuple(
            PointGrade(
                key=point.key,
                verdict=Verdict.COVERED if word else Verdict.MISSING,
                credit=1.0 if word else 0.0,
                probability=0.1 + 0.2,
                similarity=0.87,
                evidence=found,
                signals=(Signal(name="similarity", value=0.87, effect=-1e-9),),
            )
            for point in prepared.points
        )
        flags = () if word else (Flag(code=FlagCode.BLANK, message="Nothing was written."),)
        grade = Grade(
            score=66.7 if word else 0.0,
            expected_error=8.25,
            needs_review=not word,
            flags=flags,
            points=points,
            misconceptions=(MisconceptionGrade(key="linear", probability=0.4, evidence=found),),
            feedback="Well said.",
            provenance=Provenance(
                question_version=version_id,
                grader="stand-in",
                encoder="stand-in",
                encoder_revision=self.encoder_revision,
                verifier=None,
                verifier_revision=None,
                calibration="none",
                thresholds={"covered": 0.5, "partial": 0.3},
                elapsed_ms=1.5,
            ),
        )
        units = 2 if word else 0
        return Marked(
            grade=grade,
            language=answer.language or EN,
            said=Embedded(
                vectors=np.full((units, 4), 0.25, dtype=np.float32),
                tokens=(np.full((3, 2), 127, dtype=np.int8),) * units,
                token_dimension=2,
                background="stand-in",
            ),
            spans=((0, 1), (1, 2))[:units],
        )
