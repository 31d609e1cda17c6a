"""What a call is, when it is made again, and what its response means. Does no input or output."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx2

from pointmark_client.errors import NoAnswer, NotModified, UnexpectedResponse, problem

T = TypeVar("T")
Outcome = httpx2.Response | httpx2.RequestError

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_MAYBE_DONE = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError)
_PROBLEM = "application/problem+json"
_SHOWN = 200
"""Characters of a response that is not understood."""


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One operation of the API, which gives a `T`."""

    method: str
    path: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Query parameters that are always the same."""
    keyed: bool = False
    """Whether it takes an `Idempotency-Key`."""
    tagged: bool = False
    """Whether its result is handed out with the ETag."""
    binary: bool = False
    """Whether its result is bytes, not JSON."""

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice does no harm.

        Every POST of the API that stores takes a key; the others change nothing the second time. A
        PUT or DELETE that was done would be refused the second time, as stale or as not found.
        """
        return self.method in ("GET", "POST")


@dataclass(frozen=True)
class Tagged(Generic[T]):
    """Something that was read, with the state it was in."""

    data: T
    etag: str
    """For `if_match` and `if_none_match`."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a call is made, and how long it waits in between.

    After a failure it waits for what the service asked for (`Retry-After`), and then for a random
    part of `first_s`, which doubles every time, so that clients do not come back all at once.
    """

    attempts: int = 4
    """All together; 1 is no retry."""
    first_s: float = 0.5
    longest_s: float = 60.0
    """A service that asks for more than this is not waited for."""

    def pause(self, operation: Operation[Any], made: int, outcome: Outcome) -> float | None:
        """Seconds until the next attempt after `made` of them; None if that was the last."""
        if made >= self.attempts or not _worth_repeating(operation, outcome):
            return None
        asked = retry_after(outcome) or 0.0 if isinstance(outcome, httpx2.Response) else 0.0
        if asked > self.longest_s:
            return None
        backoff = min(self.first_s * 2.0 ** min(made - 1, 30), self.longest_s)
        return asked + random.uniform(0, backoff)


def _worth_repeating(operation: Operation[Any], outcome: Outcome) -> bool:
    if isinstance(outcome, httpx2.RequestError):
        sent = not isinstance(outcome, _NEVER_SENT)
        return isinstance(outcome, _MAYBE_DONE) and (operation.repeatable or not sent)
    if outcome.status_code in (429, 503):
        return True
    if outcome.status_code in (502, 504):
        return operation.repeatable
    # An earlier attempt of this very call is still at work.
    return outcome.status_code == 409 and _json(outcome, {}).get("code") == "still_running"


def retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the response asks to wait (RFC 9110, 10.2.3: a number or a date)."""
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    # "-0000" makes a time without a zone, which is in UTC all the same.
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def request(
    operation: Operation[Any],
    parts: tuple[str | int, ...],
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    media_type: str = "application/json",
    idempotency_key: str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> dict[str, Any]:
    """Arguments for httpx2: method, path, and what goes with them.

    They are made once for all attempts of a call, so these have one `Idempotency-Key`.
    """
    path = operation.path
    for part in parts:
        start, _, rest = path.partition("{")
        path = start + _segment(part) + rest.partition("}")[2]
    headers = {"If-Match": if_match, "If-None-Match": if_none_match}
    if operation.keyed:
        headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
    content = body
    if body is not None:
        headers["Content-Type"] = media_type
        if not isinstance(body, bytes):
            content = json.dumps(body, allow_nan=False, default=_said).encode()
    return {
        "method": operation.method,
        "url": path,
        "params": {n: _said(v) for n, v in {**operation.fixed, **(query or {})}.items()},
        "headers": {name: value for name, value in headers.items() if value is not None},
        "content": content,
    }


def _segment(part: str | int) -> str:
    """A part of a path: whatever is in it, it is one part."""
    if part == "":
        raise ValueError("an id is empty")
    # Libraries and proxies take . and .. for steps up the path.
    return str(part).replace(".", "%2E") if part in (".", "..") else quote(str(part), safe="")


def _said(value: object) -> object:
    """A moment in RFC 3339; JSON and query strings know the rest."""
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} cannot be sent: {type(value).__name__} is nothing that JSON has")


def result(operation: Operation[T], made: int, outcome: Outcome) -> T:
    """What the last attempt gave.

    Raises:
        PointmarkError: it is no success.
    """
    if isinstance(outcome, httpx2.RequestError):
        times = "once" if made == 1 else f"{made} times"
        why = f"{type(outcome).__name__}: {outcome}"
        raise NoAnswer(f"{operation.method} {operation.path}, tried {times}: {why}") from outcome
    if outcome.status_code == httpx2.codes.NOT_MODIFIED:
        raise NotModified("what you have is current")
    if not outcome.is_success:
        raise _refusal(outcome)
    found = _content(operation, outcome)
    if operation.tagged:
        if "ETag" not in outcome.headers:
            raise _unexpected(outcome)
        found = Tagged(found, outcome.headers["ETag"])
    return found  # type: ignore[no-any-return]


def _content(operation: Operation[Any], response: httpx2.Response) -> Any:
    if response.status_code == httpx2.codes.NO_CONTENT:
        return None
    if operation.binary:
        return response.content
    found = _json(response)
    if found is None:
        raise _unexpected(response)
    return found


def _refusal(response: httpx2.Response) -> Exception:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    details = _json(response, {}) if kind == _PROBLEM else {}
    try:
        return problem(details, retry_after(response))
    except (KeyError, TypeError):
        return _unexpected(response)


def _unexpected(response: httpx2.Response) -> UnexpectedResponse:
    return UnexpectedResponse(response.status_code, response.text[:_SHOWN])


def _json(response: httpx2.Response, otherwise: Any = None) -> Any:
    """The object in the body; `otherwise` if there is none."""
    try:
        found = response.json()
    except ValueError:
        return otherwise
    return found if isinstance(found, dict) else otherwise
