"""Measuring how an answer stands to each point: a few numbers that a person can read.

`prepare` turns a question into vectors once; `measure` compares them with the vectors of an
answer's windows. Both are plain arithmetic on arrays; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from service.domain import Language, Misconception, Point, Question
from service.grader import lexical
from service.grader.language import detect
from service.grader.reading import Reading
from service.grader.units import normalise, size

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""n texts in, one array (n, dimension) of unit length out; empty text gives zeros."""

SIGNALS: Mapping[str, str] = {
    "similarity": "best cosine between a window of the answer and a phrasing of the point",
    "over_prompt": "how much closer that window is to the point than to the question's prompt",
    "nearer_other": "how much closer that window is to another point of the rubric",
    "rival": "how much closer a misconception is to the answer than the point it contradicts",
    "recall": "share of the phrasing's key terms that the window holds",
    "precision": "share of the window's key terms that the phrasing holds",
    "novelty": "share of the window's key terms that are not in the prompt",
    "denial": "the window nearly repeats the phrasing, but denies it",
    "accord": "the window's wording has the same polarity as the phrasing",
    "numbers_missing": "share of the phrasing's numbers that the window lacks",
    "terms_met": "the window holds a term named for the point",
    "shorter": "how much shorter the window is than the phrasing, in doublings",
}
"""Name of each signal to what it measures, in the order of the columns of `Measured.values`."""


# What a cosine between two languages is worth within one. Wordings of the same point in our bank
# have a mean cosine of 0.36 in one language and 0.30 across, once the background is removed.
ACROSS_LANGUAGES = 1.2


# A sentence joins its neighbour as evidence only from this similarity on: nine of ten sentences
# about something else stay below it for every point of our questions.
NEIGHBOUR = 0.3


@dataclass(frozen=True)
class Background:
    """Mean vector of ordinary text, per language.

    Vectors of this encoder family crowd into a narrow cone and lean to their language. Taking the
    language's mean away spreads them out and lets a text meet its translation (the "all-but-the-
    top" correction of Mu and Viswanath, 2018, first component only).
    """

    mean: Mapping[Language, Vectors]

    def remove(self, vectors: Vectors, languages: Sequence[Language]) -> Vectors:
        """Unit vectors (n, d) with their language's mean taken away; zero vectors stay zero."""
        if not len(vectors):
            return vectors
        centred = vectors - np.stack([self.mean[language] for language in languages])
        centred[~vectors.any(axis=1)] = 0.0
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(norms, 1e-9), dtype=np.float32)


@dataclass(frozen=True)
class Phrased:
    """One way of writing a point or misconception."""

    text: str
    language: Language
    profile: lexical.Profile
    size: int


@dataclass(frozen=True, repr=False)
class PreparedQuestion:
    """A question with its vectors, ready to mark any number of answers."""

    question: Question
    alternatives: tuple[tuple[int, ...], ...]
    """Sets of point indices; an answer is marked on the set it meets best. One set of all points
    for a rubric; one set a model answer for a question made of references."""
    phrased: tuple[Phrased, ...]
    vectors: Vectors
    """(len(phrased), d), background removed."""
    raw_vectors: Vectors
    """The same as the encoder gave them; the similarity that people see comes from these."""
    columns: tuple[NDArray[np.intp], ...]
    """For each point, then each misconception, its rows in `vectors`."""
    prompt_vectors: Vectors
    """(languages of the prompt, d), background removed."""
    prompt_terms: frozenset[str]
    rubric: bool
    """Whether the points are an author's, who keeps them apart. Clauses cut from a model answer
    overlap, so there another point that is nearer says nothing."""

    def __repr__(self) -> str:
        return f"PreparedQuestion({self.question.slug!r})"

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt in every language it has."""
        return tuple(self.question.prompt.values())


@dataclass(frozen=True)
class Measured:
    """The signals of one point or misconception."""

    values: NDArray[np.float64]
    """(len(SIGNALS),)"""
    window: int
    """Index of the best window; -1 if the answer has none."""
    phrasing: int
    """Index into `PreparedQuestion.phrased`."""
    similarity: float
    """Cosine of the encoder's own vectors at the best pair."""


def question_texts(question: Question) -> list[str]:
    """Every text of a question that is embedded: points, misconceptions, prompts, in that order."""
    said = [text for item in items_of(question) for _, text in item.texts()]
    return [normalise(text) for text in [*said, *question.prompt.values()]]


