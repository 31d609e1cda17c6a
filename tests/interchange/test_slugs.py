from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.content import Limits
from service.interchange import read
from service.interchange.slugs import is_slug, slug_from


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Why ReLU?", "why-relu"),
        ("  Überfitting: a naïve view ", "uberfitting-a-naive-view"),
        ("Ｆｕｌｌ width", "full-width"),
        # Nothing of ASCII in it, or only a part: a digest tells such titles apart.
        ("为什么需要激活函数？", "question-"),
        ("什么是 ReLU？", "relu-"),
        ("!!!", "question-"),
        ("", "question-"),
    ],
)
def test_a_title_makes_the_same_slug_every_time(title: str, slug: str) -> None:
    made = slug_from(title)

    assert made == slug_from(title)
    assert made.startswith(slug) if slug.endswith("-") else made == slug
    assert is_slug(made)


@given(st.text())
def test_every_title_makes_a_slug(title: str) -> None:
    assert is_slug(slug_from(title))


@given(st.text(), st.text())
def test_titles_that_lose_letters_are_told_apart(one: str, other: str) -> None:
    chinese = [f"{text}好" for text in (one, other)]

    same = slug_from(chinese[0]) == slug_from(chinese[1])

    assert not same or one.casefold().strip() == other.casefold().strip() or one != other


def test_two_items_of_one_title_get_different_slugs() -> None:
    first, second, third = read(
        "gift", b"::T:: A? {####x}\n\n::T:: B? {####x}\n\n::T:: B? {####x}\n", Limits()
    )

    assert first.content is not None
    assert second.content is not None
    assert first.content.slug == "t"
    assert second.content.slug.startswith("t-")
    # The very same question twice is a mistake of the file.
    assert [fault.detail for fault in third.faults] == ["is the slug of item 2 of the file too"]


def test_a_slug_that_the_file_gives_is_never_made_for_another() -> None:
    first, second = read("gift", b"::T:: A? {####x}\n\n// [id:t]\n::U:: B? {####x}\n", Limits())

    assert first.content is not None
    assert second.content is not None
    assert first.content.slug.startswith("t-")
    assert second.content.slug == "t"


def test_a_slug_that_stands_twice_is_a_fault() -> None:
    text = "slug: a\ntopic: t\ndifficulty: 1\nprompt: p\npoints: [{statement: s}]\n"

    first, second = read("yaml", f"{text}---\n{text}".encode(), Limits())

    assert first.faults == ()
    assert [fault.pointer for fault in second.faults] == ["#/slug"]
