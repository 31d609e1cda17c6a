"""Requests made up from our own OpenAPI document, valid and invalid, against the application on
the real database: no response may be a 500, or anything that the document does not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from apiflask import APIFlask
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation

from service import sessions, usecases
from service.domain import Feedback, Scope
from service.exchange import SessionPlan
from service.store import Store

OPERATIONS = [
    "listQuestions",
    "randomQuestion",
    "getQuestion",
    "listQuestionVersions",
    "getQuestionVersion",
    "getQuestionStatistics",
    "getSuggestedPoints",
    "createQuestion",
    "saveQuestion",
    "publishQuestion",
    "archiveQuestion",
    "previewImport",
    "importQuestions",
    "exportQuestions",
    "submitAttempt",
    "listAttempts",
    "getAttempt",
    "grade",
    "listReviewQueue",
    "claimNextReview",
    "claimReview",
    "releaseReview",
    "reviewAttempt",
    "appealAttempt",
    "listAnswerGroups",
    "reviewGroup",
    "getAgreement",
    "createRegrade",
    "listRegrades",
    "getRegrade",
    "commitRegrade",
    "cancelRegrade",
    "listAuditLog",
    "createBatch",
    "listBatches",
    "getBatch",
    "getBatchResults",
    "cancelBatch",
    "createSession",
    "listSessions",
    "getSession",
    "cancelSession",
    "createSessionToken",
    "getSessionReport",
    "getSitting",
    "startSitting",
    "answerQuestion",
    "finishSitting",
    "createWebhook",
    "listWebhooks",
    "getWebhook",
    "saveWebhook",
    "rotateWebhookSecret",
    "pingWebhook",
    "listDeliveries",
    "replayDelivery",
    "deleteWebhook",
    "createKey",
    "listKeys",
    "revokeKey",
    "exportCandidate",
    "eraseCandidate",
    "live",
    "ready",
]

STATES = ["2xx", "304", "404", "409", "412"]
"""What a valid request may meet: nothing by that name, a slug taken, another ETag."""
RULES_BEYOND_A_SCHEMA = {
    # Keys are unique, `contradicts` names a point, `any_of` counts them, one must be required.
    "createQuestion",
    "saveQuestion",
    "grade",
    # An Idempotency-Key belongs to one body.
    "createKey",
    "submitAttempt",
    "createBatch",
    "reviewAttempt",
    "appealAttempt",
    "answerQuestion",
    # A URL begins with https:// unless that is lifted, and names a host.
    "createWebhook",
    "saveWebhook",
    # Questions exist, or enough fit the draw; a session closes after it opens.
    "createSession",
    # Verdicts are on points of the question, attempts of one question and named once.
    "reviewGroup",
    # A file is of its format, and its questions have no faults.
    "previewImport",
    "importQuestions",
    # A cursor must be one that was given out; a status belongs to the author's view.
    "listQuestions",
    "exportQuestions",
    "getQuestion",
    "listAttempts",
    "listReviewQueue",
    "listSessions",
    "listBatches",
    "listRegrades",
    "listAuditLog",
    "listWebhooks",
}
REFUSALS = ["400", "401", "404", "405", "409", "412", "413", "415", "422", "428"]
NOTHING_TO_GET_WRONG = {"live", "ready"}
OF_CANDIDATES = {"getSitting", "startSitting", "answerQuestion", "finishSitting"}
"""Called with the token of a session."""


def _headers(operation_id: str, store: Store, token_for: Callable[..., str]) -> Mapping[str, str]:
    """What lets the caller in."""
    token = token_for(Scope.ADMIN)
    if operation_id in OF_CANDIDATES:
        key, _ = usecases.authenticate(store, token, rate_limit=0, rate_window_s=60)
        plan = SessionPlan(
            candidate="ada",
            questions=("why-relu",),
            language=None,
            time_limit=None,
            extra_time=timedelta(),
            opens_at=None,
            closes_at=None,
            attempts_allowed=5,
            feedback=Feedback.AFTER_ANSWER,
            metadata={},
        )
        made = sessions.create(store, plan, actor=key)
        if operation_id != "startSitting":
            sessions.start(store, made.session_id)
        token = sessions.token_for(made, sessions.signing_secret(store)).text
    return {"Authorization": f"Bearer {token}"}


def _operation(app: APIFlask, operation_id: str) -> APIOperation[Any, Any, Any, Any]:
    expected = [*STATES, "422"] if operation_id in RULES_BEYOND_A_SCHEMA else STATES
    config = schemathesis.Config.from_dict(
        {
            # NUL is refused by rule, not by schema; half surrogates cannot be generated in UTF-8.
            "generation": {"allow-x00": False, "codec": "utf-8"},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": expected},
                "negative_data_rejection": {"expected-statuses": REFUSALS},
            },
        }
    )
    api = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    return api.find_operation_by_id(operation_id)


def _check(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    headers: Mapping[str, str],
    **known: str,
) -> None:
    """Call an operation with made-up requests, with path parameters that are `known`."""

    @settings(
        max_examples=10,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        case.path_parameters.update({k: v for k, v in known.items() if k in case.path_parameters})
        case.call_and_validate(headers=dict(headers))

    check()


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_valid_requests_are_answered_as_documented(
    make_app: Callable[..., APIFlask],
    store: Store,
    token_for: Callable[..., str],
    published: Callable[..., str],
    operation_id: str,
) -> None:
    published()
    operation = _operation(make_app(rate_limit=0), operation_id)
    headers = _headers(operation_id, store, token_for)

    _check(operation, GenerationMode.POSITIVE, headers)
    if "{id}" in operation.path:
        _check(operation, GenerationMode.POSITIVE, headers, id="why-relu")


@pytest.mark.parametrize("operation_id", sorted(set(OPERATIONS) - NOTHING_TO_GET_WRONG))
def test_invalid_requests_are_refused_as_documented(
    make_app: Callable[..., APIFlask],
    store: Store,
    token_for: Callable[..., str],
    published: Callable[..., str],
    operation_id: str,
) -> None:
    published()
    operation = _operation(make_app(rate_limit=0), operation_id)
    headers = _headers(operation_id, store, token_for)

    _check(operation, GenerationMode.NEGATIVE, headers, id="why-relu")