def prepare(
    question: Question,
    vectors: Vectors,
    background: Background,
    alternatives: Sequence[Sequence[str]] | None = None,
) -> PreparedQuestion:
    """Sort a question's vectors, given in the order of `question_texts`."""
    phrased: list[Phrased] = []
    columns: list[NDArray[np.intp]] = []
    for item in items_of(question):
        first = len(phrased)
        for _, text in item.texts():
            plain = normalise(text)
            phrased.append(
                Phrased(
                    text=plain,
                    # The script decides, not the label: an English phrasing filed under Chinese
                    # still has an English vector.
                    language=detect(plain),
                    profile=lexical.profile(plain),
                    size=size(plain),
                )
            )
        columns.append(np.arange(first, len(phrased)))
    prompts = [normalise(text) for text in question.prompt.values()]
    position = {point.key: index for index, point in enumerate(question.points)}
    groups = (
        tuple(tuple(position[key] for key in keys) for keys in alternatives)
        if alternatives
        else (tuple(range(len(question.points))),)
    )
    centred = background.remove(vectors[: len(phrased)], [p.language for p in phrased])
    return PreparedQuestion(
        question=question,
        alternatives=groups,
        phrased=tuple(phrased),
        vectors=centred,
        raw_vectors=vectors[: len(phrased)],
        columns=tuple(columns),
        prompt_vectors=background.remove(
            vectors[len(phrased) :], [detect(text) for text in prompts]
        ),
        prompt_terms=frozenset().union(*(lexical.terms(text) for text in prompts)),
        rubric=alternatives is None,
    )


def measure(
    prepared: PreparedQuestion, reading: Reading, vectors: Vectors, background: Background
) -> list[Measured]:
    """Signals of every point, then of every misconception, of a question for one answer.

    Args:
        vectors: (len(reading.windows), d), as the encoder gave them.
    """
    total = len(prepared.columns)
    if not reading.windows:
        return [Measured(_nothing(), -1, int(rows[0]), 0.0) for rows in prepared.columns]
    languages = [detect(window.text) for window in reading.windows]
    centred = background.remove(vectors, languages)
    across = [[language != said.language for said in prepared.phrased] for language in languages]
    cosines = centred @ prepared.vectors.T
    cosines = np.where(across, np.minimum(1.0, ACROSS_LANGUAGES * cosines), cosines)
    best = np.stack([cosines[:, rows].max(axis=1) for rows in prepared.columns], axis=1)
    padded = _padded(reading, best, points=len(prepared.question.points))
    for item, rows in enumerate(prepared.columns):
        cosines[np.ix_(padded[:, item], rows)] = -1.0
    best = np.where(padded, -1.0, best)
    prompt = (
        (centred @ prepared.prompt_vectors.T).max(axis=1)
        if len(prepared.prompt_vectors)
        else np.zeros(len(centred), dtype=np.float32)
    )
    pairs = [_best_pair(cosines, rows) for rows in prepared.columns]
    context = (prepared, reading, vectors, cosines, best, prompt, pairs, languages)
    return [_measure_one(*context, item) for item in range(total)]


def _measure_one(
    prepared: PreparedQuestion,
    reading: Reading,
    raw: Vectors,
    cosines: Vectors,
    best: Vectors,
    prompt: Vectors,
    pairs: Sequence[tuple[int, int]],
    languages: Sequence[Language],
    item: int,
) -> Measured:
    window, row = pairs[item]
    phrased = prepared.phrased[row]
    profile = lexical.profile(reading.windows[window].text)
    same_language = languages[window] == phrased.language
    cosine = float(cosines[window, row])
    polarity = _polarity(prepared, item, languages[window], profile)
    # To charge a person with a misconception that they refute would be the worst of mistakes.
    refuted = item >= len(prepared.question.points) and _refuted(prepared, reading, pairs[item])
    ratio = log2(max(1, phrased.size) / max(1, size(reading.windows[window].text)))
    values = {
        "similarity": cosine,
        "over_prompt": cosine - float(prompt[window]),
        "nearer_other": _nearer_other(prepared, best, window, item),
        "rival": _rival(prepared, reading, pairs, best, item),
        "recall": lexical.recall(phrased.profile, profile) if same_language else 0.0,
        "precision": lexical.precision(phrased.profile, profile) if same_language else 0.0,
        "novelty": _novelty(profile, prepared.prompt_terms),
        "denial": 1.0 if refuted else polarity.denial,
        "accord": polarity.accord,
        "numbers_missing": lexical.numbers_missing(phrased.profile, profile),
        "terms_met": _terms_met(items_of(prepared.question)[item], reading.windows[window].text),
        "shorter": min(3.0, max(0.0, ratio)),
    }
    return Measured(
        values=np.array([values[name] for name in SIGNALS]),
        window=window,
        phrasing=row,
        similarity=float(raw[window] @ prepared.raw_vectors[row]),
    )


