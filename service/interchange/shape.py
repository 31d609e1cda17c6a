"""The shape of a question as plain data: what `content_from_dict` takes without stumbling.

The same as the body of `POST /v1/questions`, for data that did not come as JSON. The schema in
`seed/` asks for more: both languages, phrasings, sources. That is the standard of our own bank.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from service.content import LEVELS
from service.domain import Language, PointKind, Reveal
from service.errors import FieldFault

_LONGEST_DETAIL = 200


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


_TEXT = {"type": "string"}
_TEXTS_LIST = {"type": "array", "items": _TEXT}
_BY_LANGUAGE = _object([], **{language.value: _TEXT for language in Language})
_LISTS_BY_LANGUAGE = _object([], **{language.value: _TEXTS_LIST for language in Language})
# Keywords for objects pass over everything else, so a plain text needs only its type.
_TEXTS = _BY_LANGUAGE | {"type": ["object", "string"]}
_TEXT_LISTS = _LISTS_BY_LANGUAGE | {"type": ["object", "array"], "items": _TEXT}
_NUMBER = {"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max}

QUESTION: dict[str, Any] = _object(
    ["slug", "topic", "difficulty", "prompt", "points"],
    slug=_TEXT,
    topic=_TEXT,
    difficulty={"type": "integer"},
    tags=_TEXTS_LIST,
    prompt=_TEXTS,
    sources={"type": "array", "items": _object(["title"], title=_TEXT, url=_TEXT)},
    rule=_object(["any_of"], any_of={"type": "integer"})
    | {"type": ["object", "string"], "pattern": "^weighted$"},
    reveal_points={"enum": list(Reveal)},
    points={
        "type": "array",
        "items": _object(
            ["statement"],
            key=_TEXT,
            kind={"enum": list(PointKind)},
            weight=_NUMBER,
            statement=_TEXTS,
            phrasings=_TEXT_LISTS,
            hint=_BY_LANGUAGE,
            terms=_TEXTS_LIST,
        ),
    },
    misconceptions={
        "type": "array",
        "items": _object(
            ["statement"],
            key=_TEXT,
            contradicts={"type": ["string", "null"]},
            statement=_TEXTS,
            phrasings=_TEXT_LISTS,
            feedback=_BY_LANGUAGE,
        ),
    },
    samples={
        "type": "array",
        "items": _object(
            ["language", "level", "score", "answer"],
            language={"enum": list(Language)},
            level={"enum": list(LEVELS)},
            score=_NUMBER,
            answer=_TEXT,
        ),
    },
)


def shape_faults(data: Any) -> list[FieldFault]:
    """What is wrong with the shape of a question's data."""
    return schema_faults(_validator(), data)


def schema_faults(validator: Validator, data: Any) -> list[FieldFault]:
    """Everything that a JSON Schema finds wrong, in the order of its places."""
    faults = sorted(validator.iter_errors(data), key=lambda fault: list(map(str, fault.path)))
    return [FieldFault(pointer=_pointer(fault.path), detail=_detail(fault)) for fault in faults]


@cache
def _validator() -> Validator:
    # To JSON Schema 3.0 is an integer; here the text of a file made it, and Python counts with it.
    whole = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: type[Validator] = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, type_checker=whole
    )
    return strict(QUESTION)


def _pointer(path: Iterable[str | int]) -> str:
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in path]
    return "#" + "".join(f"/{step}" for step in steps)


def _detail(fault: ValidationError) -> str:
    """jsonschema's own words, shortened where they quote a whole question."""
    said = fault.message
    return said if len(said) <= _LONGEST_DETAIL else f"…{said[-_LONGEST_DETAIL:]}"
