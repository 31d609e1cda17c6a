"""Fitting a calibration: signals in, weights of two logistic models and thresholds out.

The score of an answer is a weighted mean of its points' probabilities of credit, and human marks
are given to whole answers; so the credit model is fitted through that mean, by maximum likelihood
of the human mark as a soft label, and no label of single points is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from evaluation.bank import DENIED, ELSEWHERE, MADE, REFERENCES, SAID, UNSAID
from evaluation.measured import Floats, Measurements
from service.grader.signals import SIGNALS

# Strength of the pull of standardised weights towards zero, in units of one row's weight.
RIDGE = 2.0
# The same for weights learned from made cases. Those are of few questions and easy to tell apart,
# so that without a pull the weights would run off.
RIDGE_MADE = 20.0
# What a set that we made counts, in units of the average set of people's. Chosen so that agreement
# with people suffers least while denials, off-topic answers and the sample answers of our
# questions, which are not fitted on, get the marks they should. Much weight on cases as easy as
# off-topic answers would bend the curve away from those that are hard.
MADE_WEIGHT: Mapping[str, float] = {
    SAID: 0.3,
    DENIED: 0.1,
    UNSAID: 0.4,
    REFERENCES: 0.1,
    ELSEWHERE: 0.2,
}
# Signals that people's sets hold no example of, or hardly any: no misconceptions, no rubrics with
# points kept apart, no named terms, few denials. Their weights are learned from
# made cases when the others, learned from people alone, stand: otherwise sentences of five
# questions would decide how near an answer has to come to a point.
FROM_MADE = frozenset({"rival", "nearer_other", "denial", "terms_met"})
# Which way a signal may move the odds of credit. A weight that cannot turn against common sense
# ("closer to the point counts against you") can be explained to a candidate, and generalises:
# without bounds, signals that say nearly the same thing get large weights of opposite sign.
CREDIT_SIGNS: Mapping[str, int] = {
    "similarity": 1,
    "aligned": 1,
    "over_prompt": 1,
    "nearer_other": -1,
    "rival": -1,
    "recall": 1,
    "precision": 1,
    "novelty": 1,
    "denial": -1,
    "accord": 1,
    "numbers_missing": -1,
    "terms_met": 1,
    "shorter": -1,
    "agrees": 1,
    "contradicts": -1,
}
CONTRADICTION_SIGNS: Mapping[str, int] = {
    "rival": 1,
    "denial": 1,
    "accord": -1,
    "agrees": -1,
    "contradicts": 1,
}


Bounds = list[tuple[float | None, float | None]]


def bounds_of(signs: Mapping[str, int]) -> Bounds:
    """Bounds of bias and weights for the optimiser."""
    allowed = {1: (0.0, None), -1: (None, 0.0), 0: (None, None)}
    return [(None, None), *(allowed[signs.get(name, 0)] for name in SIGNALS)]


def _only(free: Sequence[bool], bounds: Bounds, theta: Floats) -> Bounds:
    """The same bounds for what is free; everything else stays where it is."""
    return [
        bound if is_free else (value, value)
        for is_free, bound, value in zip(free, bounds, theta.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class Model:
    """A logistic model in standardised signals."""

    centre: Floats
    scale: Floats
    weights: Floats
    bias: float

    def odds(self, values: Floats) -> Floats:
        """Log-odds, (n,)."""
        return np.asarray(self.bias + ((values - self.centre) / self.scale) @ self.weights)

    def probability(self, values: Floats) -> Floats:
        """(n,)"""
        return _sigmoid(self.odds(values))


@dataclass(frozen=True)
class Fitted:
    """Both models."""

    credit: Model
    contradiction: Model


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30, 30))))


def row_weights(data: Measurements) -> Floats:
    """Weight of each case: 1 for people's marks; see `MADE_WEIGHT` for the others."""
    names, inverse, counts = np.unique(
        [case.dataset for case in data.cases], return_inverse=True, return_counts=True
    )
    people = np.array([name not in MADE_WEIGHT for name in names])
    average = counts[people].mean() if people.any() else 1.0
    weight = np.array(
        [
            1.0 if name not in MADE_WEIGHT else MADE_WEIGHT[name] * average / count
            for name, count in zip(names.tolist(), counts.tolist(), strict=True)
        ]
    )
    return np.asarray(weight[inverse] / weight[inverse].mean())


