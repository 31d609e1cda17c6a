"""Where webhooks go, the messages themselves, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from service import ids
from service.domain import Page
from service.errors import NotFound
from service.exchange import (
    Delivery,
    DeliveryFilter,
    DeliveryState,
    DeliveryTry,
    Endpoint,
    EndpointPlan,
    Event,
    EventKind,
    JobKind,
    JobQueue,
    Outcome,
    Outgoing,
    Reply,
)
from service.models import WebhookDeliveryRow, WebhookEndpointRow, WebhookTryRow
from service.store import cursors
from service.store.jobs import Job, Jobs


class Webhooks:
    """Endpoints and deliveries, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._jobs = Jobs(session)

    # Endpoints -----------------------------------------------------------------------------------

    def add(self, plan: EndpointPlan, *, secret: bytes, key_id: str | None) -> Endpoint:
        """Keep a new endpoint."""
        row = WebhookEndpointRow(
            id=ids.new_uuid(),
            secret=secret,
            created_at=datetime.now(UTC),
            key_id=None if key_id is None else ids.uuid_of(ids.Kind.KEY, key_id),
            **_planned(plan),
        )
        self._session.add(row)
        self._session.flush()
        return _endpoint(row)

    def get(self, endpoint_id: str) -> Endpoint:
        """One endpoint.

        Raises:
            NotFound: no such endpoint.
        """
        return _endpoint(self._row(endpoint_id))

    def page(self, *, cursor: str | None, limit: int) -> Page[Endpoint]:
        """Endpoints, newest first."""
        wanted = select(WebhookEndpointRow).order_by(WebhookEndpointRow.id.desc()).limit(limit + 1)
        before = cursors.read(ids.Kind.ENDPOINT, cursor)
        if before is not None:
            wanted = wanted.where(WebhookEndpointRow.id < before)
        rows = self._session.scalars(wanted).all()
        shown = rows[:limit]
        return Page(
            items=tuple(map(_endpoint, shown)),
            next_cursor=(
                cursors.write(ids.Kind.ENDPOINT, shown[-1].id) if len(rows) > limit else None
            ),
        )

    def change(self, endpoint_id: str, plan: EndpointPlan, *, disabled_why: str | None) -> Endpoint:
        """Put a plan in place of the one before; `disabled_why`: None to enable it.

        Raises:
            NotFound: no such endpoint.
        """
        row = self._row(endpoint_id, lock=True)
        for name, value in _planned(plan).items():
            setattr(row, name, value)
        if disabled_why is None:
            row.disabled_at = row.disabled_why = row.failing_since = None
        elif row.disabled_at is None:
            row.disabled_at, row.disabled_why = datetime.now(UTC), disabled_why
        self._session.flush()
        return _endpoint(row)

    def rotate(self, endpoint_id: str, secret: bytes, *, previous_until: datetime) -> Endpoint:
        """Sign with another secret, and until `previous_until` with the present one too.

        Raises:
            NotFound: no such endpoint.
        """
        row = self._row(endpoint_id, lock=True)
        row.previous_secret, row.previous_until = row.secret, previous_until
        row.secret = secret
        self._session.flush()
        return _endpoint(row)

    def close(self, endpoint_id: str) -> None:
        """Have an endpoint that is to be deleted get nothing more.

        Raises:
            NotFound: no such endpoint.
        """
        row = self._row(endpoint_id, lock=True)
        if row.disabled_at is None:
            row.disabled_at, row.disabled_why = datetime.now(UTC), "is being deleted"

    def remove(self, endpoint_id: str) -> None:
        """Delete an endpoint, with what is left of its messages.

        Raises:
            NotFound: no such endpoint.
        """
        row = self._row(endpoint_id, lock=True)
        self._session.execute(delete(WebhookEndpointRow).where(WebhookEndpointRow.id == row.id))

    def _row(self, endpoint_id: str, *, lock: bool = False) -> WebhookEndpointRow:
        uuid = ids.parse(ids.Kind.ENDPOINT, endpoint_id)
        found = None
        if uuid is not None:
            found = self._session.get(
                WebhookEndpointRow, uuid, with_for_update=lock, populate_existing=lock
            )
        if found is None:
            raise NotFound(f"There is no webhook endpoint {endpoint_id!r}.")
        return found

    # Messages ------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Tell every endpoint that wants to know, after the commit."""
        wanted = (
            select(WebhookEndpointRow.id, WebhookEndpointRow.failing_since)
            .where(
                WebhookEndpointRow.disabled_at.is_(None),
                or_(
                    WebhookEndpointRow.events.is_(None),
                    WebhookEndpointRow.events.contains([event.kind.value]),
                ),
            )
            # Held against being deleted before the messages are there.
            .with_for_update(read=True, key_share=True)
        )
        found = self._session.execute(wanted).all()
        if found:
            self._send(event, [(row.id, row.failing_since is not None) for row in found])

    def send(self, event: Event, endpoint_id: str) -> Delivery:
        """Tell one endpoint, whatever it wants to know.

        Raises:
            NotFound: no such endpoint.
        """
        row = self._row(endpoint_id, lock=True)
        (made,) = self._send(event, [(row.id, False)])
        return self.delivery(endpoint_id, ids.show(ids.Kind.MESSAGE, made))

    def _send(self, event: Event, to: Iterable[tuple[UUID, bool]]) -> list[UUID]:
        """Put messages down with their jobs; True beside an endpoint that has been failing."""
        now = datetime.now(UTC)
        body = json.dumps(
            {
                "type": event.kind.value,
                "timestamp": now.isoformat().replace("+00:00", "Z"),
                "data": event.data,
            },
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
        )
        made, jobs = [], []
        for endpoint, failing in to:
            message = ids.new_uuid()
            made.append(message)
            row = WebhookDeliveryRow(
                id=message,
                endpoint_id=endpoint,
                event=event.kind.value,
                body=body,
                state=DeliveryState.PENDING,
                created_at=now,
                next_at=now,
                tries=0,
                failures=0,
            )
            self._session.add(row)
            # One that keeps others waiting until its time is up comes after those that answer.
            jobs.append(_job(message, 1, at=None, priority=-1 if failing else 0))
        self._session.flush()
        self._jobs.put(jobs)
        return made

    def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery:
        """One message with its tries.

        Raises:
            NotFound: no such endpoint, or no such message to it.
        """
        return self._read([self._message(endpoint_id, delivery_id)])[0]

    def deliveries(
        self, endpoint_id: str, filters: DeliveryFilter, *, cursor: str | None, limit: int
    ) -> Page[Delivery]:
        """Messages to an endpoint, newest first.

        Raises:
            NotFound: no such endpoint.
        """
        wanted = (
            select(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.endpoint_id == self._row(endpoint_id).id)
            .order_by(WebhookDeliveryRow.id.desc())
            .limit(limit + 1)
        )
        if filters.state is not None:
            wanted = wanted.where(WebhookDeliveryRow.state == filters.state)
        if filters.event is not None:
            wanted = wanted.where(WebhookDeliveryRow.event == filters.event)
        before = cursors.read(ids.Kind.MESSAGE, cursor)
        if before is not None:
            wanted = wanted.where(WebhookDeliveryRow.id < before)
        rows = self._session.scalars(wanted).all()
        shown = rows[:limit]
        return Page(
            items=tuple(self._read(shown)),
            next_cursor=(
                cursors.write(ids.Kind.MESSAGE, shown[-1].id) if len(rows) > limit else None
            ),
        )

    def replay(self, endpoint_id: str, delivery_id: str) -> Delivery:
        """Send a message again at once, and by the schedule from its beginning.

        Raises:
            NotFound: no such endpoint, or no such message to it.
        """
        row = self._message(endpoint_id, delivery_id, lock=True)
        row.state, row.delivered_at = DeliveryState.PENDING, None
        row.next_at, row.failures = datetime.now(UTC), 0
        self._session.flush()
        self._jobs.put([_job(row.id, row.tries + 1, at=None)])
        return self._read([row])[0]

    def _message(
        self, endpoint_id: str, delivery_id: str, *, lock: bool = False
    ) -> WebhookDeliveryRow:
        endpoint = self._row(endpoint_id)
        uuid = ids.parse(ids.Kind.MESSAGE, delivery_id)
        found = None
        if uuid is not None:
            found = self._session.get(
                WebhookDeliveryRow, uuid, with_for_update=lock, populate_existing=lock
            )
        if found is None or found.endpoint_id != endpoint.id:
            raise NotFound(f"There is no delivery {delivery_id!r} to this endpoint.")
        return found

    # For workers ---------------------------------------------------------------------------------

    def outgoing(self, delivery_id: str, number: int) -> Outgoing | None:
        """What is needed for a message's try of this number; None if it is not to be made: the
        message is gone or settled, the try was made, or the endpoint is disabled."""
        row = self._due(delivery_id, number)
        if row is None:
            return None
        endpoint = self._session.get_one(WebhookEndpointRow, row.endpoint_id)
        if endpoint.disabled_at is not None:
            row.state, row.next_at = DeliveryState.FAILED, None
            return None
        secrets = [endpoint.secret]
        until = endpoint.previous_until
        if endpoint.previous_secret is not None and until is not None and until > _now():
            secrets.append(endpoint.previous_secret)
        return Outgoing(
            delivery_id=delivery_id,
            endpoint_id=ids.show(ids.Kind.ENDPOINT, endpoint.id),
            url=endpoint.url,
            body=row.body.encode(),
            secrets=tuple(secrets),
            failures=row.failures,
            failing_since=endpoint.failing_since,
        )

    def settle(
        self, delivery_id: str, number: int, *, at: datetime, reply: Reply, outcome: Outcome
    ) -> bool:
        """Write a try down with what follows from it; False if this try was written down before,
        or the message is settled or gone."""
        row = self._due(delivery_id, number)
        if row is None:
            return False
        self._session.execute(
            insert(WebhookTryRow),
            {
                "delivery_id": row.id,
                "number": number,
                "at": at,
                "status": reply.status,
                "ms": reply.ms,
                "error": outcome.error,
            },
        )
        row.state, row.next_at, row.tries = outcome.state, outcome.next_at, number
        if outcome.state is DeliveryState.DELIVERED:
            row.delivered_at = _now()
        else:
            row.failures += 1
        self._session.flush()
        self._note_health(row.endpoint_id, at, outcome)
        if outcome.next_at is not None:
            self._jobs.put([_job(row.id, number + 1, at=outcome.next_at, priority=-1)])
        return True

    def _note_health(self, endpoint: UUID, at: datetime, outcome: Outcome) -> None:
        mine = update(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint)
        failing = WebhookEndpointRow.failing_since
        if outcome.state is DeliveryState.DELIVERED:
            self._session.execute(mine.where(failing.is_not(None)).values(failing_since=None))
        else:
            self._session.execute(mine.where(failing.is_(None)).values(failing_since=at))
        if outcome.disable is not None:
            working = mine.where(WebhookEndpointRow.disabled_at.is_(None))
            self._session.execute(
                working.values(disabled_at=func.now(), disabled_why=outcome.disable)
            )

    def forget(self, endpoint_id: str, most: int) -> bool:
        """Delete messages to an endpoint, with their log; whether any were left."""
        uuid = ids.uuid_of(ids.Kind.ENDPOINT, endpoint_id)
        return self._forget(WebhookDeliveryRow.endpoint_id == uuid, most)

    def forget_old(self, before: datetime, most: int) -> bool:
        """Delete messages that are older, those that wait excepted; whether any were left."""
        return self._forget(
            and_(
                WebhookDeliveryRow.created_at < before,
                WebhookDeliveryRow.state != DeliveryState.PENDING,
            ),
            most,
        )

    def _forget(self, which: ColumnElement[bool], most: int) -> bool:
        some = select(WebhookDeliveryRow.id).where(which).limit(most).scalar_subquery()
        gone = self._session.execute(
            delete(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.id.in_(some))
            .returning(WebhookDeliveryRow.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all()) == most

    def _due(self, delivery_id: str, number: int) -> WebhookDeliveryRow | None:
        """The message, locked, if the try of this number is the next one of it."""
        row = self._session.get(
            WebhookDeliveryRow,
            ids.uuid_of(ids.Kind.MESSAGE, delivery_id),
            with_for_update=True,
            populate_existing=True,
        )
        due = row is not None and row.state == DeliveryState.PENDING and row.tries == number - 1
        return row if due else None

    def _read(self, rows: Sequence[WebhookDeliveryRow]) -> list[Delivery]:
        wanted = (
            select(WebhookTryRow)
            .where(WebhookTryRow.delivery_id.in_([row.id for row in rows]))
            .order_by(WebhookTryRow.delivery_id, WebhookTryRow.number)
        )
        tries: dict[UUID, list[DeliveryTry]] = {row.id: [] for row in rows}
        for each in self._session.scalars(wanted):
            tries[each.delivery_id].append(_try(each))
        return [_delivery(row, tries[row.id]) for row in rows]


def _now() -> datetime:
    return datetime.now(UTC)


def _job(message: UUID, number: int, *, at: datetime | None, priority: int = 0) -> Job:
    return Job(
        kind=JobKind.DELIVER_WEBHOOK,
        arguments={"delivery": ids.show(ids.Kind.MESSAGE, message), "number": number},
        queue=JobQueue.WEBHOOKS,
        at=at,
        priority=priority,
    )


def _planned(plan: EndpointPlan) -> dict[str, Any]:
    events = None if plan.events is None else sorted(plan.events)
    return {"url": plan.url, "description": plan.description, "events": events}


def _endpoint(row: WebhookEndpointRow) -> Endpoint:
    until = row.previous_until
    return Endpoint(
        endpoint_id=ids.show(ids.Kind.ENDPOINT, row.id),
        url=row.url,
        description=row.description,
        events=None if row.events is None else tuple(map(EventKind, row.events)),
        created_at=row.created_at,
        previous_until=until if until is not None and until > _now() else None,
        failing_since=row.failing_since,
        disabled_at=row.disabled_at,
        disabled_why=row.disabled_why,
    )


def _try(row: WebhookTryRow) -> DeliveryTry:
    return DeliveryTry(number=row.number, at=row.at, status=row.status, ms=row.ms, error=row.error)


def _delivery(row: WebhookDeliveryRow, tries: Sequence[DeliveryTry]) -> Delivery:
    return Delivery(
        delivery_id=ids.show(ids.Kind.MESSAGE, row.id),
        endpoint_id=ids.show(ids.Kind.ENDPOINT, row.endpoint_id),
        event=EventKind(row.event),
        body=row.body,
        state=DeliveryState(row.state),
        created_at=row.created_at,
        next_at=row.next_at,
        delivered_at=row.delivered_at,
        tries=tuple(tries),
    )
