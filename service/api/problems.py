"""What goes wrong, as RFC 9457 problems. The one table from domain errors to status and code is
here, and the one list of codes: OpenAPI and the pages under /problems/ are made of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from apiflask import APIFlask
from flask import Response, request
from werkzeug.exceptions import HTTPException

from service import errors
from service.api.context import state
from service.api.loading import NotReady
from service.api.parsing import MalformedJson, in_document
from service.api.responses import json_response
from service.exchange import Quota

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2
"""Told to callers when nothing better is known: the database or the encoder is soon back."""

log = logging.getLogger("pointmark")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of problem."""

    code: str
    status: int
    title: str
    help: str
    """What it means and what to do, for the page that `type` leads to."""
    uri: str | None = None
    """Where the kind is registered elsewhere; None: our own page."""

    @property
    def type(self) -> str:
        """The `type` of RFC 9457."""
        return self.uri or f"/problems/{self.code}"


def _kind(code: str, status: int, title: str, help: str, uri: str | None = None) -> Kind:
    return Kind(code=code, status=status, title=title, help=help, uri=uri)


KINDS: Mapping[str, Kind] = {
    kind.code: kind
    for kind in (
        _kind(
            "bad_request",
            400,
            "The request cannot be understood",
            "A header or the request itself has a form that HTTP or this API does not have.",
        ),
        _kind(
            "malformed_json",
            400,
            "The body is not JSON",
            "The body must be one JSON value in UTF-8, without NaN or Infinity, and without the "
            "same name twice in one object.",
        ),
        _kind(
            "unauthenticated",
            401,
            "An API key is needed",
            "Send `Authorization: Bearer pm_<prefix>_<secret>` with a key that is not revoked.",
        ),
        _kind(
            "forbidden",
            403,
            "The API key may not do this",
            "The detail names the scope that the key lacks. An admin can make another key.",
        ),
        _kind(
            "not_found",
            404,
            "Not found",
            "There is nothing by this name: a mistyped id, slug or path, or a question that was "
            "archived.",
        ),
        _kind(
            "not_published",
            404,
            "The question is not published",
            "The question has a draft only. It can be read and answered once it is published.",
        ),
        _kind(
            "method_not_allowed",
            405,
            "This path has no such method",
            "The header `Allow` lists the methods that it has.",
        ),
        _kind(
            "conflict",
            409,
            "The change contradicts what is stored",
            "Something of the same name is there already.",
        ),
        _kind(
            "slug_taken",
            409,
            "The slug is taken",
            "Another question has this slug. Archived questions keep theirs.",
        ),
        _kind(
            "nothing_to_publish",
            409,
            "There is no draft to publish",
            "The newest version is published already. Save a draft first.",
        ),
        _kind(
            "still_running",
            409,
            "The same request is still running",
            "A request with this Idempotency-Key has not finished. Ask again after `Retry-After` "
            "seconds and get its response.",
        ),
        _kind(
            "claimed",
            409,
            "Another reviewer holds the attempt",
            "Its lease ends after `Retry-After` seconds, or with a review. Claim another attempt.",
        ),
        _kind(
            "already_appealed",
            409,
            "There was an appeal before",
            "The mark of an attempt is appealed against once.",
        ),
        _kind(
            "erased",
            409,
            "The candidate was erased",
            "There is no answer left that could be judged.",
        ),
        _kind(
            "cancelled",
            409,
            "The batch was cancelled",
            "The item was not graded before its batch was cancelled; nothing is kept of it.",
        ),
        _kind(
            "session_not_open",
            409,
            "The session is not open",
            "It opens later, or it was not started: `POST /v1/session/start`.",
        ),
        _kind(
            "session_over",
            409,
            "The session is over",
            "It was finished or cancelled, or its time ran out. Answers that were taken are kept.",
        ),
        _kind(
            "no_attempts_left",
            409,
            "No attempts are left",
            "The question was answered as often as the session allows.",
        ),
        _kind(
            "stale_version",
            412,
            "The question was changed meanwhile",
            "`If-Match` is not the current ETag. Read the question again, apply the change to what "
            "is there now, and send it with the new ETag.",
        ),
        _kind(
            "body_too_large",
            413,
            "The body is too large",
            "The limit is POINTMARK_MAX_BODY_BYTES, 1 MiB unless set otherwise; of batches "
            "POINTMARK_MAX_BATCH_BYTES, 64 MiB.",
        ),
        _kind(
            "unsupported_media_type",
            415,
            "The body is not declared as JSON",
            "Send `Content-Type: application/json`, and no Content-Encoding. Batches may also come "
            "as `application/jsonl`.",
        ),
        _kind(
            "invalid_input",
            422,
            "Some fields cannot be accepted",
            "`errors` lists each fault with a JSON pointer to it. For faults in the query string "
            "the pointer names the parameter.",
        ),
        _kind(
            "answer_too_long",
            422,
            "The answer is too long",
            "The limit is POINTMARK_MAX_ANSWER_CHARS, 20,000 characters unless set otherwise.",
        ),
        _kind(
            "idempotency_key_reused",
            422,
            "The Idempotency-Key was used for another request",
            "An Idempotency-Key belongs to one request: the same path, headers and body. Make a "
            "new one for each new request.",
        ),
        _kind(
            "precondition_required",
            428,
            "If-Match is needed",
            "Send the ETag of the version that you changed as `If-Match`, so that nobody's work is "
            "overwritten unseen.",
        ),
        _kind(
            "quota_exceeded",
            429,
            "The API key made too many requests",
            "Wait `Retry-After` seconds. `RateLimit-Policy` says what is allowed.",
            "https://iana.org/assignments/http-problem-types#quota-exceeded",
        ),
        _kind(
            "internal_error",
            500,
            "Something went wrong here",
            "The fault is ours, and the log of the service holds what is to be known under the "
            "`request_id`.",
        ),
        _kind(
            "unavailable",
            503,
            "The database does not answer",
            "Nothing was stored. The same request may be sent again after `Retry-After` seconds.",
        ),
        _kind(
            "not_ready",
            503,
            "The service is not ready",
            "The encoder is being loaded, or the database is not there or not migrated; `errors` "
            "says which. Ask again after `Retry-After` seconds.",
        ),
    )
}


