"""How every page is rendered: the words of its language, and headers that let nothing else in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    make_response,
    render_template,
    request,
    send_from_directory,
)

from service.domain import Language
from service.pages import showing, visitors
from service.texts import text, topic_name

FOLDER = Path(__file__).resolve().parent
STATIC = FOLDER / "static"
TEMPLATES = FOLDER / "templates"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

ASSETS = Blueprint("assets", __name__)

_ASSETS = {
    path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in STATIC.iterdir()
}
"""A changed file has another address, so that browsers may keep the old one."""


@ASSETS.get("/pages/<name>")
def asset(name: str) -> Response:
    """A file of the pages."""
    return send_from_directory(STATIC, name, max_age=31_536_000 if "v" in request.args else 3600)


def page(
    template: str, status: int = 200, *, preferred: Language | None = None, **values: Any
) -> Response:
    """A page in the visitor's language, or the preferred one if they chose none."""
    language = visitors.language(preferred)

    def t(key: str, **more: object) -> str:
        return text(key, language, **more)

    common = {
        "t": t,
        "language": language.value,
        "languages": list(Language),
        "asset": _asset_url,
        "language_url": _language_url,
        "inside": showing.in_language,
        "spoken": showing.spoken,
        "named": lambda topic: topic_name(topic, language),
        "ui": language,
    }
    response = make_response(render_template(template, **(common | values)), status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Cookie, Accept-Language"
    return visitors.remember(response)


def _asset_url(name: str) -> str:
    return f"/pages/{name}?v={_ASSETS[name]}"


def _language_url(language: str) -> str:
    """This page in another language."""
    return "?" + urlencode({**request.args.to_dict(), "lang": language})
