"""Cutting an answer into units whose offsets point into the text exactly as submitted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import sentencex

from service.grader.language import detect

# A unit longer than this is cut further at its clauses: a sentence vector averages what it holds,
# and a long enumeration would hide each of its items. Cutting every sentence at its commas was
# tried: agreement with people fell on four of five collections. Han characters count one, words
# two.
LONG_UNIT = 56

_LINE = re.compile(r"[^\r\n\u2028\u2029\u0085\v\f]+")
# "1." "2)" "(3)" "①" "-" "*" "•" "一、" "i)" at the start of a line.
_BULLET = re.compile(
    r"\s*(?:[-*+•·▪◦‣–—]\s+|[(（]?(?:\d{1,2}|[一二三四五六七八九十]{1,3}|[ivx]{1,4}|[a-hA-H])"
    r"(?:[)）、]|[.．](?!\d))\s*|[\u2460-\u2473]\s*)"
)
# The same marks in the middle of a line: "… (1) cheap (2) smooth", "①…②…", "1、…2、…".
_INLINE_ITEM = re.compile(
    r"(?<=\S)\s*(?=[\u2460-\u2473]|(?<![A-Za-z0-9_])[(（]\d{1,2}[)）]|(?<![\d.])\d{1,2}、)"
    r"|(?<=[.。;；!！?？:：])\s*(?=(?<!\d\.)\d{1,2}[.．](?!\d))"
)
_SEMICOLON = re.compile(r"[;；]+\s*")
_COMMA = re.compile(r"[,，]\s*|、\s*")
_CONTENT = re.compile(r"\w", re.UNICODE)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A sentence or clause of the answer."""

    start: int
    end: int
    """``[start, end)`` in code points of the text as submitted."""
    text: str
    """The stretch, normalised for matching; not what is shown."""


def normalise(text: str) -> str:
    """Text for matching: compatibility forms folded (NFKC), runs of white space made one space.

    Full-width letters and punctuation become their plain forms, so that an answer typed with a
    Chinese input method meets a rubric typed without one.
    """
    return " ".join(unicodedata.normalize("NFKC", text).split())


def cut(text: str) -> tuple[Unit, ...]:
    """The units of an answer, in order, not overlapping.

    Lines and list items come first, because sentence rules merge numbered lists; then sentences;
    then semicolons; then, in long sentences only, commas. Stretches without a letter, digit or
    symbol of meaning (rulers, stray punctuation) are no units.
    """
    return tuple(
        Unit(start=start, end=end, text=normalise(text[start:end]))
        for start, end in _spans(text)
        if _CONTENT.search(text, start, end)
    )


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """The sentences and list items of a text as ``[start, end)``, uncut by length."""
    for line in _LINE.finditer(text):
        for start, end in _items(text, line.start(), line.end()):
            yield from _sentences(text, start, end)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for sentence in sentences(text):
        for part in _split(text, *sentence, _SEMICOLON):
            yield from _clauses(text, *part)


def _items(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    cuts = [m.end() for m in _INLINE_ITEM.finditer(text, start, end) if start < m.end() < end]
    for left, right in zip([start, *cuts], [*cuts, end], strict=True):
        bullet = _BULLET.match(text, left, right)
        yield from _trimmed(text, bullet.end() if bullet else left, right)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    line = text[start:end]
    # Surrogates cannot cross into the Rust segmenter; the API refuses them, a file may hold them.
    clean = line.encode("utf-8", "replace").decode("utf-8")
    for found in sentencex.get_sentence_boundaries(str(detect(line)), clean):
        yield from _trimmed(text, start + found["start_index"], start + found["end_index"])


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Commas cut a long sentence, greedily, into parts that are long enough to mean something."""
    if size(text[start:end]) <= LONG_UNIT:
        yield start, end
        return
    left = right = start
    for part_start, part_end in _split(text, start, end, _COMMA):
        if right > left and size(text[left:part_end]) > LONG_UNIT // 2:
            yield from _trimmed(text, left, right)
            left = part_start
        right = part_end
    yield from _trimmed(text, left, end)


def _split(text: str, start: int, end: int, mark: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    left = start
    for found in mark.finditer(text, start, end):
        yield from _trimmed(text, left, found.end())
        left = found.end()
    yield from _trimmed(text, left, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


_HAN_OR_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+")


def size(text: str) -> int:
    """Length in Han characters, a word of another script counting two."""
    return sum(1 if "\u3400" <= word[0] <= "\ufaff" else 2 for word in _HAN_OR_WORD.findall(text))
