"""The OpenAPI document: what APIFlask makes of the routes, completed.

APIFlask knows the shapes. Added here: problem responses by status, headers in both directions, the
limits of these settings, and plain names for nested shapes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask

from service.api import problems, schemas
from service.api.auth import SCHEME, SESSION_SCHEME
from service.api.operations import EMPTY_STATUS, HEADERS_IN, HEADERS_OUT, PAGE, PROBLEMS
from service.api.reading import StrictAdapter
from service.config import Settings

DESCRIPTION = """\
Serves interview questions and marks free-text answers point by point.

Errors are RFC 9457 problems (`application/problem+json`) with a stable `code`; `/problems` lists
them. Every response carries `X-Request-Id`. Additive changes only.
"""

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}

_HEADERS_IN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Idempotency-Key": (
        "Any unique string, best a UUID in double quotes. The same request with the same key does "
        "nothing twice and gets the same response for 24 hours (POINTMARK_IDEMPOTENCY_HOURS).",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-\\[\\]-~]+$"},
    ),
    "If-Match": (
        "The ETag of the question as it was read, in its double quotes, or `*`.",
        {"type": "string", "pattern": '^(\\*|"[!#-~]+")$'},
    ),
    "If-None-Match": ("An ETag had before; 304 if it still holds.", _TEXT),
}
_REQUIRED = {("saveQuestion", "If-Match")}

_HEADERS_OUT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ETag": ("The state of the question, for If-Match and If-None-Match.", _TEXT),
    "Link": ('The next page, `rel="next"`.', _TEXT),
    "Content-Disposition": ("That it is a file, and how it may be called.", _TEXT),
    "Location": ("Where to find what was made.", _TEXT),
    "Idempotency-Replayed": ("`true` when this is the stored response of an earlier call.", _TEXT),
    "X-Request-Id": ("The request's id: the caller's own if one was sent.", _TEXT),
    "RateLimit": ('What is left of the quota, `"default";r=50;t=30`.', _TEXT),
    "RateLimit-Policy": ('The quota, `"default";q=600;w=60`.', _TEXT),
    "Retry-After": ("Seconds to wait.", _COUNT),
    "WWW-Authenticate": ("How to authenticate.", _TEXT),
    "Allow": ("The methods that the path has.", _TEXT),
}
_ALWAYS = ("X-Request-Id",)
_WITH_KEY = ("RateLimit", "RateLimit-Policy")
_BY_PROBLEM = {
    "unauthenticated": ("WWW-Authenticate",),
    "quota_exceeded": ("Retry-After",),
    "unavailable": ("Retry-After",),
    "not_ready": ("Retry-After",),
    "still_running": ("Retry-After",),
    "claimed": ("Retry-After",),
}


def configure(app: APIFlask, settings: Settings) -> None:
    """Have `app` serve a complete document."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_200_RESPONSE=False,
        SERVERS=[{"url": "/"}],
        INFO={"description": DESCRIPTION, "license": _LICENSE},
        SECURITY_SCHEMES={SCHEME: _SECURITY_SCHEME, SESSION_SCHEME: _SESSION_SCHEME},
    )

    @app.spec_processor  # type: ignore[arg-type]
    def completed(document: dict[str, Any]) -> dict[str, Any]:
        return complete(document, settings)


_LICENSE = {"name": "Apache 2.0", "identifier": "Apache-2.0"}
_SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "pm_<prefix>_<secret>",
    "description": "An API key. Each operation names the scope that it needs; `admin` has all.",
}


_SESSION_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "What a candidate is let into one session with; `createSession` gives it.",
}


