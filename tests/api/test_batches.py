"""Batches over HTTP; what workers make of them is tested in tests/working."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from service import batches
from service.content import Limits
from service.domain import Scope
from service.store import Store
from service.usecases import QuestionCache

Problem = Callable[..., Any]


def an_item(**changes: Any) -> dict[str, Any]:
    return {"question": "why-relu", "candidate": "ada", "answer": "It is cheap."} | changes


def work(store: Store, grader: Any, batch_id: str) -> None:
    """What a worker does."""
    batches.grade_items(
        store,
        grader,
        QuestionCache(),
        batch_id,
        0,
        100,
        stop=lambda: False,
        limits=Limits(),
        sample=0.0,
    )


def lines(response: Any) -> list[Any]:
    assert response.mimetype == "application/jsonl"
    return [json.loads(line) for line in response.get_data().splitlines()]


def test_a_batch_from_handing_in_to_its_results(
    admin: Any, store: Store, stand_ins: Any, published: Callable[..., str]
) -> None:
    published()
    sent = [an_item(metadata={"row": 1}), an_item(question="no-such")]

    taken = admin.post("/v1/batches", {"items": sent})

    assert taken.status_code == 202
    assert taken.headers["Location"] == f"/v1/batches/{taken.json['id']}"
    assert (taken.json["status"], taken.json["total"], taken.json["done"]) == ("queued", 2, 0)
    place = taken.headers["Location"]
    assert lines(admin.get(f"{place}/results")) == []

    work(store, stand_ins.StandInGrader(), taken.json["id"])

    ended = admin.get(place).json
    assert (ended["status"], ended["done"], ended["failed"]) == ("finished", 1, 1)
    graded, refused = lines(admin.get(f"{place}/results"))
    assert graded["error"] is None
    assert graded["attempt"] == admin.get(f"/v1/attempts/{graded['attempt']['id']}").json
    assert graded["attempt"]["metadata"] == {"row": 1}
    assert (refused["index"], refused["attempt"]) == (1, None)
    assert refused["error"]["code"] == "not_found"
    assert [each["index"] for each in lines(admin.get(f"{place}/results?after=0"))] == [1]
    assert admin.get("/v1/batches").json["data"] == [ended]


def test_a_batch_may_come_as_json_lines(admin: Any) -> None:
    raw = b"\n\n".join(json.dumps(an_item(candidate=name)).encode() for name in "ab") + b"\n"

    taken = admin.post("/v1/batches", raw=raw, headers={"Content-Type": "application/jsonl"})

    assert (taken.status_code, taken.json["total"]) == (202, 2)


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        (b'{"question": "q", "candidate": "c"}', "invalid_input", "#/items/0/answer"),
        (b'{"question": "q", "candidate": "c", "answer": ""}\n[]', "invalid_input", "#/items/1"),
        (
            b'{"question": "q", "candidate": "c", "answer": "a\\u0000"}',
            "invalid_input",
            "#/items/0/answer",
        ),
        (b"", "malformed_json", None),
        (b"\n", "invalid_input", "#/items"),
        (b"{}\n{", "malformed_json", None),
    ],
)
def test_faults_in_json_lines_name_their_item(
    admin: Any, problem: Problem, raw: bytes, code: str, place: str | None
) -> None:
    found = problem(
        admin.post("/v1/batches", raw=raw, headers={"Content-Type": "application/x-ndjson"})
    )

    assert found["code"] == code
    if place is not None:
        assert found["errors"][0]["pointer"] == place
    elif raw:
        assert found["detail"].startswith("Item 1:")


def test_a_batch_has_a_limit_of_its_own(
    make_app: Any, caller: Callable[..., Any], problem: Problem
) -> None:
    app = make_app(max_body_bytes=100, max_batch_bytes=400)
    sender = caller(Scope.ATTEMPTS_WRITE, of=app)

    assert sender.post("/v1/batches", {"items": [an_item()] * 4}).status_code == 202
    refused = problem(sender.post("/v1/batches", {"items": [an_item()] * 8}))
    assert refused["code"] == "body_too_large"
    assert "400" in refused["detail"]
    large = problem(sender.post("/v1/grade", {"answer": "x" * 200}))
    assert large["code"] == "body_too_large"


def test_the_same_batch_sent_twice_is_one(admin: Any) -> None:
    key = {"Idempotency-Key": '"batch-1"'}

    first = admin.post("/v1/batches", {"items": [an_item()]}, headers=key)
    again = admin.post("/v1/batches", {"items": [an_item()]}, headers=key)

    assert again.get_data() == first.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(admin.get("/v1/batches").json["data"]) == 1


def test_too_many_items_and_too_much_metadata_are_refused(admin: Any, problem: Problem) -> None:
    many = problem(admin.post("/v1/batches", {"items": [an_item()] * 10_001}))
    fat = problem(
        admin.post("/v1/batches", {"items": [an_item(), an_item(metadata={"a": "x" * 20_000})]})
    )

    assert many["errors"] == [
        {"detail": "must hold 1 to 10000 items; 10001 were sent", "pointer": "#/items"}
    ]
    assert fat["errors"][0]["pointer"] == "#/items/1/metadata"


def test_cancelling_over_http(
    admin: Any, store: Store, stand_ins: Any, problem: Problem, published: Callable[..., str]
) -> None:
    published()
    first = admin.post("/v1/batches", {"items": [an_item()]}).headers["Location"]
    second = admin.post("/v1/batches", {"items": [an_item()]}).json["id"]
    work(store, stand_ins.StandInGrader(), second)

    cancelled = admin.post(f"{first}/cancel")

    assert (cancelled.json["status"], cancelled.json["failed"]) == ("cancelled", 1)
    assert admin.post(f"{first}/cancel").json == cancelled.json
    assert problem(admin.post(f"/v1/batches/{second}/cancel"))["code"] == "conflict"
    for path in ("", "/results"):
        assert problem(admin.get(f"/v1/batches/bat_x{path}"))["code"] == "not_found"
