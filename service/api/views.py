"""Words of the domain as plain JSON data, and what of them a candidate may see.

A key that can neither write questions, nor review, nor administer speaks for candidates. It is
shown no points; where a question never reveals them, not even their keys, which can give the idea
away, and not the signals, which name misconceptions by their margin.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from service.agreement import QuestionAgreement
from service.content import content_to_dict
from service.domain import (
    ApiKey,
    Appeal,
    Attempt,
    Evidence,
    Grade,
    PointGrade,
    Question,
    QuestionVersion,
    Reveal,
    Review,
    Scope,
    Session,
    SessionState,
    StoredGrade,
    Waiting,
)
from service.exchange import (
    AuditEntry,
    Batch,
    CandidateRecord,
    Delivery,
    Endpoint,
    Erasure,
    ItemResult,
    QuestionStatistics,
    Regrade,
)
from service.grouping import AnswerGroup
from service.importing import Planned
from service.regrading import Movements
from service.sessions import QuestionReport, Report, Token
from service.suggesting import GoodAnswers, Suggestion

_SEES_RUBRICS = (Scope.QUESTIONS_WRITE, Scope.REVIEW, Scope.ADMIN)

Data = dict[str, Any]


def faces_candidates(key: ApiKey) -> bool:
    """Whether what this key is shown may end up before a candidate."""
    return not any(key.allows(scope) for scope in _SEES_RUBRICS)


def moment(value: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


# Questions ---------------------------------------------------------------------------------------


def candidate_question(version: QuestionVersion) -> Data:
    """A question without anything that tells of its points."""
    content = version.content
    return {
        "id": version.question_id,
        "slug": content.slug,
        "version": version.number,
        "topic": content.topic,
        "difficulty": content.difficulty,
        "tags": list(content.tags),
        "prompt": {language.value: text for language, text in content.prompt.items()},
        "published_at": moment(version.published_at),
    }


def author_question(version: QuestionVersion) -> Data:
    """A version of a question, whole."""
    return {
        "id": version.question_id,
        "slug": version.content.slug,
        "version": version.number,
        "version_id": version.version_id,
        "status": version.status.value,
        "created_at": moment(version.created_at),
        "published_at": moment(version.published_at),
        "content": content_to_dict(version.content),
    }


def import_report(plan: Sequence[Planned]) -> Data:
    """What was done with each item of a file."""
    return {"items": [_planned(each) for each in plan]}


def import_preview(plan: Sequence[Planned]) -> Data:
    """What would be done with each item of a file, and the question that it would become."""
    return {
        "items": [
            _planned(each)
            | {"content": None if each.item.content is None else content_to_dict(each.item.content)}
            for each in plan
        ]
    }


def _planned(planned: Planned) -> Data:
    item, version = planned.item, planned.version
    return {
        "item": item.number,
        "title": item.title,
        "slug": None if item.content is None else item.content.slug,
        "action": planned.action.value,
        "reason": item.skipped,
        "notes": list(planned.notes),
        "faults": [{"detail": fault.detail, "pointer": fault.pointer} for fault in planned.faults],
        "id": None if version is None else version.question_id,
        "version": None if version is None else version.number,
    }


# Grades ------------------------------------------------------------------------------------------


def grade(found: Grade, *, masked: bool = False) -> Data:
    """The grade, the same object everywhere; `masked`: without keys and signals."""
    return {
        "score": found.score,
        "expected_error": found.expected_error,
        "needs_review": found.needs_review,
        "flags": [{"code": flag.code.value, "message": flag.message} for flag in found.flags],
        "points": [
            _point_grade(point, f"point-{number}" if masked else None)
            for number, point in enumerate(found.points, 1)
        ],
        "misconceptions": [
            {
                "key": f"misconception-{number}" if masked else seen.key,
                "probability": seen.probability,
                "evidence": _evidence(seen.evidence),
            }
            for number, seen in enumerate(found.misconceptions, 1)
        ],
        "feedback": found.feedback,
        "provenance": {
            "question_version": found.provenance.question_version,
            "grader": found.provenance.grader,
            "encoder": found.provenance.encoder,
            "encoder_revision": found.provenance.encoder_revision,
            "verifier": found.provenance.verifier,
            "verifier_revision": found.provenance.verifier_revision,
            "calibration": found.provenance.calibration,
            "thresholds": dict(found.provenance.thresholds),
            "elapsed_ms": found.provenance.elapsed_ms,
        },
    }


def _point_grade(point: PointGrade, mask: str | None) -> Data:
    shown: Data = {
        "key": mask or point.key,
        "verdict": point.verdict.value,
        "credit": point.credit,
        "probability": point.probability,
        "similarity": point.similarity,
        "evidence": _evidence(point.evidence),
    }
    if mask is None:
        shown["signals"] = [
            {"name": signal.name, "value": signal.value, "effect": signal.effect}
            for signal in point.signals
        ]
    return shown


def _evidence(found: Sequence[Evidence]) -> list[Data]:
    return [{"start": piece.start, "end": piece.end, "text": piece.text} for piece in found]


def graded_points(question: Question, found: Grade) -> list[Data]:
    """The points that a grade is about, for a caller who sent model answers and not points."""
    by_key = {point.key: point for point in question.points}
    return [
        {
            "key": point.key,
            "statement": {language.value: text for language, text in point.statement.items()},
            "weight": point.weight,
            "kind": point.kind.value,
        }
        for point in (by_key[graded.key] for graded in found.points)
    ]


# Attempts ----------------------------------------------------------------------------------------


def attempt(found: Attempt, *, to_candidate: bool = False) -> Data:
    """An attempt with its grades, oldest first; `grade` is the last of them."""
    masked = to_candidate and found.reveal is Reveal.NEVER
    grades = [_stored_grade(stored, masked=masked) for stored in found.grades]
    reviews = [_shown_review(each, found, masked, to_candidate) for each in found.reviews]
    return _attempt(found) | {
        "grade": grades[-1],
        "grades": grades,
        "reviews": reviews,
        "appeal": _appeal(found.appeal),
    }


def batch(found: Batch) -> Data:
    """A batch with its progress."""
    return {
        "id": found.batch_id,
        "status": found.status.value,
        "total": found.total,
        "done": found.done,
        "failed": found.failed,
        "created_at": moment(found.created_at),
        "started_at": moment(found.started_at),
        "ended_at": moment(found.ended_at),
        "failure": found.failure,
    }


def item_result(found: ItemResult, *, to_candidate: bool) -> Data:
    """What became of an item of a batch."""
    made, error = found.attempt, found.error
    return {
        "index": found.position,
        "attempt": None if made is None else attempt(made, to_candidate=to_candidate),
        "error": error
        and {
            "code": error.code,
            "detail": error.detail,
            "errors": [
                {"detail": fault.detail, "pointer": fault.pointer} for fault in error.faults
            ],
        },
    }


def movements(found: Movements) -> Data:
    """What marking again changes."""
    return {
        "attempts": found.attempts,
        "up_to_date": found.up_to_date,
        "changed": found.changed,
        "reviewed": found.reviewed,
        "mean_change": found.mean,
        "histogram": [
            {"lower": edge, "attempts": count} for edge, count in sorted(found.histogram.items())
        ],
        "risen_above": found.risen_above,
        "fallen_below": found.fallen_below,
        "movers": [
            {"attempt": move.attempt_id, "before": move.before, "after": move.after}
            for move in found.movers
        ],
        "written": found.written,
    }


def regrade(found: Regrade) -> Data:
    """A regrade with what it found so far."""
    return {
        "id": found.regrade_id,
        "question": {
            "id": found.question_id,
            "slug": found.question_slug,
            "version": found.question_version,
        },
        "pass_mark": found.pass_mark,
        "commit": found.commit,
        "status": found.status.value,
        "total": found.progress.get("of"),
        "found": movements(Movements.of(found.pass_mark, found.progress)),
        "created_at": moment(found.created_at),
        "started_at": moment(found.started_at),
        "ended_at": moment(found.ended_at),
        "failure": found.failure,
    }


def new_attempt(made: Attempt, *, to_candidate: bool = False) -> Data:
    """An attempt that was just made, with its one grade."""
    masked = to_candidate and made.reveal is Reveal.NEVER
    return _attempt(made) | {"grade": _stored_grade(made.grades[-1], masked=masked)}


def _attempt(found: Attempt) -> Data:
    return {
        "id": found.attempt_id,
        "question": {
            "id": found.question_id,
            "slug": found.question_slug,
            "version": found.question_version,
        },
        "candidate": found.candidate,
        "answer": found.answer,
        "language": found.language.value,
        "metadata": dict(found.metadata),
        "created_at": moment(found.created_at),
        "erased": found.erased,
        "session": found.session_id,
        "result": _result(found),
    }


def _result(found: Attempt) -> Data:
    """The mark that counts: a person's, if a person gave one."""
    if found.reviews:
        last = found.reviews[-1]
        return {"score": last.score, "by": "person", "id": last.review_id}
    stored = found.grades[-1]
    return {"score": stored.grade.score, "by": "grader", "id": stored.grade_id}


