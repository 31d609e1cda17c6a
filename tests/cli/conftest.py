"""The command, run in this process on the test database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(clean_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command with arguments, on an empty migrated database."""
    monkeypatch.setenv("DATABASE_URL", clean_database_url)
    return bare_run()


def bare_run() -> Run:
    """Call the command with arguments, with no database set."""

    def call(*arguments: str, input: bytes | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=input, catch_exceptions=False)

    return call


@pytest.fixture(name="bare")
def bare_fixture() -> Run:
    """Call the command with arguments, with no database set."""
    return bare_run()


def read(result: Result) -> Any:
    """The JSON on standard output."""
    return json.loads(result.stdout)
