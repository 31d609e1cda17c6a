"""What webhooks tell of, as thin data: ids, states and numbers.

Never a text that a candidate or reviewer wrote, never the platform's own ids of them or its
metadata: what a message holds cannot be taken back, and so an erasure has nothing to erase there.
Whoever needs more asks for it by the id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.domain import Attempt, Review, Session
from service.exchange import Batch, Event, EventKind, Regrade


def attempt_graded(attempt: Attempt) -> Event:
    """A new attempt has its grade."""
    stored = attempt.grades[-1]
    return Event(
        kind=EventKind.ATTEMPT_GRADED,
        data={
            **_attempt(attempt),
            "grade": stored.grade_id,
            "score": stored.grade.score,
            "expected_error": stored.grade.expected_error,
            "needs_review": stored.grade.needs_review,
            "flags": [flag.code.value for flag in stored.grade.flags],
        },
    )


def attempt_reviewed(attempt: Attempt, review: Review) -> Event:
    """A person has marked an attempt; `attempt` as it was before."""
    return Event(
        kind=EventKind.ATTEMPT_REVIEWED,
        data={
            **_attempt(attempt),
            "review": review.review_id,
            "score": review.score,
            "graded": attempt.grades[-1].grade.score,
        },
    )


def session_changed(kind: EventKind, session: Session) -> Event:
    """A session was started or finished, or its time ran out."""
    return Event(
        kind=kind,
        data={
            "session": session.session_id,
            "started_at": _moment(session.started_at),
            "finished_at": _moment(session.finished_at),
            "ends_at": _moment(session.ends_at),
        },
    )


def batch_finished(batch: Batch) -> Event:
    """Nothing more will happen to a batch."""
    return Event(
        kind=EventKind.BATCH_FINISHED,
        data={
            "batch": batch.batch_id,
            "status": batch.status.value,
            "total": batch.total,
            "done": batch.done,
            "failed": batch.failed,
        },
    )


def regrade_finished(regrade: Regrade) -> Event:
    """A dry run or its commit is over."""
    return Event(
        kind=EventKind.REGRADE_FINISHED,
        data={
            "regrade": regrade.regrade_id,
            "status": regrade.status.value,
            "commit": regrade.commit,
            "question": {
                "id": regrade.question_id,
                "slug": regrade.question_slug,
                "version": regrade.question_version,
            },
        },
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.attempt_id,
        "session": attempt.session_id,
        "question": {
            "id": attempt.question_id,
            "slug": attempt.question_slug,
            "version": attempt.question_version,
        },
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