def best_alternative(data: Measurements, probability: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Score of each case's best alternative (cases,), and which lines belong to those."""
    sums = np.bincount(data.alternative_of, weights=probability * data.share)
    first = np.searchsorted(data.alternative_of, np.arange(len(sums)))
    case = data.case_of[first]
    order = np.lexsort((-sums, case))
    winners = order[np.unique(case[order], return_index=True)[1]]
    chosen = np.zeros(len(sums), dtype=bool)
    chosen[winners] = True
    score = np.zeros(len(data.cases))
    score[case[winners]] = np.minimum(1.0, sums[winners])
    return score, chosen[data.alternative_of]


def fit(
    data: Measurements, lines: NDArray[np.bool_], signals: Sequence[str] | None = None
) -> Fitted:
    """Fit on the lines given; `signals` limits the columns, for ablation."""
    used = np.array([signals is None or name in signals for name in SIGNALS])
    part = data.values[lines]
    # Without a rival, another point or a denial in sight, those signals are 0 and say nothing:
    # they must not move an answer to a question that has no such things.
    made = np.array([name in FROM_MADE for name in SIGNALS])
    centre, scale = np.where(made, 0.0, part.mean(axis=0)), part.std(axis=0)
    # A signal that never varies in the data says nothing; it must not blow up a division.
    used &= scale > 1e-6
    scale = np.where(scale > 1e-6, scale, 1.0)
    credit = _fit_credit(data, lines, centre, scale, used)
    contradiction = _fit_contradiction(data, lines, centre, scale, used, credit)
    return Fitted(credit=credit, contradiction=contradiction)


def _fit_credit(
    data: Measurements,
    lines: NDArray[np.bool_],
    centre: Floats,
    scale: Floats,
    used: NDArray[np.bool_],
) -> Model:
    x = np.where(used, (data.values - centre) / scale, 0.0)
    bounds = bounds_of(CREDIT_SIGNS)
    made = np.array([name in FROM_MADE for name in SIGNALS])
    names = np.array([case.dataset for case in data.cases])
    people = np.isin(names, sorted(MADE - {ELSEWHERE}), invert=True)[data.case_of]
    theta = np.zeros(len(SIGNALS) + 1)
    weight = row_weights(data)
    first = _only([True, *~made], bounds, theta)
    theta = settle(data, x, lines & people, weight, first, Pull.to_zero(RIDGE), theta)
    second = _only([False, *made], bounds, theta)
    theta = settle(data, x, lines, weight, second, Pull.to_zero(RIDGE_MADE), theta)
    return Model(centre=centre, scale=scale, weights=theta[1:], bias=float(theta[0]))


@dataclass(frozen=True)
class Pull:
    """Quadratic cost of leaving a starting point; bias first, then the weights."""

    to: Floats
    strength: Floats
    """In units of one row's weight, for each number."""

    @classmethod
    def to_zero(cls, strength: float) -> Pull:
        """Weights small, bias free."""
        n = len(SIGNALS)
        return cls(to=np.zeros(n + 1), strength=np.concatenate([[0.0], np.full(n, strength)]))


def settle(
    data: Measurements,
    x: Floats,
    lines: NDArray[np.bool_],
    weight: Floats,
    bounds: Bounds,
    pull: Pull,
    theta: Floats,
) -> Floats:
    """Bias and weights for the alternatives they choose themselves.

    The best alternative depends on the weights and the weights on it: a few turns settle both.

    Args:
        x: (lines, signals), standardised.
        weight: (cases,)
        theta: where to start.
    """
    target = np.array([case.target for case in data.cases])
    chosen = best_alternative(data, _sigmoid(theta[0] + x @ theta[1:]))[1] if theta.any() else lines
    for _ in range(4):
        index = np.flatnonzero(chosen & lines)
        theta = _maximise(
            x[index], data.case_of[index], data.share[index], target, weight, theta, bounds, pull
        )
        chosen = best_alternative(data, _sigmoid(theta[0] + x @ theta[1:]))[1]
    return theta


def _maximise(
    x: Floats,
    case_of: NDArray[np.intp],
    share: Floats,
    target: Floats,
    weight: Floats,
    start: Floats,
    bounds: Bounds,
    pull: Pull,
) -> Floats:
    """Weights under which the weighted mean of probabilities explains the targets best."""
    present = np.unique(case_of)

    def loss(theta: Floats) -> tuple[float, Floats]:
        p = _sigmoid(theta[0] + x @ theta[1:])
        raw = np.bincount(case_of, weights=share * p, minlength=len(target))
        score = np.clip(raw, 1e-4, 1 - 1e-4)
        t, s, w = target[present], score[present], weight[present]
        value = -(w * (t * np.log(s) + (1 - t) * np.log(1 - s))).sum()
        slope = np.zeros(len(target))
        slope[present] = w * (s - t) / (s * (1 - s)) * (np.abs(raw[present] - s) < 1e-12)
        per_line = slope[case_of] * share * p * (1 - p)
        gradient = np.concatenate([[per_line.sum()], x.T @ per_line])
        moved = theta - pull.to
        value += (pull.strength * moved**2).sum() / 2
        return float(value), gradient + pull.strength * moved

    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _fit_contradiction(
    data: Measurements,
    lines: NDArray[np.bool_],
    centre: Floats,
    scale: Floats,
    used: NDArray[np.bool_],
    credit: Model,
) -> Model:
    """Among cases that people did not credit and labelled: contradicted, or merely absent."""
    chosen = best_alternative(data, credit.probability(data.values))[1] & lines
    labelled = np.array([case.contradictory is not None for case in data.cases])
    target = np.array([bool(case.contradictory) for case in data.cases], dtype=float)
    refused = np.array([case.target < 0.5 for case in data.cases])
    index = np.flatnonzero(chosen & (labelled & refused)[data.case_of])
    x = np.where(used, (data.values[index] - centre) / scale, 0.0)
    t = target[data.case_of[index]]
    w = (row_weights(data)[data.case_of] * data.share)[index]

    def loss(theta: Floats) -> tuple[float, Floats]:
        p = np.clip(_sigmoid(theta[0] + x @ theta[1:]), 1e-6, 1 - 1e-6)
        value = -(w * (t * np.log(p) + (1 - t) * np.log(1 - p))).sum()
        per_line = w * (p - t)
        gradient = np.concatenate([[per_line.sum()], x.T @ per_line + RIDGE * theta[1:]])
        return float(value + RIDGE * (theta[1:] ** 2).sum() / 2), gradient

    found = minimize(
        loss,
        np.zeros(len(SIGNALS) + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds_of(CONTRADICTION_SIGNS),
    ).x
    return Model(centre=centre, scale=scale, weights=found[1:], bias=float(found[0]))
