"""Measuring how an answer stands to each point: a few numbers that a person can read.

`prepare` turns a question into vectors once; `measure` compares them with the vectors of an
answer's windows. Both are plain arithmetic on arrays; nothing here decides anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain import Language, Misconception, Point, Question
from service.grader import lexical
from service.grader.language import detect
from service.grader.reading import Reading
from service.grader.units import normalise, size

Vectors = NDArray[np.float32]
Tokens = NDArray[np.int8]
States = NDArray[np.float16]

SIGNALS: Mapping[str, str] = {
    "similarity": "best cosine between a window of the answer and a phrasing of the point",
    "aligned": "how well each token of the phrasing is met by some token of what the answer says "
    "near the point",
    "over_prompt": "how much closer that window is to the point than to the question's prompt",
    "nearer_other": "how much closer that window is to another point of the rubric",
    "rival": "how much closer a misconception is to the answer than the point it contradicts",
    "recall": "share of the phrasing's key terms that the window holds",
    "precision": "share of the window's key terms that the phrasing holds",
    "novelty": "share of the window's key terms that are not in the prompt",
    "denial": "the window nearly repeats the phrasing, but denies it; a half if it is only like it",
    "accord": "the window's wording has the same polarity as the phrasing",
    "numbers_missing": "share of the phrasing's numbers that the window lacks",
    "terms_met": "the window holds a term named for the point",
    "shorter": "how much shorter the window is than the phrasing, in doublings",
    "agrees": "log-odds that a window says what the point says, by the verifier",
    "contradicts": "log-odds that a window cannot be true if the point is, by the verifier",
}
"""Name of each signal to what it measures, in the order of the columns of `Measured.values`."""
AGREES, CONTRADICTS = (list(SIGNALS).index(name) for name in ("agrees", "contradicts"))


# What a cosine between two languages is worth within one. Wordings of the same point in our bank
# have a mean cosine of 0.36 in one language and 0.30 across, once the background is removed.
ACROSS_LANGUAGES = 1.2


# The verifier's log-odds are cut off here: beyond it is sure, and a sum of signals should not hang
# on how sure.
SUREST = 5.0
# What stands for the verifier's opinion of a pair that it was not asked about, because the two have
# nothing to do with each other: neither.
UNASKED = -4.0


# A verifier is not asked about a window less similar than this to an item.
WORTH_READING = 0.15
# A sentence joins its neighbour as evidence only from this similarity on: nine of ten sentences
# about something else stay below it for every point of our questions.
NEIGHBOUR = 0.3
# A clause that shares this part of its words with a wording that it denies, and this much less with
# any that it agrees with, counts as a denial of this strength. Chosen among nine settings on the
# hard cases and the samples of every third question: of the negated points it finds nine in ten
# instead of four, and holds one excellent sample in ten for a denial.
FAIRLY_ALIKE = 0.4
FAR_APART = 0.2
LIKELY_DENIAL = 0.5


@dataclass(frozen=True)
class Background:
    """What ordinary text looks like to an encoder, which is taken away before comparing.

    Vectors of this encoder family crowd into a narrow cone and lean to their language. Taking the
    language's mean away spreads them out and lets a text meet its translation (the "all-but-the-
    top" correction of Mu and Viswanath, 2018, first component only).
    """

    mean: Mapping[Language, Vectors]
    """(d,) of sentences."""
    token_mean: Mapping[Language, Vectors]
    """(d,) of tokens in their context."""
    token_basis: Vectors
    """(d, k): the k principal directions of tokens, enough to tell which mean the same. Fewer
    numbers make alignment quick and small to store."""

    @cached_property
    def identity(self) -> str:
        """Names what tokens are reduced by: those of another background cannot be compared."""
        digest = hashlib.sha256(np.ascontiguousarray(self.token_basis, dtype="<f4").tobytes())
        for language in sorted(self.token_mean):
            mean = np.ascontiguousarray(self.token_mean[language], dtype="<f4")
            digest.update(language.encode() + mean.tobytes())
        return digest.hexdigest()[:12]

    def remove(self, vectors: Vectors, languages: Sequence[Language]) -> Vectors:
        """Unit vectors (n, d) with their language's mean taken away; zero vectors stay zero."""
        if not len(vectors):
            return vectors
        centred = vectors - np.stack([self.mean[language] for language in languages])
        centred[~vectors.any(axis=1)] = 0.0
        return _unit(centred)

    def reduce(self, tokens: Vectors, language: Language) -> Tokens:
        """Token vectors (t, d) of one text as (t, k) of length 127 in small integers."""
        if not len(tokens):
            return np.zeros((0, self.token_basis.shape[1]), dtype=np.int8)
        reduced = _unit((tokens - self.token_mean[language]) @ self.token_basis)
        return np.asarray(np.rint(127.0 * reduced), dtype=np.int8)


