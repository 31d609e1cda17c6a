"""`pointmark fit` and `pointmark evaluate` on a small data set, with the real encoder."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluation.evaluate import Study, fit_calibration, study
from evaluation.measured import VectorTable
from evaluation.recipe import outcome
from service.cli import main
from service.domain import Answer
from service.encoder import SentenceEncoder
from service.grader import Grader
from service.grader.calibration import SHIPPED, calibration_from_dict, load_calibration
from service.seeding import read_folder


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample answers of the seed questions, as two data sets of the published form."""
    made = tmp_path_factory.mktemp("graded")
    for language in ("en", "zh"):
        with gzip.open(made / f"samples_{language}.jsonl.gz", "wt", encoding="utf-8") as file:
            for question in read_folder(root / "seed"):
                said = " ".join(point.statement[language] for point in question.points)  # type: ignore[index]
                for sample in question.samples:
                    label = "correct" if sample.score >= 50 else "incorrect"
                    line = {
                        "question_id": question.slug,
                        "question": question.prompt[language],  # type: ignore[index]
                        "references": [said],
                        "answer": sample.answer,
                        "score": sample.score / 100,
                        "label": "contradictory" if sample.level == "wrong" else label,
                    }
                    file.write(json.dumps(line) + "\n")
    return made


@pytest.fixture(scope="module")
def found(folder: Path, root: Path, encoder: SentenceEncoder) -> Study:
    return study(folder, read_folder(root / "seed")[:2], encoder)


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


def test_fit_writes_a_calibration_that_loads_and_evaluate_prints_every_set(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_HOME", str(tmp_path / "home"))
    output = tmp_path / "calibration.json"

    fitted = CliRunner().invoke(
        main, ["fit", "--data", str(folder), "--output", str(output)], catch_exceptions=False
    )
    evaluated = CliRunner().invoke(
        main, ["evaluate", "--data", str(folder), "--json"], catch_exceptions=False
    )

    assert fitted.exit_code == 0, fitted.output
    assert load_calibration(output).identity in fitted.stdout
    figures = json.loads(evaluated.stdout)
    assert [line["dataset"] for line in figures] == ["samples_en", "samples_zh"]
    for line in figures:
        assert {"pearson", "spearman", "rmse", "kappa", "auc"} <= set(line["ours"])
        assert {"pearson", "spearman", "rmse", "kappa", "auc"} <= set(line["plain"])
        assert line["ours"]["pearson"]["low"] <= line["ours"]["pearson"]["high"]


def test_evaluate_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", "--data", str(tmp_path / "none")])

    assert result.exit_code != 0
    assert "none" in result.output


def test_the_shipped_calibration_says_how_it_was_made() -> None:
    made = json.loads(SHIPPED.read_text("utf-8"))

    assert made["fitted"]["command"] == "pointmark fit"
    assert made["fitted"]["answers"] > 5000
