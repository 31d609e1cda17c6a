"""What may stand in a question and in an attempt, and a question as plain data.

Two halves. The checks say what is wrong with values whose shape is right already (the shape is
the business of pydantic over HTTP and of the JSON Schema for files); they return every fault with
its pointer instead of stopping at the first. The conversions are between `Question` and the dict
that seed files, exports and the author view of the API share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from service import ids
from service.domain import (
    Answer,
    Language,
    Misconception,
    Point,
    PointKind,
    Question,
    Reveal,
    Rule,
    Sample,
    Source,
)
from service.errors import FieldFault, InvalidInput
from service.exchange import Judgement
from service.grader.language import detect

Item = TypeVar("Item")

LEVELS = ("excellent", "good", "weak", "wrong")
"""What a sample answer can be."""

_MAX_SLUG = 100
_MAX_LABEL = 100
_MAX_CANDIDATE = 255
_MAX_DEPTH = 32
_LONGEST_TEXT = 20_000
_LONGEST_REASON = 5_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a thing is accepted; the settings of the same names."""

    max_points: int = 64
    max_phrasings: int = 16
    max_answer_chars: int = 20_000


def refuse(detail: str, faults: Sequence[FieldFault]) -> None:
    """Raise InvalidInput if there are faults."""
    if faults:
        raise InvalidInput(detail, faults)


# Text --------------------------------------------------------------------------------------------


def check_text(text: str, pointer: str, *, longest: int | None = None) -> list[FieldFault]:
    """What keeps a text from being stored and given back byte for byte.

    Postgres has no NUL in a text, and a lone surrogate is no character and has no UTF-8. All
    else in Unicode passes.
    """
    faults = []
    nul = text.find("\0")
    if nul >= 0:
        detail = f"holds the character NUL (U+0000) at position {nul}, which cannot be stored"
        faults.append(FieldFault(pointer=pointer, detail=detail))
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        detail = (
            f"holds half a surrogate pair (U+{ord(text[fault.start]):04X}) at position "
            f"{fault.start}, which is no character"
        )
        faults.append(FieldFault(pointer=pointer, detail=detail))
    if longest is not None and len(text) > longest:
        detail = f"has {len(text)} characters; at most {longest} are accepted"
        faults.append(FieldFault(pointer=pointer, detail=detail))
    return faults


def check_words(text: str, pointer: str, longest: int = _LONGEST_TEXT) -> list[FieldFault]:
    """As `check_text`, for a text that has to say something."""
    if not text.strip():
        return [FieldFault(pointer=pointer, detail="must not be blank")]
    return check_text(text, pointer, longest=longest)


def _check_slug(text: str, pointer: str) -> list[FieldFault]:
    if len(text) <= _MAX_SLUG and ids.SLUG.fullmatch(text):
        return []
    detail = (
        "must be lowercase letters and digits in groups joined by single hyphens, "
        f"at most {_MAX_SLUG} characters"
    )
    return [FieldFault(pointer=pointer, detail=detail)]


# Attempts ----------------------------------------------------------------------------------------


def check_answer(answer: Answer, limits: Limits) -> list[FieldFault]:
    """What keeps an answer from being accepted. Blank is fine: it is graded, with 0."""
    return check_text(answer.text, "#/answer", longest=limits.max_answer_chars)


def check_candidate(external_id: str) -> list[FieldFault]:
    """What keeps a platform's candidate id from being one."""
    return check_words(external_id, "#/candidate", _MAX_CANDIDATE)


def check_metadata(metadata: Mapping[str, Any]) -> list[FieldFault]:
    """What keeps metadata from coming back untouched: bad text, NaN, or no end of nesting."""
    return list(_value_faults(metadata, "#/metadata", 0))


def check_judgement(judgement: Judgement) -> list[FieldFault]:
    """What keeps a review from being accepted, whatever the question."""
    faults = check_words(judgement.reviewer, "#/reviewer", _MAX_CANDIDATE)
    faults += check_words(judgement.reason, "#/reason", _LONGEST_REASON)
    score = judgement.score
    if score is None and not judgement.verdicts:
        detail = "give verdicts, or a score, or both"
        faults.append(FieldFault(pointer="#", detail=detail))
    if score is not None and not 0.0 <= score <= 100.0:
        faults.append(FieldFault(pointer="#/score", detail="must be from 0 to 100"))
    return faults


