"""Words of the domain as plain JSON data, and what of them a candidate may see.

A key that can neither write questions, nor review, nor administer speaks for candidates. It is
shown no points; where a question never reveals them, not even their keys, which can give the idea
away, and not the signals, which name misconceptions by their margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from service.content import content_to_dict
from service.domain import (
    ApiKey,
    Attempt,
    Evidence,
    Grade,
    PointGrade,
    Question,
    QuestionVersion,
    Reveal,
    Scope,
    StoredGrade,
)

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
    return _attempt(found) | {"grade": grades[-1], "grades": grades}


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
    }


def _stored_grade(stored: StoredGrade, *, masked: bool) -> Data:
    about = {"id": stored.grade_id, "created_at": moment(stored.created_at)}
    return about | grade(stored.grade, masked=masked)


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
