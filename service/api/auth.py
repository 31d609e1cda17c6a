"""API keys at the door: who calls, may they, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, request

from service import sessions, usecases
from service.api.context import caller, parts, state
from service.api.problems import QuotaExceeded
from service.domain import Scope
from service.errors import Forbidden, Unauthenticated

P = ParamSpec("P")

SCHEME = "ApiKey"
SESSION_SCHEME = "SessionToken"
SHAPES = {"an API key": "pm_…", "the token of a session": "ey…"}


def needs(*scopes: Scope) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Let only callers in whose key has one of these scopes.

    The scope is looked at before the body is read: an unknown caller's body costs nothing.
    """

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            authenticate()
            require(*scopes)
            return view(*args, **kwargs)

        return guarded

    return decorate


def seated(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let only candidates in, by the token of their session."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        settings, current = parts().settings, state()
        current.seat = sessions.seat_of(_token("the token of a session"), parts().signing_secret())
        current.quota = parts().store.count_candidate(
            current.seat.session_id, limit=settings.rate_limit, window_s=settings.rate_window_s
        )
        if current.quota.exceeded:
            raise QuotaExceeded(current.quota)
        return view(*args, **kwargs)

    return guarded


def authenticate() -> None:
    """Find out whose key this is and count the request.

    Raises:
        Unauthenticated: no key, or one that does not work.
        QuotaExceeded: it works, but too often.
    """
    settings, current = parts().settings, state()
    current.caller, current.quota = usecases.authenticate(
        parts().store,
        _token("an API key"),
        rate_limit=settings.rate_limit,
        rate_window_s=settings.rate_window_s,
    )
    if current.quota.exceeded:
        raise QuotaExceeded(current.quota)


def require(*scopes: Scope) -> None:
    """Refuse a caller whose key has none of `scopes`; the first is the one to ask for."""
    key = caller()
    if not any(key.allows(scope) for scope in scopes):
        raise Forbidden(f"This call needs a key with the scope {scopes[0].value!r}.")


def _token(what: str) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise Unauthenticated(f"This call needs {what}: Authorization: Bearer {SHAPES[what]}.")
    if scheme.lower() != "bearer":
        raise Unauthenticated(
            f"Only the scheme Bearer is known: Authorization: Bearer {SHAPES[what]}."
        )
    return token.strip()
