"""Pages for reviewers: sign in, take what waits, judge it point by point, see what the grader said.

As for practising: read the form, call one use case, render.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

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

from service import reviewing
from service.agreement import QuestionAgreement
from service.api.context import parts
from service.content import check_text, refuse
from service.domain import FlagCode, Language, Page, Scope, Verdict, WaitReason
from service.errors import (
    Claimed,
    Erased,
    FieldFault,
    Forbidden,
    InvalidInput,
    NotFound,
    ReviewedMeanwhile,
    StoreUnavailable,
    Unauthenticated,
)
from service.exchange import Judgement, QueueFilter, QueueOrder, QueueState, Quota
from service.pages import reviewers, sheets, visitors
from service.pages.rendering import TEMPLATES, page
from service.pages.reviewers import Reviewer
from service.pages.routes import RETRY_S
from service.pages.showing import ICONS
from service.texts import text

Choice = TypeVar("Choice", bound=StrEnum)

LEASE = timedelta(minutes=30)
SIMILARITIES = (0.99, 0.95, 0.9, 0.8)
MOST_AT_ONCE = 100
"""Answers that get one review together, as over the API."""
SHOWN_QUESTIONS = 20
"""Of the agreement, the worst first."""
_VERDICT = "verdict:"
"""Begins the names of the fields with verdicts; the point's key follows."""
_CHOICES = ("question", "reason", "flag", "language", "order", "blind")
"""What goes along from page to page."""
_OWN_PAGE = re.compile(r"/(review|author|insight)(/[A-Za-z0-9_-]+)*(\?[^\\\s]*)?")
_OF_SIGN_IN = {"token", "key", "name", "back"}
"""Fields; all others are what a reviewer typed elsewhere."""

REVIEW = Blueprint("review", __name__, url_prefix="/review", template_folder=str(TEMPLATES))


def _show(template: str, status: int = 200, **values: Any) -> Response:
    kept = _kept()
    return page(
        template,
        status,
        kept=kept,
        query="?" + urlencode(kept) if kept else "",
        **values,
    )


def _me() -> Reviewer:
    return reviewers.current(Scope.REVIEW)


def _say(key: str, **more: object) -> str:
    return text(key, visitors.language(), **more)


# Signing in --------------------------------------------------------------------------------------


@REVIEW.get("/sign-in")
def sign_in_form() -> Response:
    """Where a reviewer begins."""
    return _sign_in_form()


@REVIEW.post("/sign-in")
def sign_in() -> AnyResponse:
    """Let a reviewer in; what was typed when an earlier sign-in had run out comes back."""
    if not visitors.form_is_ours():
        return _sign_in_form(403, _say("review.form"))
    settings, name = parts().settings, request.form.get("name", "").strip()
    quota = reviewing.count_sign_in(
        parts().store,
        reviewers.address(),
        limit=settings.rate_limit,
        window_s=settings.rate_window_s,
    )
    if quota.exceeded:
        return _too_often(quota)
    try:
        key, quota = reviewing.sign_in(
            parts().store,
            request.form.get("key", "").strip(),
            name,
            rate_limit=settings.rate_limit,
            rate_window_s=settings.rate_window_s,
        )
    except InvalidInput:
        return _sign_in_form(422, _say("review.bad_name"))
    except Unauthenticated:
        return _sign_in_form(401, _say("review.bad_key"))
    if quota.exceeded:
        return _too_often(quota)
    reviewers.enter(Reviewer(key=key, name=name))
    return reviewers.remember(_welcome())


def _welcome() -> Response:
    if _typed():
        # It was sent under another cookie; a person looks at it again and sends it.
        return _again(_say("review.welcome_back"), token=reviewers.form_token())
    return make_response(redirect(_back(), 303))


def _too_often(quota: Quota) -> Response:
    response = _sign_in_form(429, _say("review.too_often", seconds=quota.reset_s))
    response.headers["Retry-After"] = str(quota.reset_s)
    return response


def _sign_in_form(status: int = 200, error: str | None = None) -> Response:
    return _show(
        "review_sign_in.html",
        status,
        error=error,
        name=request.form.get("name", ""),
        token=visitors.form_token(),
        typed=_typed(),
        back=_back(),
    )


@REVIEW.post("/sign-out")
def sign_out() -> AnyResponse:
    """Leave."""
    if not reviewers.form_is_ours():
        return _sign_in_form(403, _say("review.form"))
    return reviewers.forget(make_response(redirect("/review/sign-in", 303)))


def _typed() -> list[tuple[str, str]]:
    """What a reviewer wrote in the form that was sent, if it was one of ours."""
    if not visitors.from_our_site():
        return []
    return [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _OF_SIGN_IN and value
    ]


