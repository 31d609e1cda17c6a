"""People's marks over HTTP. What they do is tested in tests/usecases/test_reviewing.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.domain import Reveal, Scope

Problem = Callable[[TestResponse], dict[str, Any]]
PATH = "/v1/questions/why-relu/attempts"
BLANK = {"candidate": "ada", "answer": " "}
REVIEW = {"reviewer": "grace", "verdicts": {"no-saturation": "covered"}, "reason": "Says it."}


@pytest.fixture
def reviewer(caller: Callable[..., Any]) -> Any:
    """Reviews and does nothing else."""
    return caller(Scope.REVIEW)


@pytest.fixture
def waiting(platform: Any, published: Callable[..., str]) -> str:
    """An attempt in the queue."""
    published()
    found: str = platform.post(PATH, BLANK).json["id"]
    return found


def test_from_doubt_to_a_persons_mark(platform: Any, reviewer: Any, waiting: str) -> None:
    listed = reviewer.get("/v1/review-queue").json
    claimed = reviewer.post("/v1/review-queue/claim", {"reviewer": "grace"})
    made = reviewer.post(f"/v1/attempts/{waiting}/reviews", REVIEW)
    seen = platform.get(f"/v1/attempts/{waiting}").json

    (item,) = listed["data"]
    assert (item["attempt"], item["reasons"], item["claim"]) == (waiting, ["doubt"], None)
    assert claimed.status_code == 200
    assert claimed.json["item"]["claim"]["reviewer"] == "grace"
    assert claimed.json["question"]["points"][0]["key"] == "no-saturation"
    assert made.status_code == 201
    assert made.json["score"] == 100.0
    assert seen["result"] == {"score": 100.0, "by": "person", "id": made.json["id"]}
    assert seen["grade"]["score"] == 0.0
    assert reviewer.get("/v1/review-queue").json["data"] == []
    assert reviewer.post("/v1/review-queue/claim", {"reviewer": "alan"}).status_code == 204


def test_a_blind_reviewer_sees_neither_grade_nor_candidate(reviewer: Any, waiting: str) -> None:
    path = f"/v1/attempts/{waiting}/claim"

    blind = reviewer.post(path, {"reviewer": "grace"})
    seeing = reviewer.post(path, {"reviewer": "grace", "blind": False})
    listed = reviewer.get("/v1/review-queue?state=claimed&blind=false").json["data"][0]

    assert (blind.json["attempt"], blind.json["item"]["doubt"]) == (None, None)
    assert b"ada" not in blind.get_data()
    assert seeing.json["attempt"]["candidate"] == "ada"
    assert seeing.json["attempt"]["grade"]["score"] == 0.0
    assert seeing.json["item"]["doubt"] == {"expected_error": 8.25, "flags": ["blank"]}
    assert listed["doubt"]["flags"] == ["blank"]


def test_a_claim_keeps_others_away_until_it_is_given_back(
    reviewer: Any, waiting: str, problem: Problem
) -> None:
    path = f"/v1/attempts/{waiting}/claim"
    reviewer.post(path, {"reviewer": "grace", "lease_minutes": 2})

    refused = reviewer.post(path, {"reviewer": "alan"})
    reviewer.delete(f"{path}?reviewer=grace")
    after = reviewer.post(path, {"reviewer": "alan"})

    assert problem(refused)["code"] == "claimed"
    assert 100 < int(refused.headers["Retry-After"]) <= 120
    assert after.status_code == 200


def test_a_review_sent_twice_is_made_once(platform: Any, reviewer: Any, waiting: str) -> None:
    path, once = f"/v1/attempts/{waiting}/reviews", {"Idempotency-Key": '"once"'}

    first = reviewer.post(path, REVIEW, headers=once)
    second = reviewer.post(path, REVIEW, headers=once)

    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json == first.json
    assert len(platform.get(f"/v1/attempts/{waiting}").json["reviews"]) == 1


def test_an_appeal_is_made_by_the_platform_and_seen_by_the_reviewer(
    platform: Any, reviewer: Any, waiting: str, problem: Problem
) -> None:
    path = f"/v1/attempts/{waiting}/appeal"

    made = platform.post(path, {"message": "I ran out of time."})
    again = platform.post(path, {"message": "Really."})
    sheet = reviewer.post(f"/v1/attempts/{waiting}/claim", {"reviewer": "grace"}).json

    assert made.status_code == 201
    assert problem(again)["code"] == "already_appealed"
    assert sheet["appeal"]["message"] == "I ran out of time."
    assert sheet["item"]["reasons"] == ["appeal", "doubt"]


def test_candidates_see_the_mark_but_not_the_reviewer_nor_hidden_points(
    platform: Any, reviewer: Any, published: Callable[..., str]
) -> None:
    published(reveal=Reveal.NEVER)
    attempt = platform.post(PATH, BLANK).json["id"]
    reviewer.post(f"/v1/attempts/{attempt}/reviews", REVIEW)

    (seen,) = platform.get(f"/v1/attempts/{attempt}").json["reviews"]

    assert (seen["reviewer"], seen["reason"], seen["score"]) == (None, None, 100.0)
    assert seen["verdicts"] == {"point-1": "covered"}


def test_groups_are_listed_and_reviewed(
    platform: Any, reviewer: Any, make_app: Any, published: Callable[..., str]
) -> None:
    published()
    attempts = [
        platform.post(PATH, {"candidate": "c", "answer": "It is cheap."}).json["id"]
        for _ in range(2)
    ]
    for attempt in attempts:
        platform.post(f"/v1/attempts/{attempt}/appeal", {"message": "Please."})

    found = reviewer.get("/v1/questions/why-relu/answer-groups?similarity=0.9").json["data"]
    made = reviewer.post(
        "/v1/questions/why-relu/group-reviews",
        {"reviewer": "grace", "score": 40, "reason": "All the same.", "attempts": attempts},
    )

    (group,) = found
    assert [member["attempt"] for member in group["members"]] == attempts
    assert [each["attempt"] for each in made.json["reviews"]] == attempts
    agreement = reviewer.get("/v1/agreement?question=why-relu").json["data"]
    assert [(each["reviews"], each["mean_error"]) for each in agreement] == [(2, 26.7)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (REVIEW | {"verdicts": {"cheap": "maybe"}}, "#/verdicts/cheap"),
        (REVIEW | {"verdicts": {"other": "covered"}}, "#/verdicts/other"),
        ({"reviewer": "grace", "reason": "So."}, "#"),
        (REVIEW | {"score": 101}, "#/score"),
        (REVIEW | {"score": "50"}, "#/score"),
        (REVIEW | {"mark": 50}, "#/mark"),
    ],
)
def test_what_is_no_review_is_refused_with_its_place(
    reviewer: Any, waiting: str, problem: Problem, body: dict[str, Any], pointer: str
) -> None:
    refused = problem(reviewer.post(f"/v1/attempts/{waiting}/reviews", body))

    assert refused["code"] == "invalid_input"
    assert [each["pointer"] for each in refused["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/review-queue"),
        ("POST", "/v1/review-queue/claim"),
        ("POST", "/v1/attempts/att_x/claim"),
        ("DELETE", "/v1/attempts/att_x/claim"),
        ("POST", "/v1/attempts/att_x/reviews"),
        ("GET", "/v1/questions/why-relu/answer-groups"),
        ("POST", "/v1/questions/why-relu/group-reviews"),
        ("GET", "/v1/agreement"),
    ],
)
def test_only_reviewers_review(platform: Any, problem: Problem, method: str, path: str) -> None:
    assert problem(platform.call(method, path))["code"] == "forbidden"
