"""`pointmark evaluate --report`: the figures with plots, and the worst answers with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation import figures, metrics
from evaluation.evaluate import Marks
from evaluation.figures import Figures
from evaluation.measured import case_of_row
from evaluation.recipe import CLASSES
from service.api.views import grade as shown_grade
from service.cli.explain import describe
from service.domain import Answer
from service.errors import PointmarkError
from service.grader import Grader

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORST = 20
BINS = 10
Draw = Callable[["Axes", Marks, NDArray[np.intp]], None]


class PlotsMissing(PointmarkError):
    """matplotlib is not installed."""


def write_report(folder: Path, marks: Marks, found: Sequence[Figures], grader: Grader) -> Path:
    """Write ``report.md`` and its plots.

    Args:
        grader: explains the worst answers; its calibration is the shipped one, so its mark can
            differ from the out-of-fold mark in the tables.

    Raises:
        PlotsMissing: without matplotlib, which is among the development requirements.
    """
    try:
        import matplotlib
    except ImportError as cause:
        raise PlotsMissing(
            "the report's plots need matplotlib: pip install -r requirements-dev.txt"
        ) from cause
    matplotlib.use("svg")
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, draw) in _PLOTS.items():
        _plot(folder / f"{name}.svg", marks, draw)
    path = folder / "report.md"
    path.write_text("\n".join(_lines(marks, found, grader)) + "\n", "utf-8")
    return path


def _lines(marks: Marks, found: Sequence[Figures], grader: Grader) -> Iterator[str]:
    questions = len({row.group for row in marks.rows})
    yield "# Agreement with people"
    yield ""
    yield (
        f"{len(marks.rows):,} answers to {questions} questions, each marked by a calibration "
        f"fitted without its question. Intervals: 95%, questions drawn again 400 times. Encoder "
        f"{grader.encoder_name} ({grader.encoder_revision}), calibration {grader.calibration_id}."
    )
    for title, table in (
        ("All answers of a data set", figures.table(found)),
        ("Within questions", figures.within_table(found)),
        ("Pointmark less plain cosine", figures.gain_table(found)),
        ("Mean error, in score points, when doubtful answers go to a person",
         figures.coverage_table(found)),
    ):  # fmt: skip
        yield f"\n## {title}\n\n{table}"
    for name, (caption, _) in _PLOTS.items():
        yield f"\n## {caption}\n\n![{caption}]({name}.svg)"
    yield f"\n## The {WORST} worst marks\n"
    yield "Marked again, with reasons, by the calibration that is shipped.\n"
    for index in np.argsort(-np.abs(marks.human - marks.score), kind="stable")[:WORST]:
        yield from _explained(marks, int(index), grader)


def _explained(marks: Marks, index: int, grader: Grader) -> Iterator[str]:
    row = marks.rows[index]
    case = case_of_row(row)
    graded = grader.grade(grader.prepare(case.question, case.alternatives), Answer(text=row.answer))
    yield (
        f"### {row.dataset}, {row.question_id}: human {100 * row.score:.0f}, "
        f"out of fold {100 * marks.score[index]:.0f}\n"
    )
    yield f"- question: {_quoted(row.question)}"
    yield f"- model answer: {_quoted(row.references[0])}"
    yield f"- answer: {_quoted(row.answer)}\n"
    yield "```text"
    yield from describe(shown_grade(graded.grade), explain=True)
    yield "```\n"


def _quoted(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'")
    return f"`{flat[:400]}{'…' if len(flat) > 400 else ''}`"


def _plot(path: Path, marks: Marks, draw: Draw) -> None:
    from matplotlib.figure import Figure

    names = sorted({row.dataset for row in marks.rows})
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    sets = np.array([row.dataset for row in marks.rows])
    for panel, name in zip(axes, names, strict=False):
        panel.set_title(name, fontsize=9)
        draw(panel, marks, np.flatnonzero(sets == name))
    for panel in axes[len(names) :]:
        panel.set_visible(False)
    # Without a date and with fixed ids, the same figures give the same file.
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def _scatter(axes: Axes, marks: Marks, part: NDArray[np.intp]) -> None:
    counts, _, _ = np.histogram2d(
        marks.human[part], marks.score[part], bins=BINS, range=[[0, 1], [0, 1]]
    )
    axes.imshow(
        np.log1p(counts.T), origin="lower", extent=(0, 100, 0, 100), cmap="Blues", aspect="auto"
    )
    axes.plot([0, 100], [0, 100], color="grey", linewidth=0.8)
    axes.set_xlabel("human mark")
    axes.set_ylabel("our mark")


def _calibration(axes: Axes, marks: Marks, part: NDArray[np.intp]) -> None:
    said = np.minimum((marks.expected[part] * BINS).astype(int), BINS - 1)
    used = [b for b in range(BINS) if (said == b).sum() >= 5]
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot(
        [marks.expected[part][said == b].mean() for b in used],
        [marks.human[part][said == b].mean() for b in used],
        marker="o",
    )
    axes.set(xlabel="expected credit", ylabel="mean human mark", xlim=(0, 1), ylim=(0, 1))


def _error_by_band(axes: Axes, marks: Marks, part: NDArray[np.intp]) -> None:
    band = np.minimum((marks.score[part] * 5).astype(int), 4)
    error = 100.0 * np.abs(marks.human - marks.score)[part]
    heights = [error[band == b].mean() if (band == b).any() else 0.0 for b in range(5)]
    axes.bar(["0-19", "20-39", "40-59", "60-79", "80-100"], heights)
    axes.set(xlabel="our mark", ylabel="mean error, score points")
    axes.tick_params(axis="x", labelsize=7)


def _confusion(axes: Axes, marks: Marks, part: NDArray[np.intp]) -> None:
    if any(marks.rows[i].label is None for i in part):
        axes.text(0.5, 0.5, "not labelled", ha="center", va="center")
        axes.set_axis_off()
        return
    truth, said = np.array(marks.truth)[part], marks.verdict[part]
    share = np.array([[((truth == t) & (said == s)).mean() for s in CLASSES] for t in CLASSES])
    axes.imshow(share, cmap="Blues", vmin=0.0)
    short = [name[:8] for name in CLASSES]
    axes.set_xticks(range(3), short, fontsize=7)
    axes.set_yticks(range(3), short, fontsize=7)
    axes.set(xlabel="our verdict", ylabel="human label")
    for (y, x), value in np.ndenumerate(share):
        axes.text(x, y, f"{value:.0%}", ha="center", va="center", fontsize=8)


def _by_question(axes: Axes, marks: Marks, part: NDArray[np.intp]) -> None:
    groups = np.array([marks.rows[i].group for i in part])
    each = sorted(
        value
        for name in set(groups)
        if np.isfinite(
            value := metrics.pearson(
                marks.human[part[groups == name]], marks.score[part[groups == name]]
            )
        )
    )
    axes.plot(range(1, len(each) + 1), each, marker=".", linestyle="none")
    axes.axhline(0.0, color="grey", linewidth=0.8)
    axes.set(xlabel="questions, in order", ylabel="Pearson", ylim=(-1, 1))


def _left_error(axes: Axes, marks: Marks, part: NDArray[np.intp]) -> None:
    surest = part[np.argsort(marks.error[part], kind="stable")]
    error = 100.0 * np.abs(marks.human - marks.score)[surest]
    kept = np.arange(1, len(part) + 1)
    axes.plot(100.0 * kept / len(part), np.cumsum(error) / kept)
    axes.set(xlabel="% left to the grader", ylabel="mean error, score points", xlim=(5, 100))
    axes.set_ylim(bottom=0)


_PLOTS: dict[str, tuple[str, Any]] = {
    "marks": ("Our mark against the human mark (darker: more answers)", _scatter),
    "calibration": ("Expected credit against what people gave", _calibration),
    "error": ("Error by our mark", _error_by_band),
    "confusion": ("Verdicts against human labels", _confusion),
    "questions": ("Agreement within each question", _by_question),
    "coverage": ("Error left when the most doubtful answers go to a person", _left_error),
}
