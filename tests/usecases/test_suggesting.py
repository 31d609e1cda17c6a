"""Ideas of good candidates that no point covers: the arithmetic, and what is read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import reviewing, usecases
from service.domain import Answer, Language, Verdict
from service.errors import NotFound, NotPublished
from service.exchange import Judgement
from service.grader import KeptQuestion, Marked
from service.grader.signals import Embedded
from service.store import Store
from service.suggesting import (
    ENOUGH,
    FEWEST,
    LEAST_SHARE,
    MOST_EXAMPLES,
    MOST_SHOWN,
    Suggestion,
    Wording,
    Written,
    suggested,
    upper_half,
)
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question

EN, ZH = Language.EN, Language.ZH
DIMENSION = 8


def direction(axis: int) -> Any:
    """A unit vector (8,)."""
    return np.eye(DIMENSION, dtype=np.float32)[axis]


# Texts of a question whose mean is zero, so that cosines can be told without a calculator.
WORDINGS = [
    Wording(point=f"p{axis}" if sign > 0 else None, vector=sign * direction(axis))
    for axis in range(4)
    for sign in (1, -1)
]


def written(name: str, *axes: int, score: float = 80.0, told: Sequence[int] = ()) -> Written:
    """An answer with a sentence for each axis; those at `told` are evidence."""
    return Written(
        attempt_id=name,
        score=score,
        sentences=tuple(f"{name} says {axis}." for axis in axes),
        vectors=np.stack([direction(axis) for axis in axes])
        if axes
        else np.zeros((0, 0), dtype=np.float32),
        told=np.array([index in told for index in range(len(axes))], dtype=bool),
    )


def test_an_idea_of_three_candidates_is_suggested_with_the_point_that_is_nearest() -> None:
    tilted = replace(
        written("c", 6, score=50.0),
        vectors=np.stack([0.9 * direction(6) + np.sqrt(0.19) * direction(2)]),
    )

    (found,) = suggested([written("a", 6), written("b", 6), tilted], WORDINGS)

    assert (found.candidates, found.share, found.mean) == (3, 1.0, 70.0)
    assert [each.attempt_id for each in found.examples] == ["a", "b", "c"]
    assert found.text == "a says 6."
    assert found.nearest_point is not None
    assert found.nearest_point.similarity == pytest.approx(0.0, abs=1e-6)


def test_a_phrasing_of_a_point_is_known_by_its_similarity() -> None:
    (found,) = suggested([written(name, 2) for name in "abc"], WORDINGS)

    assert found.nearest_point is not None
    assert (found.nearest_point.key, found.nearest_point.similarity) == ("p2", 1.0)


def test_sentences_that_the_result_tells_of_are_not_suggested() -> None:
    answers = [written(name, 6, 7, told=[0]) for name in "abc"]

    (found,) = suggested(answers, WORDINGS)

    assert found.text == "a says 7."


def test_a_candidate_has_one_vote_however_often_they_say_it() -> None:
    assert suggested([written("a", 6, 6, 6), written("b", 6)], WORDINGS) == ()


def test_the_most_frequent_idea_comes_first_and_takes_its_sentences() -> None:
    answers = [written(name, 6, 7) for name in "abc"] + [written(name, 7) for name in "de"]

    found = suggested(answers, WORDINGS)

    assert [(each.text[-2], each.candidates) for each in found] == [("7", 5), ("6", 3)]


def test_three_are_too_few_among_many() -> None:
    many = [written(f"c{number}", number % 2) for number in range(70)]
    few = [written(name, 6) for name in "abc"]

    assert {each.text[-2] for each in suggested(few + many, WORDINGS)} == {"0", "1"}


def test_without_enough_texts_of_the_question_credited_sentences_help_out() -> None:
    plain = [written(name, 6) for name in "abc"]
    credited = [written(f"d{axis}", axis, 7, told=[0]) for axis in range(ENOUGH - 2)]

    assert suggested(plain, WORDINGS[: ENOUGH - 1]) == ()
    assert suggested(plain, []) == ()
    (first, second) = suggested(plain + credited, WORDINGS[:2])
    assert (first.text[-2], second.text[-2]) == ("7", "6")
    (found, *_) = suggested(plain + credited + credited, [])
    assert found.nearest_point is None


def test_the_upper_half_is_what_is_not_below_the_median() -> None:
    assert upper_half([10.0, 90.0, 50.0, 50.0]).tolist() == [False, True, True, True]
    assert upper_half([0.0, 0.0, 0.0, 5.0]).tolist() == [False, False, False, True]
    assert upper_half([]).tolist() == []


def some_answers(draw: Any) -> list[Written]:
    seed = draw(st.integers(0, 2**32 - 1))
    spread = draw(st.sampled_from([0.0, 0.2, 0.6]))
    chance = np.random.default_rng(seed)
    found = []
    for number in range(draw(st.integers(0, 40))):
        axes = chance.integers(0, DIMENSION, size=chance.integers(0, 6))
        answer = written(f"c{number}", *axes, score=float(chance.integers(1, 101)))
        noise = chance.normal(scale=spread, size=answer.vectors.shape).astype(np.float32)
        told = chance.random(len(axes)) < 0.3
        found.append(replace(answer, vectors=answer.vectors + noise, told=told))
    return found


answers = st.composite(some_answers)()


@given(answers, st.floats(0.1, 1.0))
def test_whatever_is_suggested_was_written_by_enough_candidates(
    given_: list[Written], similarity: float
) -> None:
    found = suggested(given_, WORDINGS, similarity)

    by_id = {answer.attempt_id: answer for answer in given_}
    untold = {
        answer.attempt_id: {
            text for text, told in zip(answer.sentences, answer.told, strict=True) if not told
        }
        for answer in given_
    }
    counts = [each.candidates for each in found]
    assert counts == sorted(counts, reverse=True)
    assert len(found) <= MOST_SHOWN
    for each in found:
        assert max(FEWEST, LEAST_SHARE * len(given_)) <= each.candidates <= len(given_)
        assert each.share == round(each.candidates / len(given_), 4)
        assert min(a.score for a in given_) <= each.mean <= max(a.score for a in given_)
        assert len(each.examples) == min(MOST_EXAMPLES, each.candidates)
        assert len({example.attempt_id for example in each.examples}) == len(each.examples)
        assert each.text == each.examples[0].text
        for example in each.examples:
            assert example.text in untold[by_id[example.attempt_id].attempt_id]


@given(answers)
def test_the_first_group_is_the_largest_there_is(given_: list[Written]) -> None:
    found = suggested(given_, WORDINGS, 0.5)

    rows = [
        (owner, vector / max(float(np.linalg.norm(vector)), 1e-9))
        for owner, answer in enumerate(given_)
        for vector in answer.vectors[~answer.told]
    ]
    largest = max(
        (len({owner for owner, other in rows if one @ other >= 0.5 - 1e-6}) for _, one in rows),
        default=0,
    )
    if largest >= max(FEWEST, LEAST_SHARE * len(given_)):
        assert found[0].candidates == largest
    else:
        assert found == ()


# From the database -------------------------------------------------------------------------------


class Speller(StandInGrader):
    """Marks answers like ``70: Cheap to compute. It bends. x``: the score, then sentences.

    A sentence's first letter is its axis. The first sentence is evidence for the first point; the
    second point is missing. The question's texts lie around zero.
    """

    def keep(self, question: Any, kept: object = None) -> Any:
        texts = sum(len(each.texts()) for each in (*question.points, *question.misconceptions))
        texts += len(question.prompt)
        vectors = [(-1) ** row * direction(row // 2 % 4) for row in range(texts)]
        return KeptQuestion(said=_embedded(vectors), texts="texts")

    def grade(self, *args: Any, **kwargs: Any) -> Marked:
        marked = super().grade(*args, **kwargs)
        text = args[1].text
        score, _, rest = text.partition(":")
        spans, start = [], len(score) + 1
        for sentence in rest.split("."):
            if sentence.strip():
                spans.append((start + 1, start + len(sentence) + 1))
            start += len(sentence) + 1
        first = marked.grade.points[0].evidence[0]
        begin, end = spans[0]
        told = replace(first, start=begin, end=end, text=text[begin:end])
        covered, missing = marked.grade.points
        points = (
            replace(covered, evidence=(told,)),
            replace(missing, verdict=Verdict.MISSING, credit=0.0, evidence=()),
        )
        vectors = [direction("abcdefgh".find(text[a].lower())) for a, b in spans]
        grade = replace(
            marked.grade, score=float(score), points=points, misconceptions=(), flags=()
        )
        return replace(marked, grade=grade, spans=tuple(spans), said=_embedded(vectors))


def _embedded(vectors: Sequence[Any]) -> Embedded:
    return Embedded(
        vectors=np.stack(vectors).astype(np.float32),
        tokens=(np.full((1, 2), 127, dtype=np.int8),) * len(vectors),
        token_dimension=2,
        background="stand-in",
    )


class Course:
    """A published question and those who answer it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cache = QuestionCache()
        point = a_question().points[0]
        more = replace(point, phrasings={EN: tuple(f"Wording {n}." for n in range(8))})
        question = a_question(points=(more, a_question().points[1]))
        usecases.create_question(store, question, actor=None)
        usecases.publish(store, "why-relu", if_match="*", actor=None)

    def submit(self, candidate: str, text: str, language: Language = EN) -> str:
        grader: Any = Speller()
        return usecases.submit_attempt(
            self.store,
            grader,
            self.cache,
            "why-relu",
            candidate=candidate,
            answer=Answer(text=text, language=language),
            metadata={},
            key_id=None,
        ).attempt_id

    def found(self, **asked: Any) -> tuple[int, int, tuple[Suggestion, ...]]:
        _, good, suggestions = usecases.suggested_points(self.store, "why-relu", **asked)
        return good.attempts, len(good.answers), suggestions


