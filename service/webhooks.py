"""Webhooks: messages to platforms about what happened, as Standard Webhooks 1.0 has them.

Use cases like those of `service.usecases`. What admins do comes first, what workers do after it.
A message is put down in the transaction of what it tells of (`tx.webhooks.emit`) with a job for its
first try; each try puts the job of the next one down in the transaction that logs it. So a killed
worker loses no message; it may send one twice, with the same `webhook-id`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service import signatures
from service.content import check_text, refuse
from service.domain import ApiKey, Page
from service.errors import Conflict, FieldFault
from service.exchange import (
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Endpoint,
    EndpointPlan,
    Event,
    EventKind,
    Outcome,
    Outgoing,
    Reply,
)
from service.usecases import Finish, close_with

if TYPE_CHECKING:
    from service.store import Store

SCHEDULE = tuple(
    timedelta(seconds=wait)
    for wait in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits between the ten tries, of Standard Webhooks: three days altogether."""
JITTER = 0.2
"""Longest part of a wait that is added to it by chance, so that those that failed together do not
come back together."""
LONGEST_WAIT = timedelta(hours=24)
"""Most that an endpoint may ask for with Retry-After."""
PATIENCE = timedelta(days=5)
"""An endpoint that has only been failing for so long gets nothing more."""
OVERLAP = timedelta(hours=24)
"""How long the secret before is good after a rotation."""
KEPT = timedelta(days=30)
"""How long the log of deliveries is kept."""
_AT_ONCE = 1000
"""Messages that one transaction deletes."""
_LONGEST_URL = 2_000
_LONGEST_DESCRIPTION = 500
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
_WRITTEN = re.compile(r"[!-~]+")
BY_HAND = "disabled by an admin"


# For admins --------------------------------------------------------------------------------------


def create(
    store: Store,
    plan: EndpointPlan,
    *,
    actor: ApiKey | None,
    private: bool,
    finish: Finish[tuple[Endpoint, str]] | None = None,
) -> tuple[Endpoint, str]:
    """Make an endpoint; returns it with its secret ``whsec_…``, never readable again.

    Args:
        private: whether private addresses, and with them plain HTTP, are allowed.

    Raises:
        InvalidInput: with a pointer to each fault.
    """
    refuse("The endpoint cannot be made.", _faults(plan, private))
    secret = signatures.new_secret()
    with store.transaction() as tx:
        made = tx.webhooks.add(plan, secret=secret, key_id=None if actor is None else actor.key_id)
        tx.record(actor, "webhook.create", made.endpoint_id)
        close_with(finish, tx, (made, signatures.shown(secret)))
    return made, signatures.shown(secret)


def endpoint(store: Store, endpoint_id: str) -> Endpoint:
    """One endpoint.

    Raises:
        NotFound: no such endpoint.
    """
    with store.snapshot() as tx:
        return tx.webhooks.get(endpoint_id)


def list_endpoints(store: Store, *, cursor: str | None = None, limit: int = 20) -> Page[Endpoint]:
    """Endpoints, newest first.

    Raises:
        InvalidInput: a cursor that no listing of endpoints gave out.
    """
    with store.snapshot() as tx:
        return tx.webhooks.page(cursor=cursor, limit=limit)


def change(
    store: Store,
    endpoint_id: str,
    plan: EndpointPlan,
    *,
    enabled: bool,
    actor: ApiKey | None,
    private: bool,
) -> Endpoint:
    """Put a plan in place of the one before; enabling begins with a clean slate.

    Raises:
        InvalidInput: with a pointer to each fault.
        NotFound: no such endpoint.
    """
    refuse("The endpoint cannot be changed.", _faults(plan, private))
    with store.transaction() as tx:
        changed = tx.webhooks.change(endpoint_id, plan, disabled_why=None if enabled else BY_HAND)
        tx.record(actor, "webhook.change", endpoint_id, enabled=enabled)
    return changed


