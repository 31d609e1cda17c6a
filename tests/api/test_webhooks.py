"""Webhooks over HTTP; what workers send, and where, is tested in tests/working."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from service import webhooks
from service.domain import Scope
from service.exchange import Reply
from service.store import Store

Problem = Callable[..., Any]
URL = "https://platform.example/hooks"


def made(admin: Any, **changes: Any) -> Any:
    response = admin.post("/v1/webhooks", {"url": URL} | changes)
    assert response.status_code == 201, response.get_data()
    return response.json


def work(store: Store, url: str, reply: Reply) -> None:
    """What a worker does, with an endpoint that answers so."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT args FROM procrastinate.procrastinate_jobs").fetchall()
        connection.execute("TRUNCATE procrastinate.procrastinate_jobs CASCADE")
    for (args,) in found:
        webhooks.deliver(
            store, lambda *_: reply, args["delivery"], args["number"], chance=lambda: 0.0
        )


def test_an_endpoint_from_its_making_to_its_end(admin: Any, problem: Problem) -> None:
    response = admin.post(
        "/v1/webhooks", {"url": URL, "description": "Platform", "events": ["batch.finished"]}
    )

    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    place = response.headers["Location"]
    made = response.json
    secret = made.pop("secret")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert made == {
        "id": place.removeprefix("/v1/webhooks/"),
        "url": URL,
        "description": "Platform",
        "events": ["batch.finished"],
        "enabled": True,
        "disabled_at": None,
        "disabled_why": None,
        "failing_since": None,
        "previous_secret_until": None,
        "created_at": made["created_at"],
    }
    assert admin.get(place).json == made
    assert admin.get("/v1/webhooks").json["data"] == [made]

    changed = admin.put(place, {"url": f"{URL}/2", "enabled": False})

    assert changed.status_code == 200
    expected = made | {"url": f"{URL}/2", "description": "", "events": None, "enabled": False}
    expected |= {"disabled_why": "disabled by an admin"}
    assert changed.json == expected | {"disabled_at": changed.json["disabled_at"]}
    assert changed.json["disabled_at"] is not None
    assert admin.put(place, {"url": f"{URL}/2", "enabled": False}).json == changed.json
    assert admin.put(place, {"url": URL}).json["enabled"] is True

    assert admin.delete(place).status_code == 204
    assert problem(admin.delete(place))["code"] == "not_found"
    assert secret not in str(admin.get("/v1/webhooks").json)


def test_a_secret_is_shown_once_and_not_by_a_replayed_response(admin: Any) -> None:
    key = {"Idempotency-Key": '"hook-1"'}

    first = admin.post("/v1/webhooks", {"url": URL}, headers=key)
    again = admin.post("/v1/webhooks", {"url": URL}, headers=key)

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json == first.json | {"secret": None}
    place = first.headers["Location"]
    turned = admin.post(f"{place}/rotate-secret", headers={"Idempotency-Key": '"turn-1"'})
    twice = admin.post(f"{place}/rotate-secret", headers={"Idempotency-Key": '"turn-1"'})
    assert turned.status_code == 200
    assert turned.headers["Cache-Control"] == "no-store"
    assert turned.json["secret"] not in (None, first.json["secret"])
    assert turned.json["previous_secret_until"] is not None
    # Not rotated again: the first secret would have gone.
    assert twice.json == turned.json | {"secret": None}


def test_a_ping_and_its_deliveries(
    admin: Any, store: Store, clean_database_url: str, problem: Problem
) -> None:
    endpoint = made(admin, events=["batch.finished"])
    place = f"/v1/webhooks/{endpoint['id']}"

    sent = admin.post(f"{place}/ping")

    assert sent.status_code == 202
    assert sent.json["payload"] == {
        "type": "ping",
        "timestamp": sent.json["created_at"],
        "data": {"webhook": endpoint["id"]},
    }
    assert (sent.json["state"], sent.json["tries"]) == ("pending", [])
    assert admin.get(f"{place}/deliveries").json["data"] == [sent.json]

    work(store, clean_database_url, Reply(status=500, ms=12))

    (waiting,) = admin.get(f"{place}/deliveries?state=pending&event=ping").json["data"]
    (attempted,) = waiting["tries"]
    assert attempted == {
        "number": 1,
        "at": attempted["at"],
        "status": 500,
        "ms": 12,
        "error": "answered 500",
    }
    assert waiting["next_at"] > attempted["at"]
    assert admin.get(place).json["failing_since"] == attempted["at"]

    work(store, clean_database_url, Reply(status=204))

    (ended,) = admin.get(f"{place}/deliveries?state=delivered").json["data"]
    assert (ended["next_at"], len(ended["tries"])) == (None, 2)
    again = admin.post(f"{place}/deliveries/{ended['id']}/replay")
    assert again.status_code == 202
    assert (again.json["state"], again.json["payload"]) == ("pending", ended["payload"])
    assert problem(admin.post(f"{place}/deliveries/msg_x/replay"))["code"] == "not_found"
    assert problem(admin.get("/v1/webhooks/hook_x/deliveries"))["code"] == "not_found"

    admin.put(place, {"url": URL, "enabled": False})
    for path in ("ping", f"deliveries/{ended['id']}/replay"):
        refused = problem(admin.post(f"{place}/{path}"))
        assert refused["code"] == "conflict"
        assert "disabled by an admin" in refused["detail"]


