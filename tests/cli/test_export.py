"""`pointmark export`: everything stored, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from service.domain import Answer
from service.grader import Grader
from service.store import Store
from service.usecases import QuestionCache, submit_attempt

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
            actor=None,
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
