"""`pointmark question import` and `export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from service import interchange, usecases
from service.cli.questions import FORMATS, WRITTEN
from service.content import Limits
from service.store import Store
from tests.stand_ins import a_question

Run = Callable[..., Result]


def test_the_commands_know_every_format() -> None:
    # Named again there, so that --help needs to import none of them.
    assert interchange.readable == FORMATS
    assert interchange.writable == WRITTEN


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_exported_is_unchanged_when_it_is_imported(
    run: Run, store: Store, tmp_path: Path, name: str
) -> None:
    usecases.create_question(store, a_question(), actor=None)
    file = tmp_path / f"questions.{interchange.FORMATS[name].suffix}"
    assert run("question", "export", "--format", name, "--output", str(file)).exit_code == 0

    result = run("question", "import", str(file), "--format", name, "--commit", "--json")

    assert result.exit_code == 0
    assert [item["action"] for item in json.loads(result.stdout)["items"]] == ["unchanged"]


def test_a_preview_stores_nothing_and_a_commit_does(run: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "questions.yaml"
    file.write_bytes(interchange.write("yaml", [a_question()]))

    shown = run("question", "import", str(file))
    assert "create     why-relu" in shown.stdout
    assert "nothing was stored" in shown.stderr
    assert run("question", "export").stdout == ""

    assert run("question", "import", str(file), "--commit").exit_code == 0
    exported = run("question", "export", "why-relu").stdout_bytes
    (item,) = interchange.read("yaml", exported, Limits())
    assert item.content == a_question()
    assert run("question", "export", "--published").stdout == ""


def test_faults_are_told_and_end_with_1(run: Run) -> None:
    gift = b"::T:: Why? {}\n\n::U:: Why not? {####x}\n"

    shown = run("question", "import", "-", "--format", "gift", input=gift)
    refused = run("question", "import", "-", "--format", "gift", "--commit", input=gift)
    taken = run(
        "question", "import", "-", "--format", "gift", "--commit", "--skip-invalid", input=gift
    )

    assert (shown.exit_code, refused.exit_code, taken.exit_code) == (1, 1, 1)
    assert "fault  #/points" in shown.stdout
    assert "item 1 (t): #/points" in refused.stderr
    assert "create     u" in taken.stdout


def test_a_file_that_says_nothing_of_its_format_has_to_be_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "questions.xml"
    file.write_text("<quiz/>", encoding="utf-8")

    assert "--format" in run("question", "import", str(file)).stderr
    assert "cannot be read" in run("question", "import", str(tmp_path / "none.csv")).stderr
