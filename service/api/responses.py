"""JSON responses, written once: what is stored for an idempotent request is what is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response, request

from service.api.views import Data
from service.domain import QuestionVersion


def encoded(data: object) -> bytes:
    """JSON bytes. Text is kept readable; half surrogates, which only the words of a caller's own
    mistake can hold, come out escaped."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, separators=(",", ":"), allow_nan=False).encode()


def json_response(
    data: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A response with `data` as its body."""
    return Response(encoded(data), status, headers, mimetype="application/json")


def with_etag(data: Data, etag: str, status: int = 200) -> Response:
    """A response with an ETag, or 304 where the caller has it already."""
    response = json_response(data, status, {"ETag": f'"{etag}"'})
    response.make_conditional(request)
    return response


def of_question(data: Data, version: QuestionVersion, status: int = 200) -> Response:
    """A question that was just written."""
    headers = {"ETag": f'"{version.etag}"'}
    if status == 201:
        headers["Location"] = f"/v1/questions/{version.question_id}"
    return json_response(data, status, headers)


def page(items: list[Data], next_cursor: str | None, *, more: bool | None = None) -> Response:
    """One page of a listing, with a Link to the next.

    `more`: whether there is a next one now, where the cursor does not tell.
    """
    more = next_cursor is not None if more is None else more
    response = json_response({"data": items, "has_more": more, "next_cursor": next_cursor})
    return linked(response, next_cursor if more else None)


def linked(response: Response, next_cursor: str | None) -> Response:
    """The response with a Link to the next page, if there is one."""
    if next_cursor is not None:
        # Relative: behind a proxy this service does not know its own address.
        query = urlencode({**request.args.to_dict(), "cursor": next_cursor})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


def tagged_page(items: list[Data], next_cursor: str | None) -> Response:
    """As `page`, with an ETag of the whole: for listings that are read again and again."""
    response = page(items, next_cursor)
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response