def remove(store: Store, endpoint_id: str, *, actor: ApiKey | None) -> None:
    """Delete an endpoint with all its messages.

    Its messages go first, some at a time: whoever has something to tell must not wait for a long
    deletion.

    Raises:
        NotFound: no such endpoint.
    """
    with store.transaction() as tx:
        tx.webhooks.close(endpoint_id)
    left = True
    while left:
        with store.transaction() as tx:
            left = tx.webhooks.forget(endpoint_id, _AT_ONCE)
    with store.transaction() as tx:
        tx.webhooks.remove(endpoint_id)
        tx.record(actor, "webhook.delete", endpoint_id)


def rotate_secret(
    store: Store,
    endpoint_id: str,
    *,
    actor: ApiKey | None,
    finish: Finish[tuple[Endpoint, str]] | None = None,
) -> tuple[Endpoint, str]:
    """Give an endpoint another secret; for a day messages are signed with both.

    Raises:
        NotFound: no such endpoint.
    """
    secret = signatures.new_secret()
    with store.transaction() as tx:
        rotated = tx.webhooks.rotate(
            endpoint_id, secret, previous_until=datetime.now(UTC) + OVERLAP
        )
        tx.record(actor, "webhook.rotate_secret", endpoint_id)
        close_with(finish, tx, (rotated, signatures.shown(secret)))
    return rotated, signatures.shown(secret)


def ping(
    store: Store,
    endpoint_id: str,
    *,
    actor: ApiKey | None,
    finish: Finish[Delivery] | None = None,
) -> Delivery:
    """Send an endpoint the event `ping`, whatever its filter says.

    Raises:
        NotFound: no such endpoint.
        Conflict: it is disabled.
    """
    with store.transaction() as tx:
        _check_enabled(tx.webhooks.get(endpoint_id))
        event = Event(kind=EventKind.PING, data={"webhook": endpoint_id})
        made = tx.webhooks.send(event, endpoint_id)
        tx.record(actor, "webhook.ping", endpoint_id, delivery=made.delivery_id)
        close_with(finish, tx, made)
    return made


def deliveries(
    store: Store,
    endpoint_id: str,
    filters: DeliveryFilter,
    *,
    cursor: str | None = None,
    limit: int = 20,
) -> Page[Delivery]:
    """Messages to an endpoint with their tries, newest first.

    Raises:
        InvalidInput: a cursor that no listing of deliveries gave out.
        NotFound: no such endpoint.
    """
    with store.snapshot() as tx:
        return tx.webhooks.deliveries(endpoint_id, filters, cursor=cursor, limit=limit)


def replay(
    store: Store,
    endpoint_id: str,
    delivery_id: str,
    *,
    actor: ApiKey | None,
    finish: Finish[Delivery] | None = None,
) -> Delivery:
    """Send a message again, now, whatever became of it; by the schedule again if that fails.

    Raises:
        NotFound: no such endpoint, or no such message to it.
        Conflict: the endpoint is disabled.
    """
    with store.transaction() as tx:
        _check_enabled(tx.webhooks.get(endpoint_id))
        again = tx.webhooks.replay(endpoint_id, delivery_id)
        tx.record(actor, "webhook.replay", endpoint_id, delivery=delivery_id)
        close_with(finish, tx, again)
    return again


def _check_enabled(found: Endpoint) -> None:
    if found.disabled_at is not None:
        raise Conflict(f"The endpoint is disabled ({found.disabled_why}); enable it first.")


def _faults(plan: EndpointPlan, private: bool) -> list[FieldFault]:
    faults = check_text(plan.description, "#/description", longest=_LONGEST_DESCRIPTION)
    if plan.events is not None and not plan.events:
        detail = "must name at least one event; leave it out for all of them"
        faults.append(FieldFault(pointer="#/events", detail=detail))
    wrong = _url_fault(plan.url, private)
    if wrong is not None:
        faults.append(FieldFault(pointer="#/url", detail=wrong))
    return faults


