"""How far grader and reviewers agree, of one question and of each of its points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from service.domain import Verdict
from service.exchange import MarkedPair

Verdicts = Sequence[tuple[Verdict, Verdict]]


@dataclass(frozen=True, kw_only=True)
class PointAgreement:
    """Of one point."""

    key: str
    reviews: int
    same: float
    """Share of reviews with the grader's verdict."""
    kappa: float | None
    """Cohen's kappa of the verdicts; None where chance leaves nothing to agree on."""


@dataclass(frozen=True, kw_only=True)
class QuestionAgreement:
    """Of one question; the last review of each attempt counts."""

    question_id: str
    question_slug: str
    reviews: int
    mean_error: float
    """Mean absolute difference between grader's and reviewer's score, in score points."""
    bias: float
    """Mean of the grader's score less the reviewer's: positive where the grader is generous."""
    points: tuple[PointAgreement, ...]
    disagreements: tuple[MarkedPair, ...]
    """Where the scores differ, largest difference first."""


def agreements(pairs: Iterable[MarkedPair], *, shown: int) -> tuple[QuestionAgreement, ...]:
    """Agreement by question, worst mean error first; at most `shown` disagreements of each."""
    by_question: dict[str, list[MarkedPair]] = {}
    for pair in pairs:
        by_question.setdefault(pair.question_id, []).append(pair)
    found = [_of_question(each, shown) for each in by_question.values()]
    return tuple(sorted(found, key=lambda each: (-each.mean_error, each.question_slug)))


def _of_question(pairs: Sequence[MarkedPair], shown: int) -> QuestionAgreement:
    differences = [pair.graded - pair.reviewed for pair in pairs]
    by_point: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for pair in pairs:
        for key, graded, reviewed in pair.verdicts:
            by_point.setdefault(key, []).append((graded, reviewed))
    apart = [pair for pair in pairs if pair.graded != pair.reviewed]
    apart.sort(key=lambda pair: (-abs(pair.graded - pair.reviewed), pair.attempt_id))
    return QuestionAgreement(
        question_id=pairs[0].question_id,
        question_slug=pairs[0].question_slug,
        reviews=len(pairs),
        mean_error=round(fmean(map(abs, differences)), 1),
        bias=round(fmean(differences), 1),
        points=tuple(_of_point(key, verdicts) for key, verdicts in sorted(by_point.items())),
        disagreements=tuple(apart[:shown]),
    )


def _of_point(key: str, verdicts: Verdicts) -> PointAgreement:
    kappa = cohen_kappa(verdicts)
    return PointAgreement(
        key=key,
        reviews=len(verdicts),
        same=round(fmean(one == other for one, other in verdicts), 4),
        kappa=None if kappa is None else round(kappa, 4),
    )


def cohen_kappa(verdicts: Verdicts) -> float | None:
    """Agreement beyond chance, at most 1; 0 is chance.

    Cohen (1960), A coefficient of agreement for nominal scales. None if both gave one and the same
    verdict throughout: chance would then agree as well.
    """
    count = len(verdicts)
    ours = Counter(one for one, _ in verdicts)
    theirs = Counter(other for _, other in verdicts)
    by_chance = sum(ours[each] * theirs[each] for each in ours) / count**2
    if by_chance == 1.0:
        return None
    observed = sum(one == other for one, other in verdicts) / count
    return (observed - by_chance) / (1.0 - by_chance)
