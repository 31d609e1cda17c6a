"""The pages on which an invited candidate sits a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from service import practice, sessions
from service.api import printed
from service.api.context import parts, state
from service.api.loading import NotReady
from service.api.rubrics import checked_answer
from service.domain import Attempt, Question, SessionState
from service.errors import (
    AnswerTooLong,
    InvalidInput,
    NoAttemptsLeft,
    NotFound,
    SessionNotOpen,
    SessionOver,
    StoreUnavailable,
    Unauthenticated,
)
from service.pages import seats, showing, visitors
from service.pages.rendering import TEMPLATES, page
from service.sessions import Report
from service.texts import text

BLUEPRINT = Blueprint("sitting", __name__, template_folder=str(TEMPLATES), url_prefix=seats.PATH)
RETRY_S = 3
_QUESTION = "/questions/<int(max=2147483647):number>"
_COUNTED = timedelta(days=1)
"""What is left of a session is counted down from here on; before, its end is named."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question of the session, and what was answered to it."""

    number: int
    """From 1."""
    question_id: str
    content: Question
    attempts: tuple[Attempt, ...]
    """Oldest first."""
    left: int
    """Attempts; none once the session is over."""


@dataclass(frozen=True, kw_only=True)
class Sat:
    """A session at a moment, as its pages show it."""

    found: Report
    now: datetime

    @property
    def state(self) -> SessionState:
        """Where it stands."""
        return self.found.session.state(self.now)

    @property
    def shows_grades(self) -> bool:
        """Whether its rule lets the candidate see grades now."""
        return self.found.session.shows_grades(self.now)

    @property
    def is_over(self) -> bool:
        """Whether no answer is taken any more."""
        return self.state not in (SessionState.CREATED, SessionState.STARTED)

    @property
    def seconds_left(self) -> int | None:
        """Until the last answer is taken; None: it does not run, or for longer than a day."""
        left = self.found.session.ends_at - self.now
        runs = self.state is SessionState.STARTED and left < _COUNTED
        return max(0, int(left.total_seconds())) if runs else None

    @property
    def questions(self) -> Sequence[Asked]:
        """In their order."""
        allowed = self.found.session.attempts_allowed
        return [
            Asked(
                number=number,
                question_id=each.question.question_id,
                content=each.question.content,
                attempts=each.attempts,
                left=0 if self.is_over else max(0, allowed - len(each.attempts)),
            )
            for number, each in enumerate(self.found.questions, 1)
        ]

    def asked(self, number: int) -> Asked:
        """One question.

        Raises:
            NotFound: the session has fewer.
        """
        if not 1 <= number <= len(self.questions):
            raise NotFound(f"The session has no question {number}.")
        return self.questions[number - 1]

    def following(self, number: int) -> Asked | None:
        """The next question without an answer, the first of all after the last."""
        later = [each for each in self.questions if each.number > number]
        before = [each for each in self.questions if each.number < number]
        return next((each for each in later + before if each.left and not each.attempts), None)


def _sat() -> Sat:
    """The session of this browser, now.

    Raises:
        NotFound: its candidate was erased.
        Unauthenticated: no token, or one that does not work any more.
    """
    now = datetime.now(UTC)
    return Sat(found=sessions.report(parts().store, seats.seat().session_id), now=now)


def _page(template: str, status: int = 200, *, sat: Sat | None = None, **values: Any) -> Response:
    preferred = None if sat is None else sat.found.session.language
    if sat is not None:
        values |= {"sat": sat, "session": sat.found.session, "clock": _clock}
    if preferred is not None:
        # The rule of the session, not the visitor's choice, says what questions are asked in.
        values["ui"] = preferred
    response = page(template, status, preferred=preferred, **values)
    return _unseen(response)


def _unseen(response: Response) -> Response:
    """Of somebody's examination nothing stays behind, nor is told to where a link leads."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


# Pages -------------------------------------------------------------------------------------------


@BLUEPRINT.get("")
def overview() -> AnyResponse:
    """Where the session stands; a link's token goes into a cookie and out of the address."""
    token = request.args.get("token")
    if token is not None:
        clean = url_for(".overview", lang=request.args.get("lang"))
        return seats.admit(token, _unseen(make_response(redirect(clean, 303))))
    return _overview(_sat())


