"""Moodle XML as Moodle's teachers write it."""

from __future__ import annotations

import pytest

from service.content import Limits
from service.errors import InvalidInput
from service.interchange import Item, read, write
from service.interchange import markup as m
from tests.stand_ins import EN, ZH, a_question


def essay(fields: str, kind: str = "essay") -> str:
    return f'<question type="{kind}">{fields}</question>'


def field(name: str, html: str, form: str = "html") -> str:
    return f'<{name} format="{form}"><text><![CDATA[{html}]]></text></{name}>'


def items(*questions: str) -> tuple[Item, ...]:
    return read("moodle-xml", f"<quiz>{''.join(questions)}</quiz>".encode(), Limits())


def item(*fields: str) -> Item:
    (found,) = items(essay("".join(fields)))
    return found


NAME = "<name><text>Dropout at test time</text></name>"
PROMPT = field("questiontext", "<p>What does dropout do at <b>test</b> time?</p>")
POINTS = field("graderinfo", "<ul><li>Nothing is dropped.</li><li>Outputs are scaled.</li></ul>")
CATEGORY = (
    '<question type="category"><category><text>$course$/top/Deep learning/I//O</text></category>'
    "</question>"
)


def test_an_essay_becomes_a_question() -> None:
    (found,) = items(
        CATEGORY, essay(NAME + PROMPT + POINTS + "<tags><tag><text>t</text></tag></tags>")
    )

    question = found.content
    assert question is not None
    assert question.slug == "dropout-at-test-time"
    assert question.prompt == {EN: "What does dropout do at test time?"}
    assert (question.topic, question.tags, question.difficulty) == ("I/O", ("t",), 3)
    assert [point.statement for point in question.points] == [
        {EN: "Nothing is dropped."},
        {EN: "Outputs are scaled."},
    ]
    assert found.faults == ()
    assert found.notes == (
        m.FORMAT,
        "The points were made of the lines of the grader information: 2.",
        "The format has no difficulty: it is 3, the middle.",
        "It had no name that can be a slug; 'dropout-at-test-time' was made for it.",
        "There is no Chinese: answers in it are marked against the other language.",
    )


@pytest.mark.parametrize(
    ("html", "points"),
    [
        # Lines, paragraphs and breaks are points where nothing is listed.
        ("<p>One.</p><p>Two.<br>Three.</p>", [("One.", 1), ("Two.", 1), ("Three.", 1)]),
        # Where something is, the rest is talk.
        ("<p>Look for:</p><ul><li>One.</li></ul><p>Be kind.</p>", [("One.", 1)]),
        ("1. One.<br>2) Two.", [("One.", 1), ("Two.", 1)]),
        # Weights, before and after.
        ("[2] One.<br>Two. (0.5 points)", [("One.", 2), ("Two.", 0.5)]),
        ("<li>One (25%)</li><li>二（3 分）</li>", [("One", 25), ("二", 3)]),
        # A number of the sentence is none.
        ("In 2012 [3 layers] won.", [("In 2012 [3 layers] won.", 1)]),
    ],
)
def test_points_are_made_of_what_graders_are_told(
    html: str, points: list[tuple[str, float]]
) -> None:
    question = item(NAME, PROMPT, field("graderinfo", html)).content

    assert question is not None
    assert [(*point.statement.values(), point.weight) for point in question.points] == points


@pytest.mark.parametrize(
    ("html", "text", "note"),
    [
        ('A <img src="x.png"> b', "A b", m.IMAGE),
        ('A <img src="x.png" alt="net"> b', "A [net] b", m.IMAGE),
        ('See <a href="https://x">this</a>', "See this", m.LINK),
        ("x<sup>2</sup> and a<sub>i</sub>", "x^2 and a_i", m.SCRIPTS),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc", m.TABLE),
        ("<iframe src=x></iframe>Look", "Look", m.MEDIA),
        ("<script>alert(1)</script>Text", "Text", None),
        ("<pre>if a:\n    b</pre>", "if a:\n    b", None),
        ("a &lt;b&gt; &amp; c&nbsp;d", "a <b> & c d", None),
        ("<p>a<p>b</div></p>c", "a\n\nb\n\nc", None),
    ],
)
def test_html_becomes_text_and_says_what_it_lost(html: str, text: str, note: str | None) -> None:
    found = item(NAME, field("questiontext", html), POINTS)

    assert found.content is not None
    assert found.content.prompt == {EN: text}
    assert [each for each in found.notes if each in vars(m).values()] == [note] * (note is not None)


