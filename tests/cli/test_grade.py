"""`pointmark grade` with the real grader: files in, files out, one answer explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from service.cli import attempts
from service.domain import Answer
from service.grader import Grader
from service.seeding import read_question

Run = Callable[..., Result]

POINTS = [
    {
        "key": "collapse",
        "statement": "Without non-linearity all layers collapse into one linear map.",
    },
    {"key": "gradient", "statement": "The function must be differentiable for backpropagation."},
]
GOOD = "Stacked linear layers are just one linear layer, so depth would be useless."


@pytest.fixture(autouse=True)
def _loaded(monkeypatch: pytest.MonkeyPatch, grader: Grader) -> None:
    """The session's grader instead of a new one for each command."""
    monkeypatch.setattr(attempts, "loaded_grader", lambda _: grader)


def write(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join(line + "\n" if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_file_is_graded_line_by_line_with_own_fields_carried_through(
    bare: Run, tmp_path: Path
) -> None:
    source = write(
        tmp_path / "answers.jsonl",
        {"points": POINTS, "answer": GOOD, "row": 1},
        {"points": POINTS, "answer": "", "row": 2},
        {"references": ["It makes the network non-linear."], "answer": GOOD, "row": 3},
    )
    target = tmp_path / "grades.jsonl"

    result = bare("grade", "--input", str(source), "--output", str(target))

    lines = read_lines(target)
    assert result.exit_code == 0, result.output
    assert [line["row"] for line in lines] == [1, 2, 3]
    assert lines[0]["answer"] == GOOD
    assert [point["key"] for point in lines[0]["grade"]["points"]] == ["collapse", "gradient"]
    assert lines[1]["grade"]["score"] == 0
    assert lines[1]["grade"]["flags"][0]["code"] == "blank"
    assert "3 graded, 0 bad lines" in result.stderr


def test_bad_lines_are_reported_and_kept_in_place_and_the_end_is_1(
    bare: Run, tmp_path: Path
) -> None:
    source = write(
        tmp_path / "answers.jsonl",
        {"points": POINTS, "answer": GOOD},
        "{not json",
        {"points": POINTS},
        {"points": POINTS, "answer": "a\0b"},
        {"answer": GOOD},
        {"points": [{"statement": "x", "wieght": 1}], "answer": GOOD},
        {"points": POINTS, "answer": "x" * 20_001},
        {"points": POINTS, "answer": GOOD},
    )
    target = tmp_path / "grades.jsonl"

    result = bare("grade", "--input", str(source), "--output", str(target))

    lines = read_lines(target)
    assert result.exit_code == 1
    assert [line.get("line") for line in lines] == [None, 2, 3, 4, 5, 6, 7, None]
    assert lines[2]["error"]["errors"] == [{"detail": "is required", "pointer": "#/answer"}]
    assert lines[5]["error"]["errors"][0]["pointer"] == "#/points/0/wieght"
    assert lines[7]["grade"] == lines[0]["grade"] | {"provenance": lines[7]["grade"]["provenance"]}
    assert "line 3: #/answer: is required" in result.stderr
    assert "2 graded, 6 bad lines" in result.stderr


def test_pipes_work_too(bare: Run) -> None:
    body = json.dumps({"points": POINTS, "answer": GOOD}).encode()

    result = bare("grade", "--input", "-", input=body + b"\n")

    assert json.loads(result.stdout)["grade"]["points"]


def test_the_grade_is_the_graders_own_whatever_the_window(
    bare: Run, tmp_path: Path, grader: Grader, root: Path
) -> None:
    content = read_question(root / "seed" / "exploding-gradients.yaml")
    answers = [sample.answer for sample in content.samples]
    points = [
        {
            "key": point.key,
            "kind": point.kind.value,
            "weight": point.weight,
            "statement": {language.value: text for language, text in point.statement.items()},
        }
        for point in content.points
    ]
    source = write(
        tmp_path / "answers.jsonl", *({"points": points, "answer": text} for text in answers)
    )
    target = tmp_path / "grades.jsonl"

    bare("grade", "--input", str(source), "--output", str(target))

    from service.content import point_from_dict
    from service.domain import Question

    inline = Question(
        slug="inline",
        topic="inline",
        difficulty=1,
        prompt={},
        points=tuple(point_from_dict(point, n) for n, point in enumerate(points, 1)),
    )
    prepared = grader.prepare(inline)
    expected = [grader.grade(prepared, Answer(text=text)).grade.score for text in answers]
    assert [line["grade"]["score"] for line in read_lines(target)] == expected


def test_output_over_the_input_is_refused(bare: Run, tmp_path: Path) -> None:
    source = write(tmp_path / "answers.jsonl", {"points": POINTS, "answer": GOOD})

    result = bare("grade", "--input", str(source), "--output", str(source))

    assert result.exit_code == 1
    assert read_lines(source)


def test_one_answer_is_explained_with_its_numbers(bare: Run, root: Path) -> None:
    content = read_question(root / "seed" / "exploding-gradients.yaml")
    text = content.samples[0].answer

    plain = bare("grade", "-q", "exploding-gradients", "-a", text)
    explained = bare("grade", "-q", "exploding-gradients", "-a", text, "--explain")

    assert plain.exit_code == explained.exit_code == 0
    for point in content.points:
        assert f" {point.key}: " in plain.stdout
    assert "of 100, give or take" in plain.stdout
    assert "speaks for it" in explained.stdout
    assert "speaks for it" not in plain.stdout
    assert "calibration" in explained.stdout


def test_one_answer_as_json_is_the_grade_object(bare: Run) -> None:
    result = bare("grade", "-q", "exploding-gradients", "-a", "Gradients grow.", "--json")

    assert {"score", "points", "flags", "feedback", "provenance"} <= set(json.loads(result.stdout))


def test_an_unknown_question_names_the_known_ones(bare: Run) -> None:
    result = bare("grade", "-q", "no-such-thing", "-a", "x")

    assert result.exit_code == 1
    assert "exploding-gradients" in result.stderr


def test_half_of_the_options_is_wrong_usage(bare: Run) -> None:
    assert bare("grade", "-q", "exploding-gradients").exit_code == 2
    assert bare("grade").exit_code == 2
