"""What can go wrong with a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class PointmarkError(Exception):
    """Whatever this package raises about a call or a webhook."""


class NoAnswer(PointmarkError):
    """The service was not reached, or did not answer in time, as often as it was tried.

    A change that was sent may have been made or not. Calls that take an `idempotency_key` can be
    made again with the same one to find out.
    """


class NotModified(PointmarkError):
    """What the caller has is current (`if_none_match`)."""


class UnexpectedResponse(PointmarkError):
    """What answered is not Pointmark, or something on the way spoiled its answer."""

    def __init__(self, status: int, found: str) -> None:
        super().__init__(status, found)
        self.status = status
        self.found = found

    def __str__(self) -> str:
        return f"{self.status}, not as Pointmark answers: {self.found}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request."""

    detail: str
    pointer: str | None
    """Where, as a JSON pointer: `#/points/0/statement`. None if nowhere in particular."""


class Problem(PointmarkError):
    """A refusal or failure that Pointmark explains, as RFC 9457 problem details.

    Caught as itself or as the subclass of its status. `code` says exactly which it is.
    """

    def __init__(self, details: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        super().__init__(details, retry_after_s)
        self.type: str = details["type"]
        self.title: str = details["title"]
        self.status: int = details["status"]
        self.detail: str = details["detail"]
        self.instance: str = details["instance"]
        self.code: str = details["code"]
        self.request_id: str = details["request_id"]
        """Finds the request in the log of the service."""
        self.errors = tuple(
            Fault(detail=each["detail"], pointer=each.get("pointer"))
            for each in details.get("errors", ())
        )
        self.retry_after_s = retry_after_s
        """How long to wait before asking again; None if it was not said."""

    def __str__(self) -> str:
        faults = "".join(f"\n  {each.pointer or 'request'}: {each.detail}" for each in self.errors)
        return (
            f"{self.status} {self.code}: {self.title}. {self.detail} "
            f"(request {self.request_id}){faults}"
        )


class BadRequest(Problem):
    """400: the request cannot be understood."""


class Unauthenticated(Problem):
    """401: the key or token is missing, unknown, revoked or has expired."""


class Forbidden(Problem):
    """403: the key lacks the scope."""


class NotFound(Problem):
    """404: it is not there, or not for this key."""


class Conflict(Problem):
    """409: it contradicts what is stored; `code` says how."""


class StaleVersion(Problem):
    """412: it was changed since it was read."""


class InvalidInput(Problem):
    """422: some fields cannot be accepted; `errors` says which and why."""


class PreconditionRequired(Problem):
    """428: `if_match` is needed."""


class RateLimited(Problem):
    """429: the key made too many requests, also after the retries."""


class Unavailable(Problem):
    """503: the service cannot work at the moment, also after the retries."""


_BY_STATUS: Mapping[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: StaleVersion,
    422: InvalidInput,
    428: PreconditionRequired,
    429: RateLimited,
    503: Unavailable,
}


def problem(details: Mapping[str, Any], retry_after_s: float | None) -> Problem:
    """The exception for these details.

    Raises:
        KeyError: they lack a member that every problem of Pointmark has.
    """
    return _BY_STATUS.get(details["status"], Problem)(details, retry_after_s)
