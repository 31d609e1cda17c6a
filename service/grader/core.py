"""Grading: read the answer, embed its windows, measure, mark.

The steps between the embedding call and the grade are pure functions; `Grader` only holds the
encoder and the calibration and hands the one to the other.
"""

from __future__ import annotations

import hashlib
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
    CONTRADICTS,
    SIGNALS,
    Embedded,
    Measured,
    PreparedQuestion,
    States,
    Vectors,
    embedded,
    heard,
    measure,
    prepare,
    question_texts,
    statement_row,
)

STRETCH = 192
"""Tokens of an answer that the verifier reads at once; a longer sentence is read in parts."""
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

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors], list[States]]:
        """(n, dimension), unit length, zeros for empty text; and (tokens, dimension) of each: of
        the tokens, and of what a verifier reads."""

    def unknown_share(self, text: str) -> float:
        """Share of the text that the encoder has no token for, 0 to 1."""


class Verifier(Protocol):
    """What the grader needs of a model that reads two texts together."""

    name: str
    revision: str

    def read(self, pairs: Sequence[tuple[States, States]]) -> NDArray[np.float64]:
        """(n, 3): probabilities that the answer agrees with the point, contradicts it, neither."""


@dataclass(frozen=True)
class Marked:
    """A grade with what is worth keeping to make it again without the encoder."""

    grade: Grade
    language: Language
    said: Embedded
    """The units that were read as evidence."""
    spans: tuple[tuple[int, int], ...]
    """``[start, end)`` of each of these units in the answer."""


@dataclass(frozen=True)
class Kept:
    """What was kept of an answer when it was marked before."""

    said: Embedded
    spans: tuple[tuple[int, int], ...]
    """``[start, end)`` in the answer of each row of `said`."""
    encoder_revision: str


@dataclass(frozen=True)
class KeptQuestion:
    """What was kept of a question when it was embedded before."""

    said: Embedded
    texts: str
    """Digest of the texts that were embedded, in their order."""