def test_the_same_ping_sent_twice_is_one(admin: Any) -> None:
    place = f"/v1/webhooks/{made(admin)['id']}"

    first = admin.post(f"{place}/ping", headers={"Idempotency-Key": '"ping-1"'})
    again = admin.post(f"{place}/ping", headers={"Idempotency-Key": '"ping-1"'})

    assert again.get_data() == first.get_data()
    assert len(admin.get(f"{place}/deliveries").json["data"]) == 1


def test_pages_of_endpoints_and_deliveries(admin: Any) -> None:
    endpoints = [made(admin)["id"] for _ in range(3)]
    place = f"/v1/webhooks/{endpoints[0]}/deliveries"
    pings = [admin.post(f"/v1/webhooks/{endpoints[0]}/ping").json["id"] for _ in range(3)]

    for path, expected in (("/v1/webhooks", endpoints), (place, pings)):
        first = admin.get(f"{path}?limit=2")
        rest = admin.get(first.headers["Link"].split(">")[0][1:])
        found = [each["id"] for page in (first, rest) for each in page.json["data"]]
        assert found == expected[::-1]
        assert rest.json["has_more"] is False


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("#/url", "is required")),
        ({"url": 7}, ("#/url", "must be a string")),
        ({"url": "http://platform.example"}, ("#/url", "must begin with https://")),
        ({"url": URL, "events": []}, ("#/events", "must name at least one event; leave it out")),
        ({"url": URL, "events": ["ping"]}, ("#/events/0", "must be 'attempt.graded', ")),
        ({"url": URL, "description": "x" * 501}, ("#/description", "has 501 characters")),
        ({"url": URL, "description": "a\0"}, ("#/description", "holds the character NUL")),
        ({"url": URL, "secret": "whsec_x"}, ("#/secret", "is not known here")),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(
    admin: Any, problem: Problem, body: Any, fault: tuple[str, str]
) -> None:
    place = f"/v1/webhooks/{made(admin)['id']}"

    for response in (admin.post("/v1/webhooks", body), admin.put(place, body)):
        found = problem(response)
        assert found["status"] == 422
        assert found["errors"][0]["pointer"] == fault[0]
        assert found["errors"][0]["detail"].startswith(fault[1])


def test_plain_http_is_taken_where_private_addresses_are(
    make_app: Any, caller: Callable[..., Any]
) -> None:
    admin = caller(Scope.ADMIN, of=make_app(webhook_private_addresses=True))

    assert made(admin, url="http://127.0.0.1:9000/hooks")["url"] == "http://127.0.0.1:9000/hooks"


def test_changes_are_in_the_audit_log(admin: Any, clean_database_url: str) -> None:
    endpoint = made(admin)["id"]
    place = f"/v1/webhooks/{endpoint}"
    ping = admin.post(f"{place}/ping").json["id"]
    admin.post(f"{place}/deliveries/{ping}/replay")
    admin.post(f"{place}/rotate-secret")
    admin.put(place, {"url": URL})
    admin.delete(place)

    with psycopg.connect(clean_database_url) as connection:
        logged = connection.execute(
            "SELECT action, key_id IS NULL FROM audit_log WHERE subject = %s ORDER BY id",
            [endpoint],
        ).fetchall()
    actions = ("create", "ping", "replay", "rotate_secret", "change", "delete")
    assert logged == [(f"webhook.{action}", False) for action in actions]
