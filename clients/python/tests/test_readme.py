"""What the README shows is run, from top to bottom, as one program."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from pointmark_client import Client, PointmarkError, errors

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "clients" / "python" / "README.md").read_text(encoding="utf-8")


def test_the_readme_works(
    readme: str, service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POINTMARK_KEY", service.key())
    monkeypatch.setenv("POINTMARK_WEBHOOK_SECRET", SECRET)
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) == readme.count("```") / 2

    names: dict[str, Any] = {}
    try:
        for block in blocks:
            exec(block.replace("http://127.0.0.1:8000", service.url), names)
    finally:
        for name in ("pointmark", "impatient"):
            if name in names:
                names[name].close()

    said = capsys.readouterr().out
    assert "You covered" in said
    assert "#/points/0/statement must not be blank" in said
    assert "somebody else" not in said
    assert "what we have is current" in said
    # One answer, one of the session, one that was sent twice, two at once.
    with Client(service.url, service.key()) as client:
        assert len(list(client.iter_attempts())) == 5
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, "{}"),
    }
    assert names["receive"](headers, b"{}") == 204
    assert names["receive"](headers, b"[]") == 400


def test_the_readme_names_every_exception(readme: str) -> None:
    named = set(re.findall(r"`(\w+)`", readme)) | set(re.findall(r"except (\w+)", readme))

    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, PointmarkError):
            assert name in named, name
