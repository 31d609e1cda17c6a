"""`pointmark fit --marks`: the calibration in use, moved towards somebody's own graders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from evaluation.adapt import adapted, learning_curve
from evaluation.evaluate import Study, study
from service import reviewing, usecases
from service.cli import main
from service.domain import Answer, Question
from service.encoder import SentenceEncoder
from service.errors import NotFound
from service.exchange import Judgement
from service.grader import Grader
from service.grader.calibration import SHIPPED, load_calibration
from service.store import Store
from service.usecases import QuestionCache

SLUG = "exploding-gradients"
CACHE = QuestionCache()


@pytest.fixture(scope="module")
def graded(encoder: SentenceEncoder, five: list[Question]) -> list[tuple[Question, str, float]]:
    """Sample answers and their parts, with the grader's own score."""
    grader = Grader(encoder, load_calibration())
    found = []
    for question in five:
        prepared = grader.prepare(question)
        for sample in question.samples:
            for text in {sample.answer, *sample.answer.split("\n")}:
                if text.strip():
                    score = grader.grade(prepared, Answer(text=text)).grade.score
                    found.append((question, text, score))
    return found


@pytest.fixture
def fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graded: list[tuple[Question, str, float]]
) -> Callable[..., Result]:
    """Run the command on marks that a teacher gives to those answers."""
    monkeypatch.setenv("POINTMARK_HOME", str(tmp_path / "home"))

    def run(teacher: Callable[[float], float], *arguments: str, keep: int = 1000) -> Result:
        lines = [
            {"slug": question.slug, "answer": text, "score": teacher(score)}
            for question, text, score in graded
        ]
        marks = tmp_path / "marks.jsonl"
        marks.write_text("\n".join(map(json.dumps, lines[:keep])) + "\n\n", "utf-8")
        output = str(tmp_path / "own.json")
        command = ["fit", "--marks", str(marks), "--output", output, *arguments]
        return CliRunner().invoke(main, command)

    return run


def generous(score: float) -> float:
    return min(100.0, 0.4 * score + 60.0)


def test_marks_of_generous_teachers_help_and_are_named_in_grades(
    fitted: Callable[..., Result], tmp_path: Path, encoder: SentenceEncoder, five: list[Question]
) -> None:
    result = fitted(generous, "--json")

    assert result.exit_code == 0, result.output
    said: Mapping[str, Any] = json.loads(result.stdout)
    assert said["better"]
    assert said["error_adapted"] < 0.8 * said["error_now"]
    assert said["from"] == load_calibration().identity
    own = load_calibration(tmp_path / "own.json")
    assert own.identity == said["calibration"] != said["from"]
    question = next(q for q in five if q.slug == SLUG)
    answer = Answer(text="The gradient grows with each layer.")
    graders = [Grader(encoder, calibration) for calibration in (load_calibration(), own)]
    before, after = (g.grade(g.prepare(question), answer).grade for g in graders)
    assert after.provenance.calibration == own.identity
    assert sum(p.probability for p in after.points) > sum(p.probability for p in before.points)


def test_a_question_can_have_a_calibration_of_its_own(
    fitted: Callable[..., Result], tmp_path: Path, encoder: SentenceEncoder, five: list[Question]
) -> None:
    result = fitted(generous, "--question", SLUG)

    assert result.exit_code == 0, result.output
    shipped, own = load_calibration(), load_calibration(tmp_path / "own.json")
    assert own.identity == shipped.identity
    assert list(own.questions) == [SLUG]
    grader = Grader(encoder, own)
    named = {
        question.slug: grader.grade(
            grader.prepare(question), Answer(text="It is.")
        ).grade.provenance.calibration
        for question in five
    }
    assert named.pop(SLUG) == own.of(SLUG).identity != shipped.identity
    assert set(named.values()) == {shipped.identity}


def test_a_fit_that_gains_nothing_is_refused_unless_forced(
    fitted: Callable[..., Result], tmp_path: Path
) -> None:
    refused = fitted(lambda score: score)
    written = (tmp_path / "own.json").exists()
    forced = fitted(lambda score: score, "--force")

    assert refused.exit_code == 1
    assert "could be chance" in refused.stdout
    assert not written
    assert forced.exit_code == 0
    assert (tmp_path / "own.json").exists()


