"""What many good candidates write and no point of the rubric covers.

Sentences are compared by their vectors less the mean of what the question itself says. The vectors
of an encoder crowd into a narrow cone, and all that is said about one question into a narrower one
still; from the middle of that, two wordings of one idea stand out. Where one in a hundred pairs of
phrasings of two points passes, in the questions of `seed/`, this lets nearly twice as many pairs of
phrasings of one point pass as cosines of the vectors as they are, or less the mean of their
language; and one threshold fits both languages.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from service.domain import Language

ALIKE = 0.4
"""Least cosine, of vectors less that mean, at which two sentences say the same. In the questions of
`seed/`, the mean taken without the point itself, 0.3% of its phrasings' pairs with those of other
points pass, and 10% of their pairs with each other, though they were written to differ. At 0.25
these are 3% and 35%: then 5% of many candidates come together by chance."""
MOST_ATTEMPTS = 2_000
MOST_SENTENCES = 8_000
"""Every one is compared with every other; this bounds the memory too."""
MOST_SENTENCES_EACH = 50
"""Of one answer, from its beginning."""
FEWEST = 3
"""Candidates who wrote it; what fewer wrote is shown to nobody."""
LEAST_SHARE = 0.05
MOST_SHOWN = 20
MOST_EXAMPLES = 3
ENOUGH = 8
"""Texts whose mean can stand for the question. The mean of k texts strays by one part in k, and so
everything seen from it looks alike by about one in k + 1."""
_BLOCK = 256

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Written:
    """One candidate's answer, sentence by sentence."""

    attempt_id: str
    score: float
    """The one that counts."""
    sentences: tuple[str, ...]
    vectors: Vectors
    """(len(sentences), d), as the encoder gave them."""
    told: NDArray[np.bool_]
    """(len(sentences),): which ones the result names as evidence already."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One of the question's own texts."""

    point: str | None
    """Key of the point that it words; None: another text of the question."""
    vector: Vectors
    """(d,), as the encoder gave it."""


@dataclass(frozen=True, kw_only=True)
class GoodAnswers:
    """The better half of the answers to one version of a question in one language."""

    language: Language | None
    """None if none was asked for and there are no attempts."""
    encoder_revision: str | None
    """Whose vectors these are; None without attempts."""
    attempts: int
    """The newest ones of their candidates, good or not."""
    answers: tuple[Written, ...]
    """Newest first."""
    computed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Example:
    """A sentence as a candidate wrote it."""

    attempt_id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class NearestPoint:
    """The point whose wording comes nearest."""

    key: str
    similarity: float
    """Cosine, as `ALIKE`. Phrasings of points that a rubric lacks come as near as 0.26 to one that
    it has in half of the cases, and beyond 0.43 in one of twenty."""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """An idea that might be a point."""

    text: str
    """The sentence nearest to the middle of the group."""
    candidates: int
    share: float
    """Of the good candidates, 0 to 1."""
    mean: float
    """Score of these candidates."""
    examples: tuple[Example, ...]
    """Of different candidates, the nearest to the middle first: that is `text`."""
    nearest_point: NearestPoint | None
    """None if no vectors of the points are kept."""


def upper_half(scores: Sequence[float]) -> NDArray[np.bool_]:
    """(n,): which scores are no lower than the median and not zero; with ties, more than half."""
    if not len(scores):
        return np.zeros(0, dtype=bool)
    found = np.asarray(scores, dtype=float)
    return np.asarray((found >= np.median(found)) & (found > 0.0))