@dataclass(frozen=True)
class Embedded:
    """Texts as the encoder sees them; what is kept of an answer to mark it again."""

    vectors: Vectors
    """(n, d), as the encoder gave them, in half precision."""
    tokens: tuple[Tokens, ...]
    """n arrays (tokens, token_dimension); see `Background.reduce`."""
    token_dimension: int
    background: str
    """Identity of what the tokens were reduced by."""

    def part(self, start: int, end: int) -> Embedded:
        """The texts ``[start, end)``."""
        return replace(self, vectors=self.vectors[start:end], tokens=self.tokens[start:end])

    def pick(self, rows: Sequence[int]) -> Embedded:
        """The texts in these rows."""
        picked = tuple(self.tokens[row] for row in rows)
        return replace(self, vectors=self.vectors[list(rows)], tokens=picked)


def embedded(
    texts: Sequence[str], vectors: Vectors, tokens: Sequence[Vectors], background: Background
) -> Embedded:
    """What the encoder gave for texts, rounded to what is stored.

    Marking with the rounded vectors makes a regrade from the store exact.
    """
    return Embedded(
        vectors=vectors.astype(np.float16).astype(np.float32),
        tokens=tuple(
            background.reduce(values, detect(text))
            for text, values in zip(texts, tokens, strict=True)
        ),
        token_dimension=background.token_basis.shape[1],
        background=background.identity,
    )


def _unit(vectors: NDArray[Any]) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)


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
    tokens: tuple[Tokens, ...]
    """For each of `phrased`, (tokens, k)."""
    columns: tuple[NDArray[np.intp], ...]
    """For each point, then each misconception, its rows in `vectors`."""
    statements: frozenset[int]
    """Rows of `phrased` that are statements: what a verifier reads."""
    states: Mapping[int, States]
    """Of these rows, if there is a verifier."""
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
    near: tuple[int, ...] = ()
    """Windows that come near enough for a verifier to read, the best one first."""


def question_texts(question: Question) -> list[str]:
    """Every text of a question that is embedded: points, misconceptions, prompts, in that order."""
    said = [text for item in items_of(question) for _, text in item.texts()]
    return [normalise(text) for text in [*said, *question.prompt.values()]]


def prepare(
    question: Question,
    said: Embedded,
    background: Background,
    alternatives: Sequence[Sequence[str]] | None = None,
    states: Sequence[States] = (),
) -> PreparedQuestion:
    """Sort a question's vectors, given in the order of `question_texts`.

    Args:
        states: of the same texts, if a verifier is to read them.
    """
    vectors = said.vectors
    phrased: list[Phrased] = []
    columns: list[NDArray[np.intp]] = []
    statements: list[int] = []
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
        statements += range(first, min(len(phrased), first + max(1, len(item.statement))))
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
        tokens=said.tokens[: len(phrased)],
        columns=tuple(columns),
        statements=frozenset(statements),
        states={row: states[row] for row in statements} if states else {},
        prompt_vectors=background.remove(
            vectors[len(phrased) :], [detect(text) for text in prompts]
        ),
        prompt_terms=frozenset().union(*(lexical.terms(text) for text in prompts)),
        rubric=alternatives is None,
    )


def measure(
    prepared: PreparedQuestion, reading: Reading, said: Embedded, background: Background
) -> list[Measured]:
    """Signals of every point, then of every misconception, of a question for one answer.

    Args:
        said: the answer's kept units, in order.
    """
    total = len(prepared.columns)
    if not reading.windows:
        return [Measured(_nothing(), -1, int(rows[0]), 0.0) for rows in prepared.columns]
    languages = [detect(window.text) for window in reading.windows]
    raw = window_vectors(reading, said.vectors)
    centred = background.remove(raw, languages)
    across = [[language != p.language for p in prepared.phrased] for language in languages]
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
    context = (prepared, reading, said, raw, cosines, best, prompt, pairs, languages)
    return [_measure_one(*context, item) for item in range(total)]


def _measure_one(
    prepared: PreparedQuestion,
    reading: Reading,
    said: Embedded,
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
        "aligned": _aligned(prepared, reading, said, best[:, item], row, window),
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
        "agrees": UNASKED,
        "contradicts": UNASKED,
    }
    return Measured(
        values=np.array([values[name] for name in SIGNALS]),
        window=window,
        phrasing=row,
        similarity=float(raw[window] @ prepared.raw_vectors[row]),
        near=_near(reading, best[:, item]),
    )


