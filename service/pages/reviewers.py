"""Who is at the pages for staff: who signed in with an API key and a name, for some hours."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from flask import Response, g, request
from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer

from service import reviewing, sessions
from service.api.context import parts, state
from service.domain import ApiKey, Scope
from service.errors import Unauthenticated
from service.pages import visitors

COOKIE = "pointmark_staff"
LIFE_S = 8 * 3600
_SECRET_NAME = "pointmark-staff"


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """A person at the pages for staff."""

    key: ApiKey
    name: str
    """What the reviews say who made them."""


def current(*scopes: Scope) -> Reviewer:
    """Who sent this request with a key for one of `scopes`; it is looked up each time.

    Raises:
        Unauthenticated: nobody signed in, it was too long ago, or the key was revoked since.
        Forbidden: the key has none of the scopes.
    """
    try:
        held = _serializer().loads(_cookie(), max_age=LIFE_S)
    except BadSignature as fault:
        raise Unauthenticated("Nobody is signed in.") from fault
    key = reviewing.still_allowed(parts().store, str(held["key"]), scopes)
    found = Reviewer(key=key, name=str(held["name"]))
    state().caller = found.key
    return found


def enter(found: Reviewer) -> None:
    """Sign in; from now on this request's forms are theirs."""
    value = _serializer().dumps({"key": found.key.key_id, "name": found.name})
    g.staff_cookie = value if isinstance(value, str) else value.decode()


def remember(response: Response) -> Response:
    """Have the browser keep the sign-in of `enter`."""
    response.set_cookie(
        COOKIE,
        _cookie(),
        max_age=LIFE_S,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    return response


def forget(response: Response) -> Response:
    """Sign out."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def form_token() -> str:
    """What a form carries: bound to the cookie of whoever it was made for."""
    return _signer().get_signature(_cookie()).decode()


def form_is_ours() -> bool:
    """Whether the form that was sent came from a page of this sign-in."""
    return visitors.carries(form_token())


def address() -> UUID:
    """Where a sign-in comes from, as a number that tells nobody the address."""
    came_from = (request.remote_addr or "").encode()
    return UUID(bytes=hmac.digest(_secret(), came_from, "sha256")[:16])


def _cookie() -> str:
    return str(g.get("staff_cookie") or request.cookies.get(COOKIE, ""))


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        _secret(),
        salt=f"{_SECRET_NAME}-cookie",
        signer_kwargs={"digest_method": hashlib.sha256},
    )


def _signer() -> Signer:
    return Signer(_secret(), salt=f"{_SECRET_NAME}-form", digest_method=hashlib.sha256)


def _secret() -> bytes:
    found = parts()
    if found.staff_secret is None:
        found.staff_secret = sessions.signing_secret(found.store, _SECRET_NAME)
    return found.staff_secret
