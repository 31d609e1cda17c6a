"""What machines ask: alive, ready, and how much."""

from __future__ import annotations

from flask import Response

from service.api.context import parts
from service.api.loading import NotReady
from service.api.metrics import CONTENT_TYPE
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response
from service.api.schemas import Health

health = blueprint("health", tag="Health")

_NO_STORE = {"Cache-Control": "no-store"}


@health.get("/livez")
@health.doc(**about("live"))
@health.output(Health)
def live() -> Response:
    """Tell that the process answers.

    Looks at nothing else, so that a database that is away never gets healthy processes killed.
    """
    return json_response({"status": "alive"}, headers=_NO_STORE)


@health.get("/readyz")
@health.doc(**about("ready", problems=("not_ready",)))
@health.output(Health)
def ready() -> Response:
    """Tell whether the service can do its work.

    The database answers and is migrated, and every worker process has its encoder.
    """
    reasons = _waiting_for_encoder() + parts().store.ready()
    if reasons:
        raise NotReady(reasons)
    return json_response({"status": "ready"}, headers=_NO_STORE)


@health.get("/metrics")
@health.doc(hide=True)
def metrics() -> Response:
    """Metrics in Prometheus' text format, all worker processes of this machine together."""
    found = parts()
    return Response(found.metrics.exposition(found.store.backlog()), content_type=CONTENT_TYPE)


def _waiting_for_encoder() -> list[str]:
    try:
        parts().grader.get()
    except NotReady as fault:
        return fault.reasons
    roll = parts().roll
    return [] if roll is None else roll.missing()