def _near(reading: Reading, best: Vectors) -> tuple[int, ...]:
    """The sentence or pair of sentences nearest to an item, and the sentence nearest apart from it.

    Two places are enough to see a point made and taken back; all of them would cost a reading each.

    Args:
        best: (windows,), similarity to the item.
    """
    short = [i for i, w in enumerate(reading.windows) if w.last == w.first or not w.whole]
    order = sorted(short, key=lambda index: (-best[index], index))
    chosen = [index for index in order[:1] if best[index] >= WORTH_READING]
    for index in order[1:]:
        window, first = reading.windows[index], reading.windows[order[0]]
        apart = window.last < first.first or window.first > first.last
        if chosen and apart and window.first == window.last and best[index] >= NEIGHBOUR:
            chosen.append(index)
            break
    return tuple(chosen)


def statement_row(prepared: PreparedQuestion, item: int, language: Language) -> int:
    """The row of the item's statement in a language; in another if there is none in this."""
    rows: list[int] = [row for row in prepared.columns[item].tolist() if row in prepared.statements]
    return next((row for row in rows if prepared.phrased[row].language == language), rows[0])


def heard(measured: Measured, window: int, agrees: float, contradicts: float) -> Measured:
    """The measurements with what a verifier said of the windows near the item.

    Args:
        window: the one that agrees most, which is evidence if it agrees at all.
        agrees, contradicts: the highest probabilities over these windows.
    """
    values = measured.values.copy()
    values[AGREES], values[CONTRADICTS] = _log_odds(agrees), _log_odds(contradicts)
    better = agrees >= 0.5
    return replace(measured, values=values, window=window if better else measured.window)


def _log_odds(probability: float) -> float:
    kept = min(max(probability, 1e-6), 1.0 - 1e-6)
    return float(np.clip(np.log(kept / (1.0 - kept)), -SUREST, SUREST))


def window_vectors(reading: Reading, vectors: Vectors) -> Vectors:
    """The vectors of an answer's windows from those of its kept units, longer ones counting more.

    Embedding every window as a text of its own costs four times the tokens and agrees with people
    no better (docs/evaluation.md).
    """
    row = {unit: index for index, unit in enumerate(reading.kept)}
    length = np.array([size(reading.units[unit].text) for unit in reading.kept], dtype=np.float32)
    weights = np.zeros((len(reading.windows), len(vectors)), dtype=np.float32)
    for index, window in enumerate(reading.windows):
        members = [row[unit] for unit in reading.kept if window.first <= unit <= window.last]
        weights[index, members] = length[members] if len(members) > 1 else 1.0
    return _unit(weights @ vectors)


def _aligned(
    prepared: PreparedQuestion,
    reading: Reading,
    said: Embedded,
    best: Vectors,
    row: int,
    window: int,
) -> float:
    """Mean over the phrasing's tokens of the best cosine with a token of the answer, -1 to 1.

    The recall of BERTScore (Zhang and others, 2020), over the units that have to do with the point:
    a point may be made in two places, but padding must not lend it words.

    Args:
        best: (windows,), similarity to the item.
    """
    chosen = reading.windows[window]
    near = [
        index
        for index, unit in enumerate(reading.kept)
        if chosen.first <= unit <= chosen.last or best[index] >= NEIGHBOUR
    ]
    ours = np.concatenate([said.tokens[index] for index in near]).astype(np.float32)
    theirs = prepared.tokens[row].astype(np.float32)
    if not len(ours) or not len(theirs):
        return 0.0
    return float((ours @ theirs.T).max(axis=0).mean() / 127.0**2)


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
    values = np.zeros(len(SIGNALS))
    values[[AGREES, CONTRADICTS]] = UNASKED
    return values


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
    or in the other language, that does not show the denial. An author writes out how a point is
    said: a sentence that is far more like what denies one of these wordings than like any that it
    agrees with is likely a denial too. Model answers are no such wordings, and students deny much
    beside them.
    """
    profiles = [
        prepared.phrased[row].profile
        for row in prepared.columns[item]
        if prepared.phrased[row].language == language
    ]
    found = [lexical.polarity(profile, window) for profile in profiles]
    denial = max((polarity.denial for polarity in found), default=0.0)
    if prepared.rubric and profiles and denial < LIKELY_DENIAL:
        sides = [lexical.sides(profile, window) for profile in profiles]
        denying, agreeing = (max(side) for side in zip(*sides, strict=True))
        if denying >= FAIRLY_ALIKE and denying - agreeing > FAR_APART:
            denial = LIKELY_DENIAL
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
