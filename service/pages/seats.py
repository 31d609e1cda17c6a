"""Whose session a browser sits: known by the candidate's token, kept in a cookie."""

from __future__ import annotations

from flask import Response, request

from service import sessions
from service.api.context import parts
from service.errors import Unauthenticated
from service.pages import visitors
from service.sessions import TOKEN_LIFE, Seat

COOKIE = "pointmark_session"
PATH = "/session"


def admit(token: str, response: Response) -> Response:
    """Keep a token in the browser; it is signed, and says itself when it ends.

    Raises:
        Unauthenticated: it is none of ours, or it ran out.
    """
    sessions.seat_of(token, parts().signing_secret())
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(TOKEN_LIFE.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


def seat() -> Seat:
    """The seat of this browser.

    Raises:
        Unauthenticated: it has no token, or one that does not work any more.
    """
    token = request.cookies.get(COOKIE)
    if token is None:
        raise Unauthenticated("This page needs the link of a session.")
    return sessions.seat_of(token, parts().signing_secret())


def form_token() -> str:
    """What a form of the session carries: another token of the same session changes nothing."""
    return visitors.signer("session-form").get_signature(seat().session_id).decode()


def form_is_ours() -> bool:
    """Whether the form that was sent came from a page of this session."""
    return visitors.carries(form_token())
