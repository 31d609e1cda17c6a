"""What people do about marks: look at doubtful ones, overrule them, hear appeals.

Use cases like those of `service.usecases`, and under the same rules. A review is never changed and
never deleted; the last one of an attempt is its result, whatever the grader says after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from service import events, ids, usecases
from service.agreement import QuestionAgreement, agreements
from service.content import check_judgement, check_text, check_words, refuse
from service.domain import (
    ApiKey,
    Appeal,
    Attempt,
    Page,
    Question,
    Review,
    Scope,
    StoredGrade,
    Verdict,
    Waiting,
)
from service.errors import FieldFault, Forbidden, NotFound, ReviewedMeanwhile, Unauthenticated
from service.exchange import Judgement, QueueFilter, QueueOrder, Quota
from service.grader.marking import total
from service.grouping import AnswerGroup, groups
from service.usecases import Finish, close_with

if TYPE_CHECKING:
    from service.store import Store, Transaction

CREDITS: Mapping[Verdict, float] = {
    Verdict.COVERED: 1.0,
    Verdict.PARTIAL: 0.5,
    Verdict.MISSING: 0.0,
    Verdict.CONTRADICTED: 0.0,
}
"""What a person's verdict earns. The grader's own credit for a partial point is its probability."""
MOST_COMPARED = 500
"""Answers that are grouped at once: every one is compared with every other."""
SIGN_INS_PER_WINDOW = 10
"""From one address; fewer where API keys are allowed fewer."""
SIGN_IN_SCOPES = (Scope.REVIEW, Scope.QUESTIONS_WRITE, Scope.ATTEMPTS_READ)
"""One of these opens the pages for staff; each page asks for its own again."""
SHOWN_DISAGREEMENTS = 10
_LONGEST_MESSAGE = 5_000


# Signing in ---------------------------------------------------------------------------------------


def count_sign_in(store: Store, address: UUID, *, limit: int, window_s: int) -> Quota:
    """Count a try to sign in, before the key is looked at, against what an address may."""
    return store.count_sign_in(
        address, limit=min(limit or SIGN_INS_PER_WINDOW, SIGN_INS_PER_WINDOW), window_s=window_s
    )


def sign_in(
    store: Store, token: str, reviewer: str, *, rate_limit: int, rate_window_s: int
) -> tuple[ApiKey, Quota]:
    """Let a person in who holds an API key for a page; as `usecases.authenticate` otherwise.

    Raises:
        InvalidInput: no reviewer's id.
        Unauthenticated: malformed, unknown or revoked.
        Forbidden: the key has none of `SIGN_IN_SCOPES`.
    """
    _check_reviewer(reviewer)
    key, quota = usecases.authenticate(
        store, token, rate_limit=rate_limit, rate_window_s=rate_window_s
    )
    _check_may(key, SIGN_IN_SCOPES)
    if not quota.exceeded:
        with store.transaction() as tx:
            tx.record(key, "staff.sign_in", key.key_id)
    return key, quota


def still_allowed(store: Store, key_id: str, scopes: Sequence[Scope]) -> ApiKey:
    """The key of somebody who signed in with it earlier; it needs one of `scopes`.

    Raises:
        Unauthenticated: it was revoked since.
        Forbidden: it has none of the scopes.
    """
    with store.snapshot() as tx:
        try:
            key = tx.keys.get(key_id)
        except NotFound as fault:
            raise Unauthenticated("This API key is unknown or was revoked.") from fault
    if key.revoked_at is not None:
        raise Unauthenticated("This API key is unknown or was revoked.")
    _check_may(key, scopes)
    return key


def _check_may(key: ApiKey, scopes: Sequence[Scope]) -> None:
    if not any(key.allows(scope) for scope in scopes):
        raise Forbidden(f"This page needs a key with the scope {scopes[0].value!r}.")


# The queue ---------------------------------------------------------------------------------------


def queue(
    store: Store,
    filters: QueueFilter,
    order: QueueOrder = QueueOrder.OLDEST,
    *,
    cursor: str | None = None,
    limit: int = 20,
) -> Page[Waiting]:
    """What waits for a person, or what `filters` asks for instead.

    Raises:
        InvalidInput: a cursor that no listing of the queue gave out.
        NotFound: the question of the filter does not exist.
    """
    with store.snapshot() as tx:
        return tx.reviews.page(filters, order, cursor=cursor, limit=limit)


def place(store: Store, attempt_id: str) -> Waiting | None:
    """An attempt's place in the queue, done or not; None: it was never in it."""
    with store.snapshot() as tx:
        return tx.reviews.place(attempt_id)


def show_grade(store: Store, attempt_id: str, reviewer: str) -> None:
    """Note that a reviewer is shown what the grader says: no review of theirs is blind then."""
    with store.transaction() as tx:
        tx.reviews.show_to(attempt_id, reviewer)


