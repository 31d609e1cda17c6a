"""The same request again: the same response, and nothing done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from service.domain import Scope

Problem = Callable[[TestResponse], dict[str, Any]]
PATH = "/v1/questions/why-relu/attempts"
ATTEMPT = {"candidate": "c", "answer": "Twice the same."}


def _key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


def test_the_same_request_again_gets_the_same_bytes_and_stores_nothing(
    platform: Any, published: Callable[..., str]
) -> None:
    published()

    first = platform.post(PATH, ATTEMPT, headers=_key('"abc"'))
    again = platform.post(PATH, ATTEMPT, headers=_key('"abc"'))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.get_data() == first.get_data()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.mimetype == "application/json"
    assert len(platform.get("/v1/attempts").json["data"]) == 1


def test_quoted_and_bare_and_spaced_otherwise_are_the_same(
    platform: Any, published: Callable[..., str]
) -> None:
    published()

    first = platform.post(PATH, ATTEMPT, headers=_key('"a-b.c"'))
    bare = platform.post(
        PATH,
        raw=b'{ "answer" : "Twice the same.",\n "candidate": "c" }',
        headers=_key(" a-b.c "),
    )

    assert bare.get_data() == first.get_data()


@pytest.mark.parametrize(
    "key",
    ["", '""', '"', '"a', 'a"b', "a b", "a" * 256, f'"{"a" * 256}"', '"é"', "é", '"a", "b"'],
)
def test_a_key_that_cannot_be_is_refused(
    platform: Any, published: Callable[..., str], problem: Problem, key: str
) -> None:
    published()

    response = platform.post(PATH, ATTEMPT, headers=_key(key))

    assert problem(response) == {
        "type": "/problems/bad_request",
        "title": "The request cannot be understood",
        "status": 400,
        "detail": "Idempotency-Key must be 1 to 255 visible ASCII characters, best a UUID in "
        "double quotes.",
        "instance": PATH,
        "code": "bad_request",
    }
    assert platform.get("/v1/attempts").json["data"] == []


@pytest.mark.parametrize("key", ["a" * 255, f'"{"a" * 255}"', '"with space"', r'"quote \" and \\"'])
def test_a_key_of_any_allowed_form_works(
    platform: Any, published: Callable[..., str], key: str
) -> None:
    published()

    responses = [platform.post(PATH, ATTEMPT, headers=_key(key)) for _ in range(2)]

    assert responses[0].get_data() == responses[1].get_data()


def test_another_body_under_the_same_key_is_refused(
    platform: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()
    platform.post(PATH, ATTEMPT, headers=_key("k"))

    response = platform.post(PATH, ATTEMPT | {"answer": "Another."}, headers=_key("k"))

    assert problem(response) == {
        "type": "/problems/idempotency_key_reused",
        "title": "The Idempotency-Key was used for another request",
        "status": 422,
        "detail": "This Idempotency-Key was used before with a different request.",
        "instance": PATH,
        "code": "idempotency_key_reused",
    }


def test_the_same_key_for_another_question_is_refused(
    platform: Any, published: Callable[..., str]
) -> None:
    published()
    published(slug="other")
    platform.post(PATH, ATTEMPT, headers=_key("k"))

    response = platform.post("/v1/questions/other/attempts", ATTEMPT, headers=_key("k"))

    assert response.json["code"] == "idempotency_key_reused"


def test_keys_of_other_callers_and_other_routes_are_other_keys(
    admin: Any, platform: Any, author: Any, published: Callable[..., str]
) -> None:
    published()

    answers = [
        platform.post(PATH, ATTEMPT, headers=_key("k")),
        admin.post(PATH, ATTEMPT, headers=_key("k")),
        admin.post("/v1/keys", {"name": "n", "scopes": ["admin"]}, headers=_key("k")),
    ]

    assert [response.status_code for response in answers] == [201, 201, 201]
    assert answers[0].json["id"] != answers[1].json["id"]


def test_a_refused_request_leaves_its_key_free(
    platform: Any, published: Callable[..., str]
) -> None:
    missing = platform.post(PATH, ATTEMPT, headers=_key("k"))
    published()
    invalid = platform.post(PATH, ATTEMPT | {"candidate": " "}, headers=_key("k"))

    made = platform.post(PATH, ATTEMPT, headers=_key("k"))

    assert (missing.status_code, invalid.status_code, made.status_code) == (404, 422, 201)


def test_a_failure_of_ours_leaves_its_key_free(
    make_app: Callable[..., APIFlask],
    caller: Callable[..., Any],
    stand_ins: Any,
    published: Callable[..., str],
) -> None:
    class FailsOnce(stand_ins.StandInGrader):  # type: ignore[misc,name-defined]
        failed = False

        def grade(self, *args: Any, **kwargs: Any) -> Any:
            if not self.failed:
                self.failed = True
                raise RuntimeError("once")
            return super().grade(*args, **kwargs)

    published()
    sender = caller(Scope.ATTEMPTS_WRITE, of=make_app(FailsOnce()))

    statuses = [sender.post(PATH, ATTEMPT, headers=_key("k")).status_code for _ in range(2)]

    assert statuses == [500, 201]


def test_while_the_first_is_running_the_second_is_told_to_wait(
    make_app: Callable[..., APIFlask],
    caller: Callable[..., Any],
    stand_ins: Any,
    published: Callable[..., str],
    problem: Problem,
) -> None:
    grading, go_on = threading.Event(), threading.Event()

    class Slow(stand_ins.StandInGrader):  # type: ignore[misc,name-defined]
        def grade(self, *args: Any, **kwargs: Any) -> Any:
            grading.set()
            assert go_on.wait(10)
            return super().grade(*args, **kwargs)

    published()
    sender = caller(Scope.ATTEMPTS_WRITE, of=make_app(Slow()))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sender.post, PATH, ATTEMPT, headers=_key("k"))
        assert grading.wait(10)
        second = sender.post(PATH, ATTEMPT, headers=_key("k"))
        go_on.set()
        made = first.result()
    third = sender.post(PATH, ATTEMPT, headers=_key("k"))

    assert problem(second) == {
        "type": "/problems/still_running",
        "title": "The same request is still running",
        "status": 409,
        "detail": "A request with this Idempotency-Key is still running.",
        "instance": PATH,
        "code": "still_running",
    }
    assert 1 <= int(second.headers["Retry-After"]) <= 5
    assert third.get_data() == made.get_data()


def test_twenty_at_once_make_one_attempt(platform: Any, published: Callable[..., str]) -> None:
    published()
    together = threading.Barrier(20)

    def send() -> TestResponse:
        together.wait()
        response: TestResponse = platform.post(PATH, ATTEMPT, headers=_key("k"))
        return response

    with ThreadPoolExecutor(20) as pool:
        answers = [future.result() for future in [pool.submit(send) for _ in range(20)]]

    stored = platform.get("/v1/attempts").json["data"]
    assert len(stored) == 1
    assert len(stored[0]["grades"]) == 1
    made = [response for response in answers if response.status_code == 201]
    assert made
    assert {response.get_data() for response in made} == {made[0].get_data()}
    assert {response.status_code for response in answers} <= {201, 409}
    assert sum("Idempotency-Replayed" not in response.headers for response in made) == 1


def test_creating_and_publishing_are_idempotent_too(author: Any) -> None:
    question = {
        "slug": "q",
        "topic": "t",
        "difficulty": 1,
        "prompt": "Why?",
        "points": [{"statement": "Because."}],
    }

    made = [author.post("/v1/questions", question, headers=_key("k")) for _ in range(2)]
    published = [author.post("/v1/questions/q/publish", headers=_key("k")) for _ in range(2)]

    assert [response.status_code for response in made + published] == [201, 201, 200, 200]
    for first, again in (made, published):
        assert again.get_data() == first.get_data()
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Idempotency-Replayed"] == "true"


def test_publishing_on_another_condition_is_another_request(author: Any) -> None:
    question = {
        "slug": "q",
        "topic": "t",
        "difficulty": 1,
        "prompt": "Why?",
        "points": [{"statement": "Because."}],
    }
    tag = author.post("/v1/questions", question).headers["ETag"]
    author.post("/v1/questions/q/publish", headers=_key("k") | {"If-Match": tag})

    response = author.post("/v1/questions/q/publish", headers=_key("k") | {"If-Match": '"r9"'})

    assert response.json["code"] == "idempotency_key_reused"


def test_a_replayed_key_has_no_token(admin: Any, store: Any) -> None:
    body = {"name": "n", "scopes": ["questions:read"]}

    made = admin.post("/v1/keys", body, headers=_key("k"))
    again = admin.post("/v1/keys", body, headers=_key("k"))

    assert made.json["token"].startswith("pm_")
    assert again.json == made.json | {"token": None}
    assert len(admin.get("/v1/keys").json["data"]) == 2  # The admin's own, and this one.
