"""`pointmark export`: everything stored, as JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from service import reviewing, usecases
from service.domain import Answer
from service.exchange import Judgement
from service.grader import Grader
from service.store import Store
from service.usecases import QuestionCache, submit_attempt
from tests.stand_ins import StandInGrader, a_question

Run = Callable[..., Result]


def test_attempts_are_exported_with_their_grades_newest_first(
    run: Run, store: Store, grader: Grader, tmp_path: Path
) -> None:
    run("seed")
    for text in ("Gradients grow layer by layer.", "梯度爆炸\U0001f4a5"):
        submit_attempt(
            store,
            grader,
            QuestionCache(),
            "exploding-gradients",
            candidate="c",
            answer=Answer(text=text),
            metadata={"a": [1]},
            key_id=None,
        )
    target = tmp_path / "attempts.jsonl"

    result = run("export", "--output", str(target))

    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert result.exit_code == 0
    assert [line["answer"] for line in lines] == [
        "梯度爆炸\U0001f4a5",
        "Gradients grow layer by layer.",
    ]
    assert lines[0]["metadata"] == {"a": [1]}
    assert lines[0]["grade"]["points"]


def test_questions_are_exported_with_all_their_versions(run: Run) -> None:
    run("seed")

    lines = [json.loads(line) for line in run("export", "--questions").stdout.splitlines()]

    assert "exploding-gradients" in {line["slug"] for line in lines}
    assert all(line["content"]["points"] for line in lines)


def test_an_empty_database_exports_nothing(run: Run) -> None:
    assert run("export").stdout == ""


def test_results_are_exported_as_a_table(run: Run, store: Store, tmp_path: Path) -> None:
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    stand_in: Any = StandInGrader()
    for candidate in ("=1+1", 'ada, "the first"'):
        made = submit_attempt(
            store,
            stand_in,
            QuestionCache(),
            "why-relu",
            candidate=candidate,
            answer=Answer(text="It does not saturate,\nnever."),
            metadata={},
            key_id=None,
        )
    judgement = Judgement(reviewer="grace", verdicts={}, score=12.5, reason="So.")
    reviewing.review(store, made.attempt_id, judgement, actor=None)
    target = tmp_path / "results.csv"

    result = run("export", "--format", "csv", "--output", str(target))

    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert result.exit_code == 0
    assert [row["candidate"] for row in rows] == ['ada, "the first"', "'=1+1"]
    assert [(row["score"], row["by"], row["grader_score"]) for row in rows] == [
        ("12.5", "person", "66.7"),
        ("66.7", "grader", "66.7"),
    ]
    assert rows[0]["points"] == "no-saturation=covered cheap=covered"
    assert "saturate," not in target.read_text(encoding="utf-8")
    assert run("export", "--questions", "--format", "csv").exit_code == 1


def test_results_are_exported_with_types_a_group_of_rows_at_a_time(
    run: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow.parquet import ParquetFile

    from service.cli import parquet

    monkeypatch.setattr(parquet, "ROWS", 2)
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    stand_in: Any = StandInGrader()
    made = [
        submit_attempt(
            store,
            stand_in,
            QuestionCache(),
            "why-relu",
            candidate=f"=c{number}",
            answer=Answer(text="It does not saturate."),
            metadata={},
            key_id=None,
        )
        for number in range(5)
    ]
    target = tmp_path / "results.parquet"

    assert run("export", "--format", "parquet", "--output", str(target)).exit_code == 0

    file = ParquetFile(target)
    rows = file.read().to_pylist()
    assert file.num_row_groups == 3
    assert [row["candidate"] for row in rows] == [f"=c{number}" for number in range(4, -1, -1)]
    assert rows[0]["created_at"] == made[-1].created_at
    assert rows[0]["points"][0] == {"key": "no-saturation", "verdict": "covered", "credit": 1.0}
    assert (rows[0]["score"], rows[0]["needs_review"], rows[0]["session"]) == (66.7, False, None)
    refused = run("export", "--format", "parquet")
    assert (refused.exit_code, "--output" in refused.output) == (1, True)


def test_an_empty_table_has_its_columns(run: Run, tmp_path: Path) -> None:
    from pyarrow.parquet import read_schema

    target = tmp_path / "results.parquet"

    assert run("export", "--format", "parquet", "--output", str(target)).exit_code == 0

    assert "points" in read_schema(target).names