def claim(
    store: Store, attempt_id: str, reviewer: str, lease: timedelta, *, blind: bool
) -> Waiting:
    """Lease an attempt to a reviewer, so that no other marks it meanwhile; again: for longer.

    `blind`: the reviewer is not shown the grade; whoever is shown it once is not blind afterwards.

    Raises:
        InvalidInput: no reviewer's id.
        NotFound: the attempt does not wait for a review.
        Claimed: another reviewer holds it.
    """
    _check_reviewer(reviewer)
    with store.transaction() as tx:
        return tx.reviews.claim(attempt_id, reviewer, lease, blind=blind)


def claim_next(
    store: Store,
    filters: QueueFilter,
    order: QueueOrder,
    reviewer: str,
    lease: timedelta,
    *,
    blind: bool,
) -> Waiting | None:
    """Lease the attempt that comes first and fits; None if none does.

    Whoever holds one that fits gets that again. What a reviewer gave back goes to others. `blind`
    as in `claim`.

    Raises:
        InvalidInput: no reviewer's id.
        NotFound: the question of the filter does not exist.
    """
    _check_reviewer(reviewer)
    with store.transaction() as tx:
        return tx.reviews.claim_next(filters, order, reviewer, lease, blind=blind)


def release(store: Store, attempt_id: str, reviewer: str) -> None:
    """Give a claimed attempt back without a review.

    Raises:
        InvalidInput: no reviewer's id.
        NotFound: the attempt is not in the queue.
    """
    _check_reviewer(reviewer)
    with store.transaction() as tx:
        tx.reviews.release(attempt_id, reviewer)


def sheet(store: Store, attempt_id: str) -> tuple[Attempt, Question]:
    """An attempt and the content that its last grade was made against.

    Raises:
        NotFound: no such attempt.
    """
    with store.snapshot() as tx:
        found = tx.attempts.get(attempt_id)
        return found, _graded_against(tx, found)


def _check_reviewer(reviewer: str) -> None:
    refuse("There can be no such reviewer.", check_words(reviewer, "#/reviewer", 255))


# Reviews -----------------------------------------------------------------------------------------


def review(
    store: Store,
    attempt_id: str,
    judgement: Judgement,
    *,
    actor: ApiKey | None,
    finish: Finish[Review] | None = None,
) -> Review:
    """Overrule, or confirm, the mark of an attempt.

    Raises:
        InvalidInput: with a pointer to each fault; verdicts on points that the question lacks.
        NotFound: no such attempt.
        Erased: its candidate was erased.
        Claimed: another reviewer holds it.
    """
    refuse("The review cannot be accepted.", check_judgement(judgement))
    with store.transaction() as tx:
        made = _review(tx, tx.attempts.get(attempt_id), judgement, actor, grouped=False)
        close_with(finish, tx, made)
    return made


def review_once(
    store: Store, attempt_id: str, judgement: Judgement, *, known: int, actor: ApiKey | None
) -> Review:
    """As `review`, for somebody who saw the attempt when it had `known` reviews.

    The same judgement sent twice is one review.

    Raises:
        ReviewedMeanwhile: there is another one now.
    """
    refuse("The review cannot be accepted.", check_judgement(judgement))
    with store.transaction() as tx:
        tx.attempts.lock_submission(attempt_id)
        attempt = tx.attempts.get(attempt_id)
        if len(attempt.reviews) > known:
            last = attempt.reviews[-1]
            if _says(last, judgement):
                return last
            raise ReviewedMeanwhile("There is a review that was not there before.")
        return _review(tx, attempt, judgement, actor, grouped=False)


def _says(made: Review, judgement: Judgement) -> bool:
    """Whether a review is what came of a judgement, as far as verdicts and words tell."""
    return (made.reviewer, dict(made.verdicts), made.reason) == (
        judgement.reviewer,
        dict(judgement.verdicts),
        judgement.reason,
    )


def review_group(
    store: Store,
    ref: str,
    attempt_ids: Sequence[str],
    judgement: Judgement,
    *,
    actor: ApiKey | None,
    finish: Finish[Mapping[str, Review]] | None = None,
) -> Mapping[str, Review]:
    """Give one review to several answers of a question, each kept and logged by itself; or none.

    Raises:
        InvalidInput: as `review`; attempts twice, or of another question.
        NotFound: no such attempt.
        Erased: the candidate of one was erased.
        Claimed: another reviewer holds one of them.
    """
    faults = check_judgement(judgement)
    if len(set(attempt_ids)) < len(attempt_ids):
        faults.append(FieldFault(pointer="#/attempts", detail="names an attempt twice"))
    refuse("The review cannot be accepted.", faults)
    with store.transaction() as tx:
        # In one order, so that two groups that share attempts wait for each other in a row.
        found = [tx.attempts.get(attempt_id) for attempt_id in sorted(attempt_ids)]
        refuse("The review cannot be accepted.", list(_strangers(ref, attempt_ids, found)))
        reviews = {
            each.attempt_id: _review(tx, each, judgement, actor, grouped=True) for each in found
        }
        made = {attempt_id: reviews[attempt_id] for attempt_id in attempt_ids}
        close_with(finish, tx, made)
    return made


