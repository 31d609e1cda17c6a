"""Who may import whom: the core knows nothing of the web, the database or the model libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ALLOWED = {
    "errors": set(),
    "domain": set(),
    "texts": {"domain"},
    "ids": set(),
    "models": set(),
    "config": {"errors"},
    "exchange": {"domain", "errors"},
    "agreement": {"domain", "exchange"},
    "events": {"domain", "exchange"},
    "signatures": set(),
    "outgoing": {"exchange"},
    "grouping": {"domain"},
    "suggesting": {"domain"},
    "grader": {"domain", "errors"},
    "content": {"domain", "errors", "exchange", "grader"},
    "interchange": {"content", "domain", "errors", "grader", "ids"},
    "onnx_module": set(),
    "encoder": {"errors", "onnx_module"},
    "network": set(),
    "verifier": {"encoder", "errors", "network"},
    "assembly": {"config", "content", "encoder", "grader", "verifier"},
    "localdb": {"errors"},
    "store": {"domain", "errors", "exchange", "grader", "grouping", "ids", "models", "suggesting"},
    "usecases": {
        *("content", "domain", "errors", "events", "exchange", "grader", "store", "suggesting"),
    },
    "reviewing": {
        *("agreement", "content", "domain", "errors", "events", "exchange", "grader"),
        *("grouping", "store", "usecases"),
    },
    "batches": {
        *("content", "domain", "errors", "events", "exchange", "grader", "store", "usecases"),
    },
    "webhooks": {
        *("content", "domain", "errors", "exchange", "signatures", "store", "usecases"),
    },
    "retention": {"content", "domain", "exchange", "store"},
    "working": {
        *("assembly", "batches", "config", "content", "exchange", "grader", "outgoing"),
        *("regrading", "retention", "sessions", "store", "usecases", "webhooks"),
    },
    "regrading": {
        *("content", "domain", "errors", "events", "exchange", "grader", "ids", "store"),
        "usecases",
    },
    "sessions": {
        *("content", "domain", "errors", "events", "exchange", "grader", "store", "usecases"),
    },
    "practice": {"content", "domain", "errors", "exchange", "grader", "ids", "store", "usecases"},
    "pages": {
        *("agreement", "api", "content", "domain", "errors", "exchange", "grouping", "practice"),
        *("reviewing", "sessions", "texts", "usecases"),
    },
    "importing": {
        *("content", "domain", "errors", "exchange", "interchange", "store", "usecases"),
    },
    "seeding": {"content", "domain", "errors", "exchange", "interchange", "store"},
    "api": {
        *("agreement", "batches", "config", "content", "domain", "errors", "exchange", "grader"),
        *("grouping", "importing", "interchange", "regrading", "retention", "reviewing"),
        *("sessions", "store", "suggesting", "texts", "usecases", "webhooks"),
    },
}
"""Each room, and the rooms below that it may use. The outermost ones (app, cli) may use all."""
OUTERMOST = {"__init__", "__main__", "app", "cli", "gunicorn_conf", "healthcheck", "wsgi"}
LIBRARIES = {
    "flask": {"api", "app", "pages"},
    "apiflask": {"api", "app"},
    "sqlalchemy": {"models", "store"},
    "psycopg": {"store", "localdb", "cli", "working"},
    "procrastinate": {"store", "working"},
    "sentence_transformers": {"encoder", "onnx_module"},
    "torch": {"encoder", "network", "onnx_module", "verifier"},
    "onnxruntime": {"onnx_module"},
    "click": {"cli"},
    "yaml": {"cli", "interchange"},
    "xml": {"interchange"},
    "gunicorn": {"gunicorn_conf"},
    "jwt": {"sessions"},
    "opentelemetry": {"api"},
    "httpcore2": {"outgoing"},
    "itsdangerous": {"pages"},
    "jinja2": {"api"},
    "playwright": set(),
    "evaluation": {"cli"},
    "bench": {"cli"},
}
"""Where a library may be imported."""


def imports(root: Path) -> Iterator[tuple[str, str, str]]:
    """Room, file and name of every import in the service."""
    for path in sorted((root / "service").rglob("*.py")):
        room = path.relative_to(root / "service").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield room, path.name, node.module
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield room, path.name, alias.name


def test_every_room_is_in_the_plan(root: Path) -> None:
    found = {room for room, _, _ in imports(root)}

    assert found - set(ALLOWED) - OUTERMOST == set()


def test_rooms_import_only_what_lies_below_them(root: Path) -> None:
    wrong = [
        (room, file, name)
        for room, file, name in imports(root)
        if room in ALLOWED
        and name.startswith("service.")
        and name.split(".")[1] not in ALLOWED[room] | {room}
    ]

    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_used_where_it_belongs(root: Path, library: str) -> None:
    users = {room for room, _, name in imports(root) if name.split(".")[0] == library}

    assert users <= LIBRARIES[library]
