"""API keys at the door: who calls, may they, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, request

from service import usecases
from service.api.context import caller, parts, state
from service.api.problems import QuotaExceeded
from service.domain import Scope
from service.errors import Forbidden, Unauthenticated

P = ParamSpec("P")

SCHEME = "ApiKey"


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


def authenticate() -> None:
    """Find out whose key this is and count the request.

    Raises:
        Unauthenticated: no key, or one that does not work.
        QuotaExceeded: it works, but too often.
    """
    settings, current = parts().settings, state()
    current.caller, current.quota = usecases.authenticate(
        parts().store,
        _token(),
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


def _token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise Unauthenticated("This call needs an API key: Authorization: Bearer pm_….")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Only the scheme Bearer is known: Authorization: Bearer pm_….")
    return token.strip()