def complete(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The document with everything in it."""
    components = document["components"]
    shapes = dict(_plainly_named(components["schemas"])) | _problem_shapes()
    _set_limits(shapes, settings)
    components["schemas"] = dict(sorted(shapes.items()))
    components["headers"] = {
        name: {"description": text, "schema": dict(schema)}
        for name, (text, schema) in _HEADERS_OUT.items()
    }
    for operation in _operations(document):
        _complete_operation(operation)
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _plainly_named(shapes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """APIFlask calls a nested shape Parent.Child; references here use Child alone."""
    for name, shape in shapes.items():
        yield name.rpartition(".")[2], shape


def _problem_shapes() -> dict[str, Any]:
    shape = StrictAdapter(schemas.Problem).get_openapi_schema()
    nested: dict[str, Any] = shape.pop("$defs")
    return {**nested, "Problem": shape}


def _set_limits(shapes: dict[str, Any], settings: Settings) -> None:
    """Say the limits that are set here, not the defaults.

    An answer of a batch has none: one that is too long becomes an error of its item.
    """
    for name in ("AttemptIn", "GradeIn", "SessionAnswerIn"):
        shapes[name]["properties"]["answer"]["maxLength"] = settings.max_answer_chars
    shapes["QuestionIn"]["properties"]["points"]["maxItems"] = settings.max_points


def _complete_operation(operation: dict[str, Any]) -> None:
    codes = [*_implied(operation), *operation.pop(PROBLEMS)]
    names = (*operation.pop(HEADERS_OUT), *_ALWAYS, *(_WITH_KEY if "security" in operation else ()))
    empty, page = operation.pop(EMPTY_STATUS), operation.pop(PAGE)
    responses = operation["responses"]
    if page:
        responses["200"]["content"]["text/html"] = {"schema": {"type": "string"}}
    if empty is not None:
        responses[str(empty)] = {"description": "Done."}
    for name in operation.pop(HEADERS_IN):
        operation["parameters"].append(_parameter(operation["operationId"], name))
    if "If-None-Match" in (parameter["name"] for parameter in operation["parameters"]):
        responses["304"] = {"description": "What the caller has is current."}
    for response in responses.values():
        response["headers"] = _header_references(names)
    responses.update(_problem_responses(codes, "security" in operation))
    for parameter in operation["parameters"]:
        _complete_parameter(parameter)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True


def _implied(operation: Mapping[str, Any]) -> Iterator[str]:
    """Codes that follow from what an operation takes."""
    if "security" in operation:
        yield from ("unauthenticated", "quota_exceeded", "unavailable", "internal_error")
        if SCHEME in operation["security"][0]:
            yield "forbidden"
    if "requestBody" in operation:
        yield from ("malformed_json", "body_too_large", "unsupported_media_type", "invalid_input")
    if any(parameter["in"] == "query" for parameter in operation["parameters"]):
        yield "invalid_input"
    if operation["operationId"] in ("eraseCandidate", "exportCandidate"):
        yield "invalid_input"
    taken = operation[HEADERS_IN]
    if "If-Match" in taken or "Idempotency-Key" in taken:
        yield "bad_request"
    if "Idempotency-Key" in taken:
        yield from ("still_running", "idempotency_key_reused")


def _problem_responses(codes: list[str], with_key: bool) -> dict[str, Any]:
    by_status: dict[int, list[problems.Kind]] = {}
    for code in dict.fromkeys(codes):
        kind = problems.KINDS[code]
        by_status.setdefault(kind.status, []).append(kind)
    return {
        str(status): _problem_response(kinds, with_key)
        for status, kinds in sorted(by_status.items())
    }


def _problem_response(kinds: list[problems.Kind], with_key: bool) -> dict[str, Any]:
    names = [*_ALWAYS]
    if with_key and kinds[0].status not in (401, 503):
        names += _WITH_KEY
    names += [name for kind in kinds for name in _BY_PROBLEM.get(kind.code, ())]
    phrase = HTTPStatus(kinds[0].status).phrase
    return {
        "description": f"{phrase}: " + ", ".join(f"`{kind.code}`" for kind in kinds),
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        "headers": _header_references(names),
    }


def _header_references(names: Any) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(names)}


def _parameter(operation_id: str, name: str) -> dict[str, Any]:
    text, schema = _HEADERS_IN[name]
    return {
        "in": "header",
        "name": name,
        "description": text,
        "required": (operation_id, name) in _REQUIRED,
        "schema": json.loads(json.dumps(schema)),
    }


def _absent_or(schema: dict[str, Any]) -> dict[str, Any]:
    """A query string has no null: what may be null in Python may be absent there."""
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    given = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    return rest | given[0] if given else schema


_PATH_TEXTS = {
    "id": "An id; of a question, also its slug.",
    "delivery_id": "The message's id.",
    "number": "The version's number, from 1.",
    "external_id": "The platform's own id of the candidate.",
}


def _complete_parameter(parameter: dict[str, Any]) -> None:
    if parameter["in"] == "query":
        parameter["schema"] = _absent_or(parameter["schema"])
    if parameter["in"] != "path":
        return
    parameter["required"] = True
    parameter["description"] = _PATH_TEXTS[parameter["name"]]
    if parameter["name"] == "number":
        parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": 2_147_483_647}
