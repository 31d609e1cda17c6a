"""Groups of answers so alike that one look may do for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.domain import Verdict


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """An answer as far as grouping looks at it."""

    attempt_id: str
    answer: str
    verdicts: tuple[Verdict, ...]
    """The grader's, of every point."""
    vector: NDArray[np.float32]
    """(dimension,), unit length: the mean of its sentences."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """An answer of a group."""

    attempt_id: str
    answer: str
    similarity: float
    """Cosine to the first of the group."""


@dataclass(frozen=True, kw_only=True)
class AnswerGroup:
    """Answers with the same verdicts, each as near to the first as was asked for."""

    members: tuple[Member, ...]
    """The first leads; then the nearest to it."""


def groups(answers: Sequence[Comparable], similarity: float) -> tuple[AnswerGroup, ...]:
    """Answers in groups of two or more, largest first; the others are left out.

    Of the answers with equal verdicts the one with most neighbours takes these as its group, then
    the next one of those left. So every member is near to one answer that a person reads, which
    chains of neighbours would not promise.

    Args:
        similarity: least cosine to the first of the group.
    """
    by_verdicts: dict[tuple[Verdict, ...], list[Comparable]] = {}
    for answer in sorted(answers, key=lambda each: each.attempt_id):
        by_verdicts.setdefault(answer.verdicts, []).append(answer)
    found = [group for part in by_verdicts.values() for group in _stars(part, similarity)]
    return tuple(
        sorted(found, key=lambda group: (-len(group.members), group.members[0].attempt_id))
    )


def _stars(answers: Sequence[Comparable], similarity: float) -> list[AnswerGroup]:
    vectors = np.stack([answer.vector for answer in answers])
    cosines = np.clip(vectors @ vectors.T, -1.0, 1.0)
    np.fill_diagonal(cosines, 1.0)
    near = cosines >= similarity
    left = np.ones(len(answers), dtype=bool)
    found: list[AnswerGroup] = []
    while True:
        neighbours = (near & left).sum(axis=1) * left
        centre = int(neighbours.argmax())
        if neighbours[centre] < 2:
            return found
        members = np.flatnonzero(near[centre] & left).tolist()
        left[members] = False
        order = sorted(members, key=lambda index: (index != centre, -cosines[centre, index], index))
        found.append(
            AnswerGroup(
                members=tuple(
                    Member(
                        attempt_id=answers[index].attempt_id,
                        answer=answers[index].answer,
                        similarity=round(float(cosines[centre, index]), 4),
                    )
                    for index in order
                )
            )
        )
