"""From probabilities to verdicts, credits and a score. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from service.domain import Point, PointKind, Rule, Verdict
from service.grader.calibration import Thresholds


def verdict_of(credit: float, contradiction: float, thresholds: Thresholds) -> Verdict:
    """What a probability of credit and one of contradiction amount to."""
    if contradiction >= thresholds.contradicted and contradiction > credit:
        return Verdict.CONTRADICTED
    if credit >= thresholds.covered:
        return Verdict.COVERED
    if credit >= thresholds.partial:
        return Verdict.PARTIAL
    return Verdict.MISSING


def credit_of(verdict: Verdict, probability: float, thresholds: Thresholds) -> float:
    """0 to 1: nothing below `partial`, everything from `covered`, and a straight line between.

    The straight line keeps a small change of wording from becoming a large change of mark; the
    flat ends make a blank answer 0 and the reference itself 100.
    """
    if verdict in {Verdict.CONTRADICTED, Verdict.MISSING}:
        return 0.0
    if verdict is Verdict.COVERED:
        return 1.0
    return (probability - thresholds.partial) / (thresholds.covered - thresholds.partial)


def shares(points: Sequence[Point], rule: Rule) -> list[float]:
    """What each point is worth of the maximum, under the weighted rule.

    Optional points come on top: the shares of the required ones alone add up to 1.
    """
    required = [point.weight for point in points if point.kind is PointKind.REQUIRED]
    maximum = sum(required) or sum(point.weight for point in points)
    if rule.any_of is not None:
        return [1.0 / rule.any_of] * len(points)
    return [point.weight / maximum for point in points]


def total(points: Sequence[Point], credits: Sequence[float], rule: Rule) -> float:
    """Score, 0 to 100, unrounded."""
    earned = [share * credit for share, credit in zip(shares(points, rule), credits, strict=True)]
    if rule.any_of is not None:
        earned = sorted(earned, reverse=True)[: rule.any_of]
    return 100.0 * min(1.0, sum(earned))


def spread(points: Sequence[Point], probabilities: Sequence[float], rule: Rule) -> float:
    """Standard deviation of the score, in score points, if each verdict were an independent toss.

    Under `any_of` only the n likeliest points count, as they do in the total.
    """
    parts = sorted(zip(shares(points, rule), probabilities, strict=True), key=lambda part: -part[1])
    if rule.any_of is not None:
        parts = parts[: rule.any_of]
    variance = sum(share * share * p * (1.0 - p) for share, p in parts)
    return 100.0 * min(1.0, sqrt(variance))
