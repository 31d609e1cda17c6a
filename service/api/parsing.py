"""From bytes to checked values, every fault with its place.

Three kinds of fault, told apart because callers mend them in different places: bytes that are no
JSON (400), text that cannot be stored (422), and a value of the wrong shape (422).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.content import check_text, refuse
from service.errors import FieldFault, InvalidInput, PointmarkError

Model = TypeVar("Model", bound=BaseModel)

_MOST_FAULTS = 100
"""Reported at once; somebody who sends a million bad items learns nothing from the rest."""


class MalformedJson(PointmarkError):
    """The bytes are not one JSON value."""


def read_json(raw: bytes) -> Any:
    """The JSON value in `raw`.

    Raises:
        MalformedJson: not UTF-8, not JSON, NaN or Infinity (which JSON lacks), a name twice in
            one object (readers differ in which one counts), or nested beyond reason.
        InvalidInput: a text or name that cannot be stored.
    """
    try:
        value = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except UnicodeDecodeError as fault:
        raise MalformedJson(f"The body is not UTF-8 at byte {fault.start}.") from fault
    except RecursionError as fault:
        raise MalformedJson("The body is nested too deeply.") from fault
    except ValueError as fault:
        raise MalformedJson(f"The body is not JSON: {fault}.") from fault
    # Both NUL and half a surrogate pair can come in only as an escape: raw, they are no JSON.
    if b"\\u" in raw:
        refuse("The body holds text that cannot be stored.", list(_text_faults(value, "#")))
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        twice = counted.most_common(1)[0][0]
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _text_faults(value: object, pointer: str) -> Iterator[FieldFault]:
    if isinstance(value, str):
        yield from check_text(value, pointer)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from check_text(name, pointer_to(pointer, name))
            yield from _text_faults(inner, pointer_to(pointer, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _text_faults(inner, pointer_to(pointer, index))


def pointer_to(pointer: str, *steps: str | int) -> str:
    """The pointer of something inside of what `pointer` names."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "/".join([pointer, *escaped])


def validated(model: type[Model], data: object, *, strict: bool | None = None) -> Model:
    """`data` as `model`.

    Raises:
        InvalidInput: with a pointer to each fault.
    """
    try:
        return model.model_validate(data, strict=strict)
    except ValidationError as fault:
        raise InvalidInput("The request has faults.", _faults(fault)) from fault


def _faults(fault: ValidationError) -> Sequence[FieldFault]:
    found = fault.errors(include_url=False, include_context=True, include_input=False)
    return [_fault(error) for error in found[:_MOST_FAULTS]]


def _fault(error: ErrorDetails) -> FieldFault:
    # Branches of a union are named in angle brackets by `schemas`; they are no part of the place.
    steps = [step for step in error["loc"] if not str(step).startswith("<")]
    return FieldFault(pointer=pointer_to("#", *steps), detail=_detail(error))


def _detail(error: ErrorDetails) -> str:
    words = _WORDS.get(error["type"])
    if words is None:
        return error["msg"][:1].lower() + error["msg"][1:]
    return words.format(**error.get("ctx", {}))


# Our own words, so that they stay when pydantic's change.
_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def in_document(pointer: str, document: object) -> str:
    """The part of `pointer` that exists in what the caller sent.

    A statement sent as a plain string is kept by language; a fault at ``…/statement/en`` is for
    the caller a fault at ``…/statement``.
    """
    place, value = "#", document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return place
        place = f"{place}/{step}"
    return place
