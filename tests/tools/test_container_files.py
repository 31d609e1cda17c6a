"""Dockerfile, .dockerignore and compose file agree with each other and with the settings.

That they work is tried by tests/compose/run, which needs root and minutes.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from service.config import SETTINGS

# Set by the image, or without meaning in it.
NOT_PASSED_ON = {
    *("POINTMARK_HOME", "POINTMARK_HOST", "POINTMARK_PORT"),
    *("POINTMARK_ENCODER", "POINTMARK_CALIBRATION"),
}


def test_everything_the_image_copies_reaches_the_builder(root: Path) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", read(root, "Dockerfile"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    let_through = {
        line[1:] for line in read(root, ".dockerignore").splitlines() if line.startswith("!")
    }

    assert sources == let_through


def test_compose_passes_on_every_setting_of_the_service(root: Path) -> None:
    compose = yaml.safe_load(read(root, "docker-compose.yml"))
    passed = set(compose["services"]["api"]["environment"])

    assert set(SETTINGS.values()) - passed == NOT_PASSED_ON


def test_the_example_lists_every_variable_of_the_compose_file(root: Path) -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", read(root, "docker-compose.yml")))
    listed = set(re.findall(r"^([A-Z_]+)=", read(root, ".env.example"), re.MULTILINE))

    assert used - listed == {"POINTMARK_TAG", "PYTHON_IMAGE", "POSTGRES_IMAGE"}
    assert listed <= used


def read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")