def _back() -> str:
    """The page to be at once signed in."""
    if request.path == "/review/sign-in":
        wanted = request.values.get("back", "/review")
    elif request.method == "GET" or _typed():
        wanted = request.full_path.rstrip("?")
    else:
        wanted = "/review"
    return wanted if _OWN_PAGE.fullmatch(wanted) else "/review"


def _again(message: str, status: int = 200, *, token: str) -> Response:
    """A page that keeps what was typed, and sends it where it was meant to go."""
    typed = _typed()
    return _show(
        "review_again.html",
        status,
        message=message,
        action=_back(),
        token=token,
        reason=request.form.get("reason", ""),
        hidden=[(name, value) for name, value in typed if name != "reason"],
        judged=[
            (name.removeprefix(_VERDICT), value)
            for name, value in typed
            if name.startswith(_VERDICT) and value in set(Verdict)
        ],
    )


# The queue ---------------------------------------------------------------------------------------


@REVIEW.get("")
def queue() -> Response:
    """What waits, and how well grader and people agree."""
    me = _me()
    filters, unknown = _filters(), False
    try:
        found = reviewing.queue(
            parts().store, filters, _order(), cursor=request.args.get("cursor") or None
        )
    except NotFound:
        found, unknown = Page(items=(), next_cursor=None), True
    now = datetime.now(UTC)
    return _show(
        "review.html",
        404 if unknown else 200,
        me=me,
        filters=filters,
        order=_order(),
        unknown=unknown,
        empty="empty" in request.args,
        items=[(each, *sheets.waits(each.queued_at, now)) for each in found.items],
        next_page=None if found.next_cursor is None else _more(found.next_cursor),
        now=now,
        states=list(QueueState),
        reasons=list(WaitReason),
        flags=list(FlagCode),
        orders=list(QueueOrder),
        asked=_asked_agreement(),
        agreement=_agreement(None if unknown else filters.question),
        token=reviewers.form_token(),
    )


def _more(cursor: str) -> str:
    return "?" + urlencode({**request.args.to_dict(), "cursor": cursor})


def _asked_agreement() -> Literal["all", "sampled"] | None:
    asked = request.args.get("agreement")
    return "all" if asked == "all" else "sampled" if asked == "sampled" else None


def _agreement(question: str | None) -> tuple[QuestionAgreement, ...] | None:
    asked = _asked_agreement()
    if asked is None:
        # It reads every review there is, so only whoever wants it waits for it.
        return None
    found = reviewing.agreement(parts().store, question, sampled=asked == "sampled")
    return found[:SHOWN_QUESTIONS]


def _filters(state: QueueState | None = None) -> QueueFilter:
    question = request.args.get("question", "").strip() or None
    if question is not None:
        refuse("The filter cannot be used.", check_text(question, "#/question"))
    return QueueFilter(
        state=state or _choice(QueueState, "state") or QueueState.WAITING,
        question=question,
        reason=_choice(WaitReason, "reason"),
        flag=_choice(FlagCode, "flag"),
        language=_choice(Language, "language"),
    )


def _order() -> QueueOrder:
    return _choice(QueueOrder, "order") or QueueOrder.OLDEST


def _choice(kind: type[Choice], name: str) -> Choice | None:
    given = request.args.get(name)
    return kind(given) if given in set(kind) else None


def _kept() -> dict[str, Any]:
    return {name: request.args[name] for name in _CHOICES if request.args.get(name)}


@REVIEW.post("/next")
def claim_next() -> AnyResponse:
    """Take what comes first."""
    me = _me()
    if not reviewers.form_is_ours():
        return redirect("/review", 303)
    item = reviewing.claim_next(
        parts().store,
        _filters(QueueState.WAITING),
        _order(),
        me.name,
        LEASE,
        blind=_is_blind(),
    )
    if item is None:
        return redirect(url_for(".queue", empty=1, **_kept()), 303)
    return redirect(url_for(".sheet", attempt_id=item.attempt_id, **_kept()), 303)


# One answer --------------------------------------------------------------------------------------


@REVIEW.get("/<attempt_id>")
def sheet(attempt_id: str) -> Response:
    """An answer to be judged."""
    return _sheet(_me(), attempt_id)


