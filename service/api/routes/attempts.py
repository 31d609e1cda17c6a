"""Answers in, grades out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flask import Response

from service import usecases
from service.api.auth import needs
from service.api.context import caller, parts, state
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, page
from service.api.rubrics import checked_answer, task
from service.api.schemas import (
    AttemptIn,
    AttemptListIn,
    AttemptOut,
    AttemptPage,
    CandidateOut,
    Erasure,
    Graded,
    GradeIn,
    MadeAttempt,
)
from service.api.views import (
    attempt,
    candidate_record,
    erasure,
    faces_candidates,
    grade,
    graded_points,
    new_attempt,
)
from service.content import refuse
from service.domain import Attempt, Grade, Scope
from service.errors import FieldFault
from service.exchange import AttemptFilter

attempts = blueprint("attempts", tag="Attempts", prefix="/v1")

MAX_METADATA_BYTES = 16_384


@attempts.post("/questions/<id>/attempts")
@attempts.doc(
    **about(
        "submitAttempt",
        scope=Scope.ATTEMPTS_WRITE,
        problems=("not_found", "not_published", "answer_too_long", "not_ready"),
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.ATTEMPTS_WRITE)
@attempts.input(AttemptIn, arg_name="body")
@attempts.output(MadeAttempt, 201)
@idempotent
def submit_attempt(once: Once, id: str, body: AttemptIn) -> Response:
    """Submit an answer.

    It is graded and stored in one call. A blank answer is an attempt like any other: its score is
    0 and its flag `blank`.
    """
    outcome = once.presenting(_created, subject=lambda made: made.attempt_id)
    made = usecases.submit_attempt(
        parts().store,
        parts().grader.get(),
        parts().cache,
        id,
        candidate=body.candidate,
        answer=checked_answer(body.answer, body.language, parts().limits),
        metadata=checked_metadata(body.metadata),
        key_id=caller().key_id,
        finish=outcome,
        limits=parts().limits,
        sample=parts().settings.review_sample,
    )
    note(made.grades[-1].grade)
    return outcome.response


@attempts.get("/attempts")
@attempts.doc(
    **about("listAttempts", scope=Scope.ATTEMPTS_READ, problems=("not_found",), gives=("Link",))
)
@needs(Scope.ATTEMPTS_READ)
@attempts.input(AttemptListIn, location="query", arg_name="query")
@attempts.output(AttemptPage)
def list_attempts(query: AttemptListIn) -> Response:
    """List attempts.

    Newest first, of one question or one candidate if asked for.
    """
    filters = AttemptFilter(
        question=query.question, candidate=query.candidate, since=query.since, until=query.until
    )
    found = usecases.list_attempts(parts().store, filters, cursor=query.cursor, limit=query.limit)
    return page([_shown(each) for each in found.items], found.next_cursor)


@attempts.get("/attempts/<id>")
@attempts.doc(**about("getAttempt", scope=Scope.ATTEMPTS_READ, problems=("not_found",)))
@needs(Scope.ATTEMPTS_READ)
@attempts.output(AttemptOut)
def get_attempt(id: str) -> Response:
    """Get an attempt with all its grades."""
    return json_response(_shown(usecases.attempt(parts().store, id)))


@attempts.post("/grade")
@attempts.doc(
    **about("grade", scope=Scope.ATTEMPTS_WRITE, problems=("answer_too_long", "not_ready"))
)
@needs(Scope.ATTEMPTS_WRITE)
@attempts.input(GradeIn, arg_name="body")
@attempts.output(Graded)
def grade_answer(body: GradeIn) -> Response:
    """Grade an answer without storing anything.

    Against points given here, or against model answers (`references`), each of which is cut into
    points; the answer is then marked against the one that it meets best.
    """
    work = task(body, parts().limits)
    grader = parts().grader.get()
    marked = grader.grade(parts().rubrics.prepared(work, grader), work.answer)
    note(marked.grade)
    return json_response(
        {
            "language": marked.language.value,
            "points": graded_points(work.question, marked.grade),
            "grade": grade(marked.grade),
        }
    )


@attempts.get("/candidates/<path:external_id>")
@attempts.doc(**about("exportCandidate", scope=Scope.ADMIN, problems=("not_found",)))
@needs(Scope.ADMIN)
@attempts.output(CandidateOut)
def export_candidate(external_id: str) -> Response:
    """Export everything that is held on a candidate.

    Answers, grades, reviews, appeals, sessions and metadata, for the candidate to have. Vectors are
    left out: they are computed from the answers.
    """
    found = usecases.candidate_record(parts().store, external_id, actor=caller())
    return json_response(candidate_record(found, datetime.now(UTC)))


@attempts.delete("/candidates/<path:external_id>")
@attempts.doc(**about("eraseCandidate", scope=Scope.ADMIN, problems=("not_found",)))
@needs(Scope.ADMIN)
@attempts.output(Erasure)
def erase_candidate(external_id: str) -> Response:
    """Erase a candidate.

    Their answers, vectors, metadata and feedback, appeals and the reasons of reviews are erased for
    good; scores stay, of nobody. The response is the receipt: `candidate` names in the audit log
    what is left.
    """
    return json_response(
        erasure(usecases.erase_candidate(parts().store, external_id, actor=caller()))
    )


def _created(made: Attempt) -> Response:
    shown = new_attempt(made, to_candidate=faces_candidates(caller()))
    return json_response(shown, 201, {"Location": f"/v1/attempts/{made.attempt_id}"})


def _shown(found: Attempt) -> dict[str, Any]:
    return attempt(found, to_candidate=faces_candidates(caller()))


def note(made: Grade) -> None:
    """Count a grade, and say in the response how long it took."""
    state().grading_ms = made.provenance.elapsed_ms
    parts().metrics.graded(made)


def checked_metadata(given: dict[str, Any] | None, pointer: str = "#/metadata") -> dict[str, Any]:
    """The platform's own data, if it is not too large."""
    metadata = given or {}
    size = len(json.dumps(metadata, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > MAX_METADATA_BYTES:
        detail = f"has {size} bytes as JSON; at most {MAX_METADATA_BYTES} are accepted"
        refuse("The metadata is too large.", [FieldFault(pointer=pointer, detail=detail)])
    return metadata