def _padded(reading: Reading, best: Vectors, points: int) -> NDArray[np.bool_]:
    """Which windows of several units hold one that has nothing to do with an item.

    Such a unit is padding: it moves the vector of the window, by chance now and then nearer to
    the item, and must not make evidence for it. A pair is judged item by item; the whole answer
    is padded if a unit of it has nothing to do with any.

    Args:
        best: (windows, items), similarity.

    Returns:
        (windows, items)
    """
    row = {w.first: index for index, w in enumerate(reading.windows) if w.first == w.last}
    padded = np.zeros(best.shape, dtype=bool)
    for index, window in enumerate(reading.windows):
        if window.first == window.last:
            continue
        if window.whole:
            padded[index] = best[list(row.values())].max(axis=1).min() < NEIGHBOUR
            # An answer on the subject as a whole comes near every misconception about it.
            padded[index, points:] = True
        else:
            members = [row[window.first], row[window.last]]
            padded[index] = best[members].min(axis=0) < NEIGHBOUR
    return padded


def items_of(question: Question) -> list[Point | Misconception]:
    """What of a question an answer is compared with, in the order of `PreparedQuestion.columns`."""
    return [*question.points, *question.misconceptions]


def _nothing() -> NDArray[np.float64]:
    return np.zeros(len(SIGNALS))


def _best_pair(cosines: Vectors, rows: NDArray[np.intp]) -> tuple[int, int]:
    """The window and phrasing that are closest; the earlier window on a tie."""
    part = cosines[:, rows]
    window, column = np.unravel_index(int(part.argmax()), part.shape)
    return int(window), int(rows[column])


def _polarity(
    prepared: PreparedQuestion, item: int, language: Language, window: lexical.Profile
) -> lexical.Polarity:
    """Whether a window agrees with an item or denies it, by all its phrasings in that language.

    All of them, because a denied sentence may be closest in meaning to a phrasing in other words,
    or in the other language, that does not show the denial.
    """
    found = [
        lexical.polarity(prepared.phrased[row].profile, window)
        for row in prepared.columns[item]
        if prepared.phrased[row].language == language
    ]
    denial = max((polarity.denial for polarity in found), default=0.0)
    accord = max((polarity.accord for polarity in found), default=0.0)
    return lexical.Polarity(accord=0.0 if denial > 0.0 else accord, denial=denial)


def _nearer_other(prepared: PreparedQuestion, best: Vectors, window: int, item: int) -> float:
    """By how much another point of a rubric is nearer to this window; 0 if none is."""
    others = [other for other in range(len(prepared.question.points)) if other != item]
    if not prepared.rubric or not others:
        return 0.0
    return max(0.0, float(best[window, others].max() - best[window, item]))


def _rival(
    prepared: PreparedQuestion,
    reading: Reading,
    pairs: Sequence[tuple[int, int]],
    best: Vectors,
    item: int,
) -> float:
    """For a point, its closest misconception over it; for a misconception, its point over it.

    Best against best over the whole answer: a point that is stated plainly keeps its credit even
    if another sentence comes near the misconception. 0 when the rival is weaker, or refuted by the
    very sentence that comes near it, or when there is none.
    """
    points = prepared.question.points
    if item < len(points):
        rivals = [
            len(points) + index
            for index, misconception in enumerate(prepared.question.misconceptions)
            if misconception.contradicts == points[item].key
        ]
    else:
        contradicted = prepared.question.misconceptions[item - len(points)].contradicts
        rivals = [index for index, point in enumerate(points) if point.key == contradicted]
    held = [rival for rival in rivals if not _refuted(prepared, reading, pairs[rival])]
    if not held:
        return 0.0
    return max(0.0, float(best[:, held].max() - best[:, item].max()))


def _refuted(prepared: PreparedQuestion, reading: Reading, pair: tuple[int, int]) -> bool:
    """Whether the window denies the phrasing that it is nearest to."""
    window, row = pair
    phrased, text = prepared.phrased[row], reading.windows[window].text
    return phrased.language == detect(text) and lexical.opposed(
        phrased.profile, lexical.profile(text)
    )


def _novelty(profile: lexical.Profile, prompt_terms: frozenset[str]) -> float:
    return len(profile.terms - prompt_terms) / len(profile.terms) if profile.terms else 0.0


def _terms_met(item: Point | Misconception, text: str) -> float:
    if isinstance(item, Misconception) or not item.terms:
        return 0.0
    return 1.0 if lexical.uses_any(text, item.terms) else 0.0
