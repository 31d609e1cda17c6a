"""The seed questions, prepared once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.domain import Question
from service.grader import Grader, PreparedQuestion
from service.seeding import read_folder


@pytest.fixture(scope="session")
def questions(root: Path) -> Mapping[str, Question]:
    """The seed questions by slug."""
    return {question.slug: question for question in read_folder(root / "seed")}


@pytest.fixture(scope="session")
def prepared(grader: Grader, questions: Mapping[str, Question]) -> Mapping[str, PreparedQuestion]:
    """The same with their vectors."""
    return {slug: grader.prepare(question) for slug, question in questions.items()}