class Grader:
    """An encoder, a calibration and a verifier that belong together. Safe between threads."""

    def __init__(
        self, encoder: Encoder, calibration: Calibration, verifier: Verifier | None = None
    ) -> None:
        """Raises: EncoderMismatch if the calibration was fitted on another encoder or verifier."""
        calibration.require_encoder(encoder.name, encoder.revision)
        calibration.require_verifier(verifier.revision if verifier else None)
        self._encoder = encoder
        self._calibration = calibration
        self._verifier = verifier
        self.encoder_name = encoder.name
        self.encoder_revision = encoder.revision
        self.verifier_name = verifier.name if verifier else None
        self.verifier_revision = verifier.revision if verifier else None
        self.calibration_id = calibration.identity
        self.version = GRADER_VERSION

    def calibration_of(self, slug: str) -> str:
        """Identity of the calibration that marks this question."""
        return self._calibration.of(slug).identity

    def keep(self, question: Question, kept: KeptQuestion | None = None) -> KeptQuestion | None:
        """What is worth keeping of a question, to prepare it later without the encoder.

        `kept` itself, if it still is what this grader would make of the question. None with a
        verifier, which reads more than is kept.
        """
        if self._verifier is not None:
            return None
        texts = question_texts(question)
        digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
        if (
            kept is not None
            and kept.texts == digest
            and kept.said.background == self._calibration.background.identity
        ):
            return kept
        said, _ = self._embed(texts)
        return KeptQuestion(said=said, texts=digest)

    def prepare(
        self,
        question: Question,
        alternatives: Sequence[Sequence[str]] | None = None,
        kept: KeptQuestion | None = None,
    ) -> PreparedQuestion:
        """Make a question ready, to mark any number of answers to it.

        `kept` is what `keep` gave for it; without, it is embedded.
        """
        said, states = self._embed(question_texts(question)) if kept is None else (kept.said, [])
        return prepare(question, said, self._calibration.background, alternatives, states)

    def grade(
        self, prepared: PreparedQuestion, answer: Answer, *, version_id: str | None = None
    ) -> Marked:
        """Mark one answer."""
        return self.grade_many([(prepared, answer, version_id)])[0]

    def grade_many(
        self, items: Sequence[tuple[PreparedQuestion, Answer, str | None]]
    ) -> list[Marked]:
        """Mark answers to any questions with one call of the encoder and one of the verifier.

        Neighbours in the batch don't change a grade: each text is read on its own.
        """
        return self.grade_again([(*item, None) for item in items])

    def grade_again(
        self, items: Sequence[tuple[PreparedQuestion, Answer, str | None, Kept | None]]
    ) -> list[Marked]:
        """As `grade_many`, without the encoder where what was kept will do.

        It does if it comes from this encoder and background, and holds every unit that counts
        against this question; a verifier reads what is not kept, so with one it never does. The
        grade is the same either way.
        """
        started = time.perf_counter()
        readings = [read(answer.text, prepared.prompts) for prepared, answer, _, _ in items]
        known = [
            self._known(reading, kept) for reading, (*_, kept) in zip(readings, items, strict=True)
        ]
        texts = [
            [reading.units[unit].text for unit in reading.kept] if found is None else []
            for reading, found in zip(readings, known, strict=True)
        ]
        said, states = self._embed([text for part in texts for text in part])
        ends = [0, *itertools.accumulate(map(len, texts))]
        works = [
            self._work(prepared, reading, found or said.part(start, end), states[start:end])
            for (prepared, *_), reading, found, (start, end) in zip(
                items, readings, known, itertools.pairwise(ends), strict=True
            )
        ]
        if self._verifier is not None:
            works = consult(self._verifier, works)
        elapsed_ms = 1000.0 * (time.perf_counter() - started) / max(1, len(items))
        return [
            self._mark(work, answer, version_id, elapsed_ms)
            for work, (_, answer, version_id, _) in zip(works, items, strict=True)
        ]

    def _known(self, reading: Reading, kept: Kept | None) -> Embedded | None:
        """What was kept of the units that count; None if they have to be embedded."""
        if (
            kept is None
            or self._verifier is not None
            or kept.encoder_revision != self.encoder_revision
            or kept.said.background != self._calibration.background.identity
        ):
            return None
        rows = {span: row for row, span in enumerate(kept.spans)}
        wanted = [rows.get((reading.units[u].start, reading.units[u].end)) for u in reading.kept]
        found = [row for row in wanted if row is not None]
        return kept.said.pick(found) if len(found) == len(wanted) else None

    def _work(
        self,
        prepared: PreparedQuestion,
        reading: Reading,
        said: Embedded,
        states: Sequence[States],
    ) -> Work:
        measured = measure(prepared, reading, said, self._calibration.background)
        return Work(prepared=prepared, reading=reading, said=said, states=states, measured=measured)

    def _embed(self, texts: Sequence[str]) -> tuple[Embedded, list[States]]:
        vectors, tokens, states = self._encoder.encode_tokens(texts)
        kept = states if self._verifier is not None else []
        return embedded(texts, vectors, tokens, self._calibration.background), kept

    def _mark(
        self, work: Work, answer: Answer, version_id: str | None, reading_ms: float
    ) -> Marked:
        started = time.perf_counter()
        prepared, reading = work.prepared, work.reading
        language = answer.language or detect(answer.text)
        calibration = self._calibration.of(prepared.question.slug)
        opinion = judge(prepared, reading, work.measured, calibration)
        unknown_share = self._encoder.unknown_share(answer.text)
        elapsed_ms = reading_ms + 1000.0 * (time.perf_counter() - started)
        provenance = Provenance(
            question_version=version_id,
            grader=GRADER_VERSION,
            encoder=self.encoder_name,
            encoder_revision=self.encoder_revision,
            verifier=self.verifier_name,
            verifier_revision=self.verifier_revision,
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
            said=work.said,
            spans=tuple((reading.units[u].start, reading.units[u].end) for u in reading.kept),
        )


