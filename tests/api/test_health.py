"""Alive, ready, and loading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse

from service.api.context import EXTENSION
from service.api.loading import LoadingGrader, Roll
from service.app import create_app
from service.config import Settings
from service.store import Store

Problem = Callable[[TestResponse], dict[str, Any]]


def test_alive_needs_nothing_and_ready_needs_everything(
    blank_database_url: str, problem: Problem
) -> None:
    app = create_app(Settings(database_url=blank_database_url))
    client = Client(app)

    alive, ready = client.get("/livez"), client.get("/readyz")
    app.extensions[EXTENSION].store.close()

    assert (alive.status_code, alive.get_json()) == (200, {"status": "alive"})
    migrate = ready.get_json()["errors"][1]["detail"]
    assert migrate.startswith("the database is at migration (none), this release needs ")
    assert migrate.endswith(": run `pointmark migrate`")
    assert problem(ready) == {
        "type": "/problems/not_ready",
        "title": "The service is not ready",
        "status": 503,
        "detail": f"Not ready: the encoder is being loaded; {migrate}.",
        "instance": "/readyz",
        "code": "not_ready",
        "errors": [{"detail": "the encoder is being loaded"}, {"detail": migrate}],
    }
    assert int(ready.headers["Retry-After"]) >= 1


def test_a_loaded_and_migrated_service_is_ready(nobody: Any) -> None:
    response = nobody.get("/readyz")

    assert (response.status_code, response.json) == (200, {"status": "ready"})
    assert response.headers["Cache-Control"] == "no-store"


def test_while_the_encoder_loads_everything_but_grading_works(
    app: Any, platform: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()
    app.extensions[EXTENSION].grader = LoadingGrader()

    read = platform.get("/v1/questions/why-relu")
    refused = [
        platform.post("/v1/questions/why-relu/attempts", {"candidate": "c", "answer": "a"}),
        platform.post("/v1/grade", {"points": [{"statement": "x"}], "answer": "a"}),
    ]

    assert read.status_code == 200
    for response in refused:
        body = problem(response)
        assert (body["status"], body["code"]) == (503, "not_ready")
        assert body["errors"] == [{"detail": "the encoder is being loaded"}]
        assert response.headers["Retry-After"] == "2"


def test_a_grader_is_there_once_it_is_loaded_and_warm(stand_ins: Any) -> None:
    loading, there = LoadingGrader(), threading.Event()
    grader = stand_ins.StandInGrader()

    loading.start(lambda: grader, loaded=there.set, failed=lambda fault: None).join(10)

    assert there.is_set()
    assert loading.get() is grader
    assert grader.prepared == 1


def test_a_grader_that_cannot_be_loaded_is_told_once() -> None:
    loading = LoadingGrader()
    told: list[Exception] = []
    fault = RuntimeError("no model here")

    def load() -> Any:
        raise fault

    loading.start(load, loaded=lambda: told.clear(), failed=told.append).join(10)

    assert told == [fault]


def test_a_machine_is_ready_when_all_its_workers_are(
    app: Any, nobody: Any, tmp_path: Path, problem: Problem
) -> None:
    roll = Roll(tmp_path, 2)
    app.extensions[EXTENSION].roll = roll
    roll.sign()
    (tmp_path / "4711").touch()

    both = nobody.get("/readyz")
    roll.strike(4711)
    one = nobody.get("/readyz")

    assert both.status_code == 200
    assert problem(one)["errors"] == [{"detail": "1 of 2 worker processes have loaded the encoder"}]


def test_published_questions_are_prepared_ahead(
    app: Any, store: Store, published: Callable[..., str]
) -> None:
    from service.app import prepare_questions

    parts = app.extensions[EXTENSION]
    ids = [published(slug=f"question-{number}") for number in range(3)]

    prepare_questions(parts)

    grader = parts.grader.get()
    assert grader.prepared == 3
    assert all(parts.cache.get(store.published_version(each)) is not None for each in ids)
