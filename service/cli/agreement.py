"""`pointmark evaluate` and `pointmark fit`: agreement with human marks, and the fit to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.common import as_json, opened_store, say, told
from service.config import Settings, read_settings
from service.errors import InvalidInput

if TYPE_CHECKING:
    from evaluation.adapt import Comparison
    from evaluation.evaluate import Study
    from evaluation.measured import Case
    from service.encoder import SentenceEncoder
    from service.grader import Grader

_SEED = Path(__file__).resolve().parents[2] / "seed"

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of human-graded answers (default: POINTMARK_DATA, else ../shared/data).",
)


questions_option = click.option(
    "--questions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=_SEED,
    help="Folder of question files, whose rubrics are fitted on besides (default: seed/).",
)


@click.command()
@data_option
@questions_option
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the figures here too, with plots and the worst marks explained.",
)
@click.option(
    "--own-marks",
    is_flag=True,
    help="Show what a fit to 5, 20 and 100 marks of one's own does, set by set.",
)
@click.option("--ablation", is_flag=True, help="Show what agreement is left without each signal.")
@click.option(
    "--hard-cases",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show how often the verdicts on the cases of this file are right; needs no data.",
)
@click.option(
    "--unseen",
    is_flag=True,
    help="Without a verifier: leave out what the bundled one was trained on, to compare with it.",
)
@as_json
@told
def evaluate(
    data: Path | None,
    questions: Path,
    report: Path | None,
    own_marks: bool,
    ablation: bool,
    hard_cases: Path | None,
    unseen: bool,
    as_json: bool,
) -> None:
    """Measure agreement with people, on questions the calibration was not fitted on.

    Fits five calibrations, each without a fifth of the questions, and marks that fifth with it.
    Beside ours stands plain cosine: best cosine of the whole answer with a whole reference.
    """
    from evaluation import evaluate as evaluation
    from evaluation import figures
    from evaluation.report import write_report
    from service.assembly import load_grader

    settings = read_settings()
    if hard_cases is not None:
        _show_hard_cases(load_grader(settings), hard_cases, questions, as_json=as_json)
        return
    encoder = _encoder(settings)
    study = _study(data, questions, encoder, settings, unseen=unseen)
    if own_marks:
        curves = evaluation.own_marks(study, encoder)
        click.echo(json.dumps(curves) if as_json else figures.own_marks_table(curves))
        return
    if ablation:
        left = evaluation.ablation(study)
        click.echo(json.dumps(left) if as_json else figures.ablation_table(left))
        return
    marks = evaluation.marks_of(study)
    found = figures.figures(marks)
    if as_json:
        click.echo(figures.as_json(found))
    else:
        click.echo(f"{figures.table(found)}\n\nWithin questions:\n\n{figures.within_table(found)}")
        samples = figures.samples_table(evaluation.sample_figures(study))
        click.echo(f"\nSample answers of the questions, marked by their authors:\n\n{samples}")
    if report is not None:
        grader = load_grader(settings)
        say(f"report written to {write_report(report, marks, found, grader)}")


@click.command()
@data_option
@questions_option
@click.option(
    "--marks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines with marks of your own: move the calibration in use towards them.",
)
@click.option(
    "--reviews",
    is_flag=True,
    help="The same with the reviews in the database: move the calibration towards them.",
)
@click.option("--question", help="With marks or reviews: fit for this question alone (its slug).")
@click.option("--force", is_flag=True, help="With these: write it even if it is no better.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where to write the calibration file; name it in POINTMARK_CALIBRATION to use it.",
)
@as_json
@told
def fit(
    data: Path | None,
    questions: Path,
    marks: Path | None,
    reviews: bool,
    question: str | None,
    force: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Fit a calibration for the encoder in use to human-graded answers.

    By itself, from nothing, to whole data sets: what is shipped is made so. With --marks or
    --reviews, the calibration in use is moved towards your own graders, and the result is only
    written if cross-validation shows that it marks better.
    """
    settings = read_settings()
    if marks is not None and reviews:
        raise InvalidInput("give --marks or --reviews, not both")
    if marks is not None or reviews:
        cases = _own_marks(settings, marks, questions, question)
        _fit_marks(settings, cases, question, output, force=force, as_json=as_json)
        return
    if question is not None or force:
        raise InvalidInput("--question and --force belong to --marks or --reviews: give one too")
    from evaluation.evaluate import fit_calibration

    encoder = _encoder(settings)
    content = fit_calibration(_study(data, questions, encoder, settings), encoder)
    calibration = _write(output, content)
    summary = {"calibration": calibration, "file": str(output), **content["fitted"]}
    click.echo(json.dumps(summary) if as_json else f"calibration {calibration} written to {output}")


