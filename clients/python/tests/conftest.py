"""The service on a port of this machine, with the real database and encoder, and a server that
answers as a test wants it to, for what a healthy service never does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from apiflask import APIFlask
from werkzeug.serving import make_server

from pointmark_client import Client
from service import usecases
from service.app import create_app
from service.config import Settings
from service.domain import Scope

if TYPE_CHECKING:
    from service.grader import Grader
    from service.store import Store

QUESTION: Any = {
    "slug": "why-nonlinear",
    "topic": "neural-networks",
    "difficulty": 2,
    "prompt": "Why do neural networks need non-linear activation functions?",
    "points": [
        {"key": "collapse", "statement": "Without them all layers collapse into one linear map."},
        {"key": "curved", "statement": "They let the network form curved decision boundaries."},
    ],
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests call is on this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@dataclass
class Service:
    """A running service."""

    url: str
    store: Store

    def key(self, *scopes: Scope) -> str:
        """A new key; for everything unless scopes are named."""
        wanted = set(scopes) or {Scope.ADMIN}
        return usecases.create_key(self.store, name="test", scopes=wanted, actor=None)[1]


@pytest.fixture
def serve(
    store: Store, clean_database_url: str, grader: Grader
) -> Iterator[Callable[..., Service]]:
    """Start the service with these settings."""
    running: list[Any] = []

    def start(**settings: Any) -> Service:
        made = Settings(database_url=clean_database_url, **settings)
        app: APIFlask = create_app(made, store=store, grader=grader)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return Service(f"http://127.0.0.1:{server.port}", store)

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """The service with its default settings."""
    return serve()


@pytest.fixture
def pointmark(service: Service) -> Iterator[Client]:
    """A client that may do everything."""
    with Client(service.url, service.key()) as client:
        yield client


@pytest.fixture
def published(pointmark: Client) -> str:
    """A published question; its slug."""
    pointmark.create_question(**QUESTION)
    return pointmark.publish_question("why-nonlinear").data["slug"]


@dataclass
class Asked:
    """A request that reached the stand-in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StandIn:
    """Answers as it is told, and the last way for ever."""

    url: str = ""
    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def listening(stand_in: StandIn) -> Iterator[StandIn]:
    """The stand-in at work."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            stand_in.asked.append(Asked(self.command, self.path, headers, body))
            self.close_connection = True
            number = min(len(stand_in.asked), len(stand_in.answers))
            stand_in.answers[number - 1](self)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A stand-in; give it `answers`."""
    with listening(StandIn()) as made:
        yield made
