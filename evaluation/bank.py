"""Cases made of our own questions: what human-graded sets lack.

Those sets hold no misconceptions, no rubric with points kept apart, and hardly any contradiction in
Chinese. Our rubrics do: each phrasing, left out of its point, is an answer that earns
that point and no other; each misconception contradicts its point; a negated statement denies it.
And they have sample answers, whole ones, with the marks that their authors gave.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import TypeVar

from evaluation.data import Row
from evaluation.measured import Case
from evaluation.negate import negate
from service.domain import Language, Misconception, Point, Question
from service.grader.references import question_from_references
from service.grader.signals import items_of

Item = TypeVar("Item", Point, Misconception)

SAID = "bank: said"
DENIED = "bank: denied"
UNSAID = "bank: not said"
SAMPLES = "bank: samples"
REFERENCES = "references"
ELSEWHERE = "elsewhere"
MADE = frozenset({SAID, DENIED, UNSAID, SAMPLES, REFERENCES, ELSEWHERE})
"""Data sets we made ourselves: fitted on, never reported as agreement with people."""
WORDINGS = 4
"""About so many wordings of an item are each left out and tried as an answer. Every question has a
hundred; more questions teach more than all wordings of a few."""


def bank_cases(questions: Sequence[Question]) -> list[Case]:
    """Cases of all the questions given, one for each answer and point."""
    return [case for question in questions for case in _of_question(question)]


def sample_cases(questions: Sequence[Question]) -> list[Case]:
    """The sample answers with their marks."""
    return [
        Case(
            question=question,
            alternatives=None,
            answer=sample.answer,
            target=sample.score / 100.0,
            contradictory=None,
            dataset=SAMPLES,
            group=f"bank/{question.slug}",
        )
        for question in questions
        for sample in question.samples
    ]


def reference_cases(rows: Sequence[Row]) -> list[Case]:
    """The first reference of each question as an answer to itself, plain and negated."""
    cases = []
    for row in _one_a_question(rows):
        reference = row.references[0]
        question, alternatives = question_from_references([reference], prompt=row.question)
        cases.append(_whole(row, question, alternatives, reference, contradictory=False))
        denied = [negate(point.statement[next(iter(point.statement))]) for point in question.points]
        if all(denied):
            answer = "\n".join(text for text in denied if text)
            cases.append(_whole(row, question, alternatives, answer, contradictory=True))
    return cases


def elsewhere_cases(rows: Sequence[Row], answers: int = 6) -> list[Case]:
    """Answers to other questions of the same set: off the topic, and worth nothing.

    The other question is the one half the set away, so that neighbours on one subject don't meet.
    """
    cases = []
    for name in sorted({row.dataset for row in rows}):
        ours = [row for row in rows if row.dataset == name]
        asked = _one_a_question(ours)
        for index, row in enumerate(asked):
            other = asked[(index + len(asked) // 2) % len(asked)]
            given = [r.answer for r in ours if r.group == other.group and r.score >= 0.5][:answers]
            if other.group == row.group or other.question == row.question:
                continue
            question, alternatives = question_from_references(row.references, prompt=row.question)
            cases += [
                replace(
                    _whole(row, question, alternatives, answer, contradictory=False),
                    target=0.0,
                    dataset=ELSEWHERE,
                )
                for answer in given
            ]
    return cases


def _one_a_question(rows: Sequence[Row]) -> list[Row]:
    return list({row.group: row for row in rows}.values())


def _whole(
    row: Row,
    question: Question,
    alternatives: tuple[tuple[str, ...], ...],
    answer: str,
    *,
    contradictory: bool,
) -> Case:
    return Case(
        question=question,
        alternatives=alternatives,
        answer=answer,
        target=0.0 if contradictory else 1.0,
        contradictory=contradictory,
        dataset=REFERENCES,
        group=row.group,
    )


def _of_question(question: Question) -> Iterator[Case]:
    for point in question.points:
        for text in _some(point):
            yield from _says(_without(question, point, text), {point.key}, text)
        for text in point.statement.values():
            yield from _says(question, {point.key}, text)
            denied = negate(text)
            if denied:
                yield from _denies(question, point.key, denied)
    for one, other in itertools.pairwise(question.points):
        for language in one.statement.keys() & other.statement.keys():
            for text in _joined(one, other, language):
                yield from _says(question, {one.key, other.key}, text)
    for item in question.misconceptions:
        for text in _some(item):
            left = _without_misconception(question, item, text)
            yield from _denies(left, item.contradicts, text)
            yield _case(left, text, item.key, target=1.0)


def _some(item: Item) -> Sequence[str]:
    """Wordings of an item, spread over its languages."""
    texts = [text for _, text in item.texts()]
    return texts[:: max(1, len(texts) // WORDINGS)]


def _joined(one: Point, other: Point, language: Language) -> Iterator[str]:
    """Sentences that state two points, as people do; the nearer one must not hide the other."""
    both = ", and " if language is Language.EN else "，而且"
    for left, right in zip(
        one.phrasings.get(language, ()), other.phrasings.get(language, ()), strict=False
    ):
        yield f"{left.rstrip('.。')}{both}{right}"


def _says(question: Question, keys: Set[str], text: str) -> Iterator[Case]:
    """`text` earns the points `keys`, no others, and shows no misconception."""
    for item in items_of(question):
        yield _case(question, text, item.key, target=float(item.key in keys))


def _denies(question: Question, key: str | None, text: str) -> Iterator[Case]:
    """`text` contradicts the point `key` and earns none."""
    for point in question.points:
        yield _case(question, text, point.key, target=0.0, contradictory=point.key == key)


def _case(
    question: Question, answer: str, item: str, *, target: float, contradictory: bool = False
) -> Case:
    return Case(
        question=question,
        alternatives=None,
        answer=answer,
        target=target,
        contradictory=contradictory,
        dataset=DENIED if contradictory else SAID if target else UNSAID,
        group=f"bank/{question.slug}",
        item=item,
    )


def _without(question: Question, point: Point, text: str) -> Question:
    """The question with this phrasing of the point unknown."""
    left = _left_out(point, text)
    return replace(
        question, points=tuple(left if p.key == point.key else p for p in question.points)
    )


def _without_misconception(question: Question, item: Misconception, text: str) -> Question:
    left = _left_out(item, text)
    return replace(
        question,
        misconceptions=tuple(left if m.key == item.key else m for m in question.misconceptions),
    )


def _left_out(item: Item, text: str) -> Item:
    return replace(
        item,
        statement={name: said for name, said in item.statement.items() if said != text},
        phrasings={
            name: tuple(said for said in texts if said != text)
            for name, texts in item.phrasings.items()
        },
    )
