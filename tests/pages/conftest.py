"""The pages on the real database, with browsers that keep cookies."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from apiflask import APIFlask
from werkzeug.test import Client, TestResponse

from service import sessions, usecases
from service.app import create_app
from service.config import Settings
from service.domain import Feedback, Scope, Session
from service.exchange import SessionPlan

if TYPE_CHECKING:
    from service.store import Store


@pytest.fixture(scope="session")
def stand_ins() -> ModuleType:
    """Questions, grades and a grader that need no model."""
    path = Path(__file__).resolve().parent.parent / "stand_ins.py"
    spec = importlib.util.spec_from_file_location("stand_ins", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Browser:
    """Visits pages and sends the forms that it finds on them."""

    def __init__(self, app: APIFlask) -> None:
        self.client = Client(app)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, **more)

    def open_form(self, path: str) -> dict[str, str]:
        """The hidden fields of the form at a page."""
        return fields(self.get(path).get_data(as_text=True))

    def send(self, path: str, form: dict[str, str], **more: Any) -> TestResponse:
        return self.client.post(path, data=form, **more)

    def answer(self, text: str, slug: str = "why-relu") -> str:
        """Answer a question; the address of the result."""
        form = self.open_form(f"/practise/{slug}") | {"answer": text}
        response = self.send(f"/practise/{slug}", form)
        assert response.status_code == 303, response.get_data(as_text=True)
        return response.headers["Location"]

    def result(self, text: str, slug: str = "why-relu") -> str:
        """Answer a question; the page of the result."""
        return self.get(self.answer(text, slug)).get_data(as_text=True)


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


@pytest.fixture
def make_app(store: Store, clean_database_url: str, stand_ins: ModuleType) -> Callable[..., Any]:
    """Make an application on the test database; settings by name."""

    def make(grader: object = None, **settings: Any) -> APIFlask:
        return create_app(
            Settings(database_url=clean_database_url, **settings),
            store=store,
            grader=grader or stand_ins.StandInGrader(),
        )

    return make


@pytest.fixture
def app(make_app: Callable[..., APIFlask]) -> APIFlask:
    """The application with the stand-in grader and the default settings."""
    return make_app()


@pytest.fixture
def browser(app: APIFlask) -> Browser:
    """Somebody's browser."""
    return Browser(app)


@pytest.fixture
def other(app: APIFlask) -> Browser:
    """Somebody else's."""
    return Browser(app)


@pytest.fixture
def browse() -> Callable[[APIFlask], Browser]:
    """A browser at another application."""
    return Browser


@pytest.fixture
def publish(store: Store, stand_ins: ModuleType) -> Callable[..., str]:
    """Store and publish the small question, changed as asked; its id."""

    def make(**changes: Any) -> str:
        made = usecases.create_question(store, stand_ins.a_question(**changes), actor=None)
        usecases.publish(store, made.question_id, if_match=made.etag, actor=None)
        return made.question_id

    return make


@pytest.fixture
def invite(store: Store) -> Callable[..., tuple[Session, str]]:
    """Make a session by these rules; it and the link for its candidate."""
    plan = SessionPlan(
        candidate="ada",
        questions=("why-relu",),
        language=None,
        time_limit=None,
        extra_time=timedelta(),
        opens_at=None,
        closes_at=None,
        metadata={},
        feedback=Feedback.AFTER_ANSWER,
        attempts_allowed=2,
    )

    def make(**rules: Any) -> tuple[Session, str]:
        key, _ = usecases.create_key(
            store, name="platform", scopes=[Scope.ATTEMPTS_WRITE], actor=None
        )
        made = sessions.create(store, replace(plan, **rules), actor=key)
        token = sessions.token_for(made, sessions.signing_secret(store))
        return made, f"/session?token={token.text}"

    return make
