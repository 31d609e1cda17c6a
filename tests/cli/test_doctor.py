"""The doctor sees what is wrong and says what to do."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from service.cli import checkup, common
from service.errors import EncoderNotFound

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grader that takes no seconds to load; the real one has its own tests."""
    made = SimpleNamespace(
        encoder_name="e", encoder_revision="r", verifier_name="v", calibration_id="c"
    )
    monkeypatch.setattr(common, "loaded_grader", lambda _: made)


def findings(result: Result) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in json.loads(result.stdout)}


def test_a_sound_installation_is_found_sound(run: Run) -> None:
    result = run("doctor", "--json")

    found = findings(result)
    assert result.exit_code == 0, found
    assert {"python", "settings", "packages", "memory", "database", "encoder"} <= set(found)
    assert found["database"]["state"] == "ok"
    assert found["packages"]["state"] == "ok", found["packages"]


def test_a_database_that_is_away_is_a_fault_with_a_remedy(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    result = bare("doctor", "--json")

    assert result.exit_code == 1
    assert findings(result)["database"]["state"] == "fault"
    assert "DATABASE_URL" in findings(result)["database"]["remedy"]


def test_a_database_without_migrations_is_a_fault(
    bare: Run, blank_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", blank_database_url)

    result = bare("doctor", "--json")

    assert result.exit_code == 1
    assert "pointmark migrate" in findings(result)["database"]["detail"]


def test_the_embedded_database_is_looked_at_and_not_started(
    bare: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("POINTMARK_HOME", str(tmp_path / "home"))

    found = findings(bare("doctor", "--json"))

    assert "embedded Postgres 18" in found["database"]["detail"]
    assert not (tmp_path / "home").exists()


def test_a_missing_encoder_is_a_fault_and_hides_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: object) -> None:
        raise EncoderNotFound("no encoder in models/")

    monkeypatch.setattr(common, "loaded_grader", missing)

    result = run("doctor")

    assert result.exit_code == 1
    assert "FAIL  encoder      no encoder in models/" in result.stdout
    assert "ok    database" in result.stdout


def test_wrong_settings_are_a_fault_and_the_rest_is_still_looked_at(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_PORT", "x")

    found = findings(bare("doctor", "--json"))

    assert found["settings"]["state"] == "fault"
    assert "encoder" in found


def test_a_taken_port_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        monkeypatch.setenv("POINTMARK_PORT", str(squatter.getsockname()[1]))

        assert findings(run("doctor", "--json"))["port"]["state"] == "warning"


def test_too_many_threads_for_the_processors_are_a_warning(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_ENCODER_THREADS", "1000")

    assert findings(run("doctor", "--json"))["processors"]["state"] == "warning"


def test_packages_that_differ_from_the_lock_are_a_warning(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("click==0.1\nnot-there==1.0\n")
    monkeypatch.setattr(checkup, "LOCK", lock)

    found = findings(run("doctor", "--json"))["packages"]

    assert found["state"] == "warning"
    assert "click is" in found["detail"]
    assert "not-there is missing" in found["detail"]