def _own_marks(
    settings: Settings, path: Path | None, folder: Path, question: str | None
) -> list[Case]:
    """From the file, or without one from the database."""
    from service.cli.marks import read_marks, reviewed_cases
    from service.seeding import read_folder

    if path is not None:
        known = {content.slug: content for content in read_folder(folder)}
        return read_marks(path, known, settings, only=question)
    with opened_store(settings) as store:
        cases = reviewed_cases(store, only=question)
    if not cases:
        raise InvalidInput("the database holds no such reviews: POST /v1/attempts/{id}/reviews")
    return cases


def _fit_marks(
    settings: Settings,
    cases: list[Case],
    question: str | None,
    output: Path,
    *,
    force: bool,
    as_json: bool,
) -> None:
    import numpy as np

    from evaluation import adapt
    from evaluation.measured import VectorTable, VerdictTable, measure_cases
    from service.assembly import calibration_of, calibration_path, load_verifier_for

    current = calibration_of(settings)
    base = current if question is None else current.of(question)
    encoder = _encoder(settings)
    current.require_encoder(encoder.name, encoder.revision)
    table = VectorTable(encoder, current.background, settings.home / "evaluation")
    verifier = load_verifier_for(settings, encoder)
    current.require_verifier(verifier.revision if verifier else None)
    verdicts = VerdictTable(verifier, encoder, settings.home / "evaluation") if verifier else None
    measured = measure_cases(cases, table, current.background, verdicts=verdicts)
    found = adapt.compare(base, measured)
    written = None
    if found.better or force:
        everything = np.ones(len(measured.values), dtype=bool)
        model = adapt.adapted(base, measured, everything)
        content = json.loads(calibration_path(settings).read_text("utf-8"))
        written = _write(output, adapt.with_model(content, model, question, len(cases)))
    if as_json:
        click.echo(json.dumps(_summary(found, base.identity, written, output)))
    else:
        _say_comparison(found, base.identity, written, output)
    if written is None:
        raise click.exceptions.Exit(1)


def _summary(found: Comparison, before: str, written: str | None, output: Path) -> dict[str, Any]:
    return {
        "marks": found.marks,
        "questions": found.questions,
        "error_now": round(found.error_now, 2),
        "error_adapted": round(found.error_adapted, 2),
        "gain": [round(value, 2) for value in (found.gain.value, found.gain.low, found.gain.high)],
        "better": found.better,
        "from": before,
        "calibration": written,
        "file": None if written is None else str(output),
    }


def _say_comparison(found: Comparison, before: str, written: str | None, output: Path) -> None:
    click.echo(
        f"{found.marks} marks of {found.questions} questions, cross-validated: mean error "
        f"{found.error_now:.1f} score points with {before}, {found.error_adapted:.1f} fitted; "
        f"it saves {found.gain.value:.1f} ({found.gain.low:.1f} to {found.gain.high:.1f})"
    )
    if written is None:
        click.echo(
            "not written: this could be chance. More marks may show a gain; --force writes it"
        )
        return
    if not found.better:
        click.echo("this could be chance; written because of --force")
    click.echo(f"calibration {written} written to {output}")
    click.echo(f"to use it: POINTMARK_CALIBRATION={output}, and start the service again")


def _write(output: Path, content: dict[str, Any]) -> str:
    """Write a calibration file that is known to load; its identity."""
    from service.grader.calibration import calibration_from_dict

    calibration = calibration_from_dict(content)
    output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return calibration.identity


def _encoder(settings: Settings) -> SentenceEncoder:
    from service.encoder import load_encoder

    return load_encoder(settings.encoder, threads=2)


def _show_hard_cases(grader: Grader, path: Path, folder: Path, *, as_json: bool) -> None:
    from evaluation import hard_cases
    from service.seeding import read_folder

    seed = {question.slug: question for question in read_folder(folder)}
    judged = hard_cases.judge_cases(grader, *hard_cases.load_cases(path, seed))
    if as_json:
        click.echo(json.dumps(hard_cases.shares(judged)))
        return
    click.echo(hard_cases.hard_table(judged))
    for one in judged:
        if not one.right:
            click.echo(
                f"  {one.case.name} {one.point}: {one.expected} expected, {one.found} "
                f"({one.probability:.2f}): {one.case.answer[:100]!r}"
            )


def _study(
    data: Path | None,
    questions: Path,
    encoder: SentenceEncoder,
    settings: Settings,
    *,
    unseen: bool = False,
) -> Study:
    """Everything measured; what a verifier was trained on is left out if it has a part in it."""
    from evaluation.data import data_folder
    from evaluation.evaluate import study
    from service.assembly import load_verifier_for
    from service.seeding import read_folder
    from service.verifier import bundled_folder, read_config

    folder = data_folder(data)
    say(f"reading graded answers from {folder}")
    verifier = load_verifier_for(settings, encoder)
    seen: frozenset[str] = frozenset()
    if verifier is not None:
        seen = frozenset(verifier.config.trained_on)
    elif unseen:
        seen = frozenset(read_config(bundled_folder()).trained_on)
    if seen:
        say(f"leaving out {len(seen)} questions that the verifier was trained on")
    return study(
        folder, read_folder(questions), encoder, settings.home / "evaluation", verifier, seen
    )
