"""A small set of marked answers."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from service.domain import Question
from service.seeding import read_folder

QUESTIONS = (
    "activation-function-properties",
    "common-cnn-models",
    "exploding-gradients",
    "gradient-descent-local-optima",
    "local-connected-conv-face",
)


@pytest.fixture(scope="session")
def five(root: Path) -> list[Question]:
    """Five seed questions: enough to fit something, few enough to embed in seconds."""
    return [question for question in read_folder(root / "seed") if question.slug in QUESTIONS]


@pytest.fixture(scope="session")
def bank(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two of them."""
    made = tmp_path_factory.mktemp("bank")
    for slug in QUESTIONS[:2]:
        shutil.copy(root / "seed" / f"{slug}.yaml", made)
    return made


@pytest.fixture(scope="session")
def folder(five: list[Question], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample answers of five seed questions, as two data sets of the published form."""
    made = tmp_path_factory.mktemp("graded")
    for language in ("en", "zh"):
        with gzip.open(made / f"samples_{language}.jsonl.gz", "wt", encoding="utf-8") as file:
            for question in five:
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
