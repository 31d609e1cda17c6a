"""The bundled verifier: what it tells apart, what its word depends on, what it goes with."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from service.assembly import calibration_of, load_grader
from service.config import Settings
from service.domain import Answer, Language, Point, Question, Verdict
from service.encoder import SentenceEncoder
from service.errors import EncoderMismatch, EncoderNotFound
from service.grader import Grader
from service.grader.core import STRETCH, ask
from service.grader.language import detect
from service.seeding import read_question
from service.verifier import Verifier, bundled_folder, load_verifier
from training.pairs import HELD_OUT, of_questions
from training.states import StateTable
from training.train import figures

HERE = Path(__file__).resolve().parent
SENTENCES = (HERE / "sentences.txt").read_text("utf-8").splitlines()

CLAIM = "A hash table finds a key in constant time on average."
OPPOSITE = "A hash table does not find a key in constant time on average."


@pytest.fixture(scope="module")
def verifier(encoder: SentenceEncoder) -> Verifier:
    return load_verifier(bundled_folder(), encoder.revision)


@pytest.mark.parametrize("language", list(Language))
def test_it_tells_agreement_from_contradiction_on_rubrics_it_has_not_seen(
    language: Language, encoder: SentenceEncoder, verifier: Verifier, root: Path
) -> None:
    slugs = [group.removeprefix("bank/") for group in sorted(HELD_OUT)]
    questions = [read_question(root / "seed" / f"{slug}.yaml") for slug in slugs]
    tests = [
        pair
        for pair in of_questions(questions, seed=0)
        if {detect(pair.point), detect(pair.answer)} == {language}
    ][::3]
    table = StateTable(encoder)
    table.learn(text for pair in tests for text in (pair.point, pair.answer))

    found = verifier.read([(table[pair.point], table[pair.answer]) for pair in tests])

    # What is reached, less some room (docs/evaluation.md); a coin has 0.5.
    assert len(tests) > 150
    assert figures(found, tests)["auc"] > 0.65


def test_its_word_does_not_depend_on_neighbours(
    encoder: SentenceEncoder, verifier: Verifier
) -> None:
    states = encoder.encode_tokens(SENTENCES).states
    pairs = list(zip(states, [*states[7:], *states[:7]], strict=True))
    alone = np.concatenate([verifier.read([pair]) for pair in pairs])

    for seed in range(3):
        order = random.Random(seed).sample(range(len(pairs)), len(pairs))
        assert np.array_equal(verifier.read([pairs[i] for i in order]), alone[order])
    assert np.allclose(alone.sum(axis=1), 1.0)


def test_nothing_to_read_is_no_fault(verifier: Verifier) -> None:
    assert verifier.read([]).shape == (0, 3)
    assert ask(verifier, []).shape == (0, 2)


def test_a_long_sentence_is_read_to_its_end(encoder: SentenceEncoder, verifier: Verifier) -> None:
    padding = "we looked at the weather of last year in the north and then " * 20
    point, long = encoder.encode_tokens([CLAIM, f"{padding}{CLAIM}"]).states
    assert len(long) > STRETCH

    (found,) = ask(verifier, [(point, long)])
    parts = verifier.read([(point, long[at : at + STRETCH]) for at in range(0, len(long), STRETCH)])

    assert found.tolist() == parts[:, :2].max(axis=0).tolist()


def test_a_verifier_of_another_encoder_is_refused(encoder: SentenceEncoder) -> None:
    with pytest.raises(EncoderMismatch, match="reads tokens of encoder"):
        load_verifier(bundled_folder(), "another")
    with pytest.raises(EncoderNotFound, match="no verifier in"):
        load_verifier(HERE, encoder.revision)


def test_a_changed_file_is_refused(tmp_path: Path, encoder: SentenceEncoder) -> None:
    folder = tmp_path / "verifier"
    shutil.copytree(bundled_folder(), folder)
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")

    with pytest.raises(EncoderMismatch, match=r"model\.safetensors"):
        load_verifier(folder, encoder.revision)


QUESTION = Question(
    slug="hashing",
    topic="t",
    difficulty=1,
    prompt={Language.EN: "What do you know of it?"},
    points=(Point(key="constant-time", statement={Language.EN: CLAIM}),),
)


@pytest.fixture(scope="module")
def verified(encoder: SentenceEncoder, verifier: Verifier) -> Grader:
    return Grader(encoder, calibration_of(Settings(verifier="bundled")), verifier)


def test_a_grade_shows_what_the_verifier_said(verified: Grader) -> None:
    prepared = verified.prepare(QUESTION)

    right, wrong = (verified.grade(prepared, Answer(text=text)).grade for text in (CLAIM, OPPOSITE))

    assert right.points[0].verdict is Verdict.COVERED
    assert wrong.score < right.score
    signals = {signal.name: signal for signal in right.points[0].signals}
    assert signals["agrees"].effect > 0
    assert right.provenance.verifier == bundled_folder().name
    assert right.provenance.verifier_revision


def test_neighbours_in_a_batch_change_no_verified_grade(verified: Grader) -> None:
    prepared = verified.prepare(QUESTION)
    texts = (CLAIM, OPPOSITE, f"{CLAIM} {OPPOSITE}", "")
    items = [(prepared, Answer(text=text), None) for text in texts]

    together = [marked.grade.points for marked in verified.grade_many(items)]

    assert together == [verified.grade(prepared, answer).grade.points for _, answer, _ in items]


def test_without_a_verifier_a_grade_says_so(grader: Grader) -> None:
    grade = grader.grade(grader.prepare(QUESTION), Answer(text=CLAIM)).grade

    assert grade.points[0].verdict is Verdict.COVERED
    assert grade.provenance.verifier is None
    assert {"agrees", "contradicts"}.isdisjoint(s.name for s in grade.points[0].signals)


def test_a_setting_turns_it_on() -> None:
    assert load_grader(Settings()).verifier_name is None
    assert load_grader(Settings(verifier="bundled")).verifier_name == bundled_folder().name
    assert load_grader(Settings(verifier=str(bundled_folder()))).verifier_name


def test_a_calibration_and_a_verifier_that_do_not_belong_together_are_refused(
    encoder: SentenceEncoder, verifier: Verifier
) -> None:
    with pytest.raises(EncoderMismatch, match="no verifier is loaded"):
        Grader(encoder, calibration_of(Settings(verifier="bundled")))
    with pytest.raises(EncoderMismatch, match="fitted with no verifier"):
        Grader(encoder, calibration_of(Settings()), verifier)
