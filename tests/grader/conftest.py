"""Five seed questions, prepared once; `tests/quality` looks at all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.domain import Question
from service.grader import Grader, PreparedQuestion
from service.seeding import read_question

SLUGS = (
    "activation-function-properties",
    "common-cnn-models",
    "exploding-gradients",
    "gradient-descent-local-optima",
    "local-connected-conv-face",
)


@pytest.fixture(scope="session")
def questions(root: Path) -> Mapping[str, Question]:
    """The questions by slug."""
    return {slug: read_question(root / "seed" / f"{slug}.yaml") for slug in SLUGS}


@pytest.fixture(scope="session")
def prepared(grader: Grader, questions: Mapping[str, Question]) -> Mapping[str, PreparedQuestion]:
    """The same with their vectors."""
    return {slug: grader.prepare(question) for slug, question in questions.items()}
