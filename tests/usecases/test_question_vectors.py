"""A start need not embed what another did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from service import usecases
from service.domain import Answer, Language
from service.encoder import SentenceEncoder
from service.grader import Grader
from service.grader.calibration import load_calibration
from service.store import Store
from service.usecases import QuestionCache
from tests.stand_ins import a_question

TEXTS = (
    "Its gradient stays one for positive inputs.",
    "正半轴不饱和，计算也便宜。",
    "",
    "ReLU is linear.",
)


@pytest.fixture
def counted(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each call of the encoder had."""
    calls: list[int] = []
    encode = encoder.encode_tokens

    def counting(texts: Any) -> Any:
        calls.append(len(texts))
        return encode(texts)

    monkeypatch.setattr(encoder, "encode_tokens", counting)
    return calls


@pytest.fixture
def served(store: Store) -> Store:
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    return store


def ready(store: Store, grader: Grader) -> Any:
    """As a process that has just started finds it."""
    return usecases.ready_question(store, grader, QuestionCache(), "why-relu").prepared


def test_what_one_process_embedded_another_reads_and_marks_the_same(
    served: Store, grader: Grader, counted: list[int]
) -> None:
    embedded = grader.prepare(a_question())
    first = ready(served, grader)
    counted.clear()

    second = ready(served, grader)

    assert counted == []
    for text in TEXTS:
        grades = [grader.grade(each, Answer(text=text)).grade for each in (embedded, first, second)]
        one, two, three = (
            replace(grade, provenance=replace(grade.provenance, elapsed_ms=0.0)) for grade in grades
        )
        assert one == two == three


@pytest.mark.parametrize("column", ["texts", "background"])
def test_what_was_made_otherwise_is_made_anew(
    served: Store,
    grader: Grader,
    counted: list[int],
    clean_database_url: str,
    column: str,
) -> None:
    ready(served, grader)
    with psycopg.connect(clean_database_url) as connection:
        connection.execute(f"UPDATE question_vectors SET {column} = 'other'")  # type: ignore[arg-type]
    counted.clear()

    ready(served, grader)
    assert len(counted) == 1
    ready(served, grader)
    assert len(counted) == 1


def test_an_edit_has_vectors_of_its_own(served: Store, grader: Grader, counted: list[int]) -> None:
    ready(served, grader)
    content = a_question(prompt={Language.EN: "Why ReLU?"})
    usecases.save_draft(served, "why-relu", content, if_match="*", actor=None)
    usecases.publish(served, "why-relu", if_match="*", actor=None)
    counted.clear()

    ready(served, grader)

    assert len(counted) == 1


def test_with_a_verifier_nothing_is_kept(encoder: SentenceEncoder) -> None:
    from service.grader.calibration import SHIPPED_WITH_VERIFIER
    from service.verifier import bundled_folder, load_verifier

    verifier = load_verifier(bundled_folder(), encoder.revision)
    grader = Grader(encoder, load_calibration(SHIPPED_WITH_VERIFIER), verifier)

    assert grader.keep(a_question()) is None
