"""Regrades: what another rubric or calibration would change, and the change itself."""

from __future__ import annotations

from flask import Response

from service import regrading as cases
from service.api.auth import needs
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, page
from service.api.schemas import RegradeIn, RegradeListIn, RegradeOut, RegradePage
from service.api.views import regrade
from service.domain import Scope
from service.exchange import Regrade

regrades = blueprint("regrades", tag="Regrades", prefix="/v1")


@regrades.post("/questions/<id>/regrades")
@regrades.doc(
    **about(
        "createRegrade",
        scope=Scope.QUESTIONS_WRITE,
        problems=("not_found", "not_published"),
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.QUESTIONS_WRITE)
@regrades.input(RegradeIn, arg_name="body")
@regrades.output(RegradeOut, 202)
@idempotent
def create_regrade(once: Once, id: str, body: RegradeIn) -> Response:
    """Find out what marking a question's answers again would change.

    A worker marks every stored answer by the published version and the grader of today, and keeps
    what it found, not the grades. `commitRegrade` then keeps the grades.
    """
    outcome = once.presenting(_asked)
    cases.ask(parts().store, id, pass_mark=body.pass_mark, actor=caller(), finish=outcome)
    return outcome.response


@regrades.get("/questions/<id>/regrades")
@regrades.doc(
    **about("listRegrades", scope=Scope.QUESTIONS_WRITE, problems=("not_found",), gives=("Link",))
)
@needs(Scope.QUESTIONS_WRITE)
@regrades.input(RegradeListIn, location="query", arg_name="query")
@regrades.output(RegradePage)
def list_regrades(id: str, query: RegradeListIn) -> Response:
    """List the regrades of a question, newest first."""
    found = cases.list_regrades(parts().store, id, cursor=query.cursor, limit=query.limit)
    return page([regrade(each) for each in found.items], found.next_cursor)


@regrades.get("/regrades/<id>")
@regrades.doc(**about("getRegrade", scope=Scope.QUESTIONS_WRITE, problems=("not_found",)))
@needs(Scope.QUESTIONS_WRITE)
@regrades.output(RegradeOut)
def get_regrade(id: str) -> Response:
    """Get a regrade with what it found so far."""
    return json_response(regrade(cases.found(parts().store, id)))


@regrades.post("/regrades/<id>/commit")
@regrades.doc(
    **about(
        "commitRegrade",
        scope=Scope.QUESTIONS_WRITE,
        problems=("not_found", "conflict"),
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.QUESTIONS_WRITE)
@regrades.output(RegradeOut, 202)
@idempotent
def commit_regrade(once: Once, id: str) -> Response:
    """Keep the new grades that a dry run told of.

    Each attempt gets one more grade; earlier ones stay, and reviews still win. It fails, and keeps
    nothing, if another version was published or the grader changed since the dry run.
    """
    outcome = once.presenting(_asked)
    cases.commit(parts().store, id, actor=caller(), finish=outcome)
    return outcome.response


@regrades.post("/regrades/<id>/cancel")
@regrades.doc(
    **about("cancelRegrade", scope=Scope.QUESTIONS_WRITE, problems=("not_found", "conflict"))
)
@needs(Scope.QUESTIONS_WRITE)
@regrades.output(RegradeOut)
def cancel_regrade(id: str) -> Response:
    """Cancel a regrade.

    Grades that were kept stay. Cancelling it again changes nothing.
    """
    return json_response(regrade(cases.cancel(parts().store, id, actor=caller())))


def _asked(found: Regrade) -> Response:
    return json_response(regrade(found), 202, {"Location": f"/v1/regrades/{found.regrade_id}"})
