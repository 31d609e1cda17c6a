"""Agreement between two lists of marks. Scores are 0 to 1 throughout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Metric = Callable[[Floats, Floats], float]

# Marks are compared on the steps a human marker uses; five is what the coarsest set here allows.
KAPPA_STEPS = 5


def pearson(human: Floats, ours: Floats) -> float:
    """Linear correlation; nan where either side is constant."""
    if len(human) < 3 or np.ptp(human) == 0 or np.ptp(ours) == 0:
        return float("nan")
    return float(np.corrcoef(human, ours)[0, 1])


def spearman(human: Floats, ours: Floats) -> float:
    """Rank correlation; nan where either side is constant."""
    if len(human) < 3 or np.ptp(human) == 0 or np.ptp(ours) == 0:
        return float("nan")
    return float(stats.spearmanr(human, ours).statistic)


def rmse(human: Floats, ours: Floats) -> float:
    """Root mean square difference."""
    return float(np.sqrt(np.mean((human - ours) ** 2)))


def quadratic_kappa(human: Floats, ours: Floats) -> float:
    """Cohen's kappa with quadratic weights (Cohen, 1968) on `KAPPA_STEPS` equal steps."""
    a = np.rint(human * (KAPPA_STEPS - 1)).astype(int)
    b = np.rint(np.clip(ours, 0, 1) * (KAPPA_STEPS - 1)).astype(int)
    seen = np.zeros((KAPPA_STEPS, KAPPA_STEPS))
    np.add.at(seen, (a, b), 1.0)
    chance = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / max(1, len(a))
    step = np.arange(KAPPA_STEPS)
    weight = (step[:, None] - step[None, :]) ** 2
    expected = float((weight * chance).sum())
    return float("nan") if expected == 0 else 1.0 - float((weight * seen).sum()) / expected


def auc(positive: Floats, negative: Floats) -> float:
    """Chance that a random positive is above a random negative; ties count half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def calibration_error(happened: Floats, probability: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Naeini et al., 2015).

    `happened` may be soft (a human mark between 0 and 1): a calibrated probability then equals
    the mean mark.
    """
    which = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        abs(happened[which == b].mean() - probability[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps))


def macro_f1(truth: Sequence[str], said: Sequence[str], classes: Sequence[str]) -> float:
    """Mean F1 over the classes."""
    t, s = np.array(truth), np.array(said)
    scores = []
    for name in classes:
        hit = float(((t == name) & (s == name)).sum())
        wrong = float(((t == name) ^ (s == name)).sum())
        scores.append(2 * hit / (2 * hit + wrong) if hit + wrong else 0.0)
    return float(np.mean(scores))


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% bootstrap interval."""

    value: float
    low: float
    high: float


def bootstrap(
    figure: Callable[[NDArray[np.intp]], float],
    groups: Sequence[str],
    *,
    rounds: int = 400,
    seed: int = 20261123,
) -> Interval:
    """A figure of row indices, and how it moves when the questions are drawn again.

    Whole questions are drawn, because answers to one question are not independent.
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    blocks = [np.array(rows, dtype=np.intp) for rows in members.values()]
    rng = np.random.default_rng(seed)
    values = [
        figure(np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))]))
        for _ in range(rounds)
    ]
    finite = [value for value in values if np.isfinite(value)]
    low, high = np.percentile(finite, [2.5, 97.5]) if finite else (float("nan"), float("nan"))
    everything = np.arange(len(groups), dtype=np.intp)
    return Interval(figure(everything), float(low), float(high))


def bootstrap_within(
    figure: Callable[[NDArray[np.intp]], float],
    groups: Sequence[str],
    *,
    rounds: int = 400,
    seed: int = 20261123,
) -> Interval:
    """The mean of a figure over the questions that have one, weighted by their answers."""
    names = np.array(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    each = np.array([figure(rows) for rows in members])
    weight = np.array([float(len(rows)) for rows in members])
    usable = np.isfinite(each)
    each, weight = each[usable], weight[usable]
    if not len(each):
        return Interval(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(len(each), size=(rounds, len(each)))
    values = (each * weight)[drawn].sum(axis=1) / weight[drawn].sum(axis=1)
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(each @ weight / weight.sum()), float(low), float(high))
