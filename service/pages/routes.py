"""The pages: read the form, call one use case, render."""

from __future__ import annotations

import re

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from service import practice, usecases
from service.api.context import parts, state
from service.api.loading import NotReady
from service.api.rubrics import checked_answer
from service.domain import Attempt, QuestionVersion
from service.errors import (
    AnswerTooLong,
    InvalidInput,
    NotFound,
    NotPublished,
    StoreUnavailable,
)
from service.exchange import QuestionFilter
from service.pages import showing, visitors
from service.pages.rendering import TEMPLATES
from service.pages.rendering import page as _page
from service.texts import text

ANSWERS_PER_WINDOW = 30
"""From one browser; fewer where API keys are allowed fewer."""
RETRY_S = 3

BLUEPRINT = Blueprint("practice", __name__, template_folder=str(TEMPLATES))
CLOSED = Blueprint("practice_off", __name__, template_folder=str(TEMPLATES))

# Pages -------------------------------------------------------------------------------------------


@CLOSED.get("/")
def closed() -> Response:
    """What is at the top where nobody practises."""
    return _page("off.html")


@BLUEPRINT.get("/")
def index() -> Response:
    """Questions to choose from."""
    return _listing()


def _listing(status: int = 200) -> Response:
    filters = _filters()
    store = parts().store
    found = usecases.list_questions(
        store, filters, cursor=request.args.get("cursor") or None, limit=100
    )
    return _page(
        "index.html",
        status,
        questions=found.items,
        filters=filters,
        topics=practice.topics(store, QuestionFilter(language=filters.language)),
        next_cursor=found.next_cursor,
    )


def _filters() -> QuestionFilter:
    level = request.args.get("difficulty", "")
    return QuestionFilter(
        topic=request.args.get("topic") or None,
        difficulty=int(level) if re.fullmatch(r"[1-5]", level) else None,
        language=visitors.language(),
    )


@BLUEPRINT.get("/draw")
def draw() -> AnyResponse:
    """A question that fits, by chance."""
    try:
        found = usecases.random_question(parts().store, _filters())
    except NotFound:
        return _listing(404)
    return redirect(url_for(".question", slug=found.content.slug), 303)


@BLUEPRINT.get("/practise/<slug>")
def question(slug: str) -> Response:
    """A question and room for an answer, that of an earlier attempt if one is named."""
    given = ""
    attempt_id = request.args.get("from")
    if attempt_id:
        given = practice.result(parts().store, visitors.browser(), attempt_id)[0].answer
    return _form(usecases.published(parts().store, slug), given)


@BLUEPRINT.post("/practise/<slug>")
def answer(slug: str) -> AnyResponse:
    """Take an answer; the result has an address of its own."""
    request.max_form_memory_size = parts().settings.max_body_bytes
    # Browsers send line ends as CR LF, whatever was typed.
    given = request.form.get("answer", "").replace("\r\n", "\n")
    found = usecases.published(parts().store, slug)
    if not visitors.form_is_ours():
        return _form(found, given, 403, text("answer.expired", visitors.language()))
    refusal = _too_often(found, given)
    if refusal is not None:
        return refusal
    try:
        made = _submitted(slug, given)
    except NotReady:
        return _waiting(found, given)
    except InvalidInput as fault:
        return _form(found, given, 422, _complaint(fault, given))
    state().grading_ms = made.grades[-1].grade.provenance.elapsed_ms
    return redirect(url_for(".result", slug=made.question_slug, attempt_id=made.attempt_id), 303)


def _submitted(slug: str, given: str) -> Attempt:
    found = parts()
    return practice.submit(
        found.store,
        found.grader.get(),
        found.cache,
        slug,
        browser=visitors.browser(),
        submission=request.form.get("submission", ""),
        answer=checked_answer(given, None, found.limits),
        limits=found.limits,
        sample=found.settings.review_sample,
    )


