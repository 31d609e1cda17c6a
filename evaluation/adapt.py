"""Fitting a calibration to one's own graders: the one in use, moved by their marks.

Few marks say little, so the weights start where they are and pay for every step away (maximum a
posteriori with a Gaussian prior around the calibration in use). What that is worth is measured by
cross-validation, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.fit import CREDIT_SIGNS, Model, Pull, bounds_of, settle
from evaluation.measured import Floats, Measurements
from evaluation.metrics import Interval, bootstrap
from evaluation.recipe import outcome
from service.errors import PointmarkError
from service.grader.calibration import Calibration, calibration_from_dict
from service.grader.signals import SIGNALS

FOLDS = 5
LEAST_MARKS = 10
"""Fewer can't be dealt into folds that say anything."""
# How hard it is to move the bias and a weight (of a signal in its own standard deviation), in
# units of one mark. `pointmark evaluate --own-marks` shows what 5, 20 and 100 marks then do.
BIAS_PULL = 4.0
WEIGHT_PULL = 10.0


class TooFewMarks(PointmarkError):
    """Not enough to fit on and to measure with."""


@dataclass(frozen=True)
class Comparison:
    """The calibration in use and the adapted one, on marks that the latter was not fitted on."""

    marks: int
    questions: int
    error_now: float
    """Mean absolute error in score points."""
    error_adapted: float
    gain: Interval
    """Score points of error saved, with its 95% interval."""

    @property
    def better(self) -> bool:
        """Whether the gain is clear of chance."""
        return self.gain.low > 0.0


def adapted(current: Calibration, data: Measurements, lines: NDArray[np.bool_]) -> Model:
    """The credit model of a calibration, moved by the marks of `lines`."""
    scale = np.array([current.scale.get(name, 1.0) for name in SIGNALS])
    centre = np.array([current.centre.get(name, 0.0) for name in SIGNALS])
    start = np.concatenate([[current.credit.bias], current.credit.row * scale])
    strength = np.concatenate([[BIAS_PULL], np.full(len(SIGNALS), WEIGHT_PULL)])
    theta = settle(
        data,
        (data.values - centre) / scale,
        lines,
        np.ones(len(data.cases)),
        bounds_of(CREDIT_SIGNS),
        Pull(to=start, strength=strength),
        start,
    )
    return Model(centre=centre, scale=scale, weights=theta[1:], bias=float(theta[0]))


def compare(current: Calibration, data: Measurements) -> Comparison:
    """Cross-validate an adaptation: by question where there are enough, else by answer.

    Raises:
        TooFewMarks: below `LEAST_MARKS`.
    """
    n = len(data.cases)
    if n < LEAST_MARKS:
        raise TooFewMarks(
            f"{n} marks are too few to tell whether a fit helps: {LEAST_MARKS} are the least, "
            "and a hundred say more"
        )
    questions = sorted({case.group for case in data.cases})
    by_question = len(questions) >= FOLDS
    groups = [case.group if by_question else str(index) for index, case in enumerate(data.cases)]
    names = sorted(set(groups))
    dealt = np.random.default_rng(20261123).permutation(len(names)) % FOLDS
    hand = dict(zip(names, dealt.tolist(), strict=True))
    fold = np.array([hand[group] for group in groups])
    human = np.array([case.target for case in data.cases])
    now = scores(current, data, None)
    new = np.zeros(n)
    for index in range(FOLDS):
        held_out = fold == index
        model = adapted(current, data, ~held_out[data.case_of])
        new[held_out] = scores(current, data, model)[held_out]
    saved = 100.0 * (np.abs(now - human) - np.abs(new - human))
    return Comparison(
        marks=n,
        questions=len(questions),
        error_now=float(100.0 * np.abs(now - human).mean()),
        error_adapted=float(100.0 * np.abs(new - human).mean()),
        gain=bootstrap(lambda rows: float(saved[rows].mean()), groups),
    )


def scores(current: Calibration, data: Measurements, model: Model | None) -> Floats:
    """Scores, 0 to 1, by a calibration, or by another credit model with its thresholds."""
    credit = (
        current.credit_probability(data.values) if model is None else model.probability(data.values)
    )
    contradiction = (1.0 - credit) * current.contradiction_given(data.values)
    return outcome(data, credit, contradiction, current.thresholds).score


def with_model(
    content: Mapping[str, Any], model: Model, question: str | None, marks: int
) -> dict[str, Any]:
    """The content of a calibration file with an adapted credit model, for all or one question."""
    weights = model.weights / model.scale
    credit = {
        "bias": round(float(model.bias), 4),
        "weights": {
            name: round(float(value), 4) for name, value in zip(SIGNALS, weights, strict=True)
        },
    }
    before = calibration_from_dict(content).identity
    fitted = {**content.get("fitted", {}), "adapted": {"from": before, "marks": marks}}
    if question is None:
        return {**content, "credit": credit, "fitted": fitted}
    questions = {**content.get("questions", {}), question: {"credit": credit}}
    return {**content, "questions": questions, "fitted": fitted}


def learning_curve(
    base: Calibration,
    data: Measurements,
    sizes: Sequence[int],
    *,
    draws: int = 20,
) -> Mapping[int, tuple[float, float]]:
    """Error, in score points, before and after this many marks, on the answers not drawn."""
    rng = np.random.default_rng(20261123)
    human = np.array([case.target for case in data.cases])
    before = 100.0 * np.abs(scores(base, data, None) - human)
    found: dict[int, tuple[float, float]] = {}
    for size in sizes:
        errors = []
        for _ in range(draws):
            drawn = np.zeros(len(human), dtype=bool)
            drawn[rng.permutation(len(human))[:size]] = True
            model = adapted(base, data, drawn[data.case_of])
            after = 100.0 * np.abs(scores(base, data, model) - human)
            errors.append((before[~drawn].mean(), after[~drawn].mean()))
        means = np.mean(errors, axis=0)
        found[size] = (float(means[0]), float(means[1]))
    return found