def suggested(
    answers: Sequence[Written], wordings: Sequence[Wording], similarity: float = ALIKE
) -> tuple[Suggestion, ...]:
    """Ideas that enough of the answers share, the most frequent first.

    Of the sentences that the results do not tell of, the one that most candidates wrote something
    like takes these as its group, then the next one of those left. A candidate counts once in a
    group, whatever they wrote twice.

    Args:
        wordings: the question's own texts in the language of the answers. Where they are fewer
            than `ENOUGH`, the sentences that earned credit help them out; where even so there are
            too few, nothing can be told apart and nothing is suggested.
        similarity: least cosine to the first of a group.
    """
    own = [wording.vector for wording in wordings]
    if len(own) < ENOUGH:
        own += [vector for answer in answers for vector in answer.vectors[answer.told]]
    rows = [
        (owner, row)
        for owner, answer in enumerate(answers)
        for row in np.flatnonzero(~answer.told).tolist()
    ]
    if len(own) < ENOUGH or not rows:
        return ()
    middle = np.mean(own, axis=0)
    vectors = _from(middle, [answers[owner].vectors[row] for owner, row in rows])
    owners = np.array([owner for owner, _ in rows])
    points = [wording for wording in wordings if wording.point is not None]
    phrased = _from(middle, [wording.vector for wording in points])
    least = max(FEWEST, math.ceil(LEAST_SHARE * len(answers)))
    found = []
    for members in itertools.islice(_stars(vectors, owners, similarity, least), MOST_SHOWN):
        order = members[np.argsort(-(vectors[members] @ vectors[members].mean(axis=0)))]
        # The nearest sentence of each candidate, in that order.
        firsts = order[np.sort(np.unique(owners[order], return_index=True)[1])].tolist()
        nearest = _nearest(points, phrased @ vectors[firsts[0]]) if points else None
        found.append(_suggestion(answers, [rows[row] for row in firsts], nearest))
    return tuple(found)


def _suggestion(
    answers: Sequence[Written], said: Sequence[tuple[int, int]], nearest: NearestPoint | None
) -> Suggestion:
    """`said`: of each candidate, which answer and which sentence of it."""
    examples = tuple(
        Example(attempt_id=answers[owner].attempt_id, text=answers[owner].sentences[row])
        for owner, row in said[:MOST_EXAMPLES]
    )
    return Suggestion(
        text=examples[0].text,
        candidates=len(said),
        share=round(len(said) / len(answers), 4),
        mean=round(float(np.mean([answers[owner].score for owner, _ in said])), 1),
        examples=examples,
        nearest_point=nearest,
    )


def _nearest(points: Sequence[Wording], cosines: Vectors) -> NearestPoint:
    best = int(cosines.argmax())
    return NearestPoint(key=str(points[best].point), similarity=round(float(cosines[best]), 4))


def _from(middle: Vectors, vectors: Sequence[Vectors]) -> Vectors:
    """Unit vectors (n, d) as seen from the middle; what lies in it stays zero."""
    seen = np.array(vectors).reshape(-1, len(middle)) - middle
    norms = np.linalg.norm(seen, axis=1, keepdims=True)
    return np.asarray(seen / np.where(norms > 1e-6, norms, np.inf), dtype=np.float32)


def _stars(
    vectors: Vectors, owners: NDArray[np.intp], similarity: float, least: int
) -> Iterator[NDArray[np.intp]]:
    """Rows of each group, the one with most owners first.

    What is taken only lowers the count of owners that are left near a row. So a count that was
    made earlier is a bound, and only the highest has to be made again.

    Args:
        owners: (n,), ascending.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    left = np.ones(len(vectors), dtype=bool)

    def near(first: int, last: int) -> NDArray[np.bool_]:
        found = vectors[first:last] @ vectors.T >= similarity
        # Rounding must not part a row from itself.
        found[np.arange(last - first), np.arange(first, last)] = True
        return np.asarray(found & left)

    def counts(found: NDArray[np.bool_]) -> list[int]:
        counted: list[int] = np.logical_or.reduceat(found, starts, axis=1).sum(axis=1).tolist()
        return counted

    bounds = [
        (-count, first + row)
        for first in range(0, len(vectors), _BLOCK)
        for row, count in enumerate(counts(near(first, min(first + _BLOCK, len(vectors)))))
        if count >= least
    ]
    heapq.heapify(bounds)
    while bounds:
        _, row = heapq.heappop(bounds)
        if not left[row]:
            continue
        found = near(row, row + 1)
        (count,) = counts(found)
        if count < least:
            continue
        if bounds and (-count, row) > bounds[0]:
            heapq.heappush(bounds, (-count, row))
            continue
        members = np.flatnonzero(found[0])
        left[members] = False
        yield members
