"""Regrades over HTTP; what workers make of them is tested in tests/usecases/test_regrading.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service import regrading
from service.store import Store
from service.usecases import QuestionCache

Problem = Callable[..., Any]


def test_a_regrade_from_asking_to_committing(
    admin: Any, store: Store, stand_ins: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()
    admin.post("/v1/questions/why-relu/attempts", {"candidate": "ada", "answer": "It is cheap."})

    def work(regrade_id: str) -> None:
        regrading.work(
            store, stand_ins.StandInGrader(), QuestionCache(), regrade_id, stop=lambda: False
        )

    asked = admin.post("/v1/questions/why-relu/regrades", {"pass_mark": 50})

    assert asked.status_code == 202
    place = asked.headers["Location"]
    assert place == f"/v1/regrades/{asked.json['id']}"
    assert (asked.json["status"], asked.json["total"], asked.json["commit"]) == (
        "queued",
        None,
        False,
    )
    assert problem(admin.post(f"{place}/commit"))["code"] == "conflict"

    work(asked.json["id"])
    dry = admin.get(place).json
    assert (dry["status"], dry["total"]) == ("finished", 1)
    assert (dry["found"]["attempts"], dry["found"]["up_to_date"]) == (1, 1)

    key = {"Idempotency-Key": '"once"'}
    begun = admin.post(f"{place}/commit", headers=key)
    again = admin.post(f"{place}/commit", headers=key)
    assert (begun.status_code, begun.json["commit"], begun.json["status"]) == (202, True, "queued")
    assert again.get_data() == begun.get_data()

    cancelled = admin.post(f"{place}/cancel")
    assert cancelled.json["status"] == "cancelled"
    assert admin.get("/v1/questions/why-relu/regrades").json["data"] == [cancelled.json]


def test_what_there_is_not_cannot_be_regraded(
    admin: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()

    assert problem(admin.post("/v1/questions/no/regrades", {}))["code"] == "not_found"
    assert problem(admin.get("/v1/questions/no/regrades"))["code"] == "not_found"
    for method, path in (("GET", ""), ("POST", "/commit"), ("POST", "/cancel")):
        assert problem(admin.call(method, f"/v1/regrades/rgr_x{path}"))["code"] == "not_found"
    wrong = problem(admin.post("/v1/questions/why-relu/regrades", {"pass_mark": 101}))
    assert wrong["errors"][0]["pointer"] == "#/pass_mark"
