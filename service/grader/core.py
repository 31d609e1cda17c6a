"""Grading: read the answer, embed its windows, measure, mark.

The steps between the embedding call and the grade are pure functions; `Grader` only holds the
encoder and the calibration and hands the one to the other.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service import __version__
from service.domain import (
    Answer,
    Evidence,
    FlagCode,
    Grade,
    Language,
    MisconceptionGrade,
    PointGrade,
    Provenance,
    Question,
    Verdict,
)
from service.grader.calibration import Calibration, Thresholds
from service.grader.feedback import write_feedback
from service.grader.flags import is_keyword_list, raise_flags
from service.grader.language import detect
from service.grader.marking import credit_of, spread, total, verdict_of
from service.grader.reading import Reading, read
from service.grader.signals import (
    SIGNALS,
    Embedded,
    Measured,
    PreparedQuestion,
    Vectors,
    embedded,
    measure,
    prepare,
    question_texts,
)

_DENIAL = list(SIGNALS).index("denial")
GRADER_VERSION = f"pointmark-{__version__}"
# Flags that ask for a person. Repetition and copying are dealt with by leaving them out.
REVIEW_FLAGS = frozenset(
    {
        FlagCode.LOW_CONFIDENCE,
        FlagCode.CONTRADICTION,
        FlagCode.KEYWORD_LIST,
        FlagCode.UNREADABLE_TEXT,
    }
)


class Encoder(Protocol):
    """What the grader needs of a sentence encoder."""

    name: str
    revision: str
    dimension: int

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """(n, dimension), unit length, zeros for empty text; and (tokens, dimension) of each."""

    def unknown_share(self, text: str) -> float:
        """Share of the text that the encoder has no token for, 0 to 1."""


@dataclass(frozen=True)
class Marked:
    """A grade with what is worth keeping to make it again without the encoder."""

    grade: Grade
    language: Language
    said: Embedded
    """The units that were read as evidence."""
    spans: tuple[tuple[int, int], ...]
    """``[start, end)`` of each of these units in the answer."""


class Grader:
    """An encoder and a calibration that belong together. Safe to use from several threads."""

    def __init__(self, encoder: Encoder, calibration: Calibration) -> None:
        """Raises: EncoderMismatch if the calibration was fitted on another encoder."""
        calibration.require_encoder(encoder.name, encoder.revision)
        self._encoder = encoder
        self._calibration = calibration
        self.encoder_name = encoder.name
        self.encoder_revision = encoder.revision
        self.calibration_id = calibration.identity

    def prepare(
        self, question: Question, alternatives: Sequence[Sequence[str]] | None = None
    ) -> PreparedQuestion:
        """Embed a question once, to mark any number of answers to it."""
        said = self._embed(question_texts(question))
        return prepare(question, said, self._calibration.background, alternatives)

    def grade(
        self, prepared: PreparedQuestion, answer: Answer, *, version_id: str | None = None
    ) -> Marked:
        """Mark one answer."""
        return self.grade_many([(prepared, answer, version_id)])[0]

    def grade_many(
        self, items: Sequence[tuple[PreparedQuestion, Answer, str | None]]
    ) -> list[Marked]:
        """Mark answers to any questions with one call of the encoder.

        Neighbours in the batch don't change a grade: each text's vector is its own.
        """
        started = time.perf_counter()
        readings = [read(answer.text, prepared.prompts) for prepared, answer, _ in items]
        texts = [[reading.units[unit].text for unit in reading.kept] for reading in readings]
        said = self._embed([text for part in texts for text in part])
        ends = [0, *itertools.accumulate(map(len, texts))]
        parts = [said.part(start, end) for start, end in itertools.pairwise(ends)]
        elapsed_ms = 1000.0 * (time.perf_counter() - started) / max(1, len(items))
        return [
            self._mark(*item, reading, part, elapsed_ms)
            for item, reading, part in zip(items, readings, parts, strict=True)
        ]

    def _embed(self, texts: Sequence[str]) -> Embedded:
        return embedded(texts, *self._encoder.encode_tokens(texts), self._calibration.background)

    def _mark(
        self,
        prepared: PreparedQuestion,
        answer: Answer,
        version_id: str | None,
        reading: Reading,
        said: Embedded,
        embedding_ms: float,
    ) -> Marked:
        started = time.perf_counter()
        language = answer.language or detect(answer.text)
        calibration = self._calibration.of(prepared.question.slug)
        opinion = judge(prepared, reading, said, calibration)
        unknown_share = self._encoder.unknown_share(answer.text)
        elapsed_ms = embedding_ms + 1000.0 * (time.perf_counter() - started)
        provenance = Provenance(
            question_version=version_id,
            grader=GRADER_VERSION,
            encoder=self.encoder_name,
            encoder_revision=self.encoder_revision,
            calibration=calibration.identity,
            thresholds=asdict(calibration.thresholds),
            elapsed_ms=round(elapsed_ms, 2),
        )
        return Marked(
            grade=conclude(
                prepared,
                reading,
                opinion,
                calibration,
                language=language,
                unknown_share=unknown_share,
                provenance=provenance,
            ),
            language=language,
            said=said,
            spans=tuple((reading.units[u].start, reading.units[u].end) for u in reading.kept),
        )


@dataclass(frozen=True)
class Opinion:
    """Probabilities for each point and misconception of a question, before any decision."""

    measured: list[Measured]
    credit: NDArray[np.float64]
    """(points + misconceptions,): that a human would say the answer holds this statement."""
    contradiction: NDArray[np.float64]
    """The same shape: that the answer holds its opposite."""


def judge(
    prepared: PreparedQuestion, reading: Reading, said: Embedded, calibration: Calibration
) -> Opinion:
    """Measure an answer and apply the calibration."""
    measured = measure(prepared, reading, said, calibration.background)
    values = np.stack([item.values for item in measured])
    credit = calibration.credit_probability(values)
    contradiction = calibration.contradiction_probability(values)
    # Terms set side by side claim nothing. Where an author wrote out what is to be said, naming it
    # is not saying it; where model answers are enumerations, it may be all there is to say.
    only_terms = prepared.rubric and is_keyword_list(reading)
    if not reading.windows or only_terms or not calibration.is_related(values):
        credit, contradiction = np.zeros_like(credit), np.zeros_like(contradiction)
    return Opinion(measured=measured, credit=credit, contradiction=contradiction)


def conclude(
    prepared: PreparedQuestion,
    reading: Reading,
    opinion: Opinion,
    calibration: Calibration,
    *,
    language: Language,
    unknown_share: float,
    provenance: Provenance,
) -> Grade:
    """Verdicts, score, flags and feedback from probabilities."""
    question = prepared.question
    thresholds = calibration.thresholds
    misconceptions = _misconceptions(prepared, reading, opinion, thresholds)
    opinion = _substantiated(prepared, opinion, {seen.key for seen in misconceptions})
    graded = _grade_points(prepared, reading, opinion, calibration)
    group, score = _best_alternative(prepared, graded)
    points = [question.points[index] for index in group]
    grades = tuple(graded[index] for index in group)
    blank = not reading.text.strip()
    doubt = spread(points, [grade.probability for grade in grades], question.rule)
    expected_error = 0.0 if blank else calibration.error_floor + calibration.error_slope * doubt
    flags = raise_flags(
        reading,
        grades,
        misconceptions_seen=bool(misconceptions),
        doubtful=expected_error >= thresholds.review,
        unknown_share=unknown_share,
        language=language,
    )
    return Grade(
        score=round(score, 1),
        expected_error=round(expected_error, 1),
        needs_review=any(flag.code in REVIEW_FLAGS for flag in flags),
        flags=flags,
        points=grades,
        misconceptions=misconceptions,
        feedback=write_feedback(question, grades, misconceptions, language=language, blank=blank),
        provenance=provenance,
    )


def _substantiated(prepared: PreparedQuestion, opinion: Opinion, seen: Set[str]) -> Opinion:
    """The opinion without contradictions that nothing in the answer can be shown for.

    Where an author wrote down what contradicts a point, being near to that is not enough: either
    one of these misconceptions is reported, or the wording denies the point.
    """
    contradiction = opinion.contradiction.copy()
    for index, point in enumerate(prepared.question.points):
        written = {m.key for m in prepared.question.misconceptions if m.contradicts == point.key}
        denial = opinion.measured[index].values[_DENIAL]
        if written and not written & seen and denial == 0.0:
            contradiction[index] = 0.0
    return replace(opinion, contradiction=contradiction)


def _grade_points(
    prepared: PreparedQuestion, reading: Reading, opinion: Opinion, calibration: Calibration
) -> list[PointGrade]:
    thresholds = calibration.thresholds
    grades = []
    for index, point in enumerate(prepared.question.points):
        measured = opinion.measured[index]
        credit, contradiction = opinion.credit[index], opinion.contradiction[index]
        verdict = verdict_of(credit, contradiction, thresholds)
        grades.append(
            PointGrade(
                key=point.key,
                verdict=verdict,
                credit=round(credit_of(verdict, credit, thresholds), 4),
                probability=round(float(credit), 4),
                similarity=round(measured.similarity, 4),
                evidence=_evidence(reading, measured) if verdict is not Verdict.MISSING else (),
                signals=calibration.effects(measured.values) if reading.windows else (),
            )
        )
    return grades


def _best_alternative(
    prepared: PreparedQuestion, graded: Sequence[PointGrade]
) -> tuple[tuple[int, ...], float]:
    """The set of points the answer meets best, and its score; the earlier one on a tie."""
    question = prepared.question

    def score(group: Sequence[int]) -> float:
        points = [question.points[index] for index in group]
        return total(points, [graded[index].credit for index in group], question.rule)

    best = max(prepared.alternatives, key=score)
    return best, score(best)


def _misconceptions(
    prepared: PreparedQuestion, reading: Reading, opinion: Opinion, thresholds: Thresholds
) -> tuple[MisconceptionGrade, ...]:
    """Misconceptions the answer shows: likely said, and likelier than the point they contradict."""
    points = {point.key: index for index, point in enumerate(prepared.question.points)}
    seen = []
    for offset, item in enumerate(prepared.question.misconceptions):
        index = len(points) + offset
        probability = float(opinion.credit[index])
        contradicted = points.get(item.contradicts) if item.contradicts else None
        if probability < thresholds.misconception or (
            contradicted is not None and opinion.credit[contradicted] >= probability
        ):
            continue
        seen.append(
            MisconceptionGrade(
                key=item.key,
                probability=round(probability, 4),
                evidence=_evidence(reading, opinion.measured[index]),
            )
        )
    return tuple(seen)


def _evidence(reading: Reading, measured: Measured) -> tuple[Evidence, ...]:
    if measured.window < 0:
        return ()
    return (reading.evidence(reading.windows[measured.window]),)
