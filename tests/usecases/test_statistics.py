"""Statistics of questions and points, computed by the database and again here."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from service import ids, reviewing, sessions, usecases
from service.domain import Answer, Feedback, FlagCode, Scope, Verdict
from service.errors import NotFound, NotPublished
from service.exchange import Judgement, SessionPlan
from service.grader import Marked
from service.store import Store
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question

CREDITS = {"covered": 1.0, "partial": 0.5, "missing": 0.0, "contradicted": 0.0}


class Told(StandInGrader):
    """Gives the score and the verdicts that the answer asks for: ``50 covered missing``."""

    def grade(self, *args: Any, **kwargs: Any) -> Marked:
        marked = super().grade(*args, **kwargs)
        score, *verdicts = args[1].text.split()
        points = tuple(
            replace(point, verdict=Verdict(verdict), credit=CREDITS[verdict])
            for point, verdict in zip(marked.grade.points, verdicts, strict=True)
        )
        return replace(marked, grade=replace(marked.grade, score=float(score), points=points))


class Course:
    """Two published questions and those who answer them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cache = QuestionCache()
        for slug in ("why-relu", "other"):
            usecases.create_question(store, a_question(slug=slug), actor=None)
            usecases.publish(store, slug, if_match="*", actor=None)

    def submit(self, candidate: str, text: str, slug: str = "why-relu") -> str:
        grader: Any = Told()
        made = usecases.submit_attempt(
            self.store,
            grader,
            self.cache,
            slug,
            candidate=candidate,
            answer=Answer(text=text),
            metadata={},
            key_id=None,
        )
        return made.attempt_id

    def review(self, attempt: str, score: float, **verdicts: Verdict) -> None:
        keyed = {key.replace("_", "-"): verdict for key, verdict in verdicts.items()}
        judgement = Judgement(reviewer="grace", verdicts=keyed, score=score, reason="So.")
        reviewing.review(self.store, attempt, judgement, actor=None)


@pytest.fixture
def course(store: Store) -> Course:
    return Course(store)


def test_without_attempts_there_is_nothing_to_tell(course: Course) -> None:
    version, found = usecases.question_statistics(course.store, "why-relu")

    assert (version.content.slug, found.attempts, found.mean) == ("why-relu", 0, None)
    assert (found.deviation, found.discrimination, found.points) == (None, None, ())


def test_statistics_are_those_of_the_books(course: Course) -> None:
    chance = random.Random(3)
    rows = []
    for number in range(30):
        verdicts = [chance.choice(list(CREDITS)) for _ in range(2)]
        score, other = chance.randrange(101), chance.randrange(101)
        course.submit(f"c{number}", f"{score} {' '.join(verdicts)}")
        course.submit(f"c{number}", f"{other} covered covered", slug="other")
        rows.append((score, other, *verdicts))

    _, found = usecases.question_statistics(course.store, "why-relu")

    scores, others = ([row[column] for row in rows] for column in (0, 1))
    first, second = ([CREDITS[row[column]] for row in rows] for column in (2, 3))
    assert (found.attempts, found.candidates) == (30, 30)
    assert found.mean == pytest.approx(np.mean(scores), abs=0.05)
    assert found.deviation == pytest.approx(np.std(scores, ddof=1), abs=0.05)
    assert found.discrimination == pytest.approx(np.corrcoef(scores, others)[0, 1], abs=1e-3)
    assert [point.key for point in found.points] == ["no-saturation", "cheap"]
    assert found.points[0].credit == pytest.approx(np.mean(first), abs=1e-4)
    together = np.corrcoef(first, second)[0, 1]
    for point in found.points:
        assert point.discrimination == pytest.approx(together, abs=1e-3)
    counted = {verdict: [row[2] for row in rows].count(verdict) for verdict in CREDITS}
    assert found.points[0].verdicts == counted
    assert found.misconceptions == {"linear": 30}


