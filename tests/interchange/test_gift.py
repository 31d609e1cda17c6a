"""GIFT, with what its authors put into it."""

from __future__ import annotations

import pytest

from service.content import Limits
from service.interchange import Item, read
from tests.stand_ins import EN


def items(text: str) -> tuple[Item, ...]:
    return read("gift", text.encode(), Limits())


def test_an_essay_with_everything() -> None:
    (found,) = items(
        "// A comment [id:relu-why] [tag:activation]\n"
        "// [tag:odd \\] tag]\n\n"
        "$CATEGORY: $course$/top/Networks\n\n"
        "// [id:relu-why] [tag:activation] [tag:odd \\] tag]\n"
        "::Why \\: ReLU::[html]<p>Why \\{ReLU\\} \\= max\\(0, x\\)?</p> "
        "{####- One\\: a.\\n- Two. (2 pts)}\n"
    )

    question = found.content
    assert question is not None
    assert (question.slug, question.topic) == ("relu-why", "Networks")
    assert question.tags == ("activation", "odd ] tag")
    assert question.prompt == {EN: "Why {ReLU} = max\\(0, x\\)?"}
    assert [(point.statement[EN], point.weight) for point in question.points] == [
        ("One: a.", 1),
        ("Two.", 2),
    ]
    assert found.title == "Why : ReLU"


def test_an_essay_without_feedback_has_no_points() -> None:
    (found,) = items("::T:: Why? {}")

    assert [fault.pointer for fault in found.faults] == ["#/points"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Read this.", "a description"),
        ("The sun rises. {T}", "true/false"),
        ("It sets. {FALSE#No#Yes}", "true/false"),
        ("Two and two? {#4:1}", "numerical"),
        ("Who? {=me ~you}", "given answers"),
        ("Two plus {=two =2} is four.", "given answers"),
    ],
)
def test_other_kinds_are_passed_over(text: str, reason: str) -> None:
    (found,) = items(text)

    assert found.content is None
    assert found.skipped is not None
    assert reason in found.skipped


def test_lines_of_the_default_form_stay_lines() -> None:
    (found,) = items("Why\nnot? {####\nOne.\nTwo.\n}")

    assert found.content is not None
    assert found.content.prompt == {EN: "Why\nnot?"}
    assert len(found.content.points) == 2


@pytest.mark.parametrize("text", ["{", "}", "a {b", "a } b {", "::", "::::", ":: a", "\\", "{####"])
def test_broken_gift_is_no_crash(text: str) -> None:
    (found,) = items(text)

    assert found.skipped is not None or found.faults
