"""Webhooks, for admins: where messages go, and what became of them."""

from __future__ import annotations

from flask import Response

from service import webhooks as cases
from service.api.auth import needs
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, page
from service.api.schemas import (
    ChangedEndpointIn,
    DeliveryListIn,
    DeliveryOut,
    DeliveryPage,
    EndpointIn,
    EndpointListIn,
    EndpointOut,
    EndpointPage,
    MadeEndpoint,
)
from service.api.views import delivery, endpoint
from service.domain import Scope
from service.exchange import (
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Endpoint,
    EndpointPlan,
    EventKind,
)

webhooks = blueprint("webhooks", tag="Webhooks", prefix="/v1/webhooks")


@webhooks.post("")
@webhooks.doc(
    **about(
        "createWebhook",
        scope=Scope.ADMIN,
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.ADMIN)
@webhooks.input(EndpointIn, arg_name="body")
@webhooks.output(MadeEndpoint, 201)
@idempotent
def create_webhook(once: Once, body: EndpointIn) -> Response:
    """Make an endpoint that webhooks are sent to.

    `secret` is shown in this response and never again. A replayed response has null there; if the
    first response was lost, rotate the secret.
    """
    outcome = once.presenting(_made, kept=_made_before)
    private = parts().settings.webhook_private_addresses
    cases.create(parts().store, _plan(body), actor=caller(), private=private, finish=outcome)
    return outcome.response


@webhooks.get("")
@webhooks.doc(**about("listWebhooks", scope=Scope.ADMIN, gives=("Link",)))
@needs(Scope.ADMIN)
@webhooks.input(EndpointListIn, location="query", arg_name="query")
@webhooks.output(EndpointPage)
def list_webhooks(query: EndpointListIn) -> Response:
    """List endpoints, newest first."""
    found = cases.list_endpoints(parts().store, cursor=query.cursor, limit=query.limit)
    return page([endpoint(each) for each in found.items], found.next_cursor)


@webhooks.get("/<id>")
@webhooks.doc(**about("getWebhook", scope=Scope.ADMIN, problems=("not_found",)))
@needs(Scope.ADMIN)
@webhooks.output(EndpointOut)
def get_webhook(id: str) -> Response:
    """Get an endpoint."""
    return json_response(endpoint(cases.endpoint(parts().store, id)))


@webhooks.put("/<id>")
@webhooks.doc(**about("saveWebhook", scope=Scope.ADMIN, problems=("not_found",)))
@needs(Scope.ADMIN)
@webhooks.input(ChangedEndpointIn, arg_name="body")
@webhooks.output(EndpointOut)
def save_webhook(id: str, body: ChangedEndpointIn) -> Response:
    """Change an endpoint: all of it, as given.

    Messages that wait go to the new URL. With `enabled` true it begins with a clean slate; with
    false it gets nothing, and messages that wait are given up when their time comes.
    """
    changed = cases.change(
        parts().store,
        id,
        _plan(body),
        enabled=body.enabled,
        actor=caller(),
        private=parts().settings.webhook_private_addresses,
    )
    return json_response(endpoint(changed))


@webhooks.delete("/<id>")
@webhooks.doc(**about("deleteWebhook", scope=Scope.ADMIN, problems=("not_found",), empty=204))
@needs(Scope.ADMIN)
def delete_webhook(id: str) -> Response:
    """Delete an endpoint, with its messages and their log."""
    cases.remove(parts().store, id, actor=caller())
    return Response(status=204)


@webhooks.post("/<id>/rotate-secret")
@webhooks.doc(
    **about(
        "rotateWebhookSecret",
        scope=Scope.ADMIN,
        problems=("not_found",),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(Scope.ADMIN)
@webhooks.output(MadeEndpoint)
@idempotent
def rotate_webhook_secret(once: Once, id: str) -> Response:
    """Give an endpoint another secret.

    For 24 hours messages are signed with the one before, too. `secret` is shown as by
    `createWebhook`.
    """
    outcome = once.presenting(_rotated, kept=_rotated_before)
    cases.rotate_secret(parts().store, id, actor=caller(), finish=outcome)
    return outcome.response


@webhooks.post("/<id>/ping")
@webhooks.doc(
    **about(
        "pingWebhook",
        scope=Scope.ADMIN,
        problems=("not_found", "conflict"),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(Scope.ADMIN)
@webhooks.output(DeliveryOut, 202)
@idempotent
def ping_webhook(once: Once, id: str) -> Response:
    """Send an endpoint the event `ping`, whatever its filter says."""
    outcome = once.presenting(_accepted)
    cases.ping(parts().store, id, actor=caller(), finish=outcome)
    return outcome.response


@webhooks.get("/<id>/deliveries")
@webhooks.doc(
    **about("listDeliveries", scope=Scope.ADMIN, problems=("not_found",), gives=("Link",))
)
@needs(Scope.ADMIN)
@webhooks.input(DeliveryListIn, location="query", arg_name="query")
@webhooks.output(DeliveryPage)
def list_deliveries(id: str, query: DeliveryListIn) -> Response:
    """List the messages to an endpoint with every try, newest first."""
    filters = DeliveryFilter(
        state=None if query.state is None else DeliveryState(query.state),
        event=None if query.event is None else EventKind(query.event),
    )
    found = cases.deliveries(parts().store, id, filters, cursor=query.cursor, limit=query.limit)
    return page([delivery(each) for each in found.items], found.next_cursor)


@webhooks.post("/<id>/deliveries/<delivery_id>/replay")
@webhooks.doc(
    **about(
        "replayDelivery",
        scope=Scope.ADMIN,
        problems=("not_found", "conflict"),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(Scope.ADMIN)
@webhooks.output(DeliveryOut, 202)
@idempotent
def replay_delivery(once: Once, id: str, delivery_id: str) -> Response:
    """Send a message again, now, whatever became of it.

    The same message under the same `webhook-id`; if it fails, the schedule begins anew.
    """
    outcome = once.presenting(_accepted)
    cases.replay(parts().store, id, delivery_id, actor=caller(), finish=outcome)
    return outcome.response


def _plan(body: EndpointIn) -> EndpointPlan:
    return EndpointPlan(
        url=body.url,
        description=body.description,
        events=None if body.events is None else tuple({EventKind(each) for each in body.events}),
    )


def _made(made: tuple[Endpoint, str]) -> Response:
    return _with_secret(made[0], made[1], 201)


def _made_before(made: tuple[Endpoint, str]) -> Response:
    """What is kept for a replay: the secret must not be readable there."""
    return _with_secret(made[0], None, 201)


def _rotated(made: tuple[Endpoint, str]) -> Response:
    return _with_secret(made[0], made[1], 200)


def _rotated_before(made: tuple[Endpoint, str]) -> Response:
    return _with_secret(made[0], None, 200)


def _with_secret(found: Endpoint, secret: str | None, status: int) -> Response:
    headers = {} if secret is None else {"Cache-Control": "no-store"}
    if status == 201:
        headers["Location"] = f"/v1/webhooks/{found.endpoint_id}"
    return json_response(endpoint(found) | {"secret": secret}, status, headers)


def _accepted(made: Delivery) -> Response:
    return json_response(delivery(made), 202)
