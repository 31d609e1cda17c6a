"""What the documents name exists: files, headings, commands, options, settings, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from service.cli import main
from service.config import SETTINGS
from service.grader import lint as lint_module
from service.grader.calibration import load_calibration
from service.seeding import read_question

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page.relative_to(ROOT)
    for page in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "seed").glob("*.md"),
        *(ROOT / "models").glob("*.md"),
        *(ROOT / "clients").rglob("*.md"),
    )
)
DECISIONS = ROOT / "docs" / "decisions"
# Read by docker compose, by evaluation or by readers' own shells; not settings of the service.
OTHER_VARIABLES = {
    "POINTMARK_BIND",
    "POINTMARK_TAG",
    "POINTMARK_DATA",
    "POINTMARK_TRAIN",
    "POINTMARK_KEY",
    "POINTMARK_URL",
    "POINTMARK_WEBHOOK_SECRET",
}

_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}|\t)(\S.*)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_CALL = re.compile(
    r"(?:(?<![\w./-])(?:\.venv/bin/)?pointmark|-m service) ([a-z][a-z-]*(?: [^\n|;&#]*)?)"
)


def _text(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _links(text: str) -> list[str]:
    """Targets of links that lead to files; what stands in code is no link."""
    prose = _SPAN.sub("", _FENCE.sub("", text))
    return [target for target in _LINK.findall(prose) if "://" not in target]


def _anchors(text: str) -> set[str]:
    """Headings as they are addressed on the usual forges."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for target in _links(text):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name
        if name and not file.exists():
            broken.append(target)
        elif anchor:
            there = file.read_text(encoding="utf-8") if name else text
            broken += [] if anchor in _anchors(there) else [target]
    return broken


def _calls(text: str) -> Iterator[str]:
    """What follows `pointmark` or `python -m service` wherever it stands in code."""
    blocks = [block.replace("\\\n", " ") for block in _FENCE.findall(text)]
    prose = _FENCE.sub("", text)
    for code in (*blocks, *_INDENTED.findall(prose), *_SPAN.findall(prose)):
        yield from _CALL.findall(code)


def _call_fault(call: str) -> str | None:
    """Why this call would be refused: a command or an option that does not exist."""
    command: click.Command = main
    words = re.findall(r'"[^"]*"|\S+', call)
    while words and isinstance(command, click.Group):
        # "question lint|show" in a list of commands names both.
        names = words.pop(0).split("|")
        unknown = [name for name in names if name not in command.commands]
        if unknown:
            return f"{unknown[0]!r} is no command of {command.name!r}"
        command = command.commands[names[0]]
    known = {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)}
    known |= {"--help", "-h", "--version"}
    options = [word.split("=")[0].rstrip(",.:)") for word in words if word.startswith("-")]
    wrong = [option for option in options if option not in known and option != "-"]
    return f"{command.name!r} has no option {wrong[0]}" if wrong else None


def _index_faults(files: set[str], index: str) -> tuple[set[str], set[str]]:
    """Decisions that the index lacks, and those it names that are not there."""
    named = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index))
    return files - named, named - files


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    assert _broken_links(page, _text(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_and_options_exist(page: Path) -> None:
    faults = {call: _call_fault(call) for call in _calls(_text(page))}

    assert {call: fault for call, fault in faults.items() if fault} == {}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\bPOINTMARK_[A-Z_]*[A-Z]\b", _text(page)))

    assert named <= set(SETTINGS.values()) | OTHER_VARIABLES


def test_every_decision_is_in_the_index() -> None:
    files = {path.name for path in DECISIONS.glob("[0-9]*.md")}

    assert _index_faults(files, (DECISIONS / "README.md").read_text(encoding="utf-8")) == (
        set(),
        set(),
    )


def test_numbers_of_decisions_are_used_once() -> None:
    numbers = [path.name[:4] for path in DECISIONS.glob("[0-9]*.md")]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_number_and_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_the_rubric_guide_has_a_question_that_is_accepted(tmp_path: Path) -> None:
    example = re.findall(r"^```yaml\n(.*?)^```", _text(Path("docs/rubrics.md")), re.M | re.S)
    assert len(example) == 1
    slug = re.findall(r"^slug: (\S+)$", example[0], re.MULTILINE)[0]
    file = tmp_path / f"{slug}.yaml"
    file.write_text(example[0], encoding="utf-8")

    assert read_question(file).slug == slug


def test_the_rubric_guide_names_every_warning_of_lint() -> None:
    source = Path(str(lint_module.__file__)).read_text(encoding="utf-8")
    codes = set(re.findall(r'code="(\w+)"', source))

    assert codes
    assert codes <= set(re.findall(r"^\| `(\w+)` \|", _text(Path("docs/rubrics.md")), re.MULTILINE))


def test_the_examples_of_the_readme_were_made_with_the_shipped_calibration() -> None:
    named = re.findall(r"calibration ([0-9a-f]{12})", _text(Path("README.md")))
    named += re.findall(r'"calibration": "([0-9a-f]{12})"', _text(Path("README.md")))

    assert len(named) == 3, "the accuracy table, the response and the worked example"
    assert set(named) == {load_calibration().identity}, "run tests/docs/examples.py"


def test_notice_names_folders_and_files_that_exist() -> None:
    named = re.findall(r"^\d\. .+?: (\S+)$", _text(Path("NOTICE")), re.MULTILINE)

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


class TestTheChecksThemselves:
    """Each of them fails on what it is there to find."""

    def test_a_dead_link(self) -> None:
        text = "# Here\n[a](README.md) [b](gone.md) [c](#here) [d](#there) `[e](code.md)`"

        assert _broken_links(Path("README.md"), text) == ["gone.md", "#there"]

    @pytest.mark.parametrize(
        "text",
        [
            "`pointmark conquer`",
            "`pointmark question burn FILE`",
            "`pointmark grade --loudly`",
            "    .venv/bin/pointmark conquer",
            "```sh\nDATABASE_URL=x .venv/bin/python -m service grade \\\n  --loudly\n```",
        ],
    )
    def test_a_call_that_is_refused(self, text: str) -> None:
        assert [_call_fault(call) for call in _calls(text)] != [None]
        assert list(_calls(text))

    @pytest.mark.parametrize(
        "text",
        [
            "`pointmark question lint|show`",
            '`pointmark grade --question x --answer "--not an option" --explain`',
            "`pg_dump -U pointmark -Fc pointmark > pointmark.dump`",
            "pointmark in prose is no call",
        ],
    )
    def test_a_call_that_is_not(self, text: str) -> None:
        assert [fault for call in _calls(text) if (fault := _call_fault(call))] == []

    def test_a_decision_left_out_or_made_up(self) -> None:
        index = "| [1](0001-one.md) | [2](0002-two.md) |"

        assert _index_faults({"0001-one.md", "0003-three.md"}, index) == (
            {"0003-three.md"},
            {"0002-two.md"},
        )