# Faults of HTTP itself, in the API's own words ---------------------------------------------------


class BadRequest(errors.PointmarkError):
    """A header that cannot be."""


class UnsupportedMediaType(errors.PointmarkError):
    """The body is not declared as JSON."""


class PreconditionRequired(errors.PointmarkError):
    """`If-Match` is missing."""


class QuotaExceeded(errors.PointmarkError):
    """The API key used up its window."""

    def __init__(self, quota: Quota) -> None:
        super().__init__(
            f"This API key may make {quota.limit} requests in a window; a new window begins in "
            f"{quota.reset_s} s."
        )
        self.quota = quota


# The most exact class that fits decides.
_CODES: Mapping[type[errors.PointmarkError], str] = {
    errors.InvalidInput: "invalid_input",
    errors.AnswerTooLong: "answer_too_long",
    errors.NotFound: "not_found",
    errors.NotPublished: "not_published",
    errors.Conflict: "conflict",
    errors.SlugTaken: "slug_taken",
    errors.NothingToPublish: "nothing_to_publish",
    errors.StillRunning: "still_running",
    errors.Claimed: "claimed",
    errors.AlreadyAppealed: "already_appealed",
    errors.Erased: "erased",
    errors.SessionNotOpen: "session_not_open",
    errors.SessionOver: "session_over",
    errors.NoAttemptsLeft: "no_attempts_left",
    errors.StaleVersion: "stale_version",
    errors.KeyReused: "idempotency_key_reused",
    errors.Unauthenticated: "unauthenticated",
    errors.Forbidden: "forbidden",
    errors.StoreUnavailable: "unavailable",
    MalformedJson: "malformed_json",
    NotReady: "not_ready",
    BadRequest: "bad_request",
    UnsupportedMediaType: "unsupported_media_type",
    PreconditionRequired: "precondition_required",
    QuotaExceeded: "quota_exceeded",
}

