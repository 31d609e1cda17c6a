"""People's marks: the queue of doubtful attempts, reviews, appeals, and how the grader did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import Response

from service import reviewing
from service.api.auth import needs
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, page
from service.api.schemas import (
    AgreementIn,
    AgreementOut,
    AnswerGroups,
    AppealIn,
    ClaimIn,
    ClaimNextIn,
    GroupReview,
    GroupReviewIn,
    GroupsIn,
    MadeAppeal,
    MadeReview,
    QueueIn,
    QueuePage,
    ReleaseIn,
    ReviewIn,
    Sheet,
)
from service.api.views import answer_group, appeal, question_agreement, review, sheet, waiting
from service.domain import Appeal, FlagCode, Language, Review, Scope, Verdict, Waiting, WaitReason
from service.exchange import Judgement, QueueFilter, QueueOrder, QueueState

reviews = blueprint("reviews", tag="Reviews", prefix="/v1")


@reviews.get("/review-queue")
@reviews.doc(
    **about("listReviewQueue", scope=Scope.REVIEW, problems=("not_found",), gives=("Link",))
)
@needs(Scope.REVIEW)
@reviews.input(QueueIn, location="query", arg_name="query")
@reviews.output(QueuePage)
def list_review_queue(query: QueueIn) -> Response:
    """List what waits for a person.

    Attempts whose grade has a doubt, appeals, and a random sample. `blind=false` shows the doubt.
    """
    filters = _filter(query, QueueState(query.state))
    found = reviewing.queue(
        parts().store, filters, QueueOrder(query.order), cursor=query.cursor, limit=query.limit
    )
    return page([waiting(each, blind=query.blind) for each in found.items], found.next_cursor)


@reviews.post("/review-queue/claim")
@reviews.doc(
    **about("claimNextReview", scope=Scope.REVIEW, problems=("not_found",), empty=204),
)
@needs(Scope.REVIEW)
@reviews.input(ClaimNextIn, arg_name="body")
@reviews.output(Sheet)
def claim_next_review(body: ClaimNextIn) -> Response:
    """Claim the next attempt that waits.

    Whoever holds one that fits gets it again, so a call that is repeated takes no second one. 204:
    none is left.
    """
    item = reviewing.claim_next(
        parts().store,
        _filter(body, QueueState.WAITING),
        QueueOrder(body.order),
        body.reviewer,
        timedelta(minutes=body.lease_minutes),
        blind=body.blind,
    )
    return Response(status=204) if item is None else _sheet(item, blind=body.blind)


@reviews.post("/attempts/<id>/claim")
@reviews.doc(**about("claimReview", scope=Scope.REVIEW, problems=("not_found", "claimed")))
@needs(Scope.REVIEW)
@reviews.input(ClaimIn, arg_name="body")
@reviews.output(Sheet)
def claim_review(id: str, body: ClaimIn) -> Response:
    """Claim an attempt that waits.

    Nobody else can claim or review it until the lease ends. Claiming it again renews the lease.
    """
    lease = timedelta(minutes=body.lease_minutes)
    item = reviewing.claim(parts().store, id, body.reviewer, lease, blind=body.blind)
    return _sheet(item, blind=body.blind)


@reviews.delete("/attempts/<id>/claim")
@reviews.doc(**about("releaseReview", scope=Scope.REVIEW, problems=("not_found",), empty=204))
@needs(Scope.REVIEW)
@reviews.input(ReleaseIn, location="query", arg_name="query")
def release_review(id: str, query: ReleaseIn) -> Response:
    """Give a claimed attempt back.

    It goes to other reviewers; this one is not offered it as the next one again.
    """
    reviewing.release(parts().store, id, query.reviewer)
    return Response(status=204)


@reviews.post("/attempts/<id>/reviews")
@reviews.doc(
    **about(
        "reviewAttempt",
        scope=Scope.REVIEW,
        problems=("not_found", "claimed", "erased"),
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.REVIEW)
@reviews.input(ReviewIn, arg_name="body")
@reviews.output(MadeReview, 201)
@idempotent
def review_attempt(once: Once, id: str, body: ReviewIn) -> Response:
    """Review an attempt.

    The review is its result from now on, whatever grades follow; grades and earlier reviews are
    kept. Without a score, the verdicts make it: covered counts 1, partial a half, and points that
    are not named what the grader gave them. Any attempt can be reviewed, in the queue or not.
    """
    outcome = once.presenting(_reviewed, subject=lambda _: id)
    reviewing.review(parts().store, id, _judgement(body), actor=caller(), finish=outcome)
    return outcome.response


@reviews.post("/attempts/<id>/appeal")
@reviews.doc(
    **about(
        "appealAttempt",
        scope=Scope.ATTEMPTS_WRITE,
        problems=("not_found", "already_appealed", "erased"),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(Scope.ATTEMPTS_WRITE)
@reviews.input(AppealIn, arg_name="body")
@reviews.output(MadeAppeal, 201)
@idempotent
def appeal_attempt(once: Once, id: str, body: AppealIn) -> Response:
    """Appeal against a mark, for the candidate.

    The attempt goes to the review queue, or back to it. An attempt is appealed against once.
    """
    outcome = once.presenting(_appealed, subject=lambda _: id)
    reviewing.appeal(parts().store, id, body.message, actor=caller(), finish=outcome)
    return outcome.response


@reviews.get("/questions/<id>/answer-groups")
@reviews.doc(**about("listAnswerGroups", scope=Scope.REVIEW, problems=("not_found",)))
@needs(Scope.REVIEW)
@reviews.input(GroupsIn, location="query", arg_name="query")
@reviews.output(AnswerGroups)
def list_answer_groups(id: str, query: GroupsIn) -> Response:
    """Group similar answers that wait.

    Of the oldest 500 that wait for a review: answers with the same verdicts whose vectors have at
    least the cosine `similarity` with that of the group's first.
    """
    found = reviewing.answer_groups(parts().store, id, similarity=query.similarity)
    return page([answer_group(group) for group in found], None)


@reviews.post("/questions/<id>/group-reviews")
@reviews.doc(
    **about(
        "reviewGroup",
        scope=Scope.REVIEW,
        problems=("not_found", "claimed", "erased"),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(Scope.REVIEW)
@reviews.input(GroupReviewIn, arg_name="body")
@reviews.output(GroupReview, 201)
@idempotent
def review_group(once: Once, id: str, body: GroupReviewIn) -> Response:
    """Give one review to several answers.

    Each attempt gets a review of its own, marked `grouped`, and a line in the audit log; if one of
    them cannot be reviewed, none is.
    """
    outcome = once.presenting(_group_reviewed)
    reviewing.review_group(
        parts().store, id, body.attempts, _judgement(body), actor=caller(), finish=outcome
    )
    return outcome.response


@reviews.get("/agreement")
@reviews.doc(**about("getAgreement", scope=Scope.REVIEW, problems=("not_found",)))
@needs(Scope.REVIEW)
@reviews.input(AgreementIn, location="query", arg_name="query")
@reviews.output(AgreementOut)
def get_agreement(query: AgreementIn) -> Response:
    """Compare grader and reviewers.

    By question and point, the worst question first. What came to a person because of a doubt makes
    the grader look worse than it is: `sampled=true` counts only attempts drawn by chance. Who knows
    the grade tends to agree with it: `blind=true` counts only reviews without that knowledge.
    """
    found = reviewing.agreement(
        parts().store, query.question, sampled=query.sampled, blind=query.blind
    )
    return page([question_agreement(each) for each in found], None)


def _filter(given: QueueIn | ClaimNextIn, state: QueueState) -> QueueFilter:
    return QueueFilter(
        state=state,
        question=given.question,
        reason=None if given.reason is None else WaitReason(given.reason),
        flag=None if given.flag is None else FlagCode(given.flag),
        language=None if given.language is None else Language(given.language),
    )


def _judgement(body: ReviewIn) -> Judgement:
    return Judgement(
        reviewer=body.reviewer,
        verdicts={key: Verdict(name) for key, name in body.verdicts.items()},
        score=body.score,
        reason=body.reason,
    )


def _sheet(item: Waiting, *, blind: bool) -> Response:
    found, question = reviewing.sheet(parts().store, item.attempt_id)
    return json_response(sheet(item, found, question, blind=blind))


def _reviewed(made: Review) -> Response:
    return json_response(review(made), 201)


def _group_reviewed(made: Mapping[str, Review]) -> Response:
    # Without the reason: what is kept for a replay outlives the erasure of one of the candidates.
    shown = [
        {"attempt": attempt_id, "review": each.review_id, "score": each.score}
        for attempt_id, each in made.items()
    ]
    return json_response({"reviews": shown}, 201)


def _appealed(made: Appeal) -> Response:
    return json_response(appeal(made), 201)
