"""From graded answers to a calibration: what is fitted on what, and how it is checked.

Every figure is made out of fold: the questions are dealt into five hands, and each answer is
marked by a calibration fitted without its question. The thresholds of a hand come from the
out-of-fold probabilities of the other four.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.bank import MADE, UNSAID
from evaluation.fit import Fitted, best_alternative, fit
from evaluation.measured import Case, Floats, Measurements
from evaluation.metrics import macro_f1
from service.domain import Language
from service.grader.calibration import FORMAT, Thresholds, background_to_dict
from service.grader.core import Encoder, Verifier
from service.grader.language import detect
from service.grader.signals import SIGNALS, Background, Vectors
from service.grader.units import normalise

FOLDS = 5
SAMPLE = Path(__file__).resolve().parent.parent / "models" / "sample.txt"
TOKEN_DIMENSION = 64
"""Numbers kept of a token: with 384, 96, 64 and 32, agreement with people was the same."""
REVIEW_SHARE = 0.2
"""The share of answers that the review threshold sends to a person."""
RELATED_SHARE = 0.95
"""The share of fully credited answers that must lie above the `related` threshold."""
FALSE_ALARMS = 0.005
"""The share of sentences that don't state a misconception and may yet be taken for it."""
# The bounds keep the words honest: what fewer than one of five people would credit is missing,
# what four of five would credit is covered, and only what is likelier than not is contradicted.
PARTIAL = (0.2, 0.25, 0.3, 0.35, 0.4)
COVERED = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
CONTRADICTED = (0.5, 0.55, 0.6, 0.65, 0.7)
CLASSES = ("correct", "contradictory", "incorrect")


def background(encoder: Encoder) -> Background:
    """What ordinary text looks like in each language.

    From the bilingual sample that the bundled encoder's ranges are measured on, and not from
    graded answers: the mean of a few courses would move other subjects together.
    """
    lines = SAMPLE.read_text("utf-8").splitlines()
    texts = [normalise(line) for line in lines if line and not line.startswith("# ")]
    vectors, tokens, _ = encoder.encode_tokens(texts)
    languages = [detect(text) for text in texts]
    mean, token_mean = {}, {}
    for language in Language:
        mine = [index for index, found in enumerate(languages) if found is language]
        mean[language] = _half(vectors[mine].mean(axis=0))
        token_mean[language] = _half(np.concatenate([tokens[index] for index in mine]).mean(axis=0))
    centred = np.concatenate(
        [values - token_mean[found] for values, found in zip(tokens, languages, strict=True)]
    )
    _, directions = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    # The sign of a direction is arbitrary; settling it makes a fit repeatable.
    basis = directions[:, ::-1][:, :TOKEN_DIMENSION]
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), range(basis.shape[1])])
    return Background(mean=mean, token_mean=token_mean, token_basis=_half(basis))


