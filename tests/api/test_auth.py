"""Who may call what, how often, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from service import usecases
from service.domain import Scope

Problem = Callable[[TestResponse], dict[str, Any]]

CALLS = [
    ("GET", "/v1/questions", {Scope.QUESTIONS_READ, Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions?view=author", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/random", {Scope.QUESTIONS_READ, Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x", {Scope.QUESTIONS_READ, Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x?view=author", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x/versions", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x/versions/1", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x/statistics", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x/suggested-points", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/questions", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/question-imports/preview", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/question-imports", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/question-export", {Scope.QUESTIONS_WRITE}),
    ("PUT", "/v1/questions/x", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/questions/x/publish", {Scope.QUESTIONS_WRITE}),
    ("DELETE", "/v1/questions/x", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/questions/x/attempts", {Scope.ATTEMPTS_WRITE}),
    ("GET", "/v1/attempts", {Scope.ATTEMPTS_READ}),
    ("GET", "/v1/attempts/x", {Scope.ATTEMPTS_READ}),
    ("POST", "/v1/grade", {Scope.ATTEMPTS_WRITE}),
    ("POST", "/v1/attempts/x/appeal", {Scope.ATTEMPTS_WRITE}),
    ("POST", "/v1/questions/x/regrades", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/questions/x/regrades", {Scope.QUESTIONS_WRITE}),
    ("GET", "/v1/regrades/x", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/regrades/x/commit", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/regrades/x/cancel", {Scope.QUESTIONS_WRITE}),
    ("POST", "/v1/batches", {Scope.ATTEMPTS_WRITE}),
    ("GET", "/v1/batches", {Scope.ATTEMPTS_READ}),
    ("GET", "/v1/batches/x", {Scope.ATTEMPTS_READ}),
    ("GET", "/v1/batches/x/results", {Scope.ATTEMPTS_READ}),
    ("POST", "/v1/batches/x/cancel", {Scope.ATTEMPTS_WRITE}),
    ("GET", "/v1/sessions", {Scope.ATTEMPTS_READ}),
    ("POST", "/v1/sessions", {Scope.ATTEMPTS_WRITE}),
    ("GET", "/v1/sessions/x", {Scope.ATTEMPTS_READ}),
    ("GET", "/v1/sessions/x/report", {Scope.ATTEMPTS_READ}),
    ("POST", "/v1/sessions/x/cancel", {Scope.ATTEMPTS_WRITE}),
    ("POST", "/v1/sessions/x/tokens", {Scope.ATTEMPTS_WRITE}),
    ("GET", "/v1/review-queue", {Scope.REVIEW}),
    ("POST", "/v1/review-queue/claim", {Scope.REVIEW}),
    ("POST", "/v1/attempts/x/claim", {Scope.REVIEW}),
    ("DELETE", "/v1/attempts/x/claim", {Scope.REVIEW}),
    ("POST", "/v1/attempts/x/reviews", {Scope.REVIEW}),
    ("GET", "/v1/questions/x/answer-groups", {Scope.REVIEW}),
    ("POST", "/v1/questions/x/group-reviews", {Scope.REVIEW}),
    ("GET", "/v1/agreement", {Scope.REVIEW}),
    ("GET", "/v1/audit-log", set()),
    ("GET", "/v1/webhooks", set()),
    ("POST", "/v1/webhooks", set()),
    ("GET", "/v1/webhooks/x", set()),
    ("PUT", "/v1/webhooks/x", set()),
    ("DELETE", "/v1/webhooks/x", set()),
    ("POST", "/v1/webhooks/x/rotate-secret", set()),
    ("POST", "/v1/webhooks/x/ping", set()),
    ("GET", "/v1/webhooks/x/deliveries", set()),
    ("POST", "/v1/webhooks/x/deliveries/y/replay", set()),
    ("GET", "/v1/keys", set()),
    ("POST", "/v1/keys", set()),
    ("DELETE", "/v1/keys/x", set()),
    ("GET", "/v1/candidates/x", set()),
    ("DELETE", "/v1/candidates/x", set()),
]
"""Every call under /v1 with the scopes that open it; `admin` opens all."""
OF_CANDIDATES = [
    ("GET", "/v1/session"),
    ("POST", "/v1/session/start"),
    ("POST", "/v1/session/questions/x/answers"),
    ("POST", "/v1/session/finish"),
]
"""Those that take the token of a session instead; see test_sessions.py."""


@pytest.mark.parametrize(("method", "path"), OF_CANDIDATES)
def test_no_key_opens_what_is_for_candidates(
    admin: Any, problem: Problem, method: str, path: str
) -> None:
    response = admin.call(method, path, {} if path.endswith("answers") else None)

    assert problem(response)["code"] == "unauthenticated"


def test_the_table_above_is_complete(app: APIFlask) -> None:
    listed = {(method, path.partition("?")[0]) for method, path, _ in CALLS} | {*OF_CANDIDATES}
    adapter = app.url_map.bind("")
    matched = {(method, adapter.match(path, method)[0]) for method, path in listed}

    known = {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/v1") and method not in ("HEAD", "OPTIONS")
    }

    assert matched == known


@pytest.mark.parametrize(("method", "path", "opening"), CALLS)
def test_a_call_is_open_to_its_scopes_and_to_no_other(
    caller: Callable[..., Any], method: str, path: str, opening: set[Scope]
) -> None:
    body = {} if method in ("POST", "PUT") else None

    answered = {
        scope
        for scope in Scope
        if caller(scope).call(method, path, body).status_code not in (401, 403)
    }

    assert answered == opening | {Scope.ADMIN}


@pytest.mark.parametrize(("method", "path", "_"), CALLS)
def test_without_a_key_every_call_is_refused(
    nobody: Any, problem: Problem, method: str, path: str, _: set[Scope]
) -> None:
    response = nobody.call(method, path, {} if method in ("POST", "PUT") else None)

    assert problem(response) == {
        "type": "/problems/unauthenticated",
        "title": "An API key is needed",
        "status": 401,
        "detail": "This call needs an API key: Authorization: Bearer pm_….",
        "instance": path.partition("?")[0],
        "code": "unauthenticated",
    }
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="pointmark"'
    assert "RateLimit" not in response.headers


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ("Basic dTpw", "Only the scheme Bearer is known: Authorization: Bearer pm_…."),
        ("Bearer", "An API key has the form pm_<prefix>_<secret>."),
        ("Bearer hunter2", "An API key has the form pm_<prefix>_<secret>."),
        ("Bearer pm_abcd_\u00e9" + "x" * 20, "An API key has the form pm_<prefix>_<secret>."),
        (f"Bearer pm_abcdef_{'0' * 64}", "This API key is unknown or was revoked."),
    ],
)
def test_a_key_that_cannot_be_right_is_refused(
    nobody: Any, problem: Problem, sent: str, detail: str
) -> None:
    response = nobody.get("/v1/questions", headers={"Authorization": sent})

    body = problem(response)
    assert (body["status"], body["code"], body["detail"]) == (401, "unauthenticated", detail)


def test_the_right_prefix_with_a_wrong_secret_is_refused_and_costs_the_key_nothing(
    platform: Any, nobody: Any
) -> None:
    first = platform.get("/v1/questions")
    forged = platform.token[:-1] + ("0" if platform.token[-1] != "0" else "1")

    refused = nobody.get("/v1/questions", headers={"Authorization": f"Bearer {forged}"})
    second = platform.get("/v1/questions")

    assert refused.status_code == 401
    left = [int(r.headers["RateLimit"].split("r=")[1].split(";")[0]) for r in (first, second)]
    assert left[1] == left[0] - 1 or left[1] == 599  # 599: a new window began in between.


def test_a_revoked_key_stops_working_at_once(admin: Any, platform: Any, problem: Problem) -> None:
    assert platform.get("/v1/questions").status_code == 200
    listed = admin.get("/v1/keys").json["data"]
    prefix = platform.token.split("_")[1]
    key_id = next(key["id"] for key in listed if key["prefix"] == prefix)

    revoked = admin.delete(f"/v1/keys/{key_id}")
    again = admin.delete(f"/v1/keys/{key_id}")

    assert (revoked.status_code, again.status_code) == (204, 204)
    assert revoked.get_data() == b""
    assert problem(platform.get("/v1/questions"))["detail"] == (
        "This API key is unknown or was revoked."
    )


def test_a_key_without_the_scope_is_told_which_one_it_lacks(
    caller: Callable[..., Any], problem: Problem
) -> None:
    response = caller(Scope.ATTEMPTS_READ).post("/v1/grade", {})

    assert problem(response) == {
        "type": "/problems/forbidden",
        "title": "The API key may not do this",
        "status": 403,
        "detail": "This call needs a key with the scope 'attempts:write'.",
        "instance": "/v1/grade",
        "code": "forbidden",
    }


def test_a_made_key_works_and_its_token_is_nowhere_to_be_read_again(
    admin: Any, app: APIFlask
) -> None:
    made = admin.post("/v1/keys", {"name": "p", "scopes": ["questions:read"]})
    token = made.json["token"]

    used = admin.get("/v1/questions", headers={"Authorization": f"Bearer {token}"})
    listed = admin.get("/v1/keys")

    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert used.status_code == 200
    assert token not in listed.get_data(as_text=True)
    assert token.split("_")[1] in listed.get_data(as_text=True)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"name": "x", "scopes": []}, ("#/scopes", "must name at least one scope")),
        ({"name": " ", "scopes": ["admin"]}, ("#/name", "must not be blank")),
        ({"name": "x" * 201, "scopes": ["admin"]}, ("#/name", "has 201 characters; at most 200")),
        ({"name": "x", "scopes": ["root"]}, ("#/scopes/0", "must be 'questions:read', ")),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    admin: Any, problem: Problem, body: Any, fault: tuple[str, str]
) -> None:
    found = problem(admin.post("/v1/keys", body))

    assert found["status"] == 422
    assert found["errors"][0]["pointer"] == fault[0]
    assert found["errors"][0]["detail"].startswith(fault[1])


def test_the_quota_is_told_and_kept(
    make_app: Callable[..., APIFlask], caller: Callable[..., Any], problem: Problem
) -> None:
    # A window of a day: none ends during the test, unless it runs over midnight UTC.
    sender = caller(Scope.QUESTIONS_READ, of=make_app(rate_limit=2, rate_window_s=86_400))

    first, second, third = (sender.get("/v1/questions") for _ in range(3))

    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    assert first.headers["RateLimit-Policy"] == '"default";q=2;w=86400'
    left = int(first.headers["RateLimit"].split("t=")[1])
    assert first.headers["RateLimit"] == f'"default";r=1;t={left}'
    assert third.headers["RateLimit"].startswith('"default";r=0;t=')
    wait = int(third.headers["Retry-After"])
    assert wait >= int(third.headers["RateLimit"].split("t=")[1])
    assert problem(third) == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "The API key made too many requests",
        "status": 429,
        "detail": f"This API key may make 2 requests in a window; a new window begins in {wait} s.",
        "instance": "/v1/questions",
        "code": "quota_exceeded",
        "violated-policies": ["default"],
    }


def test_refused_calls_tell_the_quota_too(platform: Any) -> None:
    for response in (platform.get("/v1/keys"), platform.post("/v1/grade", {})):
        assert response.headers["RateLimit-Policy"] == '"default";q=600;w=60'


def test_no_limit_means_no_headers(
    make_app: Callable[..., APIFlask], caller: Callable[..., Any]
) -> None:
    response = caller(Scope.QUESTIONS_READ, of=make_app(rate_limit=0)).get("/v1/questions")

    assert response.status_code == 200
    assert "RateLimit" not in response.headers
    assert "RateLimit-Policy" not in response.headers


def test_the_use_of_a_key_is_written_down(admin: Any, platform: Any, store: Any) -> None:
    prefix = platform.token.split("_")[1]
    before = {key.prefix: key.last_used_at for key in usecases.list_keys(store)}

    platform.get("/v1/questions")

    after = {key.prefix: key.last_used_at for key in usecases.list_keys(store)}
    assert before[prefix] is None
    assert after[prefix] is not None
