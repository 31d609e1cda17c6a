"""Units: exact offsets, sensible cuts, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.grader.language import detect
from service.grader.units import cut, normalise, size

anything = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("。，；、！？.,;:!?()（）①② \n\t-*•1２a非线性网络é😀"),
    ),
    max_size=400,
)


def shown(text: str) -> list[str]:
    return [text[unit.start : unit.end] for unit in cut(text)]


@given(anything)
def test_units_are_in_order_inside_the_text_and_do_not_overlap(text: str) -> None:
    units = cut(text)

    edges = [edge for unit in units for edge in (unit.start, unit.end)]
    assert edges == sorted(edges)
    assert all(0 <= unit.start < unit.end <= len(text) for unit in units)


@given(anything)
def test_a_unit_is_the_normal_form_of_the_stretch_it_names(text: str) -> None:
    for unit in cut(text):
        assert unit.text == normalise(text[unit.start : unit.end])
        assert unit.text


@given(anything)
def test_every_letter_of_the_answer_is_in_a_unit_or_in_a_list_mark(text: str) -> None:
    inside = {i for unit in cut(text) for i in range(unit.start, unit.end)}
    lost = "".join(ch for i, ch in enumerate(text) if i not in inside and ch.isalpha())
    # Only list marks such as "a)", "iv." and "二、" may be left out.
    assert all(ch in "abcdefghABCDEFGHivx一二三四五六七八九十" for ch in lost)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is fast! 它很快。Good.", ["It is fast!", "它很快。", "Good."]),
        ("1. non-linear\n2. cheap", ["non-linear", "cheap"]),
        ("- non-linear\n* cheap\n• smooth", ["non-linear", "cheap", "smooth"]),
        ("（1）非线性（2）计算简单", ["非线性", "计算简单"]),
        ("①非线性②计算简单", ["非线性", "计算简单"]),
        ("一、非线性\n二、计算简单", ["非线性", "计算简单"]),
        ("Cheap: 1. no exp. 2. no parameters.", ["Cheap:", "no exp.", "no parameters."]),
        ("非线性；计算简单；单调", ["非线性；", "计算简单；", "单调"]),
        # Decimals, function calls and abbreviations are no list marks and no sentence ends.
        ("The rate is 0.5 and f(1) is O(1).", ["The rate is 0.5 and f(1) is O(1)."]),
        ("good 😀 idea\r\n\r\n  next  ", ["good 😀 idea", "next"]),
        ("-----\n***\n。。。", []),
        ("   \n\t ", []),
        ("", []),
    ],
)
def test_cutting(text: str, expected: list[str]) -> None:
    assert shown(text) == expected


def test_a_long_sentence_is_cut_at_its_commas_into_parts_that_mean_something() -> None:
    text = "，".join(["激活函数需要是非线性的", "几乎处处可微", "计算要简单"] * 4) + "。"

    parts = shown(text)

    assert "".join(parts) == text
    assert len(parts) > 2
    assert all(size(part) >= 8 for part in parts)


def test_full_width_letters_meet_their_plain_form() -> None:
    assert normalise("ＲｅＬＵ（ｘ）　＝ max") == "ReLU(x) = max"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The function must be non-linear.", "en"),
        ("激活函数必须是非线性的", "zh"),
        ("用 ReLU 和 sigmoid 做激活函数", "zh"),
        ("ReLU 函数 is used in most convolutional networks today", "en"),
        ("ReLU", "en"),
        ("", "en"),
    ],
)
def test_language_by_script(text: str, language: str) -> None:
    assert detect(text) == language
