"""Files that mean harm, or that are broken, are refused in words and in no time."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.content import Limits
from service.errors import InvalidInput
from service.interchange import FORMATS, read, readable

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE quiz [<!ENTITY l0 "ha">{_LAUGHS}]><quiz>&l9;</quiz>'


def refusal(name: str, data: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read(name, data, Limits())
    (fault,) = refused.value.faults
    assert fault.pointer == "#/content"
    return fault.detail


@pytest.mark.parametrize("name", ["moodle-xml", "qti"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "document type"),
        ('<!DOCTYPE q SYSTEM "file:///etc/passwd"><quiz/>', "document type"),
        ('<!DOCTYPE q [<!ENTITY e SYSTEM "file:///etc/passwd">]><quiz>&e;</quiz>', "document type"),
        ('<!DOCTYPE q [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><quiz/>', "document type"),
        ("<quiz>&unknown;</quiz>", "not well-formed"),
        ("<quiz>", "not well-formed"),
        ("", "not well-formed"),
        ("<quiz>\x01</quiz>", "not well-formed"),
        ("<a>" * 200 + "</a>" * 200, "nested deeper"),
    ],
)
def test_unsafe_and_broken_xml_is_refused(name: str, text: str, said: str) -> None:
    assert said in refusal(name, text.encode())


def test_no_other_encoding_hides_a_document_type() -> None:
    declared = f'<?xml version="1.0" encoding="UTF-7"?>{BOMB}'.encode()

    assert "document type" in refusal("moodle-xml", declared)
    assert "not UTF-8" in refusal("moodle-xml", BOMB.encode("utf-16"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x]\nb: [*a, *a]\n", "alias in line 2"),
        ("[" * 100, "nested deeper"),
        ("[" * 200_000, "nested"),
        ("? [a]\n: b\n", "cannot be read as YAML"),
        ("a: !!python/object/apply:os.system [echo]\n", "could not determine a constructor"),
        ("a: 1\na: 2\n", "stands here twice"),
        (f"a: {'9' * 10_000}", "cannot be read as YAML"),
        ("", "holds no question"),
        ("# nothing\n---\n", "holds no question"),
    ],
)
def test_unsafe_and_broken_yaml_is_refused(text: str, said: str) -> None:
    assert said in refusal("yaml", text.encode())


@pytest.mark.parametrize(
    "text", ["just text", "- 1\n- [a]\n", "2020-01-01", "{1: 2}", "weight: .nan", "slug: [a]"]
)
def test_yaml_of_another_shape_is_a_faulty_item(text: str) -> None:
    for item in read("yaml", text.encode(), Limits()):
        assert item.faults
        assert item.content is None


def test_numbers_that_no_float_holds_are_faults() -> None:
    points = f"[{{statement: a, weight: 1{'0' * 400}}}]"
    text = f"slug: a\ntopic: a\ndifficulty: 1\nprompt: a\npoints: {points}"

    (item,) = read("yaml", text.encode(), Limits())

    assert [fault.pointer for fault in item.faults] == ["#/points/0/weight"]


@pytest.mark.parametrize("name", readable)
def test_what_is_not_utf_8_is_told_with_its_place(name: str) -> None:
    assert "not UTF-8 at byte 1" in refusal(name, b"a\xff")


@pytest.mark.parametrize("name", readable)
@pytest.mark.parametrize("blank", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(name: str, blank: bytes) -> None:
    assert refusal(name, blank)


@pytest.mark.parametrize("name", readable)
@given(data=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=100, deadline=None)
def test_anything_at_all_is_read_or_refused(name: str, data: bytes) -> None:
    with suppress(InvalidInput):
        assert read(name, data, Limits())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # Each is quadratic for a reader that looks back at everything once for each piece.
        (
            "moodle-xml",
            "<quiz><question type='essay'><questiontext><text><![CDATA[{}]]></text>"
            "</questiontext></question></quiz>",
        ),
        ("gift", "::T::[html]{}{{}}"),
    ],
)
@pytest.mark.parametrize(
    "piece", ["<b>", "<br>", "</i>", "<p>a", "<", "<!--", "&#", "<a href='", "<a ", "&#9", "a "]
)
def test_a_megabyte_of_tags_is_read_in_one_go(name: str, text: str, piece: str) -> None:
    html = piece * (300_000 // len(piece))

    assert read(
        name, text.format(html.replace("#", "\\#") if name == "gift" else html).encode(), Limits()
    )


def test_a_file_of_very_many_items_is_refused() -> None:
    assert "at most 1000" in refusal("gift", b"a {}\n\n" * 1_001)


def test_every_format_names_what_it_is_sent_as(root: Path) -> None:
    for form in FORMATS.values():
        assert "/" in form.media_type
        assert form.suffix.isalnum()
