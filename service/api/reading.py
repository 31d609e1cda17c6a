"""How APIFlask reads requests here: strictly, and with a JSON pointer for each fault.

APIFlask's own adapter for pydantic takes one of a query parameter's values in silence, lets
pydantic coerce, and flattens the places of faults into dotted names. Registering another one is its
way to change that for every `@input`.
"""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from apiflask.schema_adapters import registry
from apiflask.schema_adapters.pydantic import PydanticAdapter
from flask import Request
from pydantic import BaseModel
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.context import parts, state
from service.api.parsing import MalformedJson, pointer_to, read_json, validated
from service.api.problems import UnsupportedMediaType
from service.api.schemas import Bulk
from service.content import check_text, refuse
from service.errors import FieldFault, InvalidInput

JSON_LINES = ("application/jsonl", "application/x-ndjson")


class StrictAdapter(PydanticAdapter):
    """Reads bodies and query strings into pydantic models."""

    def validate_input(self, request: Request, location: str, **kwargs: Any) -> BaseModel:
        """The checked input; raises our own errors, which `problems` presents."""
        if location == "query":
            return validated(self.model_class, _query(request))
        if issubclass(self.model_class, Bulk):
            request.max_content_length = parts().settings.max_batch_bytes
            state().document = _bulk(request)
        else:
            state().document = read_json(_body(request, "application/json"))
        return validated(self.model_class, state().document)

    def get_openapi_schema(self, **kwargs: Any) -> dict[str, Any]:
        """The schema, with references to nested shapes by their own names."""
        schema: dict[str, Any] = self.model_class.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        return schema


def blueprint(name: str, *, tag: str, prefix: str = "") -> APIBlueprint:
    """A blueprint whose `@input` reads strictly.

    The adapter is looked up when a route is defined, so it is registered before any can be.
    """
    registry.register("pydantic", StrictAdapter)
    return APIBlueprint(name, __name__, tag=tag, url_prefix=prefix or None)


def _bulk(request: Request) -> Any:
    raw = _body(request, "application/json", *JSON_LINES)
    if request.mimetype == "application/json":
        return read_json(raw)
    lines = [line for line in raw.split(b"\n") if line.strip()]
    return {"items": [_line(number, line) for number, line in enumerate(lines)]}


def _line(number: int, line: bytes) -> Any:
    try:
        return read_json(line)
    except MalformedJson as fault:
        raise MalformedJson(f"Item {number}: {fault}") from fault
    except InvalidInput as fault:
        moved = [
            FieldFault(pointer=f"#/items/{number}{each.pointer[1:]}", detail=each.detail)
            for each in fault.faults
        ]
        raise InvalidInput(str(fault), moved) from fault


def _body(request: Request, *accepted: str) -> bytes:
    raw = request.get_data(cache=False)
    # Of a body that does not say its length Werkzeug reads as much as is allowed and stops there,
    # in silence; whether that was all, only another byte can tell.
    if len(raw) == request.max_content_length and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    if not raw:
        raise MalformedJson("The body is empty; it must be a JSON object.")
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(
            f"The body must be sent as Content-Type: {' or '.join(accepted)}."
        )
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("The body must be sent without Content-Encoding.")
    return raw


def _query(request: Request) -> dict[str, str]:
    """The parameters; one that comes twice is a mistake, whichever of the two was meant."""
    given = request.args
    faults = []
    for name, values in given.lists():
        pointer = pointer_to("#", name)
        faults += check_text(name, pointer) + check_text(values[0], pointer)
        if len(values) > 1:
            faults.append(FieldFault(pointer=pointer, detail="is given more than once"))
    refuse("The query string has faults.", faults)
    return given.to_dict()