def _sheet(me: Reviewer, attempt_id: str, status: int = 200, error: str | None = None) -> Response:
    found, question = reviewing.sheet(parts().store, attempt_id)
    place = reviewing.place(parts().store, attempt_id)
    now = datetime.now(UTC)
    blind = _is_blind()
    if not blind:
        reviewing.show_grade(parts().store, attempt_id, me.name)
    held = place is not None and place.reviewed_at is None and (place.claimed_until or now) > now
    return _show(
        "review_sheet.html",
        status,
        me=me,
        error=error,
        attempt=found,
        question=question,
        blind=blind,
        seeing=_kept() | {"blind": "false"},
        blinded={name: value for name, value in _kept().items() if name != "blind"},
        place=place,
        holder=place.claimed_by if place is not None and held else None,
        points=sheets.points(
            question, _chosen(), visitors.language(), None if blind else found.grades[-1]
        ),
        reason=request.form.get("reason", ""),
        verdicts=list(Verdict),
        token=reviewers.form_token(),
    )


def _is_blind() -> bool:
    return request.args.get("blind") != "false"


@REVIEW.post("/<attempt_id>")
def save(attempt_id: str) -> AnyResponse:
    """Keep a review; then the grader's opinion is shown."""
    request.max_form_memory_size = parts().settings.max_body_bytes
    me = _me()
    if not reviewers.form_is_ours():
        return _sheet(me, attempt_id, 403, _say("review.form"))
    known = request.form.get("known", "")
    try:
        reviewing.review_once(
            parts().store,
            attempt_id,
            _judgement(me),
            known=int(known) if re.fullmatch(r"[0-9]{1,6}", known) else 0,
            actor=me.key,
        )
    except (InvalidInput, Claimed, Erased, ReviewedMeanwhile) as fault:
        return _sheet(me, attempt_id, _status(fault), _complaint(fault))
    return redirect(url_for(".done", attempt_id=attempt_id, **_kept()), 303)


@REVIEW.get("/<attempt_id>/done")
def done(attempt_id: str) -> AnyResponse:
    """The review beside the grade; whoever has not judged the answer yet is sent to do so."""
    me = _me()
    found, question = reviewing.sheet(parts().store, attempt_id)
    mine = [each for each in found.reviews if each.reviewer == me.name]
    if not mine:
        return redirect(url_for(".sheet", attempt_id=attempt_id, **_kept()), 303)
    return _show(
        "review_done.html",
        me=me,
        attempt=found,
        question=question,
        compared=sheets.compared(found, question, mine[-1], visitors.language()),
        icons=ICONS,
        token=reviewers.form_token(),
    )


@REVIEW.post("/<attempt_id>/claim")
def claim(attempt_id: str) -> AnyResponse:
    """Take a certain answer, or keep it for longer."""
    me = _me()
    if not reviewers.form_is_ours():
        return _sheet(me, attempt_id, 403, _say("review.form"))
    try:
        reviewing.claim(parts().store, attempt_id, me.name, LEASE, blind=_is_blind())
    except Claimed as fault:
        return _sheet(me, attempt_id, 409, _complaint(fault))
    return redirect(url_for(".sheet", attempt_id=attempt_id, **_kept()), 303)


@REVIEW.post("/<attempt_id>/release")
def release(attempt_id: str) -> AnyResponse:
    """Give an answer back to the others."""
    me = _me()
    if not reviewers.form_is_ours():
        return _sheet(me, attempt_id, 403, _say("review.form"))
    reviewing.release(parts().store, attempt_id, me.name)
    return redirect(url_for(".queue", **_kept()), 303)


def _chosen() -> dict[str, Verdict]:
    """The verdicts of the form, by key of the point."""
    return {
        name.removeprefix(_VERDICT): Verdict(value)
        for name, value in request.form.items()
        if name.startswith(_VERDICT) and value in set(Verdict)
    }


def _judgement(me: Reviewer) -> Judgement:
    # Browsers send line ends as CR LF, whatever was typed.
    reason = request.form.get("reason", "").replace("\r\n", "\n").strip()
    return Judgement(reviewer=me.name, verdicts=_chosen(), score=None, reason=reason)


def _status(fault: Exception) -> int:
    return 422 if isinstance(fault, InvalidInput) else 409


