"""The human-graded answers, read from where they stand (`POINTMARK_DATA`)."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import PointmarkError

DATA_SETS = ("semeval2013_scientsbank", "semeval2013_beetle", "saf_en", "ads_zh", "le_zh")
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


def load(folder: Path, name: str) -> list[Row]:
    """The rows of one data set, in file order.

    Raises:
        DataMissing: if the file is not there.
    """
    path = folder / f"{name}.jsonl.gz"
    if not path.is_file():
        raise DataMissing(f"no data set {name}: looked for {path}")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_row(name, json.loads(line)) for line in lines]


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
        split=data["split"],
    )
