"""The API guide: each of its requests is made, and its responses have the shape that it shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from service.api.problems import KINDS

_EXAMPLE = re.compile(
    r"<!-- (?P<status>\d{3}) -->\n```bash\n(?P<command>.*?)\n```"
    r"(?:\n\n```json\n(?P<shown>.*?)\n```)?",
    re.DOTALL,
)
BASE = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Example:
    """One request of the guide."""

    command: str
    status: int
    shown: Any
    """The response shown; None if none is."""


def examples(guide: str) -> Iterator[Example]:
    for match in _EXAMPLE.finditer(guide):
        shown = None if match["shown"] is None else json.loads(match["shown"])
        yield Example(match["command"], int(match["status"]), shown)


def run(command: str, caller: Any, known: dict[str, str]) -> TestResponse:
    """Do what curl would do; it knows the few options that the guide uses.

    `known` are the variables that the reader has set; those that a response holds are added.
    """
    names = {"POINTMARK_KEY": caller.token, **known}
    command = re.sub(r"\$([A-Z_]+)", lambda found: names[found[1]], command)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["curl", "-s"]
    method, headers, raw, url = None, {}, None, ""
    rest = iter(words[2:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            raw = next(rest).encode()
        else:
            assert word.startswith(BASE), word
            url = word
    response: TestResponse = caller.call(
        method or ("GET" if raw is None else "POST"),
        url.removeprefix(BASE),
        raw=raw,
        headers=headers,
    )
    made = str(response.headers.get("Location"))
    if made.startswith("/v1/attempts/"):
        known["ATTEMPT"] = response.json["id"]
    if made.startswith("/v1/batches/"):
        known["BATCH"] = response.json["id"]
    if made.startswith("/v1/regrades/"):
        known["REGRADE"] = response.json["id"]
    if made.startswith("/v1/webhooks/"):
        known["WEBHOOK"] = response.json["id"]
    if made.startswith("/v1/sessions/"):
        known["SESSION"] = response.json["id"]
        known["SESSION_TOKEN"] = response.json["access"]["token"]
    return response


def same_shape(shown: Any, found: Any, where: str = "") -> None:
    """The response has what the guide shows: the same names, and values of the same kind.

    A text that begins with … stands for anything; thresholds are the calibration's business.
    """
    if str(shown).startswith("…") or where.endswith("/thresholds"):
        return
    if isinstance(shown, dict) and isinstance(found, dict):
        assert shown.keys() == found.keys(), where
        for name in shown:
            same_shape(shown[name], found[name], f"{where}/{name}")
    elif isinstance(shown, list) and isinstance(found, list):
        if shown and found:
            same_shape(shown[0], found[0], f"{where}/0")
    elif isinstance(shown, bool) or not isinstance(shown, int | float):
        assert type(shown) is type(found), where
    else:
        assert isinstance(found, int | float), where


def test_every_example_of_the_guide_works_and_answers_as_shown(root: Path, admin: Any) -> None:
    guide = (root / "docs" / "api.md").read_text(encoding="utf-8")
    found = list(examples(guide))

    assert len(found) == guide.count("```bash")
    known: dict[str, str] = {}
    for example in found:
        response = run(example.command, admin, known)
        assert response.status_code == example.status, (example.command, response.get_data())
        if example.shown is not None:
            same_shape(example.shown, response.json)


def test_the_table_of_codes_is_the_one_in_the_code(root: Path) -> None:
    guide = (root / "docs" / "api.md").read_text(encoding="utf-8")

    for kind in KINDS.values():
        assert f"| {kind.status} | `{kind.code}` | {kind.title} |" in guide