def _half(values: NDArray[Any]) -> Vectors:
    """Rounded to what the calibration file holds."""
    return np.asarray(values, dtype=np.float16).astype(np.float32)


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of every line from models that did not see its question."""

    credit: Floats
    contradiction: Floats
    fold: NDArray[np.intp]
    """(cases,)"""


def cross_fit(data: Measurements, signals: Sequence[str] | None = None) -> OutOfFold:
    """Fit without each hand of questions in turn and predict it."""
    fold = _folds([case.group for case in data.cases])
    credit = np.zeros(len(data.values))
    contradiction = np.zeros(len(data.values))
    for hand in range(FOLDS):
        held_out = (fold == hand)[data.case_of]
        model = fit(data, ~held_out, signals)
        p, x = probabilities(model, data.values[held_out])
        credit[held_out], contradiction[held_out] = p, x
    return OutOfFold(credit=credit, contradiction=contradiction, fold=fold)


def probabilities(model: Fitted, values: Floats) -> tuple[Floats, Floats]:
    """P(credit) and P(contradicted) of lines."""
    credit = model.credit.probability(values)
    return credit, (1.0 - credit) * model.contradiction.probability(values)


def _folds(groups: Sequence[str]) -> NDArray[np.intp]:
    names = sorted(set(groups))
    dealt = np.random.default_rng(20261123).permutation(len(names)) % FOLDS
    hand = dict(zip(names, dealt.tolist(), strict=True))
    return np.array([hand[group] for group in groups], dtype=np.intp)


@dataclass(frozen=True)
class Outcome:
    """What the grader would have said of each case."""

    score: Floats
    """(cases,) 0 to 1"""
    expected: Floats
    """(cases,) weighted mean of the probabilities: what calibration is measured on"""
    spread: Floats
    """(cases,) standard deviation of the score if verdicts were independent tosses"""
    verdict: NDArray[np.str_]
    """(cases,) one of `CLASSES`"""


def outcome(data: Measurements, credit: Floats, contradiction: Floats, at: Thresholds) -> Outcome:
    """Scores and classes, by the rules of `service.grader.marking`, for all cases at once."""
    related = (_best_similarity(data) >= at.related)[data.case_of]
    credit, contradiction = np.where(related, credit, 0.0), np.where(related, contradiction, 0.0)
    contradicted = (contradiction >= at.contradicted) & (contradiction > credit)
    straight = np.clip((credit - at.partial) / (at.covered - at.partial), 0.0, 1.0)
    earned = np.where(contradicted, 0.0, straight)
    score, chosen = best_alternative(data, earned)
    n = len(data.cases)
    part = data.case_of[chosen]
    share = data.share[chosen]

    def total(values: Floats) -> Floats:
        return np.asarray(
            np.bincount(part, weights=values[chosen] * share, minlength=n), dtype=float
        )

    variance = np.bincount(part, weights=share**2 * (credit * (1 - credit))[chosen], minlength=n)
    denied = total(contradicted.astype(float)) >= 0.5
    verdict = np.where(score >= 0.5, CLASSES[0], np.where(denied, CLASSES[1], CLASSES[2]))
    return Outcome(
        score=score,
        expected=np.clip(total(credit), 0.0, 1.0),
        spread=np.sqrt(variance),
        verdict=verdict,
    )


def choose_thresholds(data: Measurements, found: OutOfFold, use: NDArray[np.bool_]) -> Thresholds:
    """Thresholds that agree best with people on the cases in `use`."""
    human = np.array([case.target for case in data.cases])
    names = np.array([case.dataset for case in data.cases])
    real = [name for name in np.unique(names[use]) if name not in MADE]

    def settings(partial: float, covered: float, contradicted: float) -> Thresholds:
        return Thresholds(
            partial=partial,
            covered=covered,
            contradicted=contradicted,
            misconception=1.0,
            related=-1.0,
            review=0.0,
        )

    def error(at: Thresholds) -> float:
        score = outcome(data, found.credit, found.contradiction, at).score
        parts = [(names == name) & use for name in real]
        return float(np.mean([np.mean((human - score)[part] ** 2) ** 0.5 for part in parts]))

    def agreement(at: Thresholds) -> float:
        said = outcome(data, found.credit, found.contradiction, at).verdict
        return float(np.mean(list(class_f1(data, said, use).values())))

    grid = [(partial, covered) for partial in PARTIAL for covered in COVERED]
    partial, covered = min(grid, key=lambda pair: error(settings(pair[0], pair[1], 1.0)))
    contradicted = max(CONTRADICTED, key=lambda t: agreement(settings(partial, covered, float(t))))
    at = settings(partial, covered, float(contradicted))
    expected = expected_error(data, found, at, use)
    doubt = expected.of(outcome(data, found.credit, found.contradiction, at).spread)
    people = np.isin(names, real) & use
    return Thresholds(
        partial=round(float(partial), 3),
        covered=round(float(covered), 3),
        contradicted=round(float(contradicted), 3),
        misconception=_misconception_threshold(data, found, use),
        related=_related_threshold(data, people & (human == 1.0)),
        review=round(float(np.quantile(doubt[people], 1 - REVIEW_SHARE)), 1),
    )


def class_f1(
    data: Measurements, said: NDArray[np.str_], use: NDArray[np.bool_]
) -> Mapping[str, float]:
    """Macro F1 of the three classes on each set that people labelled with them."""
    names = np.array([case.dataset for case in data.cases])
    figures = {}
    for name in sorted(set(names) - MADE):
        part = np.flatnonzero((names == name) & use)
        if all(data.cases[i].contradictory is not None for i in part) and len(part):
            truth = [true_class(data.cases[i]) for i in part]
            figures[str(name)] = macro_f1(truth, said[part].tolist(), CLASSES)
    return figures


def true_class(case: Case) -> str:
    """What people called the answer."""
    if case.target >= 0.5:
        return CLASSES[0]
    return CLASSES[1] if case.contradictory else CLASSES[2]


def _related_threshold(data: Measurements, use: NDArray[np.bool_]) -> float:
    """The similarity that the best point of nearly every fully credited answer reaches."""
    return round(float(np.quantile(_best_similarity(data)[use], 1 - RELATED_SHARE)), 3)


def _best_similarity(data: Measurements) -> Floats:
    best = np.full(len(data.cases), -1.0)
    np.maximum.at(best, data.case_of, data.values[:, list(SIGNALS).index("similarity")])
    return best


def _misconception_threshold(data: Measurements, found: OutOfFold, use: NDArray[np.bool_]) -> float:
    """The probability that hardly any sentence reaches that does not state the misconception.

    An answer has many sentences and a question several misconceptions, and telling people that
    they said what they did not is worse than silence.
    """
    unsaid = np.array(
        [
            case.dataset == UNSAID
            and case.item in {item.key for item in case.question.misconceptions}
            for case in data.cases
        ]
    )
    probability = np.zeros(len(data.cases))
    np.maximum.at(probability, data.case_of, found.credit)
    return round(float(np.quantile(probability[unsaid & use], 1 - FALSE_ALARMS)), 3)


@dataclass(frozen=True)
class ExpectedError:
    """Score points of error, as a straight line over the predicted spread."""

    floor: float
    slope: float

    def of(self, spread: Floats) -> Floats:
        """Expected absolute error in score points, for spreads on the 0 to 1 scale."""
        return np.asarray(self.floor + self.slope * 100.0 * spread)


def expected_error(
    data: Measurements, found: OutOfFold, at: Thresholds, use: NDArray[np.bool_]
) -> ExpectedError:
    """Least-squares line of the absolute error over the spread, data sets counting alike."""
    result = outcome(data, found.credit, found.contradiction, at)
    names = np.array([case.dataset for case in data.cases])
    human = np.array([case.target for case in data.cases])
    part = use & ~np.isin(names, sorted(MADE))
    counts = {name: int((names[part] == name).sum()) for name in set(names[part])}
    weight = np.sqrt([1.0 / counts[name] for name in names[part]])
    x = np.stack([np.ones(int(part.sum())), 100.0 * result.spread[part]], axis=1)
    y = 100.0 * np.abs(human - result.score)[part]
    floor, slope = np.linalg.lstsq(x * weight[:, None], y * weight, rcond=None)[0]
    return ExpectedError(floor=round(float(max(0.0, floor)), 2), slope=round(float(slope), 3))


def calibration_data(
    model: Fitted,
    thresholds: Thresholds,
    error: ExpectedError,
    mean: Background,
    encoder: Encoder,
    verifier: Verifier | None,
    rows: int,
    questions: int,
) -> dict[str, Any]:
    """The content of a calibration file."""
    return {
        "format": FORMAT,
        "encoder": {"name": encoder.name, "revision": encoder.revision},
        "verifier": {"name": verifier.name, "revision": verifier.revision} if verifier else None,
        "credit": _logistic(model, "credit"),
        "contradiction": _logistic(model, "contradiction"),
        "centre": _named(model.credit.centre),
        "scale": _named(model.credit.scale),
        "thresholds": asdict(thresholds),
        "expected_error": asdict(error),
        "background": background_to_dict(mean),
        "fitted": {
            "command": "pointmark fit",
            "date": datetime.date.today().isoformat(),
            "answers": rows,
            "questions": questions,
        },
    }


def _logistic(model: Fitted, name: str) -> dict[str, Any]:
    part = getattr(model, name)
    return {
        "bias": round(float(part.bias), 4),
        "weights": _named(part.weights / part.scale),
    }


def _named(values: Floats) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(SIGNALS, values, strict=True)}