@dataclass(frozen=True)
class Work:
    """An answer on its way to a grade."""

    prepared: PreparedQuestion
    reading: Reading
    said: Embedded
    states: Sequence[States]
    """Of the kept units, if a verifier is to read them."""
    measured: list[Measured]


@dataclass(frozen=True)
class Asked:
    """One stretch of an answer that a verifier is to read with one item."""

    item: int
    window: int
    statement: int
    """Row of `PreparedQuestion.phrased`."""
    units: tuple[int, ...]
    """Rows among the kept units."""


def to_ask(
    prepared: PreparedQuestion, reading: Reading, measured: Sequence[Measured]
) -> list[Asked]:
    """What a verifier is asked about an answer."""
    row = {unit: index for index, unit in enumerate(reading.kept)}
    asked = []
    for item, found in enumerate(measured):
        for index in found.near:
            window = reading.windows[index]
            asked.append(
                Asked(
                    item=item,
                    window=index,
                    statement=statement_row(prepared, item, detect(window.text)),
                    units=tuple(row[u] for u in reading.kept if window.first <= u <= window.last),
                )
            )
    return asked


def consult(verifier: Verifier, works: Sequence[Work]) -> list[Work]:
    """Let the verifier read what the vectors found to be near, all answers in one call."""
    asked = [to_ask(work.prepared, work.reading, work.measured) for work in works]
    pairs = [
        (
            work.prepared.states[one.statement],
            np.concatenate([work.states[unit] for unit in one.units]),
        )
        for work, part in zip(works, asked, strict=True)
        for one in part
    ]
    said = ask(verifier, pairs)
    ends = [0, *itertools.accumulate(map(len, asked))]
    return [
        replace(work, measured=told(work.measured, part, said[start:end]))
        for work, part, (start, end) in zip(works, asked, itertools.pairwise(ends), strict=True)
    ]


def ask(verifier: Verifier, pairs: Sequence[tuple[States, States]]) -> NDArray[np.float64]:
    """(n, 2): the highest probabilities of agreement and of contradiction over each answer."""
    cut = [
        (index, (point, answer[start : start + STRETCH]))
        for index, (point, answer) in enumerate(pairs)
        for start in range(0, len(answer), STRETCH)
    ]
    found = np.zeros((len(pairs), 2))
    if cut:
        np.maximum.at(
            found, [index for index, _ in cut], verifier.read([pair for _, pair in cut])[:, :2]
        )
    return found


def told(
    measured: Sequence[Measured], asked: Sequence[Asked], said: NDArray[np.float64]
) -> list[Measured]:
    """The measurements with the strongest of what the verifier said of each item.

    Args:
        said: (len(asked), 2), as `ask` gives it.
    """
    found = list(measured)
    for item in {one.item for one in asked}:
        rows = [row for row, one in enumerate(asked) if one.item == item]
        best = max(rows, key=lambda row: said[row, 0])
        found[item] = heard(
            found[item],
            window=asked[best].window,
            agrees=float(said[best, 0]),
            contradicts=float(said[rows, 1].max()),
        )
    return found


@dataclass(frozen=True)
class Opinion:
    """Probabilities for each point and misconception of a question, before any decision."""

    measured: list[Measured]
    credit: NDArray[np.float64]
    """(points + misconceptions,): that a human would say the answer holds this statement."""
    contradiction: NDArray[np.float64]
    """The same shape: that the answer holds its opposite."""


def judge(
    prepared: PreparedQuestion,
    reading: Reading,
    measured: list[Measured],
    calibration: Calibration,
) -> Opinion:
    """Apply the calibration to an answer's signals."""
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
    one of these misconceptions is reported, or the wording denies the point, or the verifier read
    the opposite.
    """
    contradiction = opinion.contradiction.copy()
    for index, point in enumerate(prepared.question.points):
        written = {m.key for m in prepared.question.misconceptions if m.contradicts == point.key}
        values = opinion.measured[index].values
        shown = values[_DENIAL] > 0.0 or values[CONTRADICTS] > 0.0
        if written and not written & seen and not shown:
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
