"""Sessions: made and read by platforms, sat by candidates."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from flask import Response

from service import sessions as cases
from service.api import printed
from service.api.auth import needs, seated
from service.api.context import caller, parts, seat
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, page
from service.api.routes.attempts import checked_metadata, note
from service.api.rubrics import checked_answer
from service.api.schemas import (
    DrawIn,
    GivenAnswer,
    MadeSession,
    MadeToken,
    ReportOut,
    SessionAnswerIn,
    SessionIn,
    SessionListIn,
    SessionOut,
    SessionPage,
    Sitting,
)
from service.api.views import (
    access,
    faces_candidates,
    given_answer,
    report,
    session,
    sitting,
)
from service.content import check_text, refuse
from service.domain import Attempt, Feedback, Language, Scope, Session
from service.errors import FieldFault
from service.exchange import Draw, QuestionFilter, SessionPlan
from service.store import cursors

sessions = blueprint("sessions", tag="Sessions", prefix="/v1")


# For platforms -----------------------------------------------------------------------------------


@sessions.post("/sessions")
@sessions.doc(
    **about(
        "createSession",
        scope=Scope.ATTEMPTS_WRITE,
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.ATTEMPTS_WRITE)
@sessions.input(SessionIn, arg_name="body")
@sessions.output(MadeSession, 201)
@idempotent
def create_session(once: Once, body: SessionIn) -> Response:
    """Make a session for a candidate.

    Its questions are fixed now, in their published versions. `access.token` is for the candidate:
    it opens this session and nothing else, for four hours; `createSessionToken` makes another.
    """
    outcome = once.presenting(_created, subject=lambda made: made.session_id, kept=_created_before)
    cases.create(parts().store, _plan(body), actor=caller(), finish=outcome)
    return outcome.response


@sessions.get("/sessions")
@sessions.doc(**about("listSessions", scope=Scope.ATTEMPTS_READ, gives=("Link",)))
@needs(Scope.ATTEMPTS_READ)
@sessions.input(SessionListIn, location="query", arg_name="query")
@sessions.output(SessionPage)
def list_sessions(query: SessionListIn) -> Response:
    """List sessions by their last change.

    `next_cursor` is there on the last page too: kept and sent again later, it gives the sessions
    that were made, started, finished, cancelled or ran out of time since.
    """
    after = cursors.read_number("change", query.cursor)
    found = cases.changed(parts().store, after=after, limit=query.limit + 1)
    shown = found[: query.limit]
    now = datetime.now(UTC)
    last = shown[-1].change if shown else after
    return page(
        [session(each, now) for each in shown],
        cursors.write_number("change", last),
        more=len(found) > query.limit,
    )


@sessions.get("/sessions/<id>")
@sessions.doc(**about("getSession", scope=Scope.ATTEMPTS_READ, problems=("not_found",)))
@needs(Scope.ATTEMPTS_READ)
@sessions.output(SessionOut)
def get_session(id: str) -> Response:
    """Get a session."""
    return _shown(cases.session(parts().store, id))


@sessions.post("/sessions/<id>/cancel")
@sessions.doc(
    **about("cancelSession", scope=Scope.ATTEMPTS_WRITE, problems=("not_found", "session_over"))
)
@needs(Scope.ATTEMPTS_WRITE)
@sessions.output(SessionOut)
def cancel_session(id: str) -> Response:
    """Cancel a session.

    No answer is taken any more; those that were taken stay. Cancelling it again changes nothing.
    """
    return _shown(cases.cancel(parts().store, id, actor=caller()))


@sessions.post("/sessions/<id>/tokens")
@sessions.doc(**about("createSessionToken", scope=Scope.ATTEMPTS_WRITE, problems=("not_found",)))
@needs(Scope.ATTEMPTS_WRITE)
@sessions.output(MadeToken, 201)
def create_session_token(id: str) -> Response:
    """Make another token for the candidate of a session."""
    found = cases.session(parts().store, id)
    made = cases.token_for(found, parts().signing_secret())
    return json_response(access(made), 201, {"Cache-Control": "no-store"})


@sessions.get("/sessions/<id>/report")
@sessions.doc(
    **about("getSessionReport", scope=Scope.ATTEMPTS_READ, problems=("not_found",), page=True)
)
@needs(Scope.ATTEMPTS_READ)
@sessions.output(ReportOut)
def get_session_report(id: str) -> Response:
    """Report what came of a session.

    Of each question the last answer counts, by the last review if a person gave one. Scores are
    means over questions, those without an answer counted as 0; it can be asked for at any time.
    With `Accept: text/html` it is a page to show or print, with the answers and their points.
    """
    found, now = cases.report(parts().store, id), datetime.now(UTC)
    if printed.is_wanted():
        response = printed.report_page(found, now, to_candidate=faces_candidates(caller()))
    else:
        response = json_response(report(found, now))
    response.headers["Vary"] = "Accept, Accept-Language"
    return response


# For candidates ----------------------------------------------------------------------------------


@sessions.get("/session")
@sessions.doc(**about("getSitting", candidate=True, problems=("not_found",)))
@seated
@sessions.output(Sitting)
def get_sitting() -> Response:
    """Get the session of this token.

    Prompts are there once it was started; grades where the rules show them.
    """
    found = cases.report(parts().store, seat().session_id)
    attempts = [each for question in found.questions for each in question.attempts]
    return json_response(sitting(found.session, attempts, datetime.now(UTC)))


@sessions.post("/session/start")
@sessions.doc(
    **about(
        "startSitting", candidate=True, problems=("not_found", "session_not_open", "session_over")
    )
)
@seated
@sessions.output(Sitting)
def start_sitting() -> Response:
    """Start the session.

    The time runs from now on. Starting it again changes nothing.
    """
    cases.start(parts().store, seat().session_id)
    response: Response = get_sitting()
    return response


@sessions.post("/session/questions/<id>/answers")
@sessions.doc(
    **about(
        "answerQuestion",
        candidate=True,
        problems=(
            *("not_found", "answer_too_long", "not_ready"),
            *("session_not_open", "session_over", "no_attempts_left"),
        ),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@seated
@sessions.input(SessionAnswerIn, arg_name="body")
@sessions.output(GivenAnswer, 201)
@idempotent
def answer_question(once: Once, id: str, body: SessionAnswerIn) -> Response:
    """Answer a question of the session.

    What counts is when the answer came, not how long grading it takes. Send an `Idempotency-Key`:
    after a lost connection the same request is answered as the first time and costs no attempt.
    """
    received_at = datetime.now(UTC)
    outcome = once.presenting(_answered, subject=lambda made: made[1].attempt_id)
    _, made = cases.answer(
        parts().store,
        parts().grader.get(),
        parts().cache,
        seat().session_id,
        id,
        checked_answer(body.answer, body.language, parts().limits),
        received_at=received_at,
        finish=outcome,
        limits=parts().limits,
        sample=parts().settings.review_sample,
    )
    note(made.grades[-1].grade)
    return outcome.response


@sessions.post("/session/finish")
@sessions.doc(
    **about(
        "finishSitting", candidate=True, problems=("not_found", "session_not_open", "session_over")
    )
)
@seated
@sessions.output(Sitting)
def finish_sitting() -> Response:
    """Finish the session.

    No answer is taken any more. Finishing it again changes nothing.
    """
    cases.finish(parts().store, seat().session_id)
    response: Response = get_sitting()
    return response


def _plan(body: SessionIn) -> SessionPlan:
    if (body.questions is None) == (body.draw is None):
        detail = "give either questions or a draw, not both and not neither"
        refuse("What to ask is not clear.", [FieldFault(pointer="#", detail=detail)])
    language = None if body.language is None else Language(body.language)
    limit = body.time_limit_s
    return SessionPlan(
        candidate=body.candidate,
        questions=tuple(body.questions or ()) if body.draw is None else _draw(body.draw, language),
        language=language,
        time_limit=None if limit is None else timedelta(seconds=limit),
        extra_time=timedelta(seconds=body.extra_time_s),
        opens_at=body.opens_at,
        closes_at=body.closes_at,
        attempts_allowed=body.attempts_allowed,
        feedback=Feedback(body.feedback),
        metadata=checked_metadata(body.metadata),
    )


def _draw(given: DrawIn, language: Language | None) -> Draw:
    topic, tag = given.get("topic"), given.get("tag")
    for name, text in (("topic", topic), ("tag", tag)):
        refuse("The draw cannot be made.", check_text(text or "", f"#/draw/{name}"))
    return Draw(
        filters=QuestionFilter(
            topic=topic, tag=tag, difficulty=given.get("difficulty"), language=language
        ),
        count=given["count"],
        seed=given.get("seed", random.SystemRandom().randrange(2**53)),
    )


def _shown(found: Session) -> Response:
    return json_response(session(found, datetime.now(UTC)))


def _created(made: Session) -> Response:
    token = cases.token_for(made, parts().signing_secret())
    return _new(made, access(token), {"Cache-Control": "no-store"})


def _created_before(made: Session) -> Response:
    """What is kept for a replay: the token must be readable nowhere."""
    return _new(made, None, {})


def _new(made: Session, token: object, headers: dict[str, str]) -> Response:
    shown = session(made, datetime.now(UTC)) | {"access": token}
    headers["Location"] = f"/v1/sessions/{made.session_id}"
    return json_response(shown, 201, headers)


def _answered(made: tuple[Session, Attempt]) -> Response:
    return json_response(given_answer(*made, datetime.now(UTC)), 201)
