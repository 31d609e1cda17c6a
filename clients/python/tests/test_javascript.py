"""What docs/javascript.md shows is run by Node, as one module, against the service."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from pointmark_client import Client

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None, reason="Node is not installed: the examples of docs/javascript.md are not run"
)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
BODY = '{"type": "grade.created", "data": "激活函数"}'


@pytest.fixture
def node(root: Path, tmp_path: Path) -> Callable[..., str]:
    """Run the examples, and then a script of the test's; what they print."""
    page = (root / "docs" / "javascript.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```js\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == page.count("```") / 2

    def run(url: str, key: str, then: str) -> str:
        # The page's own port may be taken.
        code = "\n".join(blocks).replace("8001", "0") + then
        file = tmp_path / "examples.mjs"
        file.write_text(code, encoding="utf-8")
        environment = {
            "POINTMARK_URL": url,
            "POINTMARK_KEY": key,
            "POINTMARK_WEBHOOK_SECRET": SECRET,
        }
        done = subprocess.run(
            [NODE or "", file],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def signed(at: datetime, secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": "v1a,x " + Webhook(secret).sign("msg_1", at, BODY),
    }


def test_the_examples_work(
    service: Any, pointmark: Client, published: str, node: Callable[..., str]
) -> None:
    for _ in range(4):
        pointmark.submit_attempt(published, candidate="cand-4711", answer="A linear map.")
    now = datetime.now(UTC)
    deliveries = [
        (signed(now), BODY),
        (signed(now), BODY.replace("created", "changed")),
        (signed(now - timedelta(minutes=6)), BODY),
        (signed(now, "whsec_" + base64.b64encode(b"another secret, as long.").decode()), BODY),
        (signed(now) | {"webhook-timestamp": "soon"}, BODY),
        ({}, BODY),
    ]
    post = f"""
      if (!receiver.listening) await new Promise((done) => receiver.on('listening', done));
      const statuses = [];
      for (const [headers, body] of {json.dumps(deliveries)}) {{
        const address = `http://127.0.0.1:${{receiver.address().port}}/`;
        statuses.push((await fetch(address, {{ method: 'POST', headers, body }})).status);
      }}
      console.log(JSON.stringify(statuses));
      receiver.close();
      receiver.closeAllConnections();
    """

    said = node(service.url, service.key(), post)

    attempts = [each["id"] for each in pointmark.iter_attempts()]
    assert len(attempts) == 5
    assert re.findall(r"^att_\w+", said, re.MULTILINE) == attempts
    assert "You covered" in said
    evidence = pointmark.get_attempt(attempts[0])["grade"]["points"][0]["evidence"]
    assert evidence[0]["text"] in said
    assert "invalid_input [" in said
    assert "msg_1 grade.created" in said
    assert said.splitlines()[-1] == "[204,400,400,400,400,400]"


def test_a_lost_connection_is_made_again_with_the_same_key(
    service: Any, published: str, stand_in: Any, node: Callable[..., str]
) -> None:
    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        shown: Any = {"answer": "", "grade": {"score": 1, "feedback": "", "points": []}}
        handler.wfile.write(json.dumps(shown | {"data": [], "has_more": False}).encode())

    def busy(handler: Any) -> None:
        handler.send_response(503)
        handler.send_header("Retry-After", "0")
        handler.end_headers()

    stand_in.answers = [lambda _: None, busy, answer]

    node(stand_in.url, "pm_x", "receiver.close();")

    keys = [each.headers.get("idempotency-key") for each in stand_in.asked]
    assert len(keys) == 5
    assert len(set(keys[:3])) == 1
    assert keys[3] not in (None, keys[0])
    assert keys[4] is None
