from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from service import reviewing, usecases
from service.domain import Answer, Attempt, FlagCode, Scope, Verdict, WaitReason
from service.errors import AlreadyAppealed, Claimed, Erased, InvalidInput, NotFound
from service.exchange import Judgement, QueueFilter, QueueOrder, QueueState
from service.grader import Marked
from service.store import Store
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question

HOUR = timedelta(hours=1)
ANY = QueueFilter()
OLDEST, UNCERTAIN = QueueOrder.OLDEST, QueueOrder.MOST_UNCERTAIN


class Doubting(StandInGrader):
    """Doubts every mark, as much as the answer's length; its vector is turned by a number in it."""

    def grade(self, *args: Any, **kwargs: Any) -> Marked:
        marked = super().grade(*args, **kwargs)
        text = args[1].text
        angle = float(text.split("@")[1]) if "@" in text else 0.0
        vectors = np.tile([np.cos(angle), np.sin(angle)], (len(marked.spans), 1))
        return replace(
            marked,
            grade=replace(marked.grade, needs_review=True, expected_error=float(len(text))),
            said=replace(marked.said, vectors=vectors.astype(np.float32)),
        )


class Office:
    """Where answers come in and reviewers sit."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.grader: Any = Doubting()
        self.key, _ = usecases.create_key(store, name="desk", scopes=[Scope.ADMIN], actor=None)
        usecases.create_question(store, a_question(), actor=None)
        usecases.publish(store, "why-relu", if_match="*", actor=None)

    def submit(self, text: str = "It is cheap.", **changes: Any) -> str:
        return self.attempt(text, **changes).attempt_id

    def attempt(self, text: str = "It is cheap.", **changes: Any) -> Attempt:
        asked: dict[str, Any] = {"candidate": "ada", "metadata": {}, "key_id": self.key.key_id}
        return usecases.submit_attempt(
            self.store,
            changes.pop("grader", self.grader),
            QuestionCache(),
            changes.pop("ref", "why-relu"),
            answer=Answer(text=text),
            **asked | changes,
        )

    def waiting(self, filters: QueueFilter = ANY, order: QueueOrder = OLDEST) -> list[str]:
        found = []
        cursor = None
        while True:
            page = reviewing.queue(self.store, filters, order, cursor=cursor, limit=2)
            found += [item.attempt_id for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def next(self, reviewer: str, filters: QueueFilter = ANY) -> str | None:
        item = reviewing.claim_next(self.store, filters, OLDEST, reviewer, HOUR, blind=True)
        return None if item is None else item.attempt_id

    def review(self, attempt_id: str, **changes: Any) -> Any:
        return reviewing.review(self.store, attempt_id, judgement(**changes), actor=self.key)


def judgement(**changes: Any) -> Judgement:
    said: dict[str, Any] = {
        "reviewer": "grace",
        "verdicts": {},
        "score": None,
        "reason": "So it is.",
    }
    return Judgement(**said | changes)


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


# The queue


def test_doubtful_marks_wait_and_others_do_not(office: Office) -> None:
    office.submit(grader=StandInGrader())
    doubtful = office.submit()

    (item,) = reviewing.queue(office.store, ANY).items

    assert item.attempt_id == doubtful
    assert item.reasons == {WaitReason.DOUBT}
    assert (item.question_slug, item.question_version) == ("why-relu", 1)
    assert item.expected_error == 12.0


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 10, 30), (1.0, 40, 40)])
def test_a_share_of_all_attempts_is_drawn(
    office: Office, share: float, least: int, most: int
) -> None:
    for _ in range(40):
        office.submit(grader=StandInGrader(), sample=share)

    drawn = office.waiting(QueueFilter(reason=WaitReason.SAMPLE))

    assert least <= len(drawn) <= most


def test_the_queue_is_ordered_by_age_or_doubt_and_each_stands_in_it_once(office: Office) -> None:
    lengths = [3, 9, 1, 9, 5]
    made = [office.submit("x" * length) for length in lengths]

    assert office.waiting() == made
    assert office.waiting(order=UNCERTAIN) == [made[index] for index in (3, 1, 4, 0, 2)]


def test_the_queue_is_filtered(office: Office) -> None:
    usecases.create_question(office.store, a_question(slug="other"), actor=None)
    usecases.publish(office.store, "other", if_match="*", actor=None)
    plain, blank, other = office.submit(), office.submit(" "), office.submit(ref="other")

    assert office.waiting(QueueFilter(question="other")) == [other]
    assert office.waiting(QueueFilter(flag=FlagCode.BLANK)) == [blank]
    assert office.waiting(QueueFilter(reason=WaitReason.APPEAL)) == []
    assert office.waiting(QueueFilter(question="why-relu")) == [plain, blank]
    with pytest.raises(NotFound):
        office.waiting(QueueFilter(question="nothing"))


# Claims


def test_a_claimed_attempt_is_nobody_elses_until_the_lease_ends(office: Office) -> None:
    attempt = office.submit()
    reviewing.claim(office.store, attempt, "grace", HOUR, blind=True)

    with pytest.raises(Claimed) as refused:
        reviewing.claim(office.store, attempt, "alan", HOUR, blind=True)
    with pytest.raises(Claimed):
        office.review(attempt, reviewer="alan", score=1.0)
    assert office.next("alan") is None
    assert 3500 < refused.value.retry_after_s <= 3600
    assert office.waiting(QueueFilter(state=QueueState.CLAIMED)) == [attempt]

    # The same reviewer may lengthen, or here shorten, the lease.
    reviewing.claim(office.store, attempt, "grace", timedelta(seconds=-1), blind=True)
    assert office.waiting() == [attempt]
    assert office.next("alan") == attempt
    with pytest.raises(Claimed):
        reviewing.claim(office.store, attempt, "grace", HOUR, blind=True)


def test_the_next_one_is_the_one_in_hand_until_it_is_done_or_given_back(office: Office) -> None:
    first, second, third = (office.submit() for _ in range(3))

    assert [office.next("grace"), office.next("grace"), office.next("alan")] == [
        first,
        first,
        second,
    ]
    office.review(first, score=50.0)
    assert office.next("grace") == third
    reviewing.release(office.store, third, "grace")

    assert office.next("grace") is None
    reviewing.release(office.store, second, "alan")
    assert office.next("alan") == third


def test_releasing_what_another_holds_does_nothing(office: Office) -> None:
    attempt = office.submit()
    reviewing.claim(office.store, attempt, "grace", HOUR, blind=True)

    reviewing.release(office.store, attempt, "alan")

    assert office.waiting(QueueFilter(state=QueueState.CLAIMED)) == [attempt]
    with pytest.raises(NotFound):
        reviewing.release(office.store, "att_01h455vb4pex5vsknk084sn02q", "alan")


def test_reviewers_who_ask_at_once_get_different_attempts(office: Office) -> None:
    made = {office.submit() for _ in range(8)}
    start = threading.Barrier(8)
    got: list[str | None] = []

    def ask(reviewer: str) -> None:
        start.wait()
        got.append(office.next(reviewer))

    asking = [threading.Thread(target=ask, args=(f"reviewer {n}",)) for n in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    assert len(got) == 8
    assert set(got) == made


def test_of_reviewers_who_claim_one_attempt_at_once_one_gets_it(office: Office) -> None:
    attempt = office.submit()
    start = threading.Barrier(8)
    got: list[str] = []

    def ask(reviewer: str) -> None:
        start.wait()
        try:
            reviewing.claim(office.store, attempt, reviewer, HOUR, blind=True)
            got.append(reviewer)
        except Claimed:
            pass

    asking = [threading.Thread(target=ask, args=(f"reviewer {n}",)) for n in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    assert len(got) == 1


# Reviews


def test_a_review_wins_and_the_grade_stays(office: Office) -> None:
    attempt = office.submit()
    before = usecases.attempt(office.store, attempt)

    made = office.review(attempt, verdicts={"no-saturation": Verdict.MISSING})

    after = usecases.attempt(office.store, attempt)
    assert after == replace(before, reviews=(made,))
    # The optional point, which was not judged, keeps the grader's credit: 1 of 2.5.
    assert (made.score, made.grade_id, made.grouped) == (40.0, before.grades[-1].grade_id, False)
    assert office.waiting() == []
    assert office.waiting(QueueFilter(state=QueueState.DONE)) == [attempt]


def test_a_score_beats_what_the_verdicts_make(office: Office) -> None:
    attempt = office.submit()
    verdicts = {"no-saturation": Verdict.PARTIAL, "cheap": Verdict.CONTRADICTED}

    computed = office.review(attempt, verdicts=verdicts)
    given = office.review(attempt, verdicts=verdicts, score=77.77)

    assert (computed.score, given.score) == (50.0, 77.8)
    assert usecases.attempt(office.store, attempt).reviews == (computed, given)


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({}, ["#"]),
        ({"score": 100.5}, ["#/score"]),
        ({"score": float("nan")}, ["#/score"]),
        ({"score": 1.0, "reason": " "}, ["#/reason"]),
        ({"score": 1.0, "reason": "a\0"}, ["#/reason"]),
        ({"score": 1.0, "reviewer": "\ud800"}, ["#/reviewer"]),
        ({"verdicts": {"nothing": Verdict.COVERED}}, ["#/verdicts/nothing"]),
    ],
)
def test_what_is_no_review_is_refused_with_its_place(
    office: Office, changes: dict[str, Any], pointers: list[str]
) -> None:
    attempt = office.submit()

    with pytest.raises(InvalidInput) as refused:
        office.review(attempt, **changes)

    assert [fault.pointer for fault in refused.value.faults] == pointers
    assert office.waiting() == [attempt]


def test_reviews_and_appeals_are_in_the_audit_log_without_names(
    office: Office, database_url: str
) -> None:
    attempt = office.submit()
    office.review(attempt, score=12.0)
    reviewing.appeal(office.store, attempt, "But why?", actor=office.key)

    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT action, subject, details::text FROM audit_log WHERE subject = %s ORDER BY id",
            (attempt,),
        ).fetchall()

    assert [(action, subject) for action, subject, _ in found] == [
        ("attempt.review", attempt),
        ("attempt.appeal", attempt),
    ]
    assert '"reviewed": 12.0' in found[0][2]
    assert "grace" not in found[0][2]


# Appeals


def test_an_appeal_brings_a_reviewed_attempt_back_once(office: Office) -> None:
    attempt = office.submit()
    office.review(attempt, score=10.0)

    made = reviewing.appeal(office.store, attempt, "Look again.", actor=None)

    assert office.waiting(QueueFilter(reason=WaitReason.APPEAL)) == [attempt]
    assert usecases.attempt(office.store, attempt).appeal == made
    office.review(attempt, score=90.0)
    with pytest.raises(AlreadyAppealed):
        reviewing.appeal(office.store, attempt, "And again.", actor=None)
    assert office.waiting() == []
    assert [each.score for each in usecases.attempt(office.store, attempt).reviews] == [10.0, 90.0]


def test_an_appeal_queues_what_nobody_doubted(office: Office) -> None:
    attempt = office.submit(grader=StandInGrader())

    reviewing.appeal(office.store, attempt, "I meant the gradient.", actor=None)

    (item,) = reviewing.queue(office.store, ANY).items
    assert (item.attempt_id, item.reasons) == (attempt, {WaitReason.APPEAL})


def test_of_appeals_made_at_once_one_is_heard(office: Office) -> None:
    attempt = office.submit()
    start = threading.Barrier(6)
    refused: list[str] = []

    def ask() -> None:
        start.wait()
        try:
            reviewing.appeal(office.store, attempt, "Look again.", actor=None)
        except AlreadyAppealed:
            refused.append("once")

    asking = [threading.Thread(target=ask) for _ in range(6)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    assert len(refused) == 5


# Erasure


def test_erasing_a_candidate_erases_what_was_said_of_them(
    office: Office, database_url: str
) -> None:
    attempt = office.submit("The secret answer.")
    office.review(attempt, score=10.0, reason="The secret reason.")
    reviewing.appeal(office.store, attempt, "The secret appeal.", actor=None)

    usecases.erase_candidate(office.store, "ada", actor=None)

    kept = usecases.attempt(office.store, attempt)
    assert (kept.reviews[0].score, kept.reviews[0].reason) == (10.0, "")
    assert kept.appeal is not None
    assert kept.appeal.message == ""
    assert office.waiting() == []
    with psycopg.connect(database_url) as connection:
        for table in ("reviews", "appeals", "review_queue", "audit_log"):
            found = connection.execute(f"SELECT count(*) FROM {table} t WHERE t::text ~ 'secret'")
            assert found.fetchone() == (0,)
    with pytest.raises(Erased):
        office.review(attempt, score=1.0)
    with pytest.raises(Erased):
        reviewing.appeal(office.store, attempt, "Hello?", actor=None)


# Groups


def test_similar_answers_with_the_same_verdicts_are_one_group(office: Office) -> None:
    alike = [office.submit(f"It @{angle}") for angle in ("0.0", "0.1", "0.2")]
    office.submit("It @1.5")
    reviewed = office.submit("It @0.1")
    office.review(reviewed, score=1.0)

    (group,) = reviewing.answer_groups(office.store, "why-relu", similarity=0.99)

    assert {member.attempt_id for member in group.members} == set(alike)
    first = group.members[0]
    assert (first.attempt_id, first.similarity, first.answer) == (alike[1], 1.0, "It @0.1")
    assert {round(float(np.cos(0.1)), 3)} == {round(m.similarity, 3) for m in group.members[1:]}
    with pytest.raises(NotFound):
        reviewing.answer_groups(office.store, "nothing", similarity=0.9)


def test_a_group_is_reviewed_as_one_and_kept_one_by_one(office: Office) -> None:
    attempts = [office.submit() for _ in range(3)]

    made = reviewing.review_group(
        office.store, "why-relu", attempts[::-1], judgement(score=30.0), actor=office.key
    )

    assert list(made) == attempts[::-1]
    for attempt in attempts:
        assert usecases.attempt(office.store, attempt).reviews == (made[attempt],)
        assert made[attempt].grouped
    assert office.waiting() == []


def test_a_group_is_reviewed_whole_or_not_at_all(office: Office) -> None:
    usecases.create_question(office.store, a_question(slug="other"), actor=None)
    usecases.publish(office.store, "other", if_match="*", actor=None)
    one, two, held, stranger = (
        *(office.submit() for _ in range(3)),
        office.submit(ref="other"),
    )
    reviewing.claim(office.store, held, "alan", HOUR, blind=True)

    def attempt_it(*attempts: str) -> None:
        reviewing.review_group(
            office.store, "why-relu", attempts, judgement(score=30.0), actor=None
        )

    with pytest.raises(Claimed):
        attempt_it(one, two, held)
    with pytest.raises(InvalidInput) as refused:
        attempt_it(one, stranger)
    with pytest.raises(InvalidInput):
        attempt_it(one, one)

    assert [fault.pointer for fault in refused.value.faults] == ["#/attempts/1"]
    assert office.waiting() == [one, two, stranger]


# Agreement


def test_agreement_is_of_the_last_review_with_the_grade_that_stood(office: Office) -> None:
    covered, missing = Verdict.COVERED, Verdict.MISSING
    first, second, third = (office.submit(sample=1.0) for _ in range(3))
    office.review(first, score=0.0)
    office.review(first, score=66.7, verdicts={"no-saturation": covered, "cheap": covered})
    office.review(second, score=26.7, verdicts={"no-saturation": missing, "cheap": covered})
    office.review(third, score=86.7)

    (found,) = reviewing.agreement(office.store)

    assert (found.question_slug, found.reviews) == ("why-relu", 3)
    assert (found.mean_error, found.bias) == (20.0, 6.7)
    by_key = {point.key: (point.reviews, point.same, point.kappa) for point in found.points}
    assert by_key == {"cheap": (2, 1.0, None), "no-saturation": (2, 0.5, 0.0)}
    assert [(each.attempt_id, each.reviewed) for each in found.disagreements] == [
        (second, 26.7),
        (third, 86.7),
    ]


def test_a_review_is_blind_where_the_grade_was_never_shown(office: Office) -> None:
    never, unclaimed, seen, others = (office.submit() for _ in range(4))
    reviewing.claim(office.store, never, "grace", HOUR, blind=True)
    for blind in (True, False, True):
        reviewing.claim(office.store, seen, "grace", HOUR, blind=blind)
    reviewing.claim(office.store, others, "alan", HOUR, blind=False)
    reviewing.release(office.store, others, "alan")
    reviewing.claim(office.store, others, "grace", HOUR, blind=True)

    made = {
        each: office.review(each, score=50.0).blind for each in (never, unclaimed, seen, others)
    }

    assert made == {never: True, unclaimed: False, seen: False, others: True}
    kept = usecases.attempt(office.store, never).reviews[-1]
    assert kept.blind
    (found,) = reviewing.agreement(office.store, blind=True)
    assert found.reviews == 2


def test_who_has_judged_an_answer_is_not_blind_when_it_comes_back(office: Office) -> None:
    attempt = office.submit()
    reviewing.claim(office.store, attempt, "grace", HOUR, blind=True)
    assert office.review(attempt, score=50.0).blind
    reviewing.appeal(office.store, attempt, "No.", actor=office.key)
    reviewing.claim(office.store, attempt, "grace", HOUR, blind=True)

    assert not office.review(attempt, score=50.0).blind


def test_agreement_can_be_asked_of_chance_draws_alone(office: Office) -> None:
    doubtful, drawn = office.submit(), office.submit(sample=1.0)
    office.review(doubtful, score=0.0)
    office.review(drawn, score=66.7)

    (everything,) = reviewing.agreement(office.store, "why-relu")
    (sampled,) = reviewing.agreement(office.store, sampled=True)

    assert (everything.reviews, sampled.reviews) == (2, 1)
    assert (everything.mean_error, sampled.mean_error) == (33.4, 0.0)
    with pytest.raises(NotFound):
        reviewing.agreement(office.store, "nothing")
