"""Moodle XML: essay questions with their grader information.

Fields as Moodle's own export writes them: `name`, `questiontext`, `graderinfo`, `idnumber`, `tags`,
and pseudo-questions of the type `category` that hold for what follows them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from xml.etree.ElementTree import Element

from service.domain import Language, PointKind, Question
from service.interchange.guidance import (
    Native,
    embedded,
    from_lines,
    restored,
    rubric_in,
    title_of,
)
from service.interchange.items import Imported, bounded, decoded, unreadable
from service.interchange.markup import IMAGE, Flat, flat_html, flat_text, multilingual
from service.interchange.slugs import is_slug
from service.interchange.xml_text import escaped, read_xml

# Moodle has no Chinese without a script; simplified is what questions here are in.
_CODES = {Language.EN: "en", Language.ZH: "zh_cn"}
_CATEGORY_ROOT = "$course$/top"
# In a path of categories a slash that belongs to a name is doubled.
_SLASH = re.compile(r"(?<!/)/(?!/)")


def parse(data: bytes) -> list[Imported]:
    """The questions of a file.

    Raises:
        InvalidInput: not XML, unsafe XML, or not Moodle's.
    """
    root = read_xml(decoded(data))
    if root.tag != "quiz":
        raise unreadable(f"is not Moodle XML: its root is <{root.tag}>, not <quiz>")
    found: list[Imported] = []
    topic: str | None = None
    for element in root.iter("question"):
        if element.get("type") == "category":
            topic = topic_of(element.findtext("category/text") or "")
        else:
            found.append(_imported(element, topic))
    return bounded(found)


def _imported(element: Element, topic: str | None) -> Imported:
    title = (element.findtext("name/text") or "").strip()
    kind = element.get("type", "")
    if kind != "essay":
        return Imported(title=title, skipped=f"its type is {kind!r}; only essays have points")
    prompt = _field(element, "questiontext")
    native = _native(element, prompt, topic)
    told = _field(element, "graderinfo")
    rubric = rubric_in(told)
    if rubric is not None:
        return restored(rubric, native, _read_again, prompt.notes)
    origin = "grader information"
    notes = [*prompt.notes, *told.notes, *_ignored(element)]
    if not told.lines:
        told, origin = _field(element, "generalfeedback"), "general feedback"
    return from_lines(native, told.lines, origin, list(dict.fromkeys(notes)))


def _native(element: Element, prompt: Flat, topic: str | None) -> Native:
    name = (element.findtext("idnumber") or "").strip()
    return Native(
        title=(element.findtext("name/text") or "").strip(),
        slug=name if is_slug(name) else None,
        prompt=prompt.plain,
        topic=topic,
        tags=tuple(dict.fromkeys(_texts(element, "tags/tag/text"))),
    )


def _read_again(question: Question) -> Native:
    root = read_xml(write([question]).decode())
    category, essay = root.iter("question")
    topic = topic_of(category.findtext("category/text") or "")
    return _native(essay, _field(essay, "questiontext"), topic)


def _field(element: Element, name: str) -> Flat:
    found = element.find(name)
    if found is None:
        return flat_html("")
    return flat_text(found.findtext("text") or "", found.get("format", ""))


def _texts(element: Element, path: str) -> list[str]:
    return [text for found in element.iterfind(path) if (text := (found.text or "").strip())]


def _ignored(element: Element) -> list[str]:
    notes = []
    if element.find("questiontext/file") is not None:
        notes.append(IMAGE)
    if (element.findtext("responsetemplate/text") or "").strip():
        notes.append("The response template was left out.")
    if (element.findtext("attachments") or "0").strip() not in ("", "0"):
        notes.append("Attachments are not taken: answers are text.")
    if element.findtext("responseformat") == "noinline":
        notes.append("It asked for files alone; here it asks for text.")
    return notes


def topic_of(path: str) -> str | None:
    """The last name of a path of categories; None for the root."""
    last = _SLASH.split(path)[-1].replace("//", "/").strip()
    return last if last and not last.startswith("$") and last != "top" else None


def write(questions: Sequence[Question]) -> bytes:
    """The questions as Moodle XML, each in the category of its topic."""
    pieces = ['<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n']
    topic: str | None = None
    for question in questions:
        if question.topic != topic:
            topic = question.topic
            path = escaped(f"{_CATEGORY_ROOT}/{topic.replace('/', '//')}")
            category = f"<category>{_text(path)}</category>"
            pieces.append(f'<question type="category">{category}</question>\n')
        pieces.append(_essay(question))
    pieces.append("</quiz>\n")
    return "".join(pieces).encode()


_text = partial("<text>{}</text>".format)


def _essay(question: Question) -> str:
    required = [point.weight for point in question.points if point.kind is PointKind.REQUIRED]
    rubric = f"<pre>{escaped(embedded(question))}</pre>"
    tags = "".join(f"<tag>{_text(escaped(tag))}</tag>" for tag in question.tags)
    fields = (
        f"<name>{_text(escaped(title_of(question)))}</name>",
        f'<questiontext format="html">{_html(_multilang(question))}</questiontext>',
        f'<generalfeedback format="html">{_text("")}</generalfeedback>',
        f"<defaultgrade>{sum(required) or 1.0:.7f}</defaultgrade>",
        "<penalty>0</penalty>",
        "<hidden>0</hidden>",
        f"<idnumber>{escaped(question.slug)}</idnumber>",
        "<responseformat>plain</responseformat>",
        "<responserequired>1</responserequired>",
        "<responsefieldlines>15</responsefieldlines>",
        "<attachments>0</attachments>",
        "<attachmentsrequired>0</attachmentsrequired>",
        f'<graderinfo format="html">{_html(rubric)}</graderinfo>',
        f'<responsetemplate format="html">{_text("")}</responsetemplate>',
        f"<tags>{tags}</tags>",
    )
    lines = "".join(f"  {field}\n" for field in fields)
    return f'<question type="essay">\n{lines}</question>\n'


def _multilang(question: Question) -> str:
    """The prompt for Moodle's multi-language filter."""
    return multilingual(question.prompt, "span", "lang", _CODES)


def _html(html: str) -> str:
    return _text(escaped(html))
