"""Pages for people: the browsable API, and what each kind of problem means. All of it is in the
package; nothing is fetched from elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, send_from_directory

from service.api.problems import KINDS, Kind
from service.errors import NotFound

STATIC = Path(__file__).resolve().parent.parent / "static"

pages = APIBlueprint("pages", __name__, enable_openapi=False)

_SELF_ONLY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI sets style attributes, hence unsafe-inline for styles; scripts are files only."""


@pages.get("/docs")
def docs() -> Response:
    """The browsable API."""
    return _page((STATIC / "docs.html").read_text(encoding="utf-8"))


@pages.get("/docs/assets/<path:name>")
def asset(name: str) -> Response:
    """A file of the pages."""
    response = send_from_directory(STATIC, name, max_age=3600)
    response.headers["Content-Security-Policy"] = _SELF_ONLY
    return response


@pages.get("/problems")
def problem_kinds() -> Response:
    """Every kind of problem."""
    return _page(_document("Problems", "".join(map(_section, KINDS.values()))))


@pages.get("/problems/<code>")
def problem_kind(code: str) -> Response:
    """One kind of problem: where the `type` of a problem response leads."""
    if code not in KINDS:
        raise NotFound(f"There is no problem {code!r}.")
    return _page(_document(code, _section(KINDS[code])))


def _section(kind: Kind) -> str:
    return (
        f'<section id="{kind.code}"><h2>{escape(kind.title)}</h2>'
        f"<p><code>{kind.code}</code>, status {kind.status}</p><p>{escape(kind.help)}</p></section>"
    )


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)} · Pointmark</title>"
        '<link rel="stylesheet" href="/docs/assets/pages.css"></head>'
        f'<body><main>{body}<p><a href="/docs">API documentation</a></p></main></body></html>'
    )


def _page(html: str) -> Response:
    headers = {"Content-Security-Policy": _SELF_ONLY}
    return Response(html, headers=headers, mimetype="text/html")
