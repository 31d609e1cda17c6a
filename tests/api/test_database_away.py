"""The database goes away and comes back: a real server, stopped and started."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse

from service import usecases
from service.app import create_app
from service.config import Settings
from service.domain import Scope
from service.localdb import LocalDatabase
from service.store import Store, migrate

Problem = Callable[[TestResponse], dict[str, Any]]


def test_without_the_database_data_routes_say_503_and_recover_by_themselves(
    home: Path, stand_ins: Any, problem: Problem
) -> None:
    database = LocalDatabase(home, durable=False)
    with database.use() as url:
        migrate(url)
        store = Store(url)
        token = _prepared(store, stand_ins)
        app = create_app(Settings(database_url=url), store=store, grader=stand_ins.StandInGrader())
        client = Client(app)
        calls = _calls(client, {"Authorization": f"Bearer {token}"})
        before = [call().status_code for call in calls]

        database.stop()
        away = [call() for call in calls]
        alive, ready = client.get("/livez"), client.get("/readyz")
        stats, docs = client.get("/metrics"), client.get("/openapi.json")

        database.revive()
        _until(lambda: client.get("/readyz").status_code == 200)
        after = [call().status_code for call in calls]
        store.close()

    assert before == after == [200, 200, 201, 200, 200]
    for response in away:
        body = problem(response)
        assert body.pop("instance").startswith("/v1/")
        assert body == {
            "type": "/problems/unavailable",
            "title": "The database does not answer",
            "status": 503,
            "detail": body["detail"],
            "code": "unavailable",
        }
        assert body["detail"] in (
            "The database does not answer; try again in a moment.",
            "The database went away; try again in a moment.",
        )
        assert int(response.headers["Retry-After"]) >= 1
    assert problem(ready)["errors"] == [
        {"detail": "The database does not answer; try again in a moment."}
    ]
    assert int(ready.headers["Retry-After"]) >= 1
    assert [r.status_code for r in (alive, stats, docs)] == [200, 200, 200]
    assert b"pointmark_database_up 0.0" in stats.get_data()
    assert b"pointmark_workers" not in stats.get_data()


def _prepared(store: Store, stand_ins: Any) -> str:
    made = usecases.create_question(store, stand_ins.a_question(), actor=None)
    usecases.publish(store, made.question_id, if_match=made.etag, actor=None)
    _, token = usecases.create_key(store, name="all", scopes={Scope.ADMIN}, actor=None)
    return token


def _calls(client: Client, headers: dict[str, str]) -> list[Callable[[], TestResponse]]:
    attempt = {"candidate": "c", "answer": "a"}
    grade = {"points": [{"statement": "x"}], "answer": "a"}
    return [
        lambda: client.get("/v1/questions", headers=headers),
        lambda: client.get("/v1/questions/why-relu", headers=headers),
        lambda: client.post("/v1/questions/why-relu/attempts", json=attempt, headers=headers),
        lambda: client.post("/v1/grade", json=grade, headers=headers),
        lambda: client.get("/v1/attempts", headers=headers),
    ]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
