"""The figures of `pointmark evaluate`: agreement with people, pooled and within questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation import metrics
from evaluation.evaluate import Marks
from evaluation.measured import Floats
from evaluation.metrics import Interval
from evaluation.recipe import CLASSES

Rows = NDArray[np.intp]
Figure = Callable[[Rows], float]
"""Of row indices into `Marks`."""

COVERAGE = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Shares of the answers that are left to the grader, the most doubtful going to a person."""
UNSEEN = "dev-questions"


@dataclass(frozen=True)
class Figures:
    """One data set's lines of the tables."""

    dataset: str
    answers: int
    questions: int
    ours: Mapping[str, Interval]
    plain: Mapping[str, Interval]
    gain: Mapping[str, Interval]
    """Ours less plain cosine, on the same draws of questions."""
    within: Mapping[str, Interval]
    """Mean over questions, weighted by answers: a grader can look good by knowing which questions
    are easy, but not here."""
    plain_within: Mapping[str, Interval]
    error_left: Mapping[str, float]
    """Mean absolute error (0 to 1) of the answers left to the grader at each `COVERAGE`."""


def figures(marks: Marks) -> list[Figures]:
    """Agreement by data set, ours and the plain cosine's, with bootstrap intervals.

    After the data sets, all answers to `dev-questions` together, if there are any.
    """
    names = np.array([row.dataset for row in marks.rows])
    splits = np.array([row.split for row in marks.rows])
    found = [_figures_of(str(name), marks, np.flatnonzero(names == name)) for name in set(names)]
    found.sort(key=lambda line: line.dataset)
    unseen = np.flatnonzero(splits == UNSEEN)
    return [*found, _figures_of(UNSEEN, marks, unseen)] if len(unseen) else found


def _figures_of(name: str, marks: Marks, part: Rows) -> Figures:
    groups = [marks.rows[i].group for i in part]
    labelled = all(marks.rows[i].label is not None for i in part)
    ours = scorer(marks, marks.score, labelled=labelled)
    plain = scorer(marks, marks.plain, labelled=labelled)

    def over(figure: Figure) -> Interval:
        return metrics.bootstrap(lambda rows: figure(part[rows]), groups)

    def inside(figure: Figure) -> Interval:
        return metrics.bootstrap_within(lambda rows: figure(part[rows]), groups)

    graded = {"ece": _calibration(marks)}
    if labelled:
        graded["macro_f1"] = _macro_f1(marks)
    return Figures(
        dataset=name,
        answers=len(part),
        questions=len(set(groups)),
        ours={key: over(figure) for key, figure in (ours | graded).items()},
        plain={key: over(figure) for key, figure in plain.items()},
        gain={key: over(_difference(ours[key], plain[key])) for key in ours},
        within={key: inside(figure) for key, figure in ours.items()},
        plain_within={key: inside(figure) for key, figure in plain.items()},
        error_left=error_left(marks, part),
    )


def scorer(marks: Marks, score: Floats, *, labelled: bool) -> dict[str, Figure]:
    """The figures that any list of scores has."""
    human, truth = marks.human, np.array(marks.truth)

    def of(metric: metrics.Metric) -> Figure:
        return lambda rows: metric(human[rows], score[rows])

    def separation(rows: Rows) -> float:
        values, classes = score[rows], truth[rows]
        return metrics.auc(values[classes == "correct"], values[classes == "contradictory"])

    found = {
        "pearson": of(metrics.pearson),
        "spearman": of(metrics.spearman),
        "rmse": of(metrics.rmse),
        "kappa": of(metrics.quadratic_kappa),
    }
    return found | ({"auc": separation} if labelled else {})


def error_left(marks: Marks, part: Rows) -> Mapping[str, float]:
    """Mean absolute error of the least doubtful answers, by the share of them that is kept."""
    surest = part[np.argsort(marks.error[part], kind="stable")]
    error = np.abs(marks.human - marks.score)[surest]
    return {
        f"{share:.0%}": float(error[: max(1, round(share * len(part)))].mean())
        for share in COVERAGE
    }


def _difference(ours: Figure, plain: Figure) -> Figure:
    return lambda rows: ours(rows) - plain(rows)


def _calibration(marks: Marks) -> Figure:
    return lambda rows: metrics.calibration_error(marks.human[rows], marks.expected[rows])


def _macro_f1(marks: Marks) -> Figure:
    truth = np.array(marks.truth)
    return lambda rows: metrics.macro_f1(
        truth[rows].tolist(), marks.verdict[rows].tolist(), CLASSES
    )


