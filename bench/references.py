"""The reference points of the question that is benchmarked."""

from __future__ import annotations

from pathlib import Path

from bench.answers import QUESTION
from service.domain import Language
from service.seeding import read_question

_FILE = Path(__file__).resolve().parent.parent / "seed" / f"{QUESTION}.yaml"


def references() -> dict[str, list[tuple[str, str]]]:
    """Key and text of the points, once in every wording and once in one English sentence each."""
    points = read_question(_FILE).points
    return {
        "all": [(point.key, text) for point in points for _, text in point.texts()],
        "statements": [(point.key, point.statement[Language.EN]) for point in points],
    }