def _overview(sat: Sat, status: int = 200, error: str | None = None) -> Response:
    return _page("sitting.html", status, sat=sat, token=seats.form_token(), error=error)


@BLUEPRINT.post("")
def step() -> AnyResponse:
    """Start or finish; whatever comes of it, the overview says."""
    sat = _sat()
    if not seats.form_is_ours():
        said = text("sitting.refused", visitors.language(sat.found.session.language))
        return _overview(sat, 403, said)
    take = {"start": sessions.start, "finish": sessions.finish}.get(request.form.get("step", ""))
    if take is None:
        raise InvalidInput("The form has no such step.")
    try:
        take(parts().store, sat.found.session.session_id)
    except (SessionOver, SessionNotOpen):
        return _overview(_sat(), 409)
    return redirect(url_for(".overview"), 303)


@BLUEPRINT.get("/report")
def report() -> Response:
    """What came of the session, where its rule shows it."""
    sat = _sat()
    if not (sat.is_over and sat.shows_grades):
        raise NotFound("This session shows no report.")
    return _unseen(printed.report_page(sat.found, sat.now, to_candidate=True))


@BLUEPRINT.get(_QUESTION)
def question(number: int) -> AnyResponse:
    """A question and room for an answer, that of an earlier attempt if one is named."""
    sat = _sat()
    asked = sat.asked(number)
    if not asked.left or sat.state is not SessionState.STARTED:
        return redirect(url_for(".overview"), 303)
    attempt_id = request.args.get("from")
    return _form(sat, asked, _attempt(asked, attempt_id).answer if attempt_id else "")


def _form(
    sat: Sat, asked: Asked, given: str, status: int = 200, error: str | None = None
) -> Response:
    return _page(
        "sitting_question.html",
        status,
        sat=sat,
        asked=asked,
        question=asked.content,
        given=given,
        error=error,
        most=parts().limits.max_answer_chars,
        action=url_for(".question", number=asked.number),
        draft=_draft(sat, asked),
        token=seats.form_token(),
        submission=practice.new_submission(),
    )


def _draft(sat: Sat, asked: Asked) -> str:
    """What unsent text is kept under in the browser: another session's is never shown."""
    return f"{sat.found.session.session_id}:{asked.number}"


def _given() -> str:
    # Browsers send line ends as CR LF, whatever was typed.
    return request.form.get("answer", "").replace("\r\n", "\n")


@BLUEPRINT.post(_QUESTION)
def answer(number: int) -> AnyResponse:
    """Take an answer; what became of it has an address of its own."""
    received_at = datetime.now(UTC)
    request.max_form_memory_size = parts().settings.max_body_bytes
    sat = _sat()
    asked, given = sat.asked(number), _given()
    language = visitors.language(sat.found.session.language)
    submission = request.form.get("submission", "")
    if not (seats.form_is_ours() and practice.is_submission(submission)):
        return _not_taken(sat, asked, 403, text("answer.expired", language))
    quota = parts().store.count_candidate(
        sat.found.session.session_id,
        limit=parts().settings.rate_limit,
        window_s=parts().settings.rate_window_s,
    )
    if quota.exceeded:
        said = text("answer.too_often", language, seconds=quota.reset_s)
        response = _not_taken(sat, asked, 429, said)
        response.headers["Retry-After"] = str(quota.reset_s)
        return response
    try:
        made = _submitted(sat, asked, given, submission, received_at)
    except NotReady:
        return _waiting(sat, asked, given, submission)
    except AnswerTooLong:
        most = parts().limits.max_answer_chars
        said = text("answer.too_long", language, n=len(given), most=most)
        return _not_taken(sat, asked, 422, said)
    except InvalidInput:
        return _not_taken(sat, asked, 422, text("answer.unstorable", language))
    state().grading_ms = made.grades[-1].grade.provenance.elapsed_ms
    return redirect(url_for(".result", number=number, attempt_id=made.attempt_id), 303)


