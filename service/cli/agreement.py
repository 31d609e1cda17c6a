"""`pointmark evaluate` and `pointmark fit`: agreement with human marks, and the fit to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.common import as_json, say, told
from service.config import Settings, read_settings

if TYPE_CHECKING:
    from evaluation.evaluate import Study
    from service.encoder import SentenceEncoder

_SEED = Path(__file__).resolve().parents[2] / "seed"

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of human-graded answers (default: POINTMARK_DATA, else ../shared/data).",
)


@click.command()
@data_option
@as_json
@told
def evaluate(data: Path | None, as_json: bool) -> None:
    """Measure agreement with people, on questions the calibration was not fitted on.

    Fits five calibrations, each without a fifth of the questions, and marks that fifth with it.
    Beside ours stands plain cosine: best cosine of the whole answer with a whole reference.
    """
    from evaluation import evaluate as evaluation

    found = _study(data, _encoder(read_settings()), read_settings())
    figures = evaluation.figures(evaluation.marks_of(found))
    click.echo(evaluation.as_json(figures) if as_json else evaluation.table(figures))


@click.command()
@data_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where to write the calibration file; name it in POINTMARK_CALIBRATION to use it.",
)
@as_json
@told
def fit(data: Path | None, output: Path, as_json: bool) -> None:
    """Fit a calibration for the encoder in use to human-graded answers."""
    from evaluation.evaluate import fit_calibration
    from service.grader.calibration import calibration_from_dict

    settings = read_settings()
    encoder = _encoder(settings)
    content = fit_calibration(_study(data, encoder, settings), encoder)
    calibration = calibration_from_dict(content)
    output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    summary = {"calibration": calibration.identity, "file": str(output), **content["fitted"]}
    click.echo(
        json.dumps(summary)
        if as_json
        else f"calibration {calibration.identity} written to {output}"
    )


def _encoder(settings: Settings) -> SentenceEncoder:
    from service.encoder import load_encoder

    return load_encoder(settings.encoder, threads=2)


def _study(data: Path | None, encoder: SentenceEncoder, settings: Settings) -> Study:
    from evaluation.data import data_folder
    from evaluation.evaluate import study
    from service.seeding import read_folder

    folder = data_folder(data)
    say(f"reading graded answers from {folder}")
    return study(folder, read_folder(_SEED), encoder, settings.home / "evaluation")
