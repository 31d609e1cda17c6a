"""Who is at the page: a browser without a name, known by a signed cookie; and whose a form is."""

from __future__ import annotations

import hashlib
import hmac

from flask import Response, g, request
from itsdangerous import BadSignature, Signer

from service import practice, sessions
from service.api.context import parts
from service.domain import Language

BROWSER_COOKIE = "pointmark_practice"
LANGUAGE_COOKIE = "pointmark_language"
_SECRET_NAME = "pointmark-practice"
_YEAR_S = 365 * 24 * 3600


def known_browser() -> str | None:
    """The candidate of this browser; None: it has none, or its cookie is not ours."""
    given = request.cookies.get(BROWSER_COOKIE)
    if given is None:
        return None
    try:
        browser = signer("browser").unsign(given).decode()
    except (BadSignature, UnicodeDecodeError):
        return None
    return browser if practice.is_browser(browser) else None


def browser() -> str:
    """The candidate of this browser, made up at its first visit."""
    if "practice_browser" not in g:
        g.practice_browser = known_browser() or practice.new_browser()
    return str(g.practice_browser)


def forget_browser() -> None:
    """Begin anew as somebody else."""
    g.practice_browser = practice.new_browser()


def form_token() -> str:
    """What a form of ours carries: only who sees this browser's pages can know it."""
    return signer("form").get_signature(browser()).decode()


def form_is_ours() -> bool:
    """Whether the form that was sent came from a page of this browser."""
    return known_browser() is not None and carries(form_token())


def carries(token: str) -> bool:
    """Whether the form that was sent has this token and came from a page of this site."""
    given = request.form.get("token", "").encode("utf-8", "replace")
    return from_our_site() and hmac.compare_digest(given, token.encode())


def from_our_site() -> bool:
    """Whether no browser says that another site sent this."""
    # Sent by browsers alone, and not to be set by a page.
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


def language(preferred: Language | None = None) -> Language:
    """What the pages are shown in: as asked for, as before, else as is preferred.

    Without `preferred` the browser's preference counts.
    """
    wanted = (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE))
    for each in wanted:
        if each in set(Language):
            return Language(each)
    if preferred is not None:
        return preferred
    best = request.accept_languages.best_match([each.value for each in Language])
    return Language(best or Language.EN)


def remember(response: Response) -> Response:
    """Set the cookies that this request gave reason for."""
    if "practice_browser" in g and known_browser() != g.practice_browser:
        signed = signer("browser").sign(browser()).decode()
        _set(response, BROWSER_COOKIE, signed)
    if request.args.get("lang") in set(Language):
        _set(response, LANGUAGE_COOKIE, language().value)
    return response


def _set(response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure
    )


def signer(purpose: str) -> Signer:
    """Signs what browsers keep or send back, each purpose with a salt of its own."""
    return Signer(_secret(), salt=f"{_SECRET_NAME}-{purpose}", digest_method=hashlib.sha256)


def _secret() -> bytes:
    found = parts()
    if found.practice_secret is None:
        found.practice_secret = sessions.signing_secret(found.store, _SECRET_NAME)
    return found.practice_secret
