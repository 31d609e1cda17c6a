"""What graders are told, as points; and a whole question of ours as what graders are told.

Other systems have one text for graders where we have a rubric. Going out, the rubric is written
into it as YAML, which people can read and `restored` reads back. Coming in from elsewhere, each
line becomes a point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.content import content_from_dict, content_to_dict
from service.domain import Language, Question
from service.errors import FieldFault
from service.interchange.items import Imported
from service.interchange.markup import Flat
from service.interchange.shape import shape_faults
from service.interchange.yaml_text import dump_all, load_all

MARK = "# Pointmark rubric"
_HEADER = f"{MARK}: read back on import, so change values and keep the form.\n"

_DIFFICULTY = 3
_TOPIC = "imported"
_LONGEST_TITLE = 100
_BULLET = re.compile(r"\s*(?:[-*•·–‣◦]|\(?\d{1,3}[.)、]|\(?[a-z]\))\s+")
_WEIGHT_FIRST = re.compile(r"\s*\[(\d{1,6}(?:\.\d{1,6})?)\]\s*")
_WEIGHT_LAST = re.compile(
    r"\s*[(（\[](\d{1,6}(?:\.\d{1,6})?)\s*(?:points?|pts?|marks?|p|%|分)[)）\]]\s*[.。]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Native:
    """What a format has fields of its own for."""

    title: str
    slug: str | None
    """None: the format gives no name that can be a slug."""
    prompt: dict[str, str]
    topic: str | None = None
    tags: tuple[str, ...] = ()


def title_of(question: Question) -> str:
    """The beginning of the prompt, for systems where questions have a title."""
    text = next(iter(question.prompt.values()), question.slug)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1]}…"


def embedded(question: Question) -> str:
    """The question as a text for graders."""
    return _HEADER + dump_all([content_to_dict(question)])


def rubric_in(flat: Flat) -> str | None:
    """The text that `embedded` made, if it is in what graders are told."""
    return next((text for text in flat.preformatted if text.lstrip().startswith(MARK)), None)


def restored(
    rubric: str, native: Native, read_again: Callable[[Question], Native], notes: Sequence[str]
) -> Imported:
    """The question in a text that `embedded` made.

    What was changed since in a field of the format's own is taken from there. Whether it was, is
    told by writing the question out as it was and reading it (`read_again`).
    """
    try:
        (data,) = load_all(rubric)
    except ValueError as fault:
        detail = f"the rubric in the grader information cannot be read as YAML: {fault}"
        return Imported(title=native.title, faults=(FieldFault(pointer="#", detail=detail),))
    faults = shape_faults(data)
    if faults:
        return Imported(title=native.title, faults=tuple(faults))
    before = read_again(content_from_dict(data))
    changed: dict[str, Any] = {
        name: now
        for name, then, now in (
            ("slug", before.slug, native.slug),
            ("prompt", before.prompt, native.prompt),
            ("topic", before.topic, native.topic),
            ("tags", before.tags, native.tags),
        )
        if now is not None and now != then
    }
    told = [f"The {name} differs from the rubric's, and is taken." for name in changed]
    if "tags" in changed:
        changed["tags"] = list(native.tags)
    return Imported(
        title=native.title,
        data=data | changed,
        notes=(*(notes if "prompt" in changed else ()), *told),
    )


def from_lines(native: Native, lines: Sequence[str], origin: str, notes: Sequence[str]) -> Imported:
    """A question of elsewhere, its points made of the lines of what graders are told.

    `origin` names the field that the lines are of.
    """
    told = list(notes)
    points = _points(lines, origin, told)
    if native.topic is None:
        told.append(f"It had no category: the topic is {_TOPIC!r}.")
    told.append(f"The format has no difficulty: it is {_DIFFICULTY}, the middle.")
    data: dict[str, Any] = {
        "topic": native.topic or _TOPIC,
        "difficulty": _DIFFICULTY,
        "prompt": native.prompt,
        "tags": list(native.tags),
        "points": points,
    }
    if native.slug is not None:
        data = {"slug": native.slug} | data
    faults = []
    if not points:
        detail = f"there are none: the item has no {origin} to make points of"
        faults.append(FieldFault(pointer="#/points", detail=detail))
    return Imported(title=native.title, data=data, notes=tuple(told), faults=tuple(faults))


def _points(lines: Sequence[str], origin: str, notes: list[str]) -> list[dict[str, Any]]:
    listed = [line for line in lines if _BULLET.match(line)]
    if listed and len(listed) < len(lines):
        count = len(lines) - len(listed)
        notes.append(f"{count} of the lines of the {origin} are no list items and were left out.")
    points = [_point(line) for line in listed or lines]
    if points:
        notes.append(f"The points were made of the lines of the {origin}: {len(points)}.")
    return [point for point in points if point["statement"]]


def _point(line: str) -> dict[str, Any]:
    text = _BULLET.sub("", line, count=1).strip()
    for weight in (_WEIGHT_FIRST.match(text), _WEIGHT_LAST.search(text)):
        if weight is not None:
            rest = text.replace(weight[0], "", 1).strip()
            return {"statement": rest, "weight": float(weight[1])}
    return {"statement": text}


def missing_languages(question: Question) -> list[str]:
    """A note on each language that the prompt is not in."""
    names = {Language.EN: "English", Language.ZH: "Chinese"}
    return [
        f"There is no {names[language]}: answers in it are marked against the other language."
        for language in Language
        if question.prompt and language not in question.prompt
    ]
