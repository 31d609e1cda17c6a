"""QTI 3.0 items of elsewhere, and packages that mean harm."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.content import Limits
from service.errors import InvalidInput
from service.interchange import Item, qti, read, write
from service.interchange import markup as m
from tests.stand_ins import EN, ZH, a_question

RUBRIC = (
    '<qti-rubric-block view="scorer tutor" use="scoring"><qti-content-body><h2>Points</h2>'
    "<ul><li>[2] No saturation.</li><li>Cheap.</li></ul></qti-content-body></qti-rubric-block>"
)
ASKED = (
    '<qti-extended-text-interaction response-identifier="RESPONSE">{}'
    "</qti-extended-text-interaction>"
)


def assessment_item(body: str, after: str = "", identifier: str = "ITEM_1") -> bytes:
    return (
        f'<qti-assessment-item xmlns="{qti.ITEMS}" identifier="{identifier}" title="为什么用 ReLU">'
        f"<qti-item-body>{body}</qti-item-body>{after}</qti-assessment-item>"
    ).encode()


def item(data: bytes) -> Item:
    (found,) = read("qti", data, Limits())
    return found


def packed(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in files.items():
            package.writestr(name, data)
    return made.getvalue()


def manifest(*paths: str) -> bytes:
    resources = "".join(f'<resource type="imsqti_item_xmlv3p0" href="{path}"/>' for path in paths)
    return f"<manifest><resources>{resources}</resources></manifest>".encode()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read("qti", data, Limits())
    (fault,) = refused.value.faults
    assert fault.pointer == "#/content"
    return fault.detail


def test_an_item_becomes_a_question() -> None:
    prompt = ASKED.format("<qti-prompt>Say why.</qti-prompt>")
    body = f'{RUBRIC}<p>Think of <em>ReLU</em>.</p><p><img src="x.png" alt=""/></p>{prompt}'
    found = item(assessment_item(body))

    question = found.content
    assert question is not None
    assert question.prompt == {EN: "Think of ReLU.\n\nSay why."}
    assert question.slug.startswith("relu-")
    assert question.topic == "imported"
    assert [(point.statement[EN], point.weight) for point in question.points] == [
        ("No saturation.", 2),
        ("Cheap.", 1),
    ]
    assert {m.FORMAT, m.IMAGE} <= set(found.notes)
    assert found.faults == ()


def test_an_identifier_that_can_be_a_slug_is_one() -> None:
    found = item(assessment_item(RUBRIC + "<p>Why?</p>" + ASKED, identifier="why-relu-2"))

    assert found.content is not None
    assert found.content.slug == "why-relu-2"


def test_feedback_stands_in_for_a_rubric() -> None:
    feedback = (
        "<qti-modal-feedback><qti-content-body><p>One.</p></qti-content-body></qti-modal-feedback>"
    )
    found = item(assessment_item("<p>Why?</p>" + ASKED, feedback))

    assert found.content is not None
    assert [point.statement for point in found.content.points] == [{EN: "One."}]


def test_instructions_for_candidates_are_part_of_the_prompt() -> None:
    told = RUBRIC.replace("scorer tutor", "candidate")
    found = item(assessment_item(told + "<p>Why?</p>" + ASKED))

    assert [fault.pointer for fault in found.faults] == ["#/points"]
    assert found.content is not None
    assert "No saturation." in found.content.prompt[EN]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<qti-choice-interaction/>", "qti-choice-interaction"),
        (ASKED + ASKED, "one extended text"),
        ("<p>Read.</p>", "none"),
    ],
)
def test_other_interactions_are_passed_over(body: str, reason: str) -> None:
    found = item(assessment_item(body))

    assert found.skipped is not None
    assert reason in found.skipped


def test_a_prompt_that_was_changed_elsewhere_is_taken() -> None:
    with zipfile.ZipFile(io.BytesIO(write("qti", [a_question()]))) as package:
        text = package.read("items/why-relu.xml").decode()
    found = item(text.replace(">Why is ReLU used?</div>", ">Why use ReLU?</div>").encode())

    question = a_question()
    assert found.content == a_question(prompt={EN: "Why use ReLU?", ZH: question.prompt[ZH]})
    assert found.notes == ("The prompt differs from the rubric's, and is taken.",)


def test_an_older_qti_is_refused_by_name() -> None:
    old = b'<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1"/>'

    assert "not a QTI 3.0 item: its root is <assessmentItem>" in refusal(old)


def test_a_package_is_read_by_its_manifest_alone() -> None:
    good = assessment_item(RUBRIC + "<p>Why?</p>" + ASKED, identifier="a")
    files = {"imsmanifest.xml": manifest("x/a.xml"), "x/a.xml": good, "x/b.xml": b"<no"}

    assert item(packed(files)).content is not None


def test_a_path_out_of_a_package_leads_nowhere() -> None:
    files = {"imsmanifest.xml": manifest("../../../../etc/passwd")}

    assert "without the file" in refusal(packed(files))


def test_a_package_that_unpacks_to_gigabytes_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(qti, "_MOST_BYTES", 100_000)
    bomb = {"imsmanifest.xml": manifest("a.xml"), "a.xml": b" " * 10_000_000}
    many = {"imsmanifest.xml": manifest("a.xml", "a.xml"), "a.xml": assessment_item(" " * 60_000)}

    assert "unpacks to more than" in refusal(packed(bomb))
    assert "unpacks to more than" in refusal(packed(many))


@given(where=st.integers(0, 2_000), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_damaged_package_is_read_or_refused(where: int, byte: int) -> None:
    data = bytearray(write("qti", [a_question()]))
    data[where % len(data)] = byte

    with suppress(InvalidInput):
        assert read("qti", bytes(data), Limits())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 and nothing", "cannot be unpacked"),
        (packed({"a.xml": b""}), "without the file 'imsmanifest.xml'"),
        (packed({"imsmanifest.xml": manifest()}), "holds no question"),
        (packed({"imsmanifest.xml": b"<!DOCTYPE x><x/>"}), "document type"),
    ],
)
def test_a_package_that_is_none_is_told(data: bytes, said: str) -> None:
    assert said in refusal(data)
