"""Answers in, grades out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.domain import Scope

Problem = Callable[[TestResponse], dict[str, Any]]
PATH = "/v1/questions/why-relu/attempts"
ATTEMPT = {"candidate": "cand-1", "answer": "It does not saturate."}


def test_an_answer_is_graded_and_kept_in_one_call(
    admin: Any, published: Callable[..., str]
) -> None:
    question_id = published()

    made = admin.post(PATH, ATTEMPT | {"metadata": {"round": 2}})
    read = admin.get(made.headers["Location"])

    body = made.json
    assert made.status_code == 201
    assert body["question"] == {"id": question_id, "slug": "why-relu", "version": 1}
    assert (body["candidate"], body["answer"]) == ("cand-1", "It does not saturate.")
    assert (body["language"], body["metadata"], body["erased"]) == ("en", {"round": 2}, False)
    assert {key: value for key, value in body["grade"].items() if key in ("score", "flags")} == {
        "score": 66.7,
        "flags": [],
    }
    assert body["grade"]["points"][0] == {
        "key": "no-saturation",
        "verdict": "covered",
        "credit": 1.0,
        "probability": 0.30000000000000004,
        "similarity": 0.87,
        "evidence": [{"start": 0, "end": 2, "text": "It"}],
        "signals": [{"name": "similarity", "value": 0.87, "effect": -1e-09}],
    }
    assert body["result"] == {"score": 66.7, "by": "grader", "id": body["grade"]["id"]}
    assert read.json == body | {"grades": [body["grade"]], "reviews": [], "appeal": None}
    assert body["session"] is None


@pytest.mark.parametrize("answer", ["", " ", "\n\t　"])
def test_a_blank_answer_is_an_attempt_with_nothing_earned(
    platform: Any, published: Callable[..., str], answer: str
) -> None:
    published()

    made = platform.post(PATH, {"candidate": "c", "answer": answer})

    assert made.status_code == 201
    assert made.json["answer"] == answer
    assert made.json["grade"]["score"] == 0
    assert [flag["code"] for flag in made.json["grade"]["flags"]] == ["blank"]


def test_answer_candidate_and_metadata_come_back_byte_for_byte(
    platform: Any, published: Callable[..., str]
) -> None:
    published()
    text = "🇨🇳 e\u0301 \u202eabc\u202c 𠮷\ufeff\x01\x7f\r\n\u2028 end"
    metadata = {text: [1, 1.5, -0.25, True, None, {"": ""}], "n": 2**70, "deep": [[[[]]]]}

    made = platform.post(PATH, {"candidate": f"c/{text}", "answer": text, "metadata": metadata})
    read = platform.get(made.headers["Location"])

    for response in (made, read):
        body = json.loads(response.get_data())
        assert body["answer"] == text
        assert body["candidate"] == f"c/{text}"
        assert body["metadata"] == metadata


def test_the_language_can_be_given_or_found(platform: Any, published: Callable[..., str]) -> None:
    published()

    given = platform.post(PATH, ATTEMPT | {"language": "zh"})
    left_open = platform.post(PATH, ATTEMPT | {"language": None, "metadata": None})

    assert given.json["language"] == "zh"
    assert left_open.json["language"] == "en"
    assert left_open.json["metadata"] == {}


def test_attempts_are_listed_newest_first_and_filtered(
    platform: Any, published: Callable[..., str]
) -> None:
    published()
    published(slug="other")
    made = [
        platform.post(f"/v1/questions/{slug}/attempts", {"candidate": who, "answer": "x"}).json
        for slug, who in (("why-relu", "a"), ("why-relu", "b"), ("other", "a"))
    ]
    ids = [each["id"] for each in made]

    def listed(query: str) -> list[str]:
        return [each["id"] for each in platform.get(f"/v1/attempts{query}").json["data"]]

    middle = made[1]["created_at"].replace("+", "%2B")
    assert listed("") == [ids[2], ids[1], ids[0]]
    assert listed("?candidate=a") == [ids[2], ids[0]]
    assert listed("?question=why-relu") == [ids[1], ids[0]]
    assert listed(f"?question={made[2]['question']['id']}") == [ids[2]]
    assert listed(f"?since={middle}") == [ids[2], ids[1]]
    assert listed(f"?until={middle}") == [ids[0]]
    first = platform.get("/v1/attempts?limit=2").json
    rest = platform.get(f"/v1/attempts?limit=2&cursor={first['next_cursor']}").json
    assert [each["id"] for each in first["data"] + rest["data"]] == [ids[2], ids[1], ids[0]]
    assert rest["has_more"] is False


def test_attempts_of_an_unknown_question_are_not_found(platform: Any, problem: Problem) -> None:
    body = problem(platform.get("/v1/attempts?question=nothing"))

    assert (body["status"], body["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["att_x", "nothing", "q_01m83hy22vf7yrqqa4gptaaf6s", "%00"])
def test_an_unknown_attempt_is_not_found(platform: Any, problem: Problem, name: str) -> None:
    body = problem(platform.get(f"/v1/attempts/{name}"))

    assert (body["status"], body["code"]) == (404, "not_found")


def test_points_in_the_request_are_graded_against_and_nothing_is_stored(
    platform: Any,
) -> None:
    points = [
        {"statement": "One idea.", "weight": 2},
        {"key": "two", "statement": {"zh": "另一个想法。"}, "kind": "optional"},
    ]

    graded = platform.post("/v1/grade", {"points": points, "answer": "One idea."})

    assert graded.status_code == 200
    assert graded.json["language"] == "en"
    assert graded.json["points"] == [
        {"key": "point-1", "statement": {"en": "One idea."}, "weight": 2.0, "kind": "required"},
        {"key": "two", "statement": {"zh": "另一个想法。"}, "weight": 1.0, "kind": "optional"},
    ]
    assert [point["key"] for point in graded.json["grade"]["points"]] == ["point-1", "two"]
    assert graded.json["grade"]["provenance"]["question_version"] is None
    assert platform.get("/v1/attempts").json["data"] == []


def test_references_are_cut_into_points_that_the_caller_is_told(platform: Any) -> None:
    references = ["It adds non-linearity to the network. It is cheap to compute on any machine."]

    graded = platform.post("/v1/grade", {"references": references, "answer": "Cheap."})

    assert graded.status_code == 200
    assert [point["key"] for point in graded.json["points"]] == [
        "reference-1-point-1",
        "reference-1-point-2",
    ]


def test_the_same_points_are_embedded_once(
    make_app: Callable[..., Any], caller: Callable[..., Any], stand_ins: Any
) -> None:
    grader = stand_ins.StandInGrader()
    sender = caller(Scope.ATTEMPTS_WRITE, of=make_app(grader))

    for answer in ("a", "b"):
        for statement in ("One.", "Two."):
            sender.post("/v1/grade", {"points": [{"statement": statement}], "answer": answer})

    assert grader.prepared == 2


def test_erasing_a_candidate_leaves_the_score_and_no_word(
    admin: Any, platform: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()
    who = "a/b c?d%/é"
    made = platform.post(PATH, {"candidate": who, "answer": "my very own words"}).json

    erased = admin.delete("/v1/candidates/a%2Fb%20c%3Fd%25%2F%C3%A9")
    left = platform.get(f"/v1/attempts/{made['id']}")
    again = admin.delete("/v1/candidates/a%2Fb%20c%3Fd%25%2F%C3%A9")

    assert erased.json["erased_attempts"] == 1
    assert erased.json["candidate"].startswith("cand_")
    assert left.json["grade"]["score"] == made["grade"]["score"]
    assert (left.json["candidate"], left.json["answer"], left.json["erased"]) == ("", "", True)
    assert "my" not in json.dumps(left.json["grade"]["points"])
    assert problem(again)["detail"] == "There is no such candidate."


def test_an_erased_answer_is_not_replayed(
    admin: Any, platform: Any, published: Callable[..., str]
) -> None:
    published()
    key = {"Idempotency-Key": '"once"'}
    platform.post(PATH, ATTEMPT, headers=key)

    admin.delete("/v1/candidates/cand-1")
    later = platform.post(PATH, ATTEMPT, headers=key)

    # The stored response went with the rest, so this is a new attempt.
    assert later.status_code == 201
    assert "Idempotency-Replayed" not in later.headers