@pytest.fixture
def course(store: Store) -> Course:
    return Course(store)


def test_without_attempts_nothing_is_suggested(course: Course) -> None:
    version, good, found = usecases.suggested_points(course.store, "why-relu")

    assert version.content.slug == "why-relu"
    assert (good.language, good.attempts, good.answers, found) == (None, 0, (), ())


def test_what_good_candidates_say_besides_is_suggested(course: Course) -> None:
    attempts = [course.submit(f"c{n}", f"{70 + n}: A point. Further thoughts.") for n in range(3)]
    for number in range(3):
        course.submit(f"w{number}", "10: A point. Hardly true.")

    considered, good, (found,) = course.found()

    assert (considered, good) == (6, 3)
    assert (found.text, found.candidates, found.share) == ("Further thoughts.", 3, 1.0)
    assert found.mean == 71.0
    assert {example.attempt_id for example in found.examples} == set(attempts)
    assert found.nearest_point is not None
    assert found.nearest_point.similarity < 0.25


def test_only_the_newest_answer_of_a_candidate_counts(course: Course) -> None:
    for _ in range(3):
        course.submit("c", "70: A point. Further thoughts.")

    assert course.found() == (1, 1, ())


def test_a_reviewers_verdict_and_mark_stand_before_the_graders(course: Course) -> None:
    attempts = [course.submit(f"c{n}", "10: Further thoughts.") for n in range(3)]
    course.submit("d", "60: A point.")
    assert course.found()[2] == ()
    judgement = Judgement(
        reviewer="grace", verdicts={"no-saturation": Verdict.MISSING}, score=90.0, reason="So."
    )
    for attempt in attempts:
        reviewing.review(course.store, attempt, judgement, actor=None)

    considered, good, (found,) = course.found()

    assert (considered, good, found.text, found.mean) == (4, 3, "Further thoughts.", 90.0)


def test_languages_are_kept_apart_and_most_answers_choose(course: Course) -> None:
    for number in range(3):
        course.submit(f"c{number}", "70: A point. Further thoughts.")
    for number in range(2):
        course.submit(f"z{number}", "70: A 很好很好. G 很好很好很好.", ZH)

    assert course.found()[:2] == (3, 3)
    assert course.found(language=ZH)[:2] == (2, 2)
    assert course.found(language=ZH)[2] == ()


def test_an_erased_candidate_is_not_quoted(course: Course) -> None:
    for number in range(3):
        course.submit(f"c{number}", "70: A point. Further thoughts.")
    assert len(course.found()[2]) == 1

    usecases.erase_candidate(course.store, "c1", actor=None)

    assert course.found() == (2, 2, ())


def test_a_question_without_answers_to_look_at_is_told_of(course: Course) -> None:
    usecases.create_question(course.store, a_question(slug="draft"), actor=None)

    with pytest.raises(NotFound):
        usecases.suggested_points(course.store, "nowhere")
    with pytest.raises(NotFound):
        usecases.suggested_points(course.store, "why-relu", 2)
    with pytest.raises(NotPublished):
        usecases.suggested_points(course.store, "draft")