def _url_fault(url: str, private: bool) -> str | None:
    """What is wrong with where messages are to go; its address is looked at at each try."""
    if len(url) > _LONGEST_URL:
        return f"has {len(url)} characters; at most {_LONGEST_URL} are accepted"
    if not _WRITTEN.fullmatch(url):
        return "must be visible ASCII characters: encode others with % and host names with xn--"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in (("https", "http") if private else ("https",)):
        return f"must begin with https://{' or http://' if private else ''}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or password; messages are signed instead"
    if "#" in url:
        return "must not hold a fragment (#…), which is never sent"
    if not _HOST.fullmatch(host) or port == 0:
        return "must name a host"
    return None


# For workers -------------------------------------------------------------------------------------


def deliver(
    store: Store,
    send: Callable[[Outgoing, datetime], Reply],
    delivery_id: str,
    number: int,
    *,
    chance: Callable[[], float],
) -> None:
    """Make a message's try of this number, unless it was made.

    Args:
        send: posts it, signed with the given time.
        chance: gives a number from 0 to 1, for the jitter.

    Raises:
        StoreUnavailable: the database does not answer; the try is made again.
    """
    with store.transaction() as tx:
        outgoing = tx.webhooks.outgoing(delivery_id, number)
    if outgoing is None:
        return
    at = datetime.now(UTC)
    reply = send(outgoing, at)
    outcome = outcome_of(reply, outgoing, at=datetime.now(UTC), chance=chance())
    with store.transaction() as tx:
        noted = tx.webhooks.settle(delivery_id, number, at=at, reply=reply, outcome=outcome)
        if noted and outcome.disable is not None:
            tx.record(None, "webhook.disable", outgoing.endpoint_id, why=outcome.disable)


def headers_of(outgoing: Outgoing, at: datetime) -> dict[str, str]:
    """What a message is sent with."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Pointmark-Webhooks/1",
        **signatures.signed_headers(
            outgoing.delivery_id, int(at.timestamp()), outgoing.body, outgoing.secrets
        ),
    }


def outcome_of(reply: Reply, outgoing: Outgoing, *, at: datetime, chance: float) -> Outcome:
    """What follows from a reply that came at a moment."""
    if reply.status is not None and 200 <= reply.status < 300:
        return Outcome(state=DeliveryState.DELIVERED)
    error = reply.error or _refusal(reply.status)
    failing_since = outgoing.failing_since
    disable = None
    if reply.status == 410:
        disable = "the endpoint answered 410 Gone"
    elif failing_since is not None and at - failing_since >= PATIENCE:
        disable = f"nothing was delivered for {PATIENCE.days} days"
    if disable is not None or outgoing.failures >= len(SCHEDULE):
        return Outcome(state=DeliveryState.FAILED, error=error, disable=disable)
    wait = SCHEDULE[outgoing.failures] * (1 + JITTER * chance)
    asked = min(_asked(reply.retry_after, at), LONGEST_WAIT)
    return Outcome(state=DeliveryState.PENDING, error=error, next_at=at + max(wait, asked))


def _refusal(status: int | None) -> str:
    if status is not None and 300 <= status < 400:
        return f"answered {status}; redirects are not followed"
    return f"answered {status}"


def _asked(retry_after: str | None, at: datetime) -> timedelta:
    """The wait that a Retry-After asks for (RFC 9110, 10.2.3): seconds or a date; 0 for neither."""
    given = (retry_after or "").strip()
    if given.isdecimal() and given.isascii():
        return LONGEST_WAIT if len(given) > 9 else timedelta(seconds=int(given))
    try:
        date = parsedate_to_datetime(given)
    except ValueError:
        return timedelta()
    # A date "-0000" comes without a zone; HTTP has only GMT.
    return max(date.replace(tzinfo=date.tzinfo or UTC) - at, timedelta())


def forget_old(store: Store) -> None:
    """Drop messages that are older than the log is kept for."""
    before, left = datetime.now(UTC) - KEPT, True
    while left:
        with store.transaction() as tx:
            left = tx.webhooks.forget_old(before, _AT_ONCE)
