"""Marks of the human-graded answers, each by a calibration that never saw its question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation import metrics
from evaluation.adapt import learning_curve
from evaluation.bank import SAMPLES, bank_cases, elsewhere_cases, reference_cases, sample_cases
from evaluation.data import Row, load
from evaluation.fit import best_alternative, fit
from evaluation.measured import (
    Floats,
    Measurements,
    VectorTable,
    VerdictTable,
    case_of_row,
    measure_cases,
)
from evaluation.recipe import (
    FOLDS,
    background,
    calibration_data,
    choose_thresholds,
    cross_fit,
    expected_error,
    outcome,
    true_class,
)
from service.domain import Language, Question
from service.grader.calibration import calibration_from_dict
from service.grader.core import Encoder, Verifier
from service.grader.language import detect
from service.grader.signals import SIGNALS, Background


@dataclass(frozen=True)
class Study:
    """All the data, measured."""

    rows: tuple[Row, ...]
    """The graded answers; they are the first cases of `data`, in this order."""
    data: Measurements
    background: Background
    verifier: Verifier | None


def study(
    folder: Path,
    questions: Sequence[Question],
    encoder: Encoder,
    cache: Path | None = None,
    verifier: Verifier | None = None,
    seen: Set[str] = frozenset(),
) -> Study:
    """Read, embed and measure everything that is fitted on or evaluated.

    Args:
        seen: groups of questions to leave out, because a verifier was trained on them.
    """
    rows = [row for row in load(folder) if row.group not in seen]
    questions = [q for q in questions if f"bank/{q.slug}" not in seen]
    mean = background(encoder)
    table = VectorTable(encoder, mean, cache)
    verdicts = VerdictTable(verifier, encoder, cache) if verifier else None
    cases = [case_of_row(row) for row in rows]
    made = [
        *bank_cases(questions),
        *sample_cases(questions),
        *reference_cases(rows),
        *elsewhere_cases(rows),
    ]
    references = [row.references for row in rows] + [(case.answer,) for case in made]
    data = measure_cases([*cases, *made], table, mean, references, verdicts)
    return Study(rows=tuple(rows), data=data, background=mean, verifier=verifier)


def fit_calibration(found: Study, encoder: Encoder) -> dict[str, Any]:
    """The calibration to ship: fitted on `train`, thresholds from out-of-fold probabilities."""
    use = np.ones(len(found.data.cases), dtype=bool)
    use[: len(found.rows)] = [row.split == "train" for row in found.rows]
    model = fit(found.data, use[found.data.case_of])
    crossed = cross_fit(found.data)
    thresholds = choose_thresholds(found.data, crossed, np.ones_like(use))
    error = expected_error(found.data, crossed, thresholds, np.ones_like(use))
    return calibration_data(
        model,
        thresholds,
        error,
        found.background,
        encoder,
        found.verifier,
        rows=int(use[: len(found.rows)].sum()),
        questions=len({row.group for row in found.rows}),
    )


OWN_MARKS = (5, 20, 100)


def own_marks(found: Study, encoder: Encoder) -> Mapping[str, Mapping[int, tuple[float, float]]]:
    """What marks of one's own do, data set by data set: score points of error before and after.

    Each set plays the part of somebody's own course: the calibration to start from is fitted on
    the other sets, and moved by a few of its marks (`pointmark fit --marks`).
    """
    data = found.data
    crossed = cross_fit(data)
    names = np.array([case.dataset for case in data.cases])
    curves = {}
    for name in sorted({row.dataset for row in found.rows}):
        others = names != name
        model = fit(data, others[data.case_of])
        thresholds = choose_thresholds(data, crossed, others)
        error = expected_error(data, crossed, thresholds, others)
        base = calibration_from_dict(
            calibration_data(
                model,
                thresholds,
                error,
                found.background,
                encoder,
                found.verifier,
                rows=0,
                questions=0,
            )
        )
        part = data.only(names == name)
        sizes = [size for size in OWN_MARKS if 2 * size <= len(part.cases)]
        curves[name] = learning_curve(base, part, sizes)
    return curves


def ablation(found: Study) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """What agreement is left, set by set, when a signal is left out; with none left out first.

    Of expected scores, which need no thresholds: out of fold, Pearson and, where labelled, the
    area under the curve of correct against contradictory answers.
    """
    without: dict[str, list[str] | None] = {"none": None}
    without |= {name: [other for other in SIGNALS if other != name] for name in SIGNALS}
    return {left_out: _agreement(found, kept) for left_out, kept in without.items()}


def _agreement(found: Study, signals: Sequence[str] | None) -> Mapping[str, Mapping[str, float]]:
    rows = len(found.rows)
    credit = cross_fit(found.data, signals).credit
    expected = best_alternative(found.data, credit)[0][:rows]
    human = np.array([row.score for row in found.rows])
    names = np.array([row.dataset for row in found.rows])
    labels = np.array([row.label or "" for row in found.rows])
    figures = {}
    for name in sorted(set(names.tolist())):
        part = names == name
        values = {"pearson": metrics.pearson(human[part], expected[part])}
        if (labels[part] != "").all():
            right, wrong = labels == "correct", labels == "contradictory"
            values["auc"] = metrics.auc(expected[part & right], expected[part & wrong])
        figures[name] = values
    return figures


@dataclass(frozen=True)
class Marks:
    """What was said of the graded answers, all out of fold, with the plain cosine beside it."""

    rows: tuple[Row, ...]
    human: Floats
    score: Floats
    expected: Floats
    error: Floats
    """Expected absolute error, 0 to 1."""
    verdict: NDArray[np.str_]
    truth: tuple[str, ...]
    plain: Floats
    """Best cosine of whole answer and whole reference, on a line fitted to the other folds."""
    review: NDArray[np.bool_]


def marks_of(found: Study) -> Marks:
    """Mark every answer with a calibration and thresholds that never saw its question."""
    data = found.data
    crossed = cross_fit(data)
    n = len(data.cases)
    human = np.array([case.target for case in data.cases])
    score, expected, error, plain = (np.zeros(n) for _ in range(4))
    verdict = np.full(n, "incorrect", dtype="<U16")
    review = np.zeros(n, dtype=bool)
    for hand in range(FOLDS):
        held_out, rest = crossed.fold == hand, crossed.fold != hand
        thresholds = choose_thresholds(data, crossed, rest)
        said = outcome(data, crossed.credit, crossed.contradiction, thresholds)
        line = expected_error(data, crossed, thresholds, rest)
        score[held_out] = said.score[held_out]
        expected[held_out] = said.expected[held_out]
        verdict[held_out] = said.verdict[held_out]
        error[held_out] = line.of(said.spread)[held_out] / 100.0
        review[held_out] = line.of(said.spread)[held_out] >= thresholds.review
        plain[held_out] = _plain_line(found, rest, human)(data.plain[held_out])
    rows = len(found.rows)
    return Marks(
        rows=found.rows,
        human=human[:rows],
        score=score[:rows],
        expected=expected[:rows],
        error=error[:rows],
        verdict=verdict[:rows],
        truth=tuple(true_class(case) for case in data.cases[:rows]),
        plain=plain[:rows],
        review=review[:rows],
    )


def sample_figures(found: Study) -> Mapping[str, Mapping[str, float]]:
    """How the sample answers of the questions are marked, by language, out of fold by question.

    Their marks are their authors' own; they tell about rubrics, which people's sets lack.
    """
    data = found.data
    crossed = cross_fit(data)
    thresholds = choose_thresholds(data, crossed, np.ones(len(data.cases), dtype=bool))
    score = outcome(data, crossed.credit, crossed.contradiction, thresholds).score
    figures = {}
    for language in Language:
        part = np.array(
            [case.dataset == SAMPLES and detect(case.answer) is language for case in data.cases]
        )
        if part.any():
            teacher = np.array([case.target for case in data.cases])[part]
            figures[str(language)] = {
                "answers": int(part.sum()),
                "pearson": metrics.pearson(teacher, score[part]),
                "mean_error": float(100.0 * np.abs(teacher - score[part]).mean()),
            }
    return figures


def _plain_line(found: Study, use: NDArray[np.bool_], human: Floats) -> Callable[[Floats], Floats]:
    """Plain cosine deserves a scale too: a straight line to the human marks, clipped to 0..1."""
    part = use[: len(found.rows)]
    cosine = found.data.plain[: len(found.rows)][part]
    slope, start = np.polyfit(cosine, human[: len(found.rows)][part], 1)
    return lambda values: np.clip(start + slope * values, 0.0, 1.0)