def _submitted(
    sat: Sat, asked: Asked, given: str, submission: str, received_at: datetime
) -> Attempt:
    found = parts()
    _, made = sessions.answer(
        found.store,
        found.grader.get(),
        found.cache,
        sat.found.session.session_id,
        asked.question_id,
        checked_answer(given, None, found.limits),
        received_at=received_at,
        submission=submission,
        limits=found.limits,
        sample=found.settings.review_sample,
    )
    return made


def _not_taken(sat: Sat, asked: Asked, status: int, error: str) -> Response:
    """The form again with what was typed, or only the text where no form takes it any more."""
    if asked.left and sat.state is SessionState.STARTED:
        return _form(sat, asked, _given(), status, error)
    return _stop("refused", status)


def _waiting(sat: Sat, asked: Asked, given: str, submission: str) -> Response:
    """A page that sends the same answer again; under the same number it is one attempt."""
    response = _page(
        "sitting_waiting.html",
        503,
        sat=sat,
        given=given,
        action=url_for(".question", number=asked.number),
        token=seats.form_token(),
        submission=submission,
        retry_s=RETRY_S,
    )
    response.headers["Retry-After"] = str(RETRY_S)
    return response


@BLUEPRINT.get(_QUESTION + "/<attempt_id>")
def result(number: int, attempt_id: str) -> Response:
    """What became of an answer: its marks where the rule shows them, else that it came."""
    sat = _sat()
    asked = sat.asked(number)
    found = _attempt(asked, attempt_id)
    common: dict[str, Any] = {
        "sat": sat,
        "asked": asked,
        "question": asked.content,
        "attempt": found,
        "draft": _draft(sat, asked),
        "following": sat.following(number),
    }
    if not sat.shows_grades:
        return _page("sitting_sent.html", **common)
    version = sat.found.questions[number - 1].question
    language = sat.found.session.language or visitors.language()
    return _page("sitting_result.html", shown=showing.result(found, version, language), **common)


def _attempt(asked: Asked, attempt_id: str) -> Attempt:
    for each in asked.attempts:
        if each.attempt_id == attempt_id:
            return each
    raise NotFound(f"There is no attempt {attempt_id!r}.")


# When something is in the way --------------------------------------------------------------------


def _stop(about: str, status: int) -> Response:
    """What is in the way and what to do about it, with what was typed."""
    try:
        given = _given()
    except RequestEntityTooLarge:
        # Something else was in the way first, before the body was read.
        given = ""
    return _page("sitting_stop.html", status, about=about, given=given)


@BLUEPRINT.errorhandler(Unauthenticated)
def nobody(fault: Exception) -> Response:
    """No token, one of somebody else's making, or one that ran out."""
    return _stop("nobody", 401)


@BLUEPRINT.errorhandler(SessionOver)
def over(fault: Exception) -> Response:
    """Too late."""
    return _stop("over", 409)


@BLUEPRINT.errorhandler(SessionNotOpen)
def not_open(fault: Exception) -> Response:
    """Too early."""
    return _stop("early", 409)


@BLUEPRINT.errorhandler(NoAttemptsLeft)
def used_up(fault: Exception) -> Response:
    """Answered as often as is allowed."""
    return _stop("used_up", 409)


@BLUEPRINT.errorhandler(NotFound)
def missing(fault: Exception) -> Response:
    """No such question or attempt in this session, no report, or an erased candidate."""
    return _stop("missing", 404)


@BLUEPRINT.errorhandler(InvalidInput)
def bad(fault: Exception) -> Response:
    """A form that these pages did not write."""
    return _stop("refused", 422)


@BLUEPRINT.errorhandler(StoreUnavailable)
def away(fault: Exception) -> Response:
    """The database does not answer."""
    response = _stop("away", 503)
    response.headers["Retry-After"] = str(RETRY_S)
    return response


@BLUEPRINT.errorhandler(413)
def too_large(fault: RequestEntityTooLarge) -> Response:
    """More than the service reads at all: what was typed is in the browser alone."""
    return _page("sitting_stop.html", 413, about="large", given="")