def _strangers(ref: str, attempt_ids: Sequence[str], found: Sequence[Attempt]) -> list[FieldFault]:
    others = {
        each.attempt_id for each in found if ref not in (each.question_id, each.question_slug)
    }
    return [
        FieldFault(pointer=f"#/attempts/{index}", detail="is an attempt on another question")
        for index, attempt_id in enumerate(attempt_ids)
        if attempt_id in others
    ]


def _review(
    tx: Transaction, attempt: Attempt, judgement: Judgement, actor: ApiKey | None, *, grouped: bool
) -> Review:
    question = _graded_against(tx, attempt)
    stood = attempt.grades[-1]
    _check_keys(judgement.verdicts, question)
    score = judgement.score
    if score is None:
        score = _score(question, stood, judgement.verdicts)
    made = tx.reviews.add(
        attempt.attempt_id,
        judgement,
        score=round(score, 1),
        grade_id=stood.grade_id,
        grouped=grouped,
        actor=actor,
    )
    tx.record(
        actor,
        "attempt.review",
        attempt.attempt_id,
        review=made.review_id,
        graded=stood.grade.score,
        reviewed=made.score,
        grouped=grouped,
    )
    tx.webhooks.emit(events.attempt_reviewed(attempt, made))
    return made


def _graded_against(tx: Transaction, attempt: Attempt) -> Question:
    version = attempt.grades[-1].grade.provenance.question_version or attempt.version_id
    return tx.questions.version(ids.uuid_of(ids.Kind.VERSION, version)).content


def _check_keys(verdicts: Mapping[str, Verdict], question: Question) -> None:
    known = {point.key for point in question.points}
    faults = [
        FieldFault(
            pointer=f"#/verdicts/{key}",
            detail=f"is no point of this question; its points are {', '.join(sorted(known))}",
        )
        for key in verdicts
        if key not in known
    ]
    refuse("The review cannot be accepted.", faults)


def _score(question: Question, stood: StoredGrade, verdicts: Mapping[str, Verdict]) -> float:
    """The verdicts' total; points that were not judged keep what the grader gave."""
    credits = {point.key: point.credit for point in stood.grade.points}
    credits |= {key: CREDITS[verdict] for key, verdict in verdicts.items()}
    return total(question.points, [credits[point.key] for point in question.points], question.rule)


# Appeals -----------------------------------------------------------------------------------------


def appeal(
    store: Store,
    attempt_id: str,
    message: str,
    *,
    actor: ApiKey | None,
    finish: Finish[Appeal] | None = None,
) -> Appeal:
    """Have a person look at the mark because the candidate asks for it; once for each attempt.

    Raises:
        InvalidInput: a message that is blank or cannot be stored.
        NotFound: no such attempt.
        Erased: its candidate was erased.
        AlreadyAppealed: there was an appeal before.
    """
    faults = check_words(message, "#/message", _LONGEST_MESSAGE)
    refuse("The appeal cannot be accepted.", faults)
    with store.transaction() as tx:
        stood = tx.attempts.get(attempt_id).grades[-1].grade
        made = tx.reviews.appeal(attempt_id, message, stood)
        tx.record(actor, "attempt.appeal", attempt_id)
        close_with(finish, tx, made)
    return made


# Looking at many ---------------------------------------------------------------------------------


def answer_groups(store: Store, ref: str, *, similarity: float) -> tuple[AnswerGroup, ...]:
    """Similar answers among those to a question that wait for a review (the oldest 500).

    Raises:
        NotFound: no such question.
    """
    with store.snapshot() as tx:
        waiting = tx.reviews.waiting_answers(ref, MOST_COMPARED)
    return groups(waiting, similarity)


def agreement(
    store: Store, question: str | None = None, *, sampled: bool = False, blind: bool = False
) -> tuple[QuestionAgreement, ...]:
    """How far grader and reviewers agree, question by question, the worst first.

    Args:
        sampled: only of attempts drawn by chance. The others came to a person because of a doubt
            or an appeal, so over all the grader looks worse than it is.
        blind: only reviews by people who did not know the grade. Who knows it tends to agree.

    Raises:
        NotFound: no such question.
    """
    if question is not None:
        refuse("The filter cannot be used.", check_text(question, "#/question"))
    with store.snapshot() as tx:
        pairs = list(tx.reviews.marked_pairs(question, sampled=sampled, blind=blind))
    return agreements(pairs, shown=SHOWN_DISAGREEMENTS)


def reviewed_answers(store: Store) -> list[tuple[Question, str, float]]:
    """What was asked, what was answered, and the score of the last review, oldest first.

    Equal versions are one object. Erased answers are left out.
    """
    with store.snapshot() as tx:
        found = tx.reviews.reviewed_answers()
        versions = {each: tx.questions.version(each).content for each, _, _ in found}
    return [(versions[each], answer, score) for each, answer, score in found]