def _shown_review(found: Review, attempt: Attempt, masked: bool, to_candidate: bool) -> Data:
    """A review without what candidates are not to see: the reviewer, and words on hidden points."""
    shown = review(found)
    if to_candidate:
        shown["reviewer"] = None
    if masked:
        keys = [point.key for point in attempt.grades[-1].grade.points]
        numbers = {key: f"point-{number}" for number, key in enumerate(keys, 1)}
        shown["verdicts"] = {
            numbers[key]: verdict for key, verdict in shown["verdicts"].items() if key in numbers
        }
        shown["reason"] = None
    return shown


def _stored_grade(stored: StoredGrade, *, masked: bool) -> Data:
    about = {"id": stored.grade_id, "created_at": moment(stored.created_at)}
    return about | grade(stored.grade, masked=masked)


def candidate_record(found: CandidateRecord, now: datetime) -> Data:
    """Everything that is held on a candidate."""
    return {
        "candidate": found.candidate,
        "created_at": moment(found.created_at),
        "attempts": [attempt(each) for each in found.attempts],
        "sessions": [session(each, now) for each in found.sessions],
    }


def erasure(receipt: Erasure) -> Data:
    """The receipt of an erasure."""
    return {
        "erased_attempts": receipt.attempts,
        "candidate": receipt.candidate_id,
        "erased_at": moment(receipt.erased_at),
    }


