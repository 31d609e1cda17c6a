"""YAML: the form of the files in `seed/`, one document a question. Loses nothing.

Anchors and aliases are refused: few authors need them, and a page of them can stand for billions
of values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from service.content import content_to_dict
from service.domain import Question
from service.errors import FieldFault
from service.interchange.items import Imported, bounded, decoded, unreadable

# libyaml's, a hundred times faster, wherever PyYAML was built with it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_MOST_DEPTH = 32
_OPENING = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_CLOSING = (yaml.SequenceEndEvent, yaml.MappingEndEvent)
# YAML 1.1 counts these as line breaks, and readers make \n of the first.
_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Plain values only; a key that stands twice is a mistake, not a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} stands here twice", key.start_mark
                )
            seen.add(name)
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


class _Dumper(_SafeDumper):  # type: ignore[misc]
    """Text that comes back as it went out."""


def _text(dumper: Any, text: str) -> Any:
    style = '"' if _ODD_BREAKS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def load_all(text: str) -> list[Any]:
    """The documents of a YAML file.

    Raises:
        ValueError: not YAML, or YAML that is refused; the message says why and where.
    """
    try:
        _check_events(text)
        # The loader is a SafeLoader: it makes plain values only.
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as fault:
        raise ValueError(str(fault)) from fault
    except RecursionError as fault:
        raise ValueError("is nested too deeply") from fault


def _check_events(text: str) -> None:
    """Refuse what would grow without end, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = event.start_mark
            raise ValueError(f"has an alias in line {mark.line + 1}; write out what it stands for")
        depth += isinstance(event, _OPENING)
        depth -= isinstance(event, _CLOSING)
        if depth > _MOST_DEPTH:
            raise ValueError(f"is nested deeper than {_MOST_DEPTH} levels")


def dump_all(documents: Sequence[Any]) -> str:
    """Plain data as YAML, readable text kept as it is."""
    text: str = yaml.dump_all(
        documents,
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=100,
        explicit_start=len(documents) > 1,
    )
    return text


def parse(data: bytes) -> list[Imported]:
    """The questions of a file: its documents, or the items of a document that is a list.

    Raises:
        InvalidInput: not YAML, or no question in it.
    """
    try:
        documents = load_all(decoded(data))
    except ValueError as fault:
        raise unreadable(f"cannot be read as YAML: {fault}") from fault
    found: list[Imported] = []
    for document in documents:
        if document is not None:
            found += map(imported, document if isinstance(document, list) else [document])
    return bounded(found)


def imported(data: Any) -> Imported:
    """Data that should be a question."""
    if not isinstance(data, dict):
        fault = FieldFault(pointer="#", detail="must be a mapping with the fields of a question")
        return Imported(title="", faults=(fault,))
    return Imported(title=str(data.get("slug", "")), data=data)


def write(questions: Sequence[Question]) -> bytes:
    """The questions as YAML documents."""
    return dump_all([content_to_dict(question) for question in questions]).encode()
