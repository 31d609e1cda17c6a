"""The human-graded answers, read from where they stand (`POINTMARK_DATA`).

A line of a data set is a JSON object with ``question_id, question, references, answer, score``
(0 to 1), and, where the source has them, ``label`` (correct, contradictory or incorrect) and
``split`` (train, dev or dev-questions; without it, train). Other fields are not read.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import PointmarkError

SUFFIX = ".jsonl.gz"
DEFAULT_FOLDER = Path("../shared/data")


class DataMissing(PointmarkError):
    """The graded answers are not where they were looked for."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One answer with a human mark."""

    dataset: str
    question_id: str
    question: str
    references: tuple[str, ...]
    """Any one suffices."""
    answer: str
    score: float
    """Human mark, 0 to 1."""
    label: str | None
    """correct, contradictory or incorrect where the source says so."""
    split: str
    """train, dev (new answers to seen questions) or dev-questions (unseen questions)."""

    @property
    def group(self) -> str:
        """The question, unique over all sets: what cross-validation must keep together."""
        return f"{self.dataset}/{self.question_id}"


def data_folder(given: Path | None = None) -> Path:
    """The folder given, else `POINTMARK_DATA`, else beside the project.

    Raises:
        DataMissing: if there is no such folder.
    """
    folder = given or Path(os.environ.get("POINTMARK_DATA") or DEFAULT_FOLDER)
    if not folder.is_dir():
        raise DataMissing(
            f"no folder of graded answers at {folder}; name one with --data or POINTMARK_DATA"
        )
    return folder


def load(folder: Path) -> list[Row]:
    """The rows of every data set in the folder: one file ``NAME.jsonl.gz`` each, by name.

    Raises:
        DataMissing: if there is none, or a line lacks a field; the message says which.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    if not paths:
        raise DataMissing(f"no data set in {folder}: looked for files *{SUFFIX}")
    return [row for path in paths for row in _rows(path)]


def _rows(path: Path) -> Iterator[Row]:
    name = path.name.removesuffix(SUFFIX)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _row(name, json.loads(line))
            except (KeyError, TypeError, ValueError) as fault:
                raise DataMissing(f"{path}, line {number}: {fault!r}") from fault


def _row(dataset: str, data: Mapping[str, Any]) -> Row:
    label = data.get("label")
    return Row(
        dataset=dataset,
        question_id=str(data["question_id"]),
        question=data["question"],
        references=tuple(data["references"]),
        answer=data["answer"],
        score=float(data["score"]),
        label=label if label in {"correct", "contradictory", "incorrect"} else None,
        split=data.get("split", "train"),
    )
