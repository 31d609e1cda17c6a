"""Around every request: its id, its line in the log, its numbers, and headers on the way out."""

from __future__ import annotations

import logging
import re
import uuid
from time import perf_counter

from apiflask import APIFlask
from flask import Response, g, request

from service.api.context import RequestState, parts, state
from service.exchange import Quota

log = logging.getLogger("pointmark.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_TRACEPARENT = re.compile(
    r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}.*"
)
UNKNOWN_ROUTE = "(none)"
QUIET = {"/livez", "/readyz", "/metrics"}
"""Asked every few seconds by machines; logged at DEBUG."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def register(app: APIFlask) -> None:
    """Observe every request of `app`."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    traced = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    g.pointmark = RequestState(request_id=_request_id(), trace_id=traced[1] if traced else None)
    parts().metrics.began()


def _request_id() -> str:
    """The caller's own id, if it can stand in a log and a header as it is; else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _end(response: Response) -> Response:
    current = state()
    seconds = perf_counter() - current.begun
    route = UNKNOWN_ROUTE if request.url_rule is None else request.url_rule.rule
    parts().metrics.ended(request.method, route, response.status_code, seconds)
    _add_headers(response, current, seconds)
    level = logging.DEBUG if request.path in QUIET else logging.INFO
    if log.isEnabledFor(level):
        log.log(level, "request", extra=_line(response, current, route, seconds))
    return response


def _line(
    response: Response, current: RequestState, route: str, seconds: float
) -> dict[str, object]:
    return {
        "request_id": current.request_id,
        "trace_id": current.trace_id,
        "key": None if current.caller is None else current.caller.key_id,
        "session": None if current.seat is None else current.seat.session_id,
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "ms": round(1000 * seconds, 1),
        "grading_ms": current.grading_ms,
    }


def _add_headers(response: Response, current: RequestState, seconds: float) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = current.request_id
    response.headers["Server-Timing"] = _timing(current, seconds)
    if current.caller is not None or current.seat is not None:
        # What a key is shown is for its holder alone.
        response.headers.setdefault("Cache-Control", "private, no-cache")
    if current.quota is not None and current.quota.limit:
        _add_quota(response, current.quota, parts().settings.rate_window_s)


def _add_quota(response: Response, quota: Quota, window_s: int) -> None:
    response.headers["RateLimit-Policy"] = f'"default";q={quota.limit};w={window_s}'
    response.headers["RateLimit"] = f'"default";r={quota.remaining};t={quota.reset_s}'


def _timing(current: RequestState, seconds: float) -> str:
    total = f"total;dur={1000 * seconds:.1f}"
    return total if current.grading_ms is None else f"{total}, grade;dur={current.grading_ms:.1f}"
