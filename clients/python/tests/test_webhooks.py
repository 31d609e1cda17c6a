"""Webhooks, signed by the reference implementation of Standard Webhooks."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from pointmark_client.webhooks import Delivery, InvalidWebhook, verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret, as long.").decode()
BODY = '{"type": "grade.created", "data": {"answer": "激活函数"}}'
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def signed(body: str = BODY, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The headers that a sender adds."""
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", at, body),
    }


def check(headers: dict[str, str], body: str | bytes = BODY, secret: str = SECRET) -> Delivery:
    return verify(headers, body, secret, now=NOW.timestamp())


def test_what_is_signed_is_read() -> None:
    expected = Delivery(id="msg_1", sent_at=NOW, payload=json.loads(BODY))

    assert check(signed()) == expected
    assert check(signed(), BODY.encode()) == expected
    assert check(signed(), secret=SECRET.removeprefix("whsec_")) == expected


def test_without_a_time_the_clock_is_asked() -> None:
    assert verify(signed(at=datetime.now(UTC)), BODY, SECRET).id == "msg_1"
    with pytest.raises(InvalidWebhook, match="clocks"):
        verify(signed(at=datetime.now(UTC) - timedelta(hours=1)), BODY, SECRET)


def test_one_of_several_signatures_is_enough() -> None:
    old, new = signed(secret=OTHER), signed()
    both = f"v1a,c2lnbmF0dXJl {old['Webhook-Signature']} {new['Webhook-Signature']}"

    assert check(new | {"Webhook-Signature": both}).id == "msg_1"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_clocks_may_be_five_minutes_apart(seconds: int) -> None:
    check(signed(at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(("seconds", "said"), [(-301, "301 s ago"), (301, "301 s from now")])
def test_but_not_more(seconds: int, said: str) -> None:
    with pytest.raises(InvalidWebhook, match=said):
        check(signed(at=NOW + timedelta(seconds=seconds)))


GOOD = signed()


@pytest.mark.parametrize(
    "headers",
    [
        signed(secret=OTHER),
        signed(body=BODY + " "),
        GOOD | {"Webhook-Id": "msg_2"},
        GOOD | {"Webhook-Timestamp": str(int(NOW.timestamp()) + 1)},
        GOOD | {"Webhook-Signature": GOOD["Webhook-Signature"].replace("v1,", "v2,")},
        GOOD | {"Webhook-Signature": GOOD["Webhook-Signature"].removeprefix("v1,")},
        GOOD | {"Webhook-Signature": "v1,"},
        GOOD | {"Webhook-Signature": "v1,签名"},
        GOOD | {"Webhook-Signature": ""},
        *(GOOD | {"Webhook-Timestamp": stamp} for stamp in ("", "soon", "1e9", "9" * 5000, "-1")),
        *({n: v for n, v in GOOD.items() if n != left_out} for left_out in GOOD),
        {},
    ],
)
def test_anything_else_is_not_believed(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhook):
        check(headers)


def test_a_body_that_is_no_json_is_not_believed() -> None:
    with pytest.raises(InvalidWebhook, match="JSON"):
        check(signed(body="no"), "no")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "pm_x"])
def test_a_secret_that_is_none_is_the_receivers_fault(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        check(GOOD, secret=secret)


# The example -------------------------------------------------------------------------------------


@pytest.fixture
def receiver(root: Path) -> Iterator[Any]:
    """The example, at work; `seen` are the events that it got."""
    path = root / "clients" / "python" / "examples" / "receiver.py"
    spec = importlib.util.spec_from_file_location("receiver", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.seen = []
    server = module.make_receiver("127.0.0.1", 0, SECRET, module.seen.append)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    module.url = f"http://127.0.0.1:{server.server_port}/"
    yield module
    server.shutdown()
    thread.join()
    server.server_close()


def post(url: str, headers: dict[str, str], body: bytes) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, headers)) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_the_example_takes_each_delivery_once(receiver: Any) -> None:
    headers = signed(at=datetime.now(UTC))

    assert post(receiver.url, headers, BODY.encode()) == 204
    assert post(receiver.url, headers, BODY.encode()) == 204
    assert post(receiver.url, headers, BODY.replace("created", "changed").encode()) == 400
    assert post(receiver.url, {}, BODY.encode()) == 400

    assert receiver.seen == [json.loads(BODY)]


@pytest.mark.parametrize("length", ["1048577", "-1", "much"])
def test_the_example_reads_no_more_than_it_must(receiver: Any, length: str) -> None:
    connection = http.client.HTTPConnection(receiver.url.split("/")[2], timeout=30)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", length)
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()
    assert receiver.seen == []