# What Werkzeug itself raises.
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_HTTP_DETAILS = {
    404: "There is no such path.",
    405: "This path does not have the method {method}.",
    413: "The body is larger than the {limit} bytes that are accepted.",
}


def register(app: APIFlask) -> None:
    """Turn everything that goes wrong in `app` into problems."""
    app.register_error_handler(errors.PointmarkError, _of_domain)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_unknown)


def problem(
    code: str,
    detail: str,
    *,
    faults: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """A problem response."""
    kind = KINDS[code]
    body: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": quote(request.path, safe="/~!$&'()*+,;=:@-._"),
        "code": code,
        "request_id": state().request_id,
    }
    if faults:
        body["errors"] = list(faults)
    body |= extra or {}
    response = json_response(body, kind.status, headers)
    response.mimetype = MEDIA_TYPE
    return response


def _of_domain(fault: errors.PointmarkError) -> Response:
    code = next((_CODES[kind] for kind in type(fault).__mro__ if kind in _CODES), None)
    if code is None:
        # Configuration and encoder errors belong to the start; met in a request they are a bug.
        return _of_unknown(fault)
    if KINDS[code].status >= 500 and fault.__cause__ is not None:
        log.warning("%s", code, exc_info=fault, extra={"request_id": state().request_id})
    return problem(
        code, str(fault), faults=_shown_faults(fault), headers=_headers(fault), extra=_extra(fault)
    )


def _shown_faults(fault: errors.PointmarkError) -> list[dict[str, str]]:
    if isinstance(fault, NotReady):
        return [{"detail": reason} for reason in fault.reasons]
    if not isinstance(fault, errors.InvalidInput):
        return []
    return [
        {"detail": each.detail, "pointer": _fragment(_place(each.pointer))} for each in fault.faults
    ]


def _place(pointer: str) -> str:
    document = state().document
    return pointer if document is None else in_document(pointer, document)


def _fragment(pointer: str) -> str:
    """A pointer as a URI fragment: RFC 6901 has other characters percent-encoded there."""
    return "#" + quote(pointer[1:], safe="/~!$&'()*+,;=:@?-._", errors="surrogatepass")


def _headers(fault: errors.PointmarkError) -> dict[str, str]:
    if isinstance(fault, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="pointmark"'}
    if isinstance(fault, errors.StillRunning | errors.Claimed):
        return {"Retry-After": str(fault.retry_after_s)}
    if isinstance(fault, QuotaExceeded):
        return {"Retry-After": str(fault.quota.reset_s)}
    if isinstance(fault, errors.StoreUnavailable | NotReady):
        return {"Retry-After": str(RETRY_S)}
    return {}


def _extra(fault: errors.PointmarkError) -> dict[str, Any]:
    return {"violated-policies": ["default"]} if isinstance(fault, QuotaExceeded) else {}


def _of_http(fault: HTTPException) -> Response:
    status = fault.code or 500
    if status >= 500:
        return _of_unknown(fault)
    code = _HTTP_CODES.get(status, "bad_request")
    detail = _HTTP_DETAILS.get(status, fault.description or "The request cannot be understood.")
    detail = detail.format(method=request.method, limit=request.max_content_length)
    kept = {name: value for name, value in fault.get_headers() if name == "Allow"}
    return problem(code, detail, headers=kept)


def _of_unknown(fault: Exception) -> Response:
    log.error("unexpected error", exc_info=fault, extra={"request_id": state().request_id})
    return problem("internal_error", "The request failed for a reason that is not yours.")
