"""`pointmark fit` and `pointmark evaluate` on a small data set, with the real encoder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from evaluation.evaluate import Study, fit_calibration, study
from evaluation.measured import VectorTable
from evaluation.recipe import outcome
from service.cli import main
from service.domain import Answer, Question
from service.encoder import SentenceEncoder
from service.grader import Grader
from service.grader.calibration import SHIPPED, calibration_from_dict, load_calibration


@pytest.fixture(scope="module")
def found(folder: Path, five: list[Question], encoder: SentenceEncoder) -> Study:
    return study(folder, five[:2], encoder)


def test_the_evaluation_scores_as_the_grader_does(found: Study, encoder: SentenceEncoder) -> None:
    calibration = calibration_from_dict(fit_calibration(found, encoder))
    grader = Grader(encoder, calibration)

    credit = calibration.credit_probability(found.data.values)
    contradiction = calibration.contradiction_probability(found.data.values)
    said = outcome(found.data, credit, contradiction, calibration.thresholds)
    graded = [
        grader.grade(
            grader.prepare(case.question, case.alternatives), Answer(text=case.answer)
        ).grade.score
        for case in found.data.cases[: len(found.rows)]
    ]

    assert graded == pytest.approx((100 * said.score[: len(found.rows)]).tolist(), abs=0.051)
    assert len(set(graded)) > 5


def test_a_fit_is_the_same_when_made_again(found: Study, encoder: SentenceEncoder) -> None:
    assert fit_calibration(found, encoder) == fit_calibration(found, encoder)


def test_vectors_are_kept_by_encoder_revision(
    tmp_path: Path, encoder: SentenceEncoder, found: Study
) -> None:
    VectorTable(encoder, found.background, tmp_path).learn(["one two", "three"])

    class Refusing:
        name, revision, dimension = encoder.name, encoder.revision, encoder.dimension
        unknown_share = encoder.unknown_share

        def encode_tokens(self, texts: object) -> object:
            raise AssertionError(f"embedded again: {texts}")

    kept = VectorTable(Refusing(), found.background, tmp_path)  # type: ignore[arg-type]
    kept.learn(["three", "one two"])
    table = VectorTable(encoder, found.background, None)
    table.learn(["one two"])

    assert np.array_equal(kept[["one two"]].vectors, table[["one two"]].vectors)
    assert np.array_equal(kept[["one two"]].tokens[0], table[["one two"]].tokens[0])


def test_fit_writes_a_calibration_that_loads_and_evaluate_reports_every_set(
    folder: Path, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_HOME", str(tmp_path / "home"))
    output, report = tmp_path / "calibration.json", tmp_path / "report"
    given = ["--data", str(folder), "--questions", str(bank)]

    def run(*command: str) -> Result:
        return CliRunner().invoke(main, [*command, *given], catch_exceptions=False)

    fitted = run("fit", "--output", str(output))
    evaluated = run("evaluate", "--json", "--report", str(report))

    assert fitted.exit_code == 0, fitted.output
    assert load_calibration(output).identity in fitted.stdout
    figures = json.loads(evaluated.stdout)
    assert [line["dataset"] for line in figures] == ["samples_en", "samples_zh"]
    for line in figures:
        assert {"pearson", "spearman", "rmse", "kappa", "auc", "ece"} <= set(line["ours"])
        assert {"pearson", "spearman", "rmse", "kappa", "auc"} <= set(line["plain"])
        assert {"pearson", "kappa"} <= set(line["within"]) & set(line["plain_within"])
        assert line["ours"]["pearson"]["low"] <= line["ours"]["pearson"]["high"]
        gain = line["ours"]["pearson"]["value"] - line["plain"]["pearson"]["value"]
        assert line["gain"]["pearson"]["value"] == pytest.approx(gain)
        assert line["error_left"].keys() == {"100%", "90%", "80%", "70%", "50%"}
    text = (report / "report.md").read_text("utf-8")
    assert text.count("### samples_") == 20
    for image in re.findall(r"\(([a-z]+\.svg)\)", text):
        assert (report / image).read_text("utf-8").rstrip().endswith("</svg>")
    assert len(list(report.glob("*.svg"))) == 6


def test_evaluate_shows_what_own_marks_do(
    folder: Path, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_HOME", str(tmp_path / "home"))

    result = CliRunner().invoke(
        main,
        ["evaluate", "--own-marks", "--json", "--data", str(folder), "--questions", str(bank)],
        catch_exceptions=False,
    )

    curves = json.loads(result.stdout)
    assert set(curves) == {"samples_en", "samples_zh"}
    # Of 40 answers too little is left to measure on after 100 marks.
    assert all(curve.keys() == {"5", "20"} for curve in curves.values()), curves


def test_evaluate_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", "--data", str(tmp_path / "none")])

    assert result.exit_code != 0
    assert "none" in result.output


def test_the_shipped_calibration_says_how_it_was_made() -> None:
    made = json.loads(SHIPPED.read_text("utf-8"))

    assert made["fitted"]["command"] == "pointmark fit"
    assert made["fitted"]["answers"] > 5000
