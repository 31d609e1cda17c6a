"""Tables that people fill in, and that spreadsheets save."""

from __future__ import annotations

import csv
import io

import pytest

from service.content import Limits
from service.domain import PointKind, Rule
from service.errors import InvalidInput
from service.interchange import Item, read, write
from service.interchange.table import guarded
from tests.stand_ins import EN, ZH, a_question

HEAD = "slug,topic,difficulty,prompt_en,statement_en\n"


def items(text: str) -> tuple[Item, ...]:
    return read("csv", text.encode(), Limits())


def test_the_least_that_a_table_needs() -> None:
    (found,) = items(
        "topic,difficulty,prompt,statement\n"
        "losses,2,Why cross-entropy?,It has a gradient.\n"
        ",,,它是对数似然。\n"
    )

    question = found.content
    assert question is not None
    assert question.slug == "why-cross-entropy"
    assert [dict(point.statement) for point in question.points] == [
        {EN: "It has a gradient."},
        {ZH: "它是对数似然。"},
    ]
    assert [point.key for point in question.points] == ["point-1", "point-2"]
    assert found.faults == ()


def test_rows_find_their_question_by_slug_wherever_they_stand() -> None:
    found = items(HEAD + "a,t,1,A?,one\nb,t,2,B?,two\na,,,,three\n")

    assert [item.content and item.content.slug for item in found] == ["a", "b"]
    assert [len(item.content.points) for item in found if item.content] == [2, 1]


def test_without_slugs_a_new_prompt_is_a_new_question() -> None:
    found = items("topic,difficulty,prompt,statement\nt,1,A?,one\nt,1,A?,two\n,,,three\nt,1,B?,x\n")

    assert [len(item.content.points) for item in found if item.content] == [3, 1]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_the_byte_order_mark_of_spreadsheets(delimiter: str) -> None:
    text = "\ufeff" + HEAD.replace(",", delimiter) + delimiter.join(["a", "t", "1", "A?", "one"])

    (found,) = items(text)

    assert found.content is not None
    assert found.faults == ()


def test_rules_kinds_lists_and_numbers() -> None:
    (found,) = items(
        "slug,topic,difficulty,tags,prompt_en,rule,kind,key,weight,statement_en,phrasings_en\n"
        'a,t,1,"x\ny",A?,any_of 1, Required ,k,2.5,one,"first\r\n\r\nsecond"\n'
        'a,,,,,,optional,,,two,"[""with\\nbreak"", ""other""]"\n'
    )

    question = found.content
    assert question is not None
    assert (question.rule, question.tags) == (Rule(any_of=1), ("x", "y"))
    first, second = question.points
    assert (first.key, first.weight, first.kind) == ("k", 2.5, PointKind.REQUIRED)
    assert first.phrasings == {EN: ("first", "second")}
    assert second.kind is PointKind.OPTIONAL
    assert second.phrasings == {EN: ("with\nbreak", "other")}


@pytest.mark.parametrize(
    ("rows", "pointers"),
    [
        ("a,t,hard,A?,one\n", ["#/difficulty"]),
        ("a,t,,A?,one\n", ["#/difficulty"]),
        ("a,t,1,A?,one\na,t,2,,two\n", ["#/difficulty"]),
        ("a,,1,A?,one\n", ["#"]),
        ("a,t,1,A?,\n", ["#/points"]),
        ("A b,t,1,A?,one\n", ["#/slug"]),
    ],
)
def test_faults_name_the_field(rows: str, pointers: list[str]) -> None:
    (found,) = items(HEAD + rows)

    assert [fault.pointer for fault in found.faults] == pointers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slug,colour\na,red\n", "the column 'colour'"),
        ("slug,slug\na,b\n", "a column twice"),
        ("slug,topic\na,b,c\n", "more cells than columns in line 2"),
        ('slug,topic\n"a"b,c\n', "cannot be read as CSV in line 2"),
        ('slug,topic\n"a', "cannot be read as CSV"),
        ("slug,topic\n", "holds no question"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        items(text)

    assert said in refused.value.faults[0].detail


def test_no_cell_that_is_written_is_calculated() -> None:
    wild = a_question(
        topic="=cmd|' /C calc'!A0",
        tags=("+1", "-1"),
        prompt={EN: "@SUM(A1)", ZH: "\t=1"},
    )

    rows = list(csv.DictReader(io.StringIO(write("csv", [wild]).decode(), newline="")))

    assert rows[0]["topic"] == "'=cmd|' /C calc'!A0"
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_an_apostrophe_of_the_author_stays() -> None:
    (found,) = items(HEAD + "a,t,1,'tis so?,'=1+1\n")

    assert found.content is not None
    assert found.content.prompt == {EN: "'tis so?"}
    # Before a formula it is what spreadsheets and we put there, so it goes.
    assert found.content.points[0].statement == {EN: "=1+1"}
    assert guarded("plain") == "plain"