def _value_faults(value: object, pointer: str, depth: int) -> Iterator[FieldFault]:
    if depth > _MAX_DEPTH:
        yield FieldFault(pointer=pointer, detail=f"is nested deeper than {_MAX_DEPTH} levels")
    elif isinstance(value, str):
        yield from check_text(value, pointer)
    elif isinstance(value, float) and not math.isfinite(value):
        yield FieldFault(pointer=pointer, detail="is not a number that JSON has")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            bad_key = check_text(key, pointer)
            yield from bad_key
            if not bad_key:
                yield from _value_faults(inner, f"{pointer}/{_escape(key)}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _value_faults(inner, f"{pointer}/{index}", depth + 1)


def _escape(key: str) -> str:
    """A member name as JSON Pointer writes it."""
    return key.replace("~", "~0").replace("/", "~1")


# Questions ---------------------------------------------------------------------------------------


def check_content(question: Question, limits: Limits) -> list[FieldFault]:
    """Everything that is wrong with a question's content, in the order of its fields."""
    return [
        *_check_slug(question.slug, "#/slug"),
        *check_words(question.topic, "#/topic", _MAX_LABEL),
        *_check_difficulty(question.difficulty),
        *_check_tags(question.tags),
        *_check_languages(question.prompt, "#/prompt"),
        *_check_sources(question.sources),
        *check_rubric(question, limits),
        *_check_samples(question.samples),
    ]


def check_rubric(question: Question, limits: Limits) -> list[FieldFault]:
    """The faults of rule, points and misconceptions alone: all that a rubric sent along with an
    answer has."""
    return [
        *_check_rule(question.rule, question.points),
        *_check_count(question.points, "#/points", limits.max_points, least=1),
        *_check_keys([point.key for point in question.points], "#/points"),
        *_each(_check_point, question.points, "#/points", limits),
        *_check_count(question.misconceptions, "#/misconceptions", limits.max_points, least=0),
        *_check_keys([wrong.key for wrong in question.misconceptions], "#/misconceptions"),
        *_each(_check_misconception, question.misconceptions, "#/misconceptions", limits),
        *_check_contradicts(question),
    ]


def _each(
    check: Callable[[Item, str, Limits], Iterator[FieldFault]],
    items: Sequence[Item],
    pointer: str,
    limits: Limits,
) -> Iterator[FieldFault]:
    for index, item in enumerate(items):
        yield from check(item, f"{pointer}/{index}", limits)


def _check_point(point: Point, pointer: str, limits: Limits) -> Iterator[FieldFault]:
    if not (math.isfinite(point.weight) and point.weight > 0):
        yield FieldFault(pointer=f"{pointer}/weight", detail="must be a number above 0")
    yield from _check_languages(point.statement, f"{pointer}/statement")
    yield from _check_phrasings(point.phrasings, f"{pointer}/phrasings", limits)
    yield from _check_texts(point.hint, f"{pointer}/hint")
    for index, term in enumerate(point.terms):
        yield from check_words(term, f"{pointer}/terms/{index}", _MAX_LABEL)


def _check_misconception(
    wrong: Misconception, pointer: str, limits: Limits
) -> Iterator[FieldFault]:
    yield from _check_languages(wrong.statement, f"{pointer}/statement")
    yield from _check_phrasings(wrong.phrasings, f"{pointer}/phrasings", limits)
    yield from _check_texts(wrong.feedback, f"{pointer}/feedback")


def _check_languages(texts: Mapping[Language, str], pointer: str) -> Iterator[FieldFault]:
    if not texts:
        yield FieldFault(pointer=pointer, detail="must be there in at least one language")
    yield from _check_texts(texts, pointer)


def _check_texts(texts: Mapping[Language, str], pointer: str) -> Iterator[FieldFault]:
    for language, text in texts.items():
        yield from check_words(text, f"{pointer}/{language}")


def _check_phrasings(
    phrasings: Mapping[Language, tuple[str, ...]], pointer: str, limits: Limits
) -> Iterator[FieldFault]:
    count = sum(len(texts) for texts in phrasings.values())
    if count > limits.max_phrasings:
        detail = f"has {count}, all languages together; at most {limits.max_phrasings} are accepted"
        yield FieldFault(pointer=pointer, detail=detail)
    for language, texts in phrasings.items():
        for index, text in enumerate(texts):
            yield from check_words(text, f"{pointer}/{language}/{index}")


def _check_count(
    items: Sequence[object], pointer: str, most: int, *, least: int
) -> Iterator[FieldFault]:
    if len(items) < least:
        yield FieldFault(pointer=pointer, detail=f"must have at least {least}")
    if len(items) > most:
        detail = f"has {len(items)}; at most {most} are accepted"
        yield FieldFault(pointer=pointer, detail=detail)


def _check_keys(keys: Sequence[str], pointer: str) -> Iterator[FieldFault]:
    first_use: dict[str, int] = {}
    for index, key in enumerate(keys):
        yield from _check_slug(key, f"{pointer}/{index}/key")
        first = first_use.setdefault(key, index)
        if first < index:
            detail = f"is used by number {first} too; keys are unique in a question"
            yield FieldFault(pointer=f"{pointer}/{index}/key", detail=detail)


def _check_contradicts(question: Question) -> Iterator[FieldFault]:
    keys = {point.key for point in question.points}
    for index, wrong in enumerate(question.misconceptions):
        if wrong.contradicts is not None and wrong.contradicts not in keys:
            pointer = f"#/misconceptions/{index}/contradicts"
            yield FieldFault(pointer=pointer, detail="is not the key of a point of this question")


def _check_rule(rule: Rule, points: Sequence[Point]) -> Iterator[FieldFault]:
    if rule.any_of is None:
        if points and not any(point.kind is PointKind.REQUIRED for point in points):
            detail = "a weighted question needs a required point: they make up the maximum"
            yield FieldFault(pointer="#/points", detail=detail)
    elif not 1 <= rule.any_of <= max(1, len(points)):
        detail = f"must be between 1 and the number of points, {len(points)}"
        yield FieldFault(pointer="#/rule/any_of", detail=detail)


def _check_difficulty(difficulty: int) -> Iterator[FieldFault]:
    if not 1 <= difficulty <= 5:
        yield FieldFault(pointer="#/difficulty", detail="must be between 1 and 5")


def _check_tags(tags: Sequence[str]) -> Iterator[FieldFault]:
    seen: set[str] = set()
    for index, tag in enumerate(tags):
        yield from check_words(tag, f"#/tags/{index}", _MAX_LABEL)
        if tag in seen:
            yield FieldFault(pointer=f"#/tags/{index}", detail="stands here twice")
        seen.add(tag)


def _check_sources(sources: Sequence[Source]) -> Iterator[FieldFault]:
    for index, source in enumerate(sources):
        yield from check_words(source.title, f"#/sources/{index}/title")
        if source.url is not None:
            yield from _check_url(source.url, f"#/sources/{index}/url")


def _check_url(url: str, pointer: str) -> list[FieldFault]:
    # Pages show sources as links, so a javascript: address must never get that far.
    if not url.startswith(("https://", "http://")):
        return [FieldFault(pointer=pointer, detail="must begin with https:// or http://")]
    return check_text(url, pointer, longest=_LONGEST_TEXT)


def _check_samples(samples: Sequence[Sample]) -> Iterator[FieldFault]:
    for index, sample in enumerate(samples):
        pointer = f"#/samples/{index}"
        if sample.level not in LEVELS:
            detail = f"must be one of {', '.join(LEVELS)}"
            yield FieldFault(pointer=f"{pointer}/level", detail=detail)
        if not 0 <= sample.score <= 100:
            yield FieldFault(pointer=f"{pointer}/score", detail="must be between 0 and 100")
        yield from check_text(sample.answer, f"{pointer}/answer", longest=_LONGEST_TEXT)


# Questions as plain data -------------------------------------------------------------------------


def content_from_dict(data: Mapping[str, Any]) -> Question:
    """A question from the shape of seed files and of the author view; see `content_to_dict`.

    A statement may be a plain string and phrasings a plain list: their language is then detected.
    Expects the right shape and checks nothing else.
    """
    return Question(
        slug=data["slug"],
        topic=data["topic"],
        difficulty=data["difficulty"],
        prompt=_texts(data["prompt"]),
        points=tuple(
            point_from_dict(point, number) for number, point in enumerate(data["points"], 1)
        ),
        misconceptions=tuple(
            misconception_from_dict(wrong, number)
            for number, wrong in enumerate(data.get("misconceptions") or (), 1)
        ),
        rule=rule_from_data(data.get("rule")),
        reveal=Reveal(data.get("reveal_points") or Reveal.AFTER_ATTEMPT),
        tags=tuple(data.get("tags") or ()),
        sources=tuple(
            Source(title=source["title"], url=source.get("url"))
            for source in data.get("sources") or ()
        ),
        samples=tuple(_sample_from_dict(sample) for sample in data.get("samples") or ()),
    )


def point_from_dict(data: Mapping[str, Any], number: int) -> Point:
    """A point; without a key of its own it is ``point-<number>``."""
    return Point(
        key=data.get("key") or f"point-{number}",
        statement=_texts(data["statement"]),
        phrasings=_text_lists(data.get("phrasings")),
        weight=float(data.get("weight", 1.0)),
        kind=PointKind(data.get("kind") or PointKind.REQUIRED),
        hint=_texts(data.get("hint")),
        terms=tuple(data.get("terms") or ()),
    )


def misconception_from_dict(data: Mapping[str, Any], number: int) -> Misconception:
    """A misconception; without a key of its own it is ``misconception-<number>``."""
    return Misconception(
        key=data.get("key") or f"misconception-{number}",
        statement=_texts(data["statement"]),
        phrasings=_text_lists(data.get("phrasings")),
        contradicts=data.get("contradicts"),
        feedback=_texts(data.get("feedback")),
    )


def rule_from_data(data: str | Mapping[str, int] | None) -> Rule:
    """The rule from ``"weighted"``, ``{"any_of": n}`` or nothing."""
    return Rule(any_of=data["any_of"]) if isinstance(data, Mapping) else Rule()


def content_to_dict(question: Question) -> dict[str, Any]:
    """A question as plain data, whole: every field is there, empty ones too."""
    return {
        "slug": question.slug,
        "topic": question.topic,
        "difficulty": question.difficulty,
        "tags": list(question.tags),
        "prompt": _plain_texts(question.prompt),
        "sources": [
            {"title": source.title} | ({"url": source.url} if source.url is not None else {})
            for source in question.sources
        ],
        "rule": "weighted" if question.rule.any_of is None else {"any_of": question.rule.any_of},
        "reveal_points": question.reveal.value,
        "points": [_point_to_dict(point) for point in question.points],
        "misconceptions": [_misconception_to_dict(wrong) for wrong in question.misconceptions],
        "samples": [
            {
                "language": sample.language.value,
                "level": sample.level,
                "score": sample.score,
                "answer": sample.answer,
            }
            for sample in question.samples
        ],
    }


def _point_to_dict(point: Point) -> dict[str, Any]:
    return {
        "key": point.key,
        "kind": point.kind.value,
        "weight": point.weight,
        "statement": _plain_texts(point.statement),
        "phrasings": _plain_lists(point.phrasings),
        "hint": _plain_texts(point.hint),
        "terms": list(point.terms),
    }


def _misconception_to_dict(wrong: Misconception) -> dict[str, Any]:
    contradicts = {} if wrong.contradicts is None else {"contradicts": wrong.contradicts}
    return {
        "key": wrong.key,
        **contradicts,
        "statement": _plain_texts(wrong.statement),
        "phrasings": _plain_lists(wrong.phrasings),
        "feedback": _plain_texts(wrong.feedback),
    }


def _sample_from_dict(data: Mapping[str, Any]) -> Sample:
    return Sample(
        language=Language(data["language"]),
        level=data["level"],
        score=float(data["score"]),
        answer=data["answer"],
    )


def _texts(data: str | Mapping[str, str] | None) -> dict[Language, str]:
    if isinstance(data, str):
        return {detect(data): data}
    return {Language(language): text for language, text in (data or {}).items()}


def _text_lists(
    data: Sequence[str] | Mapping[str, Sequence[str]] | None,
) -> dict[Language, tuple[str, ...]]:
    """Phrasings by language; a language without any is left out, so that equal content is equal."""
    if isinstance(data, Mapping):
        return {Language(language): tuple(texts) for language, texts in data.items() if texts}
    return _by_language((detect(text), text) for text in data or ())


def _by_language(texts: Iterable[tuple[Language, str]]) -> dict[Language, tuple[str, ...]]:
    found: dict[Language, tuple[str, ...]] = {}
    for language, text in texts:
        found[language] = (*found.get(language, ()), text)
    return found


def _plain_texts(texts: Mapping[Language, str]) -> dict[str, str]:
    return {language.value: text for language, text in texts.items()}


def _plain_lists(texts: Mapping[Language, tuple[str, ...]]) -> dict[str, list[str]]:
    return {language.value: list(listed) for language, listed in texts.items()}
