"""The whole bank: does the grader mark its sample answers roughly as their teachers did?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.domain import Answer, Language, Sample
from service.encoder import SentenceEncoder
from service.grader import Grader
from service.grader.calibration import load_calibration
from service.grader.lint import lint_question
from service.seeding import read_folder

LEVELS = ("excellent", "good", "weak", "wrong")
# What the shipped calibration reached, with room for a fit anew: README.md has the figures.
MEAN_ERROR = 20.0
CORRELATION = 0.75
OFF_TOPIC = "On Sunday we went to the market and bought apples. 星期天我们去市场买了苹果。"


@dataclass(frozen=True)
class Mark:
    """A sample answer and what the grader gave it."""

    slug: str
    sample: Sample
    score: float


class Remembering:
    """The encoder, which embeds no text of a question twice: a vector has no neighbours."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, tuple[Any, Any, Any]] = {}
        self.name, self.revision = encoder.name, encoder.revision
        self.dimension = encoder.dimension
        self.unknown_share = encoder.unknown_share

    def encode_tokens(self, texts: Sequence[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            vectors, tokens, states = self._encoder.encode_tokens(new)
            self._known |= dict(zip(new, zip(vectors, tokens, states, strict=True), strict=True))
        found = [self._known[text] for text in texts]
        rows = np.zeros((0, self.dimension), dtype=np.float32)
        vectors = np.concatenate([rows, *(vector[None] for vector, _, _ in found)])
        return vectors, [tokens for _, tokens, _ in found], [states for _, _, states in found]

    def forget(self) -> None:
        self._known.clear()


def test_the_bank(encoder: SentenceEncoder, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One test, because embedding the whole bank takes a minute and should be done once."""
    memory = Remembering(encoder)
    grader = Grader(memory, load_calibration(None))
    marks: list[Mark] = []
    faults: list[str] = []
    for question in read_folder(root / "seed"):
        memory.forget()
        ready = grader.prepare(question)
        said = [
            "\n".join(point.statement[language] for point in question.points)
            for language in Language
        ]
        texts = [*said, OFF_TOPIC, *(sample.answer for sample in question.samples)]
        scores = [
            marked.grade.score
            for marked in grader.grade_many([(ready, Answer(text=text), None) for text in texts])
        ]
        if min(scores[:2]) < 95.0:
            faults.append(f"{question.slug}: its own statements score {scores[:2]}")
        if scores[2] >= 1.0:
            faults.append(f"{question.slug}: shopping scores {scores[2]}")
        marks += [
            Mark(question.slug, sample, score)
            for sample, score in zip(question.samples, scores[3:], strict=True)
        ]
        faults += [f"{question.slug}: {found.message}" for found in lint_question(question, grader)]

    assert faults == []
    for language in Language:
        part = [mark for mark in marks if mark.sample.language == language]
        teacher = np.array([mark.sample.score for mark in part])
        ours = np.array([mark.score for mark in part])
        error = float(np.abs(teacher - ours).mean())
        correlation = float(np.corrcoef(teacher, ours)[0, 1])
        means = [
            float(np.mean([mark.score for mark in part if mark.sample.level == level]))
            for level in LEVELS
        ]
        with capsys.disabled():
            shown = ", ".join(f"{lv} {m:.0f}" for lv, m in zip(LEVELS, means, strict=True))
            print(f"\n{language}: mean error {error:.1f}, correlation {correlation:.2f}, {shown}")
        assert means[:3] == sorted(means[:3], reverse=True)
        # Fluent and wrong, in the words of the rubric: a third of the mark where it should be none.
        # Vague answers get no more. What would tell them apart has to read (docs/evaluation.md).
        assert means[3] <= 40.0 < means[1]
        assert error <= MEAN_ERROR
        assert correlation >= CORRELATION
        # Within a question, better answers get more: in six pairs of seven.
        pairs = [
            one.score > other.score
            for one in part
            for other in part
            if one.slug == other.slug
            and LEVELS.index(one.sample.level) < LEVELS.index(other.sample.level)
        ]
        assert np.mean(pairs) >= 0.82
