"""What the OpenAPI document says of an operation beyond its shapes.

Kept beside the route as extensions of APIFlask's `@doc`; `openapi.complete` turns them into
headers and problem responses and takes them out again.
"""

from __future__ import annotations

from typing import Any

from service.api.auth import SCHEME, SESSION_SCHEME
from service.domain import Scope

PROBLEMS = "x-problems"
HEADERS_IN = "x-headers-in"
HEADERS_OUT = "x-headers-out"
EMPTY_STATUS = "x-empty-status"
PAGE = "x-page"


def about(
    operation_id: str,
    *,
    scope: Scope | None = None,
    candidate: bool = False,
    problems: tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
    gives: tuple[str, ...] = (),
    empty: int | None = None,
    page: bool = False,
) -> dict[str, Any]:
    """Arguments for `@doc`.

    `candidate`: it is called with the token of a session instead of a key. `problems` lists codes
    beside those that follow from the rest; `takes` and `gives` name
    headers; `empty` is a success status that has no body; `page`: success may be HTML too.
    """
    described: dict[str, Any] = {
        "operation_id": operation_id,
        "extensions": {
            PROBLEMS: list(problems),
            HEADERS_IN: list(takes),
            HEADERS_OUT: list(gives),
            EMPTY_STATUS: empty,
            PAGE: page,
        },
    }
    if scope is not None:
        described["security"] = [{SCHEME: [scope.value]}]
    if candidate:
        described["security"] = [{SESSION_SCHEME: []}]
    return described
