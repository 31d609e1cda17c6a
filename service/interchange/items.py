"""What a reader of a format hands on for each thing it found in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.errors import FieldFault, InvalidInput

PLACE = "#/content"
"""Where the file is, for faults of the file as a whole."""
_MOST_ITEMS = 1_000
"""Stored in some ten seconds; a request must not take much longer."""
_MOST_QUOTED = 200


@dataclass(frozen=True, kw_only=True)
class Imported:
    """One thing in a file, as question content that nobody has checked yet."""

    title: str
    """What its author calls it; for people, and to make a slug of where there is none."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """In the shape of `content_to_dict`, without a slug where the file gives none."""
    notes: tuple[str, ...] = ()
    """What was lost, changed or made up, a sentence each."""
    skipped: str | None = None
    """Why it is no question of ours; None: it is one."""
    faults: tuple[FieldFault, ...] = ()
    """What its reader found wrong with it, beside what is wrong with `data`."""


def unreadable(detail: str) -> InvalidInput:
    """The error for a file that is not of its format at all."""
    fault = FieldFault(pointer=PLACE, detail=detail[:_MOST_QUOTED])
    return InvalidInput("The file cannot be read.", [fault])


def decoded(data: bytes) -> str:
    """The text of a file, without the mark that some editors put first.

    Raises:
        InvalidInput: not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise unreadable(f"is not UTF-8 at byte {fault.start}; save it as UTF-8") from fault


def bounded(items: list[Imported]) -> list[Imported]:
    """The items, if the file has some and not too many.

    Raises:
        InvalidInput: none, or more than can be stored in one transaction.
    """
    if not items:
        raise unreadable("holds no question")
    if len(items) > _MOST_ITEMS:
        raise unreadable(f"holds {len(items)} items; at most {_MOST_ITEMS} are read at once")
    return items