# Sessions ----------------------------------------------------------------------------------------


def session(found: Session, now: datetime) -> Data:
    """A session, as the platform sees it at a moment."""
    limit = found.time_limit
    return {
        "id": found.session_id,
        "state": found.state(now).value,
        "candidate": found.candidate,
        "questions": [_session_question(each) for each in found.questions],
        "language": None if found.language is None else found.language.value,
        "time_limit_s": None if limit is None else int(limit.total_seconds()),
        "extra_time_s": int(found.extra_time.total_seconds()),
        "opens_at": moment(found.opens_at),
        "closes_at": moment(found.closes_at),
        "ends_at": moment(found.ends_at),
        "attempts_allowed": found.attempts_allowed,
        "feedback": found.feedback.value,
        "metadata": dict(found.metadata),
        "created_at": moment(found.created_at),
        "started_at": moment(found.started_at),
        "finished_at": moment(found.finished_at),
        "cancelled_at": moment(found.cancelled_at),
    }


def _session_question(version: QuestionVersion) -> Data:
    return {
        "id": version.question_id,
        "slug": version.content.slug,
        "version": version.number,
        "topic": version.content.topic,
    }


def access(found: Token) -> Data:
    """A candidate's token."""
    return {"token": found.text, "expires_at": moment(found.expires_at)}


def sitting(found: Session, attempts: Sequence[Attempt], now: datetime) -> Data:
    """A session, as its candidate sees it at a moment."""
    started = found.started_at is not None
    left = None
    if found.state(now) is SessionState.STARTED:
        left = max(0, int((found.ends_at - now).total_seconds()))
    return {
        "id": found.session_id,
        "state": found.state(now).value,
        "language": None if found.language is None else found.language.value,
        "opens_at": moment(found.opens_at),
        "ends_at": moment(found.ends_at),
        "seconds_left": left,
        "attempts_allowed": found.attempts_allowed,
        "feedback": found.feedback.value,
        "questions": [
            {
                "id": version.question_id,
                "number": number,
                "prompt": _prompt(found, version) if started else None,
                "answers": [
                    given_answer(found, each, now)
                    for each in attempts
                    if each.version_id == version.version_id
                ],
            }
            for number, version in enumerate(found.questions, 1)
        ],
    }


