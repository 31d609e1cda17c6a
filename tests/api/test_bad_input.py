"""Every kind of bad input with the exact problem that answers it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from service import usecases
from service.domain import Scope

Problem = Callable[[TestResponse], dict[str, Any]]

GRADE = "/v1/grade"
TITLES = {
    "malformed_json": "The body is not JSON",
    "invalid_input": "Some fields cannot be accepted",
}


def expected(
    code: str, status: int, title: str, detail: str, instance: str, **more: Any
) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        **more,
    }


def invalid(detail: str, instance: str, *faults: tuple[str, str]) -> dict[str, Any]:
    errors = [{"detail": said, "pointer": pointer} for pointer, said in faults]
    return expected("invalid_input", 422, TITLES["invalid_input"], detail, instance, errors=errors)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (
            b'{"answer": ',
            "The body is not JSON: Expecting value: line 1 column 12 (char 11).",
        ),
        (b"", "The body is empty; it must be a JSON object."),
        (b'{"answer": "\xff"}', "The body is not UTF-8 at byte 12."),
        (b'{"answer": NaN}', "The body is not JSON: NaN is no JSON number."),
        (b'{"answer": -Infinity}', "The body is not JSON: -Infinity is no JSON number."),
        (
            b'{"answer": "a", "answer": "b"}',
            "The body is not JSON: the name 'answer' stands twice in one object.",
        ),
        (b"[" * 100_000, "The body is nested too deeply."),
        (b'{"answer":' * 100_000, "The body is nested too deeply."),
    ],
)
def test_a_body_that_is_no_json_is_refused(
    platform: Any, problem: Problem, raw: bytes, detail: str
) -> None:
    response = platform.post(GRADE, raw=raw, headers={"Content-Type": "application/json"})

    assert problem(response) == expected(
        "malformed_json", 400, TITLES["malformed_json"], detail, GRADE
    )


def test_an_integer_with_more_digits_than_anybody_needs_is_no_json(
    platform: Any, problem: Problem
) -> None:
    response = platform.post(GRADE, raw=b'{"answer": ' + b"9" * 5000 + b"}")

    body = problem(response)
    assert (body["status"], body["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ([], [("#", "must be an object")]),
        (None, [("#", "must be an object")]),
        (
            {"answer": "a", "pionts": [], "points": [{"statement": "x"}]},
            [("#/pionts", "is not known here")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x", "wieght": 1}]},
            [("#/points/0/wieght", "is not known here")],
        ),
        (
            {"answer": 1, "points": [{"statement": 2, "weight": "3"}, 4], "language": "fr"},
            [
                (
                    "#/points/0/statement",
                    "must be a string, or an object with a text by language",
                ),
                ("#/points/0/weight", "must be a number"),
                ("#/points/1", "must be an object"),
                ("#/answer", "must be a string"),
                ("#/language", "must be 'en' or 'zh'"),
            ],
        ),
        # Nothing is read out of something else: no "1" as 1, no true as 1.
        (
            {"answer": "a", "points": [{"statement": "x", "weight": True}]},
            [("#/points/0/weight", "must be a number")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x", "weight": 10**400}]},
            [("#/points/0/weight", "must be a number")],
        ),
        (
            {"answer": "a", "points": [{}]},
            [("#/points/0/statement", "is required")],
        ),
        (
            {"answer": "a", "points": [{"statement": {"fr": "x", "en": 1}}]},
            [
                ("#/points/0/statement/en", "must be a string"),
                ("#/points/0/statement/fr", "is not known here"),
            ],
        ),
        (
            {"answer": "a", "points": [{"statement": "x"}], "rule": "all"},
            [("#/rule", "must be 'weighted'")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x"}], "rule": {"any_of": 1.5}},
            [("#/rule/any_of", "must be a whole number")],
        ),
        # A pointer escapes ~ and / as JSON Pointer has it, and % as a fragment does.
        (
            {"answer": "a", "points": [{"statement": "x"}], "a/b~c%": 1},
            [("#/a~1b~0c%25", "is not known here")],
        ),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_with_every_fault(
    platform: Any, problem: Problem, body: Any, faults: list[tuple[str, str]]
) -> None:
    response = platform.post(GRADE, raw=json.dumps(body).encode())

    assert problem(response) == invalid("The request has faults.", GRADE, *faults)


@pytest.mark.parametrize(
    ("body", "detail", "faults"),
    [
        (
            {"answer": "a", "points": [{"statement": " "}]},
            "The points cannot be graded against.",
            # The statement came as a plain string, so the pointer ends there.
            [("#/points/0/statement", "must not be blank")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x", "phrasings": ["y", ""]}]},
            "The points cannot be graded against.",
            [("#/points/0/phrasings", "must not be blank")],
        ),
        (
            {"answer": "a", "points": [{"statement": {}, "weight": 0}]},
            "The points cannot be graded against.",
            [
                ("#/points/0/weight", "must be a number above 0"),
                ("#/points/0/statement", "must be there in at least one language"),
            ],
        ),
        (
            {"answer": "a", "points": []},
            "The points cannot be graded against.",
            [("#/points", "must have at least 1")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x"}] * 65},
            "The points cannot be graded against.",
            [("#/points", "has 65; at most 64 are accepted")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x", "phrasings": ["y"] * 17}]},
            "The points cannot be graded against.",
            [
                (
                    "#/points/0/phrasings",
                    "has 17, all languages together; at most 16 are accepted",
                )
            ],
        ),
        (
            {"answer": "a", "points": [{"key": "k", "statement": s} for s in "xy"]},
            "The points cannot be graded against.",
            [("#/points/1/key", "is used by number 0 too; keys are unique in a question")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x"}], "rule": {"any_of": 2}},
            "The points cannot be graded against.",
            [("#/rule/any_of", "must be between 1 and the number of points, 1")],
        ),
        (
            {"answer": "a"},
            "What to grade against is not clear.",
            [("#", "give either points or references, not both and not neither")],
        ),
        (
            {"answer": "a", "points": [{"statement": "x"}], "references": ["y"]},
            "What to grade against is not clear.",
            [("#", "give either points or references, not both and not neither")],
        ),
        (
            {"answer": "a", "references": ["x"], "rule": {"any_of": 1}},
            "The rule cannot be used.",
            [("#/rule", "belongs to points; of references any one suffices")],
        ),
        (
            {"answer": "a", "references": ["x", "\n"]},
            "The references cannot be graded against.",
            [("#/references/1", "must not be blank")],
        ),
        (
            {"answer": "a", "references": []},
            "The references cannot be graded against.",
            [("#/references", "must have 1 to 64 model answers")],
        ),
        (
            {"answer": "a", "references": ["x"], "misconceptions": [{"statement": ""}]},
            "The misconceptions cannot be graded against.",
            [("#/misconceptions/0/statement", "must not be blank")],
        ),
    ],
)
def test_a_rubric_that_cannot_be_is_refused(
    platform: Any, problem: Problem, body: Any, detail: str, faults: list[tuple[str, str]]
) -> None:
    assert problem(platform.post(GRADE, body)) == invalid(detail, GRADE, *faults)


def test_a_weight_beyond_all_numbers_is_refused(platform: Any, problem: Problem) -> None:
    raw = b'{"answer": "a", "points": [{"statement": "x", "weight": 1e999}]}'

    assert problem(platform.post(GRADE, raw=raw)) == invalid(
        "The points cannot be graded against.",
        GRADE,
        ("#/points/0/weight", "must be a number above 0"),
    )


NUL = "holds the character NUL (U+0000) at position 1, which cannot be stored"
SURROGATE = "holds half a surrogate pair (U+D83D) at position 0, which is no character"


@pytest.mark.parametrize(
    ("raw", "faults"),
    [
        (rb'{"candidate": "c", "answer": "a\u0000"}', [("#/answer", NUL)]),
        (rb'{"candidate": "c", "answer": "\ud83d"}', [("#/answer", SURROGATE)]),
        (rb'{"candidate": "c\u0000", "answer": "a"}', [("#/candidate", NUL)]),
        (
            rb'{"candidate": "c", "answer": "a", "metadata": {"k": [1, {"x": "\ud83d"}]}}',
            [("#/metadata/k/1/x", SURROGATE)],
        ),
        (
            rb'{"candidate": "c", "answer": "a", "metadata": {"\ud83d": 1}}',
            [("#/metadata/%ED%A0%BD", SURROGATE)],
        ),
        (rb'{"\ud83d": 1, "answer": "a\u0000"}', [("#/%ED%A0%BD", SURROGATE), ("#/answer", NUL)]),
    ],
)
def test_text_that_postgres_cannot_hold_is_refused_wherever_it_stands(
    platform: Any,
    published: Callable[..., str],
    problem: Problem,
    raw: bytes,
    faults: list[tuple[str, str]],
) -> None:
    path = f"/v1/questions/{published()}/attempts"

    assert problem(platform.post(path, raw=raw)) == invalid(
        "The body holds text that cannot be stored.", path, *faults
    )


def test_a_nul_in_the_query_string_is_refused(platform: Any, problem: Problem) -> None:
    assert problem(platform.get("/v1/questions?q=a%00")) == invalid(
        "The query string has faults.", "/v1/questions", ("#/q", NUL)
    )


def test_bytes_that_are_no_utf8_in_a_path_name_nothing(platform: Any, problem: Problem) -> None:
    body = problem(platform.get("/v1/questions/%ff%00"))

    assert (body["status"], body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("limit=0", ("#/limit", "must be at least 1")),
        ("limit=101", ("#/limit", "must be at most 100")),
        ("limit=ten", ("#/limit", "must be a whole number")),
        ("limit=1_0", ("#/limit", "must be a whole number")),
        ("limit=%EF%BC%91", ("#/limit", "must be a whole number")),
        ("limit=" + "9" * 5000, ("#/limit", "must be a whole number")),
        ("language=fr", ("#/language", "must be 'en' or 'zh'")),
        ("topc=x", ("#/topc", "is not known here")),
        ("topic=x&topic=y", ("#/topic", "is given more than once")),
        ("view=all", ("#/view", "must be 'candidate' or 'author'")),
    ],
)
def test_a_query_string_with_a_fault_is_refused(
    platform: Any, problem: Problem, query: str, fault: tuple[str, str]
) -> None:
    body = problem(platform.get(f"/v1/questions?{query}"))

    assert (body["status"], body["code"]) == (422, "invalid_input")
    assert body["errors"] == [{"detail": fault[1], "pointer": fault[0]}]


@pytest.mark.parametrize("cursor", ["x", "%00", "cTpzaG9ydA", "ÿ", "a" * 3000])
def test_a_made_up_cursor_is_refused(platform: Any, problem: Problem, cursor: str) -> None:
    body = problem(platform.get(f"/v1/questions?cursor={cursor}"))

    assert (body["status"], body["code"]) == (422, "invalid_input")
    assert body["errors"][0]["pointer"] == "#/cursor"


@pytest.mark.parametrize("since", ["yesterday", "2026-11-23", "2026-11-23T06:00:00", "1700000000"])
def test_a_time_without_a_zone_is_refused(platform: Any, problem: Problem, since: str) -> None:
    body = problem(platform.get(f"/v1/attempts?since={since}"))

    assert body["errors"] == [
        {"detail": "must be a time such as 2026-11-23T06:00:00Z", "pointer": "#/since"}
    ]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_declared_as_json_is_refused(
    platform: Any, problem: Problem, media_type: str
) -> None:
    response = platform.post(GRADE, raw=b"{}", headers={"Content-Type": media_type})

    assert problem(response) == expected(
        "unsupported_media_type",
        415,
        "The body is not declared as JSON",
        "The body must be sent as Content-Type: application/json.",
        GRADE,
    )


def test_a_compressed_body_is_refused(platform: Any, problem: Problem) -> None:
    response = platform.post(GRADE, raw=b"{}", headers={"Content-Encoding": "gzip"})

    body = problem(response)
    assert (body["status"], body["detail"]) == (
        415,
        "The body must be sent without Content-Encoding.",
    )


def test_a_byte_order_mark_and_a_charset_are_no_fault(platform: Any) -> None:
    raw = b'\xef\xbb\xbf{"answer": "a", "points": [{"statement": "x"}]}'

    response = platform.post(
        GRADE, raw=raw, headers={"Content-Type": "application/json; charset=utf-8"}
    )

    assert response.status_code == 200


def test_a_body_over_the_limit_is_refused(
    make_app: Callable[..., APIFlask], caller: Any, problem: Problem
) -> None:
    sender = caller(Scope.ATTEMPTS_WRITE, of=make_app(max_body_bytes=1000))

    response = sender.post(GRADE, raw=b" " * 1001)

    assert problem(response) == expected(
        "body_too_large",
        413,
        "The body is too large",
        "The body is larger than the 1000 bytes that are accepted.",
        GRADE,
    )


def test_an_answer_over_the_limit_is_refused(
    make_app: Callable[..., APIFlask],
    caller: Any,
    published: Callable[..., str],
    problem: Problem,
) -> None:
    # Characters are counted, not bytes: ten of these are forty bytes.
    sender = caller(Scope.ATTEMPTS_WRITE, of=make_app(max_answer_chars=10))
    path = f"/v1/questions/{published()}/attempts"

    fits = sender.post(path, {"candidate": "c", "answer": "😀" * 10})
    refused = sender.post(path, {"candidate": "c", "answer": "😀" * 11})

    assert fits.status_code == 201
    assert problem(refused) == expected(
        "answer_too_long",
        422,
        "The answer is too long",
        "The answer is too long.",
        path,
        errors=[{"detail": "has 11 characters; at most 10 are accepted", "pointer": "#/answer"}],
    )


def test_metadata_over_the_limit_is_refused(
    platform: Any, published: Callable[..., str], problem: Problem
) -> None:
    path = f"/v1/questions/{published()}/attempts"
    body = {"candidate": "c", "answer": "a", "metadata": {"k": "x" * 16_384}}

    assert problem(platform.post(path, body)) == invalid(
        "The metadata is too large.",
        path,
        ("#/metadata", "has 16393 bytes as JSON; at most 16384 are accepted"),
    )


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"candidate": " ", "answer": "a"}, ("#/candidate", "must not be blank")),
        (
            {"candidate": "c" * 256, "answer": "a"},
            ("#/candidate", "has 256 characters; at most 255 are accepted"),
        ),
        (
            {"candidate": "c", "answer": "a", "metadata": {"x": 1e999}},
            ("#/metadata/x", "is not a number that JSON has"),
        ),
    ],
)
def test_an_attempt_that_cannot_be_is_refused(
    platform: Any,
    published: Callable[..., str],
    problem: Problem,
    body: Any,
    fault: tuple[str, str],
) -> None:
    path = f"/v1/questions/{published()}/attempts"
    raw = json.dumps(body).replace("Infinity", "1e999").encode()

    assert problem(platform.post(path, raw=raw)) == invalid(
        "The attempt cannot be accepted.", path, fault
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/questions/no-such-question"),
        ("POST", "/v1/questions/no-such-question/attempts"),
        ("GET", "/v1/questions/q_00000000000000000000000000"),
    ],
)
def test_an_unknown_question_is_not_found(
    platform: Any, problem: Problem, method: str, path: str
) -> None:
    ref = path.split("/")[3]
    body = None if method == "GET" else {"candidate": "c", "answer": "a"}

    assert problem(platform.call(method, path, body)) == expected(
        "not_found", 404, "Not found", f"There is no question {ref!r}.", path
    )


@pytest.mark.parametrize("action", ["", "/attempts"])
def test_an_unpublished_question_can_be_neither_read_nor_answered(
    platform: Any, store: Any, stand_ins: Any, problem: Problem, action: str
) -> None:
    usecases.create_question(store, stand_ins.a_question(), actor=None)
    path = f"/v1/questions/why-relu{action}"

    response = (
        platform.post(path, {"candidate": "c", "answer": "a"}) if action else platform.get(path)
    )

    assert problem(response) == expected(
        "not_published",
        404,
        "The question is not published",
        "The question 'why-relu' has no published version yet.",
        path,
    )


def test_a_path_that_is_not_there_is_a_problem_too(nobody: Any, problem: Problem) -> None:
    assert problem(nobody.get("/v1/nothing/here")) == expected(
        "not_found", 404, "Not found", "There is no such path.", "/v1/nothing/here"
    )


def test_a_method_that_a_path_lacks_is_refused_with_those_it_has(
    nobody: Any, problem: Problem
) -> None:
    response = nobody.call("PATCH", "/v1/questions")

    assert problem(response) == expected(
        "method_not_allowed",
        405,
        "This path has no such method",
        "This path does not have the method PATCH.",
        "/v1/questions",
    )
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_an_unknown_failure_says_little_to_the_caller_and_all_to_the_log(
    make_app: Callable[..., APIFlask],
    caller: Any,
    problem: Problem,
    stand_ins: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(stand_ins.StandInGrader):  # type: ignore[misc,name-defined]
        def grade(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("the secret of the house")

    sender = caller(Scope.ATTEMPTS_WRITE, of=make_app(Broken()))

    response = sender.post(GRADE, {"answer": "my words", "points": [{"statement": "x"}]})

    assert problem(response) == expected(
        "internal_error",
        500,
        "Something went wrong here",
        "The request failed for a reason that is not yours.",
        GRADE,
    )
    logged = next(record for record in caplog.records if record.levelname == "ERROR")
    assert logged.exc_info is not None
    assert "secret of the house" in str(logged.exc_info[1])
    assert vars(logged)["request_id"] == response.headers["X-Request-Id"]
    assert "my words" not in caplog.text