def _complaint(fault: Exception) -> str:
    if isinstance(fault, Claimed):
        return _say("review.claimed", minutes=1 + fault.retry_after_s // 60)
    if isinstance(fault, Erased):
        return _say("review.erased")
    if isinstance(fault, ReviewedMeanwhile):
        return _say("review.meanwhile")
    places = {each.pointer for each in fault.faults} if isinstance(fault, InvalidInput) else set()
    if "#" in places:
        return _say("review.no_verdict")
    if "#/reason" in places:
        return _say("review.bad_reason")
    if any(place.startswith("#/attempts") for place in places):
        return _say("review.none_chosen")
    return _say("review.bad_point")


# Similar answers ---------------------------------------------------------------------------------


@REVIEW.get("/similar/<slug>")
def similar(slug: str) -> Response:
    """Answers to a question that are alike and wait, a group at a time."""
    return _similar(_me(), slug)


def _similar(me: Reviewer, slug: str, status: int = 200, error: str | None = None) -> Response:
    similarity = _similarity()
    refuse("There is no such question.", check_text(slug, "#/question"))
    groups = reviewing.answer_groups(parts().store, slug, similarity=similarity)
    if not groups and error is not None:
        return _again(error, status, token=reviewers.form_token())
    wanted = request.args.get("group", "")
    number = min(int(wanted) if re.fullmatch(r"[0-9]{1,4}", wanted) else 0, max(len(groups) - 1, 0))
    members = groups[number].members[:MOST_AT_ONCE] if groups else ()
    question = reviewing.sheet(parts().store, members[0].attempt_id)[1] if members else None
    chosen = request.form.getlist("attempt")
    return _show(
        "review_similar.html",
        status,
        me=me,
        error=error,
        slug=slug,
        question=question,
        members=members,
        ticked=set(chosen) if error is not None else {each.attempt_id for each in members},
        number=number,
        count=len(groups),
        similarity=similarity,
        similarities=SIMILARITIES,
        saved=request.args.get("saved", type=int),
        points=sheets.points(question, _chosen(), visitors.language()) if question else (),
        reason=request.form.get("reason", ""),
        verdicts=list(Verdict),
        token=reviewers.form_token(),
    )


def _similarity() -> float:
    given = request.args.get("similarity", type=float)
    return given if given in SIMILARITIES else 0.95


@REVIEW.post("/similar/<slug>")
def save_similar(slug: str) -> AnyResponse:
    """Give one review to the answers that were ticked."""
    request.max_form_memory_size = parts().settings.max_body_bytes
    me = _me()
    if not reviewers.form_is_ours():
        return _similar(me, slug, 403, _say("review.form"))
    attempts = request.form.getlist("attempt")
    try:
        _check_attempts(attempts)
        made = reviewing.review_group(parts().store, slug, attempts, _judgement(me), actor=me.key)
    except (InvalidInput, Claimed, Erased, ReviewedMeanwhile) as fault:
        meanwhile = isinstance(fault, ReviewedMeanwhile)
        said = _say("review.meanwhile_group") if meanwhile else _complaint(fault)
        return _similar(me, slug, _status(fault), said)
    there = url_for(".similar", slug=slug, similarity=_similarity(), saved=len(made), **_kept())
    return redirect(there, 303)


def _check_attempts(attempts: list[str]) -> None:
    if not 1 <= len(attempts) <= MOST_AT_ONCE:
        detail = f"must name 1 to {MOST_AT_ONCE} attempts"
        refuse("Choose answers.", [FieldFault(pointer="#/attempts", detail=detail)])
    for each in attempts:
        place = reviewing.place(parts().store, each)
        if place is not None and place.reviewed_at is not None:
            raise ReviewedMeanwhile("One of the answers was reviewed meanwhile.")


# When something is in the way --------------------------------------------------------------------


@REVIEW.errorhandler(Unauthenticated)
def signed_out(fault: Exception) -> Response:
    """Nobody is signed in, or not any more."""
    error = _say("review.signed_out") if reviewers.COOKIE in request.cookies or _typed() else None
    try:
        return _sign_in_form(401, error)
    except StoreUnavailable as gone:
        # The form's secret may never have been read yet.
        return away(gone)


@REVIEW.errorhandler(Forbidden)
def not_for_reviews(fault: Exception) -> Response:
    """The key may do other things."""
    return _sign_in_form(403, _say("review.no_scope"))


@REVIEW.errorhandler(NotFound)
def missing(fault: Exception) -> Response:
    """No such attempt or question."""
    return _message(404, "review.missing")


@REVIEW.errorhandler(InvalidInput)
def bad(fault: Exception) -> Response:
    """An address that these pages did not write."""
    return _message(422, "review.bad")


@REVIEW.errorhandler(StoreUnavailable)
def away(fault: Exception) -> Response:
    """The database does not answer; what was typed stays on the page."""
    if _typed():
        # Its own token: a new one may need the database.
        token = request.form.get("token", "")
        response = _again(_say("review.away_typed"), 503, token=token)
    else:
        response = _message(503, "review.away", RETRY_S if request.method == "GET" else None)
    response.headers["Retry-After"] = str(RETRY_S)
    return response


@REVIEW.errorhandler(413)
def too_large(fault: HTTPException) -> Response:
    """More than the service reads at all."""
    return _message(413, "review.large")


def _message(status: int, about: str, reload_s: int | None = None) -> Response:
    return _show("review_message.html", status, about=about, reload_s=reload_s)