def _prompt(found: Session, version: QuestionVersion) -> Data:
    """In the session's language if it has it; else in every language."""
    prompt = version.content.prompt
    if found.language is not None and found.language in prompt:
        prompt = {found.language: prompt[found.language]}
    return {language.value: text for language, text in prompt.items()}


def given_answer(found: Session, given: Attempt, now: datetime) -> Data:
    """An answer as its candidate sees it at a moment."""
    shows = found.shows_grades(now)
    masked = given.reveal is Reveal.NEVER
    return {
        "id": given.attempt_id,
        "answer": given.answer,
        "created_at": moment(given.created_at),
        "result": _result(given) if shows else None,
        "grade": _stored_grade(given.grades[-1], masked=masked) if shows else None,
    }


def report(found: Report, now: datetime) -> Data:
    """What came of a session."""
    questions = [_question_report(each) for each in found.questions]
    return {
        "session": session(found.session, now),
        "score": found.score,
        "topics": [{"topic": topic, "score": score} for topic, score in found.topics.items()],
        "questions": questions,
        "needs_review": sum(each["needs_review"] for each in questions),
    }


def _question_report(found: QuestionReport) -> Data:
    last = found.attempts[-1] if found.attempts else None
    grade = None if last is None else last.grades[-1].grade
    return {
        "question": _session_question(found.question),
        "score": found.score,
        "result": None if last is None else _result(last),
        "attempts": [each.attempt_id for each in found.attempts],
        "needs_review": grade is not None and grade.needs_review and not (last and last.reviews),
        "flags": [
            {"code": flag.code.value, "message": flag.message}
            for flag in (() if grade is None else grade.flags)
        ],
    }


# Reviews -----------------------------------------------------------------------------------------


def review(found: Review) -> Data:
    """A review, whole."""
    return {
        "id": found.review_id,
        "reviewer": found.reviewer,
        "score": found.score,
        "verdicts": {key: verdict.value for key, verdict in found.verdicts.items()},
        "reason": found.reason,
        "grade": found.grade_id,
        "grouped": found.grouped,
        "blind": found.blind,
        "created_at": moment(found.created_at),
    }


def appeal(found: Appeal) -> Data:
    """An appeal."""
    return {"message": found.message, "created_at": moment(found.created_at)}


def _appeal(found: Appeal | None) -> Data | None:
    return None if found is None else appeal(found)


def waiting(found: Waiting, *, blind: bool) -> Data:
    """A place in the review queue; `blind`: without the grader's doubt."""
    claim = None
    if found.claimed_by is not None and found.reviewed_at is None:
        claim = {"reviewer": found.claimed_by, "until": moment(found.claimed_until)}
    doubt = {
        "expected_error": found.expected_error,
        "flags": [flag.value for flag in found.flags],
    }
    return {
        "attempt": found.attempt_id,
        "question": {
            "id": found.question_id,
            "slug": found.question_slug,
            "version": found.question_version,
        },
        "language": found.language.value,
        "reasons": sorted(found.reasons),
        "queued_at": moment(found.queued_at),
        "claim": claim,
        "reviewed_at": moment(found.reviewed_at),
        "doubt": None if blind else doubt,
    }


def sheet(item: Waiting, found: Attempt, question: Question, *, blind: bool) -> Data:
    """What a reviewer judges by. Blind, neither who answered nor what anybody said of it."""
    return {
        "item": waiting(item, blind=blind),
        "answer": found.answer,
        "appeal": _appeal(found.appeal),
        "question": content_to_dict(question),
        "attempt": None if blind else attempt(found),
    }


def answer_group(found: AnswerGroup) -> Data:
    """A group with its answers."""
    return {
        "members": [
            {"attempt": each.attempt_id, "similarity": each.similarity, "answer": each.answer}
            for each in found.members
        ]
    }