def test_five_marks_are_too_few_to_tell(fitted: Callable[..., Result], tmp_path: Path) -> None:
    result = fitted(generous, keep=5)

    assert result.exit_code == 1
    assert "5 marks are too few" in result.stderr
    assert not (tmp_path / "own.json").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1"),
        ("[]", "line 1: must be a JSON object"),
        ('{"slug": "exploding-gradients", "answer": "x"}', "score must be a number"),
        ('{"slug": "exploding-gradients", "answer": "x", "score": 101}', "score must be a number"),
        ('{"slug": "exploding-gradients", "answer": "x", "score": true}', "score must be a number"),
        ('{"slug": "exploding-gradients", "score": 1}', "answer must be a string"),
        ('{"slug": "nowhere", "answer": "x", "score": 1}', "no question 'nowhere'"),
        ('{"answer": "x", "score": 1}', "line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    marks = tmp_path / "marks.jsonl"
    marks.write_text(line + "\n", "utf-8")

    result = CliRunner().invoke(
        main, ["fit", "--marks", str(marks), "--output", str(tmp_path / "own.json")]
    )

    assert result.exit_code != 0
    assert said in result.stderr
    assert str(marks) in result.stderr


def test_options_of_marks_need_marks(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["fit", "--force", "--output", str(tmp_path / "x")])

    assert result.exit_code != 0
    assert "--marks" in result.stderr


@pytest.fixture(scope="module")
def measured(folder: Path, five: list[Question], encoder: SentenceEncoder) -> Study:
    return study(folder, five[:1], encoder)


def test_an_adapted_model_stays_near_with_few_marks(measured: Study) -> None:
    current = load_calibration(SHIPPED)
    people = np.array([case.dataset.startswith("samples") for case in measured.data.cases])
    data = measured.data.only(people)
    few = np.isin(data.case_of, [0, 1])

    start = np.abs(current.credit_probability(data.values) - 0.5)
    model = adapted(current, data, few)
    moved = np.abs(model.probability(data.values) - current.credit_probability(data.values))

    assert moved.max() < 0.25
    assert start.max() > 0.3


def test_the_learning_curve_measures_on_answers_that_were_not_drawn(measured: Study) -> None:
    people = np.array([case.dataset.startswith("samples") for case in measured.data.cases])
    data = measured.data.only(people)

    curve = learning_curve(load_calibration(), data, (5, 20), draws=3)

    assert set(curve) == {5, 20}
    assert all(0 < before < 100 and 0 < after < 100 for before, after in curve.values())


def test_stored_reviews_are_marks_too(
    store: Store,
    clean_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    grader: Grader,
    graded: list[tuple[Question, str, float]],
) -> None:
    monkeypatch.setenv("POINTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", clean_database_url)
    output = tmp_path / "own.json"
    command = ["fit", "--reviews", "--json", "--output", str(output)]

    without = CliRunner().invoke(main, command)
    for question, text, score in graded[:60]:
        _reviewed(store, grader, question, text, generous(score))
    result = CliRunner().invoke(main, command)

    assert without.exit_code == 1
    assert "holds no such reviews" in without.output
    assert result.exit_code == 0, result.output
    said: Mapping[str, Any] = json.loads(result.stdout)
    assert said["marks"] == 60
    assert said["error_adapted"] < said["error_now"]
    assert load_calibration(output).identity == said["calibration"]


def _reviewed(store: Store, grader: Grader, question: Question, text: str, score: float) -> None:
    """Keep an answer and a review of it; an earlier review does not count."""
    try:
        store.published_version(question.slug)
    except NotFound:
        usecases.create_question(store, question, actor=None)
        usecases.publish(store, question.slug, if_match="*", actor=None)
    made = usecases.submit_attempt(
        store,
        grader,
        CACHE,
        question.slug,
        candidate="ada",
        answer=Answer(text=text),
        metadata={},
        key_id=None,
    )
    for given in (0.0, score):
        judgement = Judgement(reviewer="grace", verdicts={}, score=given, reason="So.")
        reviewing.review(store, made.attempt_id, judgement, actor=None)