def _too_often(found: QuestionVersion, given: str) -> Response | None:
    settings = parts().settings
    quota = practice.count_answer(
        parts().store,
        visitors.browser(),
        limit=min(ANSWERS_PER_WINDOW, settings.rate_limit),
        window_s=settings.rate_window_s,
    )
    if not quota.exceeded:
        return None
    said = text("answer.too_often", visitors.language(), seconds=quota.reset_s)
    response = _form(found, given, 429, said)
    response.headers["Retry-After"] = str(quota.reset_s)
    return response


def _complaint(fault: InvalidInput, given: str) -> str:
    language = visitors.language()
    if isinstance(fault, AnswerTooLong):
        return text("answer.too_long", language, n=len(given), most=parts().limits.max_answer_chars)
    if any(each.pointer == "#/submission" for each in fault.faults):
        return text("answer.expired", language)
    return text("answer.unstorable", language)


def _form(
    found: QuestionVersion, given: str, status: int = 200, error: str | None = None
) -> Response:
    return _page(
        "question.html",
        status,
        question=found.content,
        given=given,
        error=error,
        most=parts().limits.max_answer_chars,
        token=visitors.form_token(),
        submission=practice.new_submission(),
        earlier=practice.earlier(parts().store, visitors.browser(), found.content.slug),
    )


def _waiting(found: QuestionVersion, given: str) -> Response:
    """A page that sends the same answer again; under the same number it is one attempt."""
    response = _page(
        "waiting.html",
        503,
        question=found.content,
        given=given,
        token=visitors.form_token(),
        submission=request.form.get("submission", ""),
        retry_s=RETRY_S,
    )
    response.headers["Retry-After"] = str(RETRY_S)
    return response


@BLUEPRINT.get("/practise/<slug>/<attempt_id>")
def result(slug: str, attempt_id: str) -> Response:
    """What became of an answer."""
    found, version = practice.result(parts().store, visitors.browser(), attempt_id)
    if found.question_slug != slug:
        raise NotFound("The attempt is at another question.")
    return _page(
        "result.html",
        question=version.content,
        attempt=found,
        shown=showing.result(found, version, visitors.language()),
        earlier=practice.earlier(parts().store, visitors.browser(), slug),
    )


@BLUEPRINT.get("/history")
def history() -> Response:
    """Every answer of this browser."""
    return _history()


def _history(status: int = 200, error: str | None = None) -> Response:
    cursor = request.args.get("cursor") or None
    return _page(
        "history.html",
        status,
        page=practice.history(parts().store, visitors.browser(), cursor),
        token=visitors.form_token(),
        erased="erased" in request.args,
        error=error,
    )


@BLUEPRINT.post("/history")
def erase() -> AnyResponse:
    """Forget this browser."""
    if not visitors.form_is_ours():
        return _history(403, text("history.refused", visitors.language()))
    practice.forget(parts().store, visitors.browser())
    visitors.forget_browser()
    return visitors.remember(make_response(redirect(url_for(".history", erased=1), 303)))


# When something is in the way --------------------------------------------------------------------


@BLUEPRINT.errorhandler(NotFound)
@BLUEPRINT.errorhandler(NotPublished)
def missing(fault: Exception) -> Response:
    """No such question, or an attempt of somebody else."""
    return _page("message.html", 404, about="missing", reload_s=None)


@BLUEPRINT.errorhandler(InvalidInput)
def bad(fault: Exception) -> Response:
    """An address that these pages did not write."""
    return _page("message.html", 422, about="bad", reload_s=None)


@BLUEPRINT.errorhandler(StoreUnavailable)
def away(fault: Exception) -> Response:
    """The database does not answer; the page tries again by itself."""
    # A form that was sent is not to be sent again by reloading.
    again = RETRY_S if request.method == "GET" else None
    response = _page("message.html", 503, about="away", reload_s=again)
    response.headers["Retry-After"] = str(RETRY_S)
    return response


@BLUEPRINT.errorhandler(413)
def too_large(fault: HTTPException) -> Response:
    """More than the service reads at all."""
    return _page("message.html", 413, about="large", reload_s=None)
