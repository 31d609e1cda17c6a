"""What goes out comes in again, in every format that is written: nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.content import Limits, check_content
from service.domain import (
    Language,
    Misconception,
    Point,
    PointKind,
    Question,
    Reveal,
    Rule,
    Sample,
    Source,
)
from service.interchange import read, readable, writable, write
from service.interchange.table import COLUMNS
from service.seeding import read_folder
from tests.stand_ins import EN, ZH, a_question

NASTY = (
    *(
        "]]>",
        "<![CDATA[",
        "<b>bold</b>",
        "&amp;",
        "&#0;",
        "</pre>",
        "<!DOCTYPE x>",
        "\x85",
        "\u2028",
    ),
    *("=cmd()", "+1", "-1", "@x", "'", "''=", "[", '["a"]', "\\n", "\\", "{}", "::", "~", "####"),
    *("- a", "a: b", "# a", "*x", "&x", "!!x", "%", "? ", "\n", "\r", "\r\n", "\t", " ", "\xa0"),
    *("null", "1e3", "yes", "2020-01-01", ";", ",", '"', "\x01", "\x7f", "\ufffe", "\ufeff"),
    *("\U0010ffff", "🏳️‍🌈", "e\u0301", "שלום", "\n\n\n", "<pre>", "# Pointmark rubric", "//", "$"),
)
texts = (
    st.lists(
        st.one_of(
            st.sampled_from(NASTY),
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8),
        ),
        min_size=1,
        max_size=5,
    )
    .map("".join)
    .filter(lambda text: bool(text.strip()))
)
labels = texts.map(lambda text: text[:100]).filter(lambda text: bool(text.strip()))
slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
languages = st.sampled_from(Language)


def by_language(least: int) -> st.SearchStrategy[dict[Language, str]]:
    return st.dictionaries(languages, texts, min_size=least)


phrasings = st.dictionaries(languages, st.lists(texts, min_size=1, max_size=3).map(tuple))


def points(key: str) -> st.SearchStrategy[Point]:
    return st.builds(
        Point,
        key=st.just(key),
        statement=by_language(1),
        phrasings=phrasings,
        weight=st.floats(1e-6, 1e300, allow_subnormal=False),
        kind=st.sampled_from(PointKind),
        hint=by_language(0),
        terms=st.lists(labels, max_size=3).map(tuple),
    )


@st.composite
def questions(draw: st.DrawFn, slug: st.SearchStrategy[str] = slugs) -> Question:
    keys = draw(st.lists(slugs, min_size=1, max_size=3, unique=True))
    made = tuple(draw(points(key)) for key in keys)
    wrong = tuple(
        draw(
            st.builds(
                Misconception,
                key=st.just(key),
                statement=by_language(1),
                phrasings=phrasings,
                contradicts=st.sampled_from([None, *keys]),
                feedback=by_language(0),
            )
        )
        for key in draw(st.lists(slugs, max_size=2, unique=True))
    )
    rules = [Rule(any_of=draw(st.integers(1, len(keys))))]
    if any(point.kind is PointKind.REQUIRED for point in made):
        rules.append(Rule())
    return Question(
        slug=draw(slug),
        topic=draw(labels),
        difficulty=draw(st.integers(1, 5)),
        prompt=draw(by_language(1)),
        points=made,
        misconceptions=wrong,
        rule=draw(st.sampled_from(rules)),
        reveal=draw(st.sampled_from(Reveal)),
        tags=tuple(draw(st.lists(labels, max_size=3, unique=True))),
        sources=tuple(
            draw(
                st.lists(
                    st.builds(
                        Source,
                        title=texts,
                        url=st.none() | texts.map(lambda text: f"https://example.org/{text}"),
                    ),
                    max_size=2,
                )
            )
        ),
        samples=tuple(
            draw(
                st.lists(
                    st.builds(
                        Sample,
                        language=languages,
                        level=st.sampled_from(["excellent", "good", "weak", "wrong"]),
                        score=st.floats(0, 100),
                        answer=texts | st.just(""),
                    ),
                    max_size=2,
                )
            )
        ),
    )


@pytest.mark.parametrize("name", writable)
@given(question=questions())
@example(question=a_question())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_a_question_comes_back_whole(name: str, question: Question) -> None:
    assert check_content(question, Limits()) == []

    (item,) = read(name, write(name, [question]), Limits())

    assert item.content == question
    assert item.faults == ()


@pytest.mark.parametrize("name", writable)
def test_the_whole_bank_comes_back_in_its_order(name: str, root: Path) -> None:
    bank = read_folder(root / "seed")

    items = read(name, write(name, bank), Limits())

    assert [item.content for item in items] == list(bank)
    assert {note for item in items for note in item.notes} == set()


@pytest.mark.parametrize("name", writable)
def test_the_same_questions_make_the_same_bytes(name: str) -> None:
    assert write(name, [a_question()]) == write(name, [a_question()])


@pytest.mark.parametrize("name", writable)
def test_a_question_in_one_language_stays_in_it(name: str) -> None:
    # English by its label, Chinese by its letters: the label counts.
    question = a_question(prompt={EN: "为什么用 ReLU？"})

    (item,) = read(name, write(name, [question]), Limits())

    assert item.content == question
    assert item.notes == (
        "There is no Chinese: answers in it are marked against the other language.",
    )
    assert ZH not in question.prompt


def test_the_examples_of_the_guide_are_read_without_faults(root: Path) -> None:
    page = (root / "docs" / "import-export.md").read_text(encoding="utf-8")
    examples = dict(re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    examples["moodle-xml"] = examples.pop("xml")

    assert examples.keys() == set(readable)
    for name, text in examples.items():
        (item,) = read(name, text.encode(), Limits())
        assert item.faults == ()
        assert item.content is not None
        assert item.content.points[0].statement[EN]


def test_the_table_has_the_columns_that_are_documented(root: Path) -> None:
    page = (root / "docs" / "import-export.md").read_text(encoding="utf-8")

    for column in COLUMNS:
        assert f"`{column}`" in page, column
