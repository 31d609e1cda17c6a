"""Cutting model answers into points, for callers who have no rubric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from service.domain import Language, Misconception, Point, Question, Rule
from service.grader.language import detect
from service.grader.units import cut, normalise, sentences, size

# A lead-in such as "储位划分的形式包括:" or "The phases are:" names the list, not an item.
_LEAD_IN = re.compile(r"^.{2,40}?(?::|包括|包含|分为|主要有|(?<=[式法类点素])有)[:\s]*(?=\S)")
_ORDINAL = re.compile(r"[一二三四五六七八九]是")
_SEPARATOR = re.compile(r"[、,;，；]\s*(?:and\s+|or\s+)?|(?:以及|及|和|与)(?=[^谐])|\s+and\s+")
# An enumeration's items are at most this long (Han characters; a word counts two).
LONG_ITEM = 16
# Parts smaller than this (Han characters; a word counts two) say too little to stand alone.
SMALL_PART = 6
MAX_POINTS = 64
WEIGHTED = Rule()


def question_from_references(
    references: Sequence[str],
    *,
    prompt: str | None = None,
    misconceptions: Sequence[Misconception] = (),
    rule: Rule = WEIGHTED,
) -> tuple[Question, tuple[tuple[str, ...], ...]]:
    """A question made of model answers, and the point keys of each model answer.

    Any one model answer suffices, so each is an alternative set of points; a grade takes the set
    that the answer meets best.
    """
    points: list[Point] = []
    alternatives: list[tuple[str, ...]] = []
    budget = max(1, MAX_POINTS // max(1, len(references)))
    for number, reference in enumerate(references, start=1):
        parts = cut_reference(reference)[:budget]
        made = [
            Point(
                key=f"reference-{number}-point-{index}",
                statement={detect(part): part},
                weight=float(size(part)) ** 0.5,
            )
            for index, part in enumerate(parts, start=1)
        ]
        points += made
        alternatives.append(tuple(point.key for point in made))
    asked: Mapping[Language, str] = {detect(prompt): prompt} if prompt else {}
    question = Question(
        slug="inline",
        topic="inline",
        difficulty=1,
        prompt=asked,
        points=tuple(points),
        misconceptions=tuple(misconceptions),
        rule=rule,
    )
    return question, tuple(alternatives)


def cut_reference(reference: str) -> list[str]:
    """The points of one model answer: its list items and sentences; small scraps join the next."""
    points: list[str] = []
    scrap = ""
    for start, end in sentences(reference):
        items = _items(normalise(reference[start:end]))
        if items:
            points += items
            continue
        for unit in cut(reference[start:end]):
            if size(unit.text) < SMALL_PART:
                scrap = f"{scrap} {unit.text}".strip()
            else:
                points.append(f"{scrap} {unit.text}".strip())
                scrap = ""
    if scrap and points:
        points[-1] = f"{points[-1]} {scrap}"
    return points or [scrap or normalise(reference)]


def _items(sentence: str) -> list[str]:
    """The items of an enumeration with a lead-in; none if the sentence is something else."""
    lead_in = _LEAD_IN.match(sentence)
    if not lead_in:
        return []
    listed = _ORDINAL.sub("", sentence[lead_in.end() :].rstrip(".。;"))
    items = [item.strip() for item in _SEPARATOR.split(listed) if item.strip()]
    return items if len(items) > 1 and all(size(item) <= LONG_ITEM for item in items) else []
