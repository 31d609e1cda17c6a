"""Question content from and for other systems. Pure: bytes in, questions out, and back.

A format is a module with `parse(data) -> list[Imported]`, and `write(questions) -> bytes` if it is
written too. docs/import-export.md says what each of them loses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.content import Limits
from service.domain import Question
from service.interchange import gift, moodle, qti, table, yaml_text
from service.interchange.items import PLACE, Imported
from service.interchange.reading import Item, read_items

__all__ = ["FORMATS", "PLACE", "Format", "Item", "read", "readable", "writable", "write"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a kind of file is read and written."""

    parse: Callable[[bytes], list[Imported]]
    write: Callable[[Sequence[Question]], bytes] | None
    """None: it is only read."""
    media_type: str
    suffix: str
    """Of the names of its files."""


FORMATS = {
    "yaml": Format(
        parse=yaml_text.parse,
        write=yaml_text.write,
        media_type="application/yaml",
        suffix="yaml",
    ),
    "csv": Format(parse=table.parse, write=table.write, media_type="text/csv", suffix="csv"),
    "moodle-xml": Format(
        parse=moodle.parse, write=moodle.write, media_type="application/xml", suffix="xml"
    ),
    "gift": Format(parse=gift.parse, write=None, media_type="text/plain", suffix="gift"),
    "qti": Format(parse=qti.parse, write=qti.write, media_type="application/zip", suffix="zip"),
}

readable = tuple(FORMATS)
writable = tuple(name for name, form in FORMATS.items() if form.write is not None)


def read(name: str, data: bytes, limits: Limits) -> tuple[Item, ...]:
    """What a file in the format of this name holds, with what stands against it.

    Raises:
        InvalidInput: not a file of the format, or one that is refused as a whole.
    """
    return read_items(FORMATS[name].parse(data), limits)


def write(name: str, questions: Sequence[Question]) -> bytes:
    """The questions as a file in the format of this name, which must be one that is written."""
    made = FORMATS[name].write
    if made is None:
        raise ValueError(f"{name} is not written")
    return made(questions)
