"""The application on the real database, with callers who hold different keys.

Most tests use the stand-in grader of `tests/stand_ins.py`, which needs no model; those about grades
use the real one.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from apiflask import APIFlask
from werkzeug.test import Client, TestResponse

from service import usecases
from service.app import create_app
from service.config import Settings
from service.domain import Scope

if TYPE_CHECKING:
    from service.store import Store

Make = Callable[..., APIFlask]


class Caller:
    """A client with a key."""

    def __init__(self, app: APIFlask, token: str | None = None) -> None:
        self._client = Client(app)
        self.token = token

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Make a call; `body` goes as JSON, `raw` as it is."""
        sent: dict[str, str] = {}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        return self._client.open(
            path, method=method, data=raw, headers={**sent, **(headers or {})}, buffered=True
        )

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> TestResponse:
        return self.call("POST", path, body, **more)

    def put(self, path: str, body: object = None, **more: Any) -> TestResponse:
        return self.call("PUT", path, body, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        return self.call("DELETE", path, **more)


def _stand_ins() -> ModuleType:
    """`tests/stand_ins.py`; test folders are no packages."""
    path = Path(__file__).resolve().parent.parent / "stand_ins.py"
    spec = importlib.util.spec_from_file_location("stand_ins", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def stand_ins() -> ModuleType:
    """Questions, grades and a grader that need no model."""
    return _stand_ins()


@pytest.fixture
def make_app(store: Store, clean_database_url: str, stand_ins: ModuleType) -> Make:
    """Make an application on the test database; settings by name.

    No attempt goes to the review queue by chance unless a test asks for that.
    """

    def make(grader: object = None, **settings: Any) -> APIFlask:
        known: dict[str, Any] = {"review_sample": 0.0, **settings}
        return create_app(
            Settings(database_url=clean_database_url, **known),
            store=store,
            grader=grader or stand_ins.StandInGrader(),
        )

    return make


@pytest.fixture
def app(make_app: Make) -> APIFlask:
    """The application with the stand-in grader and the default settings."""
    return make_app()


@pytest.fixture
def token_for(store: Store) -> Callable[..., str]:
    """Make a key with these scopes; its token."""

    def make(*scopes: Scope) -> str:
        return usecases.create_key(store, name="test", scopes=set(scopes), actor=None)[1]

    return make


@pytest.fixture
def admin(app: APIFlask, token_for: Callable[..., str]) -> Caller:
    """May do everything."""
    return Caller(app, token_for(Scope.ADMIN))


@pytest.fixture
def author(app: APIFlask, token_for: Callable[..., str]) -> Caller:
    """Reads and writes questions."""
    return Caller(app, token_for(Scope.QUESTIONS_READ, Scope.QUESTIONS_WRITE))


PLATFORM_SCOPES = (Scope.QUESTIONS_READ, Scope.ATTEMPTS_WRITE, Scope.ATTEMPTS_READ)


@pytest.fixture
def platform(app: APIFlask, token_for: Callable[..., str]) -> Caller:
    """An interview platform: its key faces candidates."""
    return Caller(app, token_for(*PLATFORM_SCOPES))


@pytest.fixture
def nobody(app: APIFlask) -> Caller:
    """Has no key."""
    return Caller(app)


@pytest.fixture
def caller(app: APIFlask, token_for: Callable[..., str]) -> Callable[..., Caller]:
    """Make a caller with these scopes, or on another application."""

    def make(*scopes: Scope, of: APIFlask | None = None) -> Caller:
        return Caller(of or app, token_for(*scopes))

    return make


@pytest.fixture
def published(store: Store, stand_ins: ModuleType) -> Callable[..., str]:
    """Store and publish the small question, changed as asked; its id."""

    def make(**changes: Any) -> str:
        made = usecases.create_question(store, stand_ins.a_question(**changes), actor=None)
        usecases.publish(store, made.question_id, if_match=made.etag, actor=None)
        return made.question_id

    return make


def as_problem(response: TestResponse) -> dict[str, Any]:
    """The body of a problem response, its fixed parts checked and taken out."""
    assert response.mimetype == "application/problem+json", response.get_data(as_text=True)
    body: dict[str, Any] = json.loads(response.get_data())
    assert body.pop("request_id") == response.headers["X-Request-Id"]
    assert body["status"] == response.status_code
    return body


@pytest.fixture
def problem() -> Callable[[TestResponse], dict[str, Any]]:
    """The body of a problem response without its request id."""
    return as_problem