def question_agreement(found: QuestionAgreement) -> Data:
    """How far grader and reviewers agree on a question."""
    return {
        "question": found.question_id,
        "slug": found.question_slug,
        "reviews": found.reviews,
        "mean_error": found.mean_error,
        "bias": found.bias,
        "points": [
            {"key": each.key, "reviews": each.reviews, "same": each.same, "kappa": each.kappa}
            for each in found.points
        ],
        "disagreements": [
            {"attempt": each.attempt_id, "graded": each.graded, "reviewed": each.reviewed}
            for each in found.disagreements
        ],
    }


def statistics(version: QuestionVersion, found: QuestionStatistics) -> Data:
    """How candidates did on a version of a question."""
    return {
        "question": _named(version),
        "computed_at": moment(found.computed_at),
        "attempts": found.attempts,
        "candidates": found.candidates,
        "mean": found.mean,
        "deviation": found.deviation,
        "discrimination": found.discrimination,
        "median_seconds": found.median_seconds,
        "needs_review": found.needs_review,
        "reviewed": found.reviewed,
        "flags": [{"code": code, "attempts": n} for code, n in found.flags.items()],
        "misconceptions": [{"key": key, "attempts": n} for key, n in found.misconceptions.items()],
        "points": [
            {
                "key": point.key,
                "credit": point.credit,
                "verdicts": {verdict.value: n for verdict, n in point.verdicts.items()},
                "discrimination": point.discrimination,
                "reviews": point.reviews,
                "overruled": point.overruled,
            }
            for point in found.points
        ],
    }


def suggested_points(
    version: QuestionVersion, good: GoodAnswers, found: Sequence[Suggestion]
) -> Data:
    """What good candidates write and no point of a version covers."""
    return {
        "question": _named(version),
        "computed_at": moment(good.computed_at),
        "language": good.language,
        "attempts": good.attempts,
        "good_candidates": len(good.answers),
        "suggestions": [
            {
                "text": each.text,
                "candidates": each.candidates,
                "share": each.share,
                "mean": each.mean,
                "examples": [
                    {"attempt": example.attempt_id, "text": example.text}
                    for example in each.examples
                ],
                "nearest_point": each.nearest_point
                and {
                    "key": each.nearest_point.key,
                    "similarity": each.nearest_point.similarity,
                },
            }
            for each in found
        ],
    }


def _named(version: QuestionVersion) -> Data:
    return {
        "id": version.question_id,
        "slug": version.content.slug,
        "version": version.number,
    }


# Audit log ---------------------------------------------------------------------------------------


def audit_entry(found: AuditEntry) -> Data:
    """A line of the audit log."""
    return {
        "number": found.number,
        "at": moment(found.at),
        "key": found.key_id,
        "action": found.action,
        "subject": found.subject,
        "details": dict(found.details),
    }


# Webhooks ----------------------------------------------------------------------------------------


def endpoint(found: Endpoint) -> Data:
    """An endpoint without its secret."""
    return {
        "id": found.endpoint_id,
        "url": found.url,
        "description": found.description,
        "events": None if found.events is None else [each.value for each in found.events],
        "enabled": found.disabled_at is None,
        "disabled_at": moment(found.disabled_at),
        "disabled_why": found.disabled_why,
        "failing_since": moment(found.failing_since),
        "previous_secret_until": moment(found.previous_until),
        "created_at": moment(found.created_at),
    }


def delivery(found: Delivery) -> Data:
    """A message with its tries."""
    return {
        "id": found.delivery_id,
        "webhook": found.endpoint_id,
        "event": found.event.value,
        "state": found.state.value,
        "created_at": moment(found.created_at),
        "next_at": moment(found.next_at),
        "delivered_at": moment(found.delivered_at),
        "payload": json.loads(found.body),
        "tries": [
            {
                "number": each.number,
                "at": moment(each.at),
                "status": each.status,
                "ms": each.ms,
                "error": each.error,
            }
            for each in found.tries
        ],
    }


# Keys --------------------------------------------------------------------------------------------


def api_key(key: ApiKey) -> Data:
    """A key without its secret."""
    return {
        "id": key.key_id,
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": moment(key.created_at),
        "last_used_at": moment(key.last_used_at),
        "revoked_at": moment(key.revoked_at),
    }
