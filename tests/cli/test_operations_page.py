"""docs/operations.md says what the settings are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.config import SETTINGS, Settings

SHOWN_AS = {
    "database_url": "the embedded Postgres",
    "admin_key": "made and printed once",
    "encoder": "the bundled model",
    "verifier": "none",
    "calibration": "the shipped one",
    "webhook_private_addresses": "`0`",
}


@pytest.fixture
def rows(root: Path) -> dict[str, str]:
    """Variable to default, as the page has them."""
    page = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \|", page, re.MULTILINE))


def test_every_setting_is_on_the_page_and_nothing_else(rows: dict[str, str]) -> None:
    assert set(rows) == set(SETTINGS.values())


@pytest.mark.parametrize("name", SETTINGS)
def test_the_page_shows_the_default(name: str, rows: dict[str, str]) -> None:
    expected = SHOWN_AS.get(name) or f"`{getattr(Settings(), name)}`"

    assert rows[SETTINGS[name]] == expected


def test_compose_and_its_example_name_only_settings_that_exist(root: Path) -> None:
    known = set(SETTINGS.values()) | {"POINTMARK_BIND", "POINTMARK_TAG"}
    for file in ("docker-compose.yml", ".env.example"):
        named = set(re.findall(r"POINTMARK_[A-Z_]+", (root / file).read_text(encoding="utf-8")))

        assert named <= known