def test_a_persons_mark_counts_and_overruled_verdicts_are_counted(course: Course) -> None:
    one, two, three = (course.submit(f"c{n}", "40 covered missing") for n in range(3))
    course.review(one, 0.0, no_saturation=Verdict.COVERED)
    course.review(one, 100.0, no_saturation=Verdict.MISSING, cheap=Verdict.MISSING)
    course.review(two, 70.0, cheap=Verdict.COVERED)

    _, found = usecases.question_statistics(course.store, "why-relu")

    assert (found.mean, found.reviewed, found.attempts) == (70.0, 2, 3)
    assert [(point.reviews, point.overruled) for point in found.points] == [(1, 1), (2, 1)]
    assert found.points[0].discrimination is None
    assert three


def test_each_version_has_its_own(course: Course) -> None:
    course.submit("ada", "40 covered missing")
    usecases.save_draft(
        course.store, "why-relu", a_question(difficulty=5), if_match="*", actor=None
    )
    usecases.publish(course.store, "why-relu", if_match="*", actor=None)
    course.submit("bob", "60 covered covered")

    by_version = {
        number: usecases.question_statistics(course.store, "why-relu", number)[1].mean
        for number in (1, 2, None)
    }

    assert by_version == {1: 40.0, 2: 60.0, None: 60.0}
    with pytest.raises(NotFound):
        usecases.question_statistics(course.store, "why-relu", 3)
    usecases.create_question(course.store, a_question(slug="draft"), actor=None)
    with pytest.raises(NotPublished):
        usecases.question_statistics(course.store, "draft")


def test_flags_and_doubts_are_counted(course: Course) -> None:
    grader: Any = StandInGrader()
    for text in (" ", " ", "It does."):
        usecases.submit_attempt(
            course.store,
            grader,
            course.cache,
            "why-relu",
            candidate="ada",
            answer=Answer(text=text),
            metadata={},
            key_id=None,
        )

    _, found = usecases.question_statistics(course.store, "why-relu")

    assert (found.attempts, found.candidates, found.needs_review) == (3, 1, 2)
    assert found.flags == {FlagCode.BLANK.value: 2}


def test_the_time_of_an_answer_begins_with_the_session_or_the_answer_before(
    course: Course, clean_database_url: str
) -> None:
    key, _ = usecases.create_key(course.store, name="desk", scopes=[Scope.ADMIN], actor=None)
    course.submit("outside", "50 covered missing")
    for candidate, first, second in (("ada", 10, 90), ("bob", 30, 20), ("eve", 50, 5)):
        made = sessions.create(course.store, plan(candidate), actor=key).session_id
        sessions.start(course.store, made)
        attempts = [answered(course, made, slug) for slug in ("why-relu", "other")]
        with psycopg.connect(clean_database_url) as connection:
            connection.execute("SET session_replication_role = replica")  # past the triggers
            for attempt, seconds in zip(attempts, (first, first + second), strict=True):
                connection.execute(
                    "UPDATE attempts SET created_at = started_at + %s FROM sessions "
                    "WHERE sessions.id = session_id AND attempts.id = %s",
                    (timedelta(seconds=seconds), ids.uuid_of(ids.Kind.ATTEMPT, attempt)),
                )

    times = {
        slug: usecases.question_statistics(course.store, slug)[1].median_seconds
        for slug in ("why-relu", "other")
    }

    assert times == {"why-relu": 30.0, "other": 20.0}


def plan(candidate: str) -> SessionPlan:
    return SessionPlan(
        candidate=candidate,
        questions=("why-relu", "other"),
        language=None,
        time_limit=None,
        extra_time=timedelta(),
        opens_at=None,
        closes_at=datetime.now(UTC) + timedelta(days=1),
        attempts_allowed=1,
        feedback=Feedback.NEVER,
        metadata={},
    )


def answered(course: Course, session: str, slug: str) -> str:
    grader: Any = Told()
    _, made = sessions.answer(
        course.store,
        grader,
        course.cache,
        session,
        slug,
        Answer(text="50 covered missing"),
        received_at=datetime.now(UTC),
    )
    return made.attempt_id