def test_languages_of_the_multi_language_filter_are_kept_apart() -> None:
    spans = (
        '<p><span class="multilang" lang="zh_cn">什么</span>'
        '<span class="multilang" lang="en_us">What</span>'
        '<span class="multilang" lang="fr">Quoi</span>?</p>'
    )
    found = item(NAME, field("questiontext", spans), POINTS)

    assert found.content is not None
    assert found.content.prompt == {ZH: "什么?", EN: "What?"}
    assert "The text in the language 'fr' was left out." in found.notes


def test_what_moodle_has_and_we_have_not_is_told() -> None:
    found = item(
        NAME,
        field("questiontext", "Why?").replace("</text>", '</text><file name="x.png">AA==</file>'),
        POINTS,
        field("responsetemplate", "Because …"),
        "<attachments>2</attachments><responseformat>noinline</responseformat>",
    )

    assert m.IMAGE in found.notes
    assert "The response template was left out." in found.notes
    assert "Attachments are not taken: answers are text." in found.notes
    assert "It asked for files alone; here it asks for text." in found.notes


def test_other_kinds_of_questions_are_passed_over_by_name() -> None:
    found = items(essay(NAME, kind="multichoice"), essay(NAME + PROMPT + POINTS))

    assert found[0].skipped == "its type is 'multichoice'; only essays have points"
    assert found[0].content is None
    assert found[1].content is not None


def test_general_feedback_stands_in_for_grader_information() -> None:
    found = item(NAME, PROMPT, field("generalfeedback", "One."))

    assert found.content is not None
    assert [point.statement for point in found.content.points] == [{EN: "One."}]


def test_without_anything_for_graders_an_essay_is_refused() -> None:
    found = item(NAME, PROMPT)

    assert [(fault.pointer, fault.detail) for fault in found.faults] == [
        ("#/points", "there are none: the item has no general feedback to make points of")
    ]


def exported(*changes: tuple[str, str]) -> Item:
    """The small question, exported and then changed by somebody in Moodle."""
    text = write("moodle-xml", [a_question()]).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (found,) = read("moodle-xml", text.encode(), Limits())
    return found


def test_what_was_changed_in_moodle_is_taken() -> None:
    found = exported(
        ("&gt;Why is ReLU used?&lt;", "&gt;Why use ReLU?&lt;"),
        ("<tag><text>basics</text></tag>", ""),
        ("<idnumber>why-relu<", "<idnumber>relu<"),
        ("top/neural-networks<", "top/activations<"),
        ("weight: 2.5", "weight: 4"),
    )

    question = a_question()
    assert found.content is not None
    assert found.content.prompt == {EN: "Why use ReLU?", ZH: question.prompt[ZH]}
    assert (found.content.slug, found.content.topic) == ("relu", "activations")
    assert found.content.tags == ("activation",)
    assert found.content.points[0].weight == 4
    assert found.content.points[1:] == question.points[1:]
    assert found.notes == tuple(
        f"The {name} differs from the rubric's, and is taken."
        for name in ("slug", "prompt", "topic", "tags")
    )


def test_a_rubric_that_was_broken_in_moodle_is_a_fault_and_not_lines_of_points() -> None:
    broken = exported(("difficulty: 2", "difficulty: [2"))
    wrong = exported(("difficulty: 2", "difficulty: hard"))

    assert "cannot be read as YAML" in broken.faults[0].detail
    assert [fault.pointer for fault in wrong.faults] == ["#/difficulty"]
    assert broken.content is wrong.content is None


def test_another_kind_of_xml_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        read("moodle-xml", b"<rss/>", Limits())

    assert "its root is <rss>" in refused.value.faults[0].detail