# Shown -------------------------------------------------------------------------------------------

POOLED = ("pearson", "spearman", "rmse", "kappa", "auc", "macro_f1", "ece")
WITHIN = ("pearson", "spearman", "rmse", "kappa", "auc")


def table(found: Sequence[Figures]) -> str:
    """Pooled figures as a Markdown table, ours first, the plain cosine's in the next line."""
    lines = [_row(["data set", "n", "scorer", *POOLED]), "|" + "---|" * (3 + len(POOLED))]
    for line in found:
        for name, values in (("Pointmark", line.ours), ("plain cosine", line.plain)):
            cells = [_cell(values.get(column)) for column in POOLED]
            lines.append(_row([line.dataset, str(line.answers), name, *cells]))
    return "\n".join(lines)


def within_table(found: Sequence[Figures]) -> str:
    """The same within questions."""
    lines = [_row(["data set", "questions", "scorer", *WITHIN]), "|" + "---|" * (3 + len(WITHIN))]
    for line in found:
        for name, values in (("Pointmark", line.within), ("plain cosine", line.plain_within)):
            cells = [_cell(values.get(column)) for column in WITHIN]
            lines.append(_row([line.dataset, str(line.questions), name, *cells]))
    return "\n".join(lines)


def gain_table(found: Sequence[Figures]) -> str:
    """What we add to plain cosine."""
    lines = [_row(["data set", *WITHIN]), "|" + "---|" * (1 + len(WITHIN))]
    lines += [
        _row([line.dataset, *(_cell(line.gain.get(key), sign=True) for key in WITHIN)])
        for line in found
    ]
    return "\n".join(lines)


def coverage_table(found: Sequence[Figures]) -> str:
    """The error of what is left to the grader, in score points."""
    shares = [f"{share:.0%}" for share in COVERAGE]
    lines = [_row(["data set", *(f"{share} kept" for share in shares)])]
    lines.append("|" + "---|" * (1 + len(shares)))
    for line in found:
        cells = [f"{100 * line.error_left[share]:.1f}" for share in shares]
        lines.append(_row([line.dataset, *cells]))
    return "\n".join(lines)


def own_marks_table(found: Mapping[str, Mapping[int, tuple[float, float]]]) -> str:
    """Mean error in score points, before and after a fit to some of a set's marks."""
    sizes = sorted({size for curve in found.values() for size in curve})
    lines = [_row(["data set", "before", *(f"{size} marks" for size in sizes)])]
    lines.append("|" + "---|" * (2 + len(sizes)))
    for name, curve in found.items():
        before = np.mean([start for start, _ in curve.values()])
        cells = [f"{curve[size][1]:.1f}" if size in curve else "" for size in sizes]
        lines.append(_row([name, f"{before:.1f}", *cells]))
    return "\n".join(lines)


def ablation_table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Agreement without each signal, as the change from that with all of them."""
    full = found["none"]
    columns = [(name, figure) for name, values in full.items() for figure in values]
    lines = [_row(["left out", *(f"{name} {figure}" for name, figure in columns)])]
    lines.append("|" + "---|" * (1 + len(columns)))
    lines.append(_row(["nothing", *(f"{full[name][figure]:.3f}" for name, figure in columns)]))
    for signal, left in found.items():
        if signal != "none":
            change = [left[name][figure] - full[name][figure] for name, figure in columns]
            lines.append(_row([signal, *(f"{value:+.3f}" for value in change)]))
    return "\n".join(lines)


def samples_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """The sample answers of the questions."""
    lines = [_row(["language", "answers", "pearson", "mean error"]), "|---|---|---|---|"]
    for language, values in found.items():
        lines.append(
            _row(
                [
                    language,
                    str(values["answers"]),
                    f"{values['pearson']:.2f}",
                    f"{values['mean_error']:.1f}",
                ]
            )
        )
    return "\n".join(lines)


def as_json(found: Sequence[Figures]) -> str:
    """The same figures for machines; null for what has no value, as JSON has no NaN."""
    return json.dumps([_plain(asdict(line)) for line in found], indent=1, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Interval | None, *, sign: bool = False) -> str:
    if value is None or not np.isfinite(value.value):
        return ""
    plus = "+" if sign else ""
    if not np.isfinite(value.low):
        return f"{value.value:{plus}.2f}"
    return f"{value.value:{plus}.2f} ({value.low:{plus}.2f} to {value.high:{plus}.2f})"
