"""CSV: a row for each point, and for each misconception, source and sample answer.

The columns of the question itself stand in its first row; below it they may be empty or the same.
A cell that lists texts has one on each line, or is a JSON array where a text has lines of its own.
A cell that a spreadsheet would calculate is written with an apostrophe before it, which reading
takes off again.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.content import content_to_dict
from service.domain import Question
from service.errors import FieldFault
from service.interchange.items import Imported, bounded, decoded, unreadable

_QUESTION = ("slug", "topic", "difficulty", "tags", "prompt", "rule", "reveal_points")
_KINDS = ("required", "optional", "misconception", "source", "sample")
_BY_LANGUAGE = ("prompt", "statement", "phrasings", "hint", "feedback")
_LISTS = {"tags", "phrasings", "terms"}
_OF_POINT = ("key", "weight", "statement", "phrasings", "hint", "terms")
_OF_MISCONCEPTION = ("key", "contradicts", "statement", "phrasings", "feedback")
_OF_SOURCE = ("title", "url")
_OF_SAMPLE = ("language", "level", "score", "answer")
_LANGUAGES = ("en", "zh")
_NAMES = dict.fromkeys(
    (*_QUESTION, "kind", *_OF_POINT, *_OF_MISCONCEPTION, *_OF_SOURCE, *_OF_SAMPLE)
)
COLUMNS = tuple(
    column
    for name in _NAMES
    for column in ([f"{name}_{code}" for code in _LANGUAGES] if name in _BY_LANGUAGE else [name])
)
"""As they are written."""
_READ = {*COLUMNS, "prompt", "statement", "phrasings"}
"""As they are read: a text without its language is in the one that it seems to be in."""
_NUMBERS = {"difficulty": int, "weight": float, "score": float}
_ANY_OF = re.compile(r"any[ _]of[ :]+(\d{1,9})")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Sixteen phrasings of the greatest length in one cell, with room for their escapes.
csv.field_size_limit(16 * 20_000 * 12)


def guarded(text: str) -> str:
    """A cell that no spreadsheet calculates: an apostrophe makes it text."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell


# Reading -----------------------------------------------------------------------------------------


def parse(data: bytes) -> list[Imported]:
    """The questions of a table.

    Raises:
        InvalidInput: not CSV, or columns that are not known.
    """
    return bounded([_imported(rows) for rows in _grouped(_rows(decoded(data)))])


def _rows(text: str) -> Iterator[dict[str, str]]:
    """The rows that say something, cells by column."""
    first = text.partition("\n")[0]
    # Spreadsheets write semicolons where the comma stands in numbers.
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(table, []))
        for cells in table:
            if len(cells) > len(columns):
                raise unreadable(f"has more cells than columns in line {table.line_num}")
            row = {
                name: _unguarded(cell)
                for name, cell in zip(columns, cells, strict=False)
                if cell.strip()
            }
            if row:
                yield row
    except csv.Error as fault:
        raise unreadable(f"cannot be read as CSV in line {table.line_num}: {fault}") from fault


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    unknown = [column for column in columns if column not in _READ]
    if unknown:
        raise unreadable(f"has the column {unknown[0]!r}; known are {', '.join(COLUMNS)}")
    if len(set(columns)) < len(columns):
        raise unreadable("has a column twice")
    return columns


def _grouped(rows: Iterator[dict[str, str]]) -> list[list[dict[str, str]]]:
    """The rows of each question, in the order of their first ones.

    A row belongs to its slug, or where it has none to its prompt, or to the question above it.
    """
    groups: dict[str, list[dict[str, str]]] = {}
    name = ""
    for row in rows:
        prompts = [row[column] for column in ("prompt", "prompt_en", "prompt_zh") if column in row]
        if "slug" in row:
            name = f"slug {row['slug'].strip()}"
        elif prompts and not (name in groups and _same_prompt(groups[name][0], row)):
            name = f"prompt {prompts[0]}"
        groups.setdefault(name, []).append(row)
    return list(groups.values())


def _same_prompt(first: Mapping[str, str], row: Mapping[str, str]) -> bool:
    return all(
        row[column] == first.get(column)
        for column in ("prompt", "prompt_en", "prompt_zh")
        if column in row
    )


def _imported(rows: Sequence[Mapping[str, str]]) -> Imported:
    merged: dict[str, str] = {}
    faults = []
    of_question = [column for column in _READ if _name(column) in _QUESTION]
    for row in rows:
        for column in sorted(of_question):
            if column in row and merged.setdefault(column, row[column]) != row[column]:
                detail = "differs between the rows of the question"
                faults.append(FieldFault(pointer=f"#/{_name(column)}", detail=detail))
    data = _values(merged, _QUESTION) | {"points": []}
    for name in ("misconceptions", "sources", "samples"):
        data[name] = []
    for row in rows:
        _add(data, row)
    if isinstance(data.get("rule"), str):
        found = _ANY_OF.fullmatch(data["rule"])
        data["rule"] = {"any_of": int(found[1])} if found else data["rule"]
    if "difficulty" not in data:
        faults.append(FieldFault(pointer="#/difficulty", detail="is required, 1 to 5"))
        data["difficulty"] = 1
    title = next((merged[name] for name in sorted(merged) if _name(name) == "prompt"), "")
    return Imported(title=" ".join(title.split())[:100], data=data, faults=tuple(faults))


def _add(data: dict[str, Any], row: Mapping[str, str]) -> None:
    """Put what a row says where it belongs."""
    kind = row.get("kind", "").strip().lower()
    if kind == "misconception":
        data["misconceptions"].append(_values(row, _OF_MISCONCEPTION))
    elif kind == "source":
        data["sources"].append(_values(row, _OF_SOURCE))
    elif kind == "sample":
        data["samples"].append({"answer": ""} | _values(row, _OF_SAMPLE))
    else:
        point = _values(row, _OF_POINT)
        if point or kind:
            data["points"].append(point | ({"kind": kind} if kind else {}))


def _name(column: str) -> str:
    """The field that a column is of."""
    name, _, code = column.rpartition("_")
    return name if code in _LANGUAGES else column


def _values(row: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """The fields that a row gives, in the shape of plain data."""
    found: dict[str, Any] = {}
    for name in names:
        coded = {code: row[f"{name}_{code}"] for code in _LANGUAGES if f"{name}_{code}" in row}
        if coded:
            found[name] = {code: _value(name, cell) for code, cell in coded.items()}
        elif name in row:
            found[name] = _value(name, row[name])
    return found


def _value(name: str, cell: str) -> Any:
    """What a cell says; a number that is none stays text, which the check of the shape reports."""
    if name in _LISTS:
        return _list(cell)
    if name in _NUMBERS:
        try:
            return _NUMBERS[name](cell)
        except ValueError:
            return cell
    if name in ("slug", "key", "contradicts", "rule", "reveal_points", "language", "level"):
        return cell.strip()
    return cell


def _list(cell: str) -> list[str]:
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(text, str) for text in found):
            return found
    return [line for line in cell.replace("\r\n", "\n").split("\n") if line.strip()]


# Writing -----------------------------------------------------------------------------------------


def write(questions: Sequence[Question]) -> bytes:
    """The questions as a table."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    for question in questions:
        for row in _written(content_to_dict(question)):
            table.writerow({name: guarded(cell) for name, cell in row.items()})
    return text.getvalue().encode()


def _written(data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    rule = data["rule"]
    told = dict(data) | {"rule": rule if isinstance(rule, str) else f"any_of {rule['any_of']}"}
    head = _cells(told, _QUESTION)
    rows = [{"kind": each["kind"]} | _cells(each, _OF_POINT) for each in data["points"]]
    for kind, names, items in (
        ("misconception", _OF_MISCONCEPTION, data["misconceptions"]),
        ("source", _OF_SOURCE, data["sources"]),
        ("sample", _OF_SAMPLE, data["samples"]),
    ):
        rows += [{"kind": kind} | _cells(each, names) for each in items]
    for number, row in enumerate(rows):
        yield (head if number == 0 else {"slug": data["slug"]}) | row


def _cells(data: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        value = data.get(name)
        if name in _BY_LANGUAGE:
            found |= {f"{name}_{code}": _cell(text) for code, text in (value or {}).items()}
        elif value is not None:
            found[name] = _cell(value)
    return found


def _cell(value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    lines = "\n".join(value)
    return lines if _list(lines) == value else json.dumps(value, ensure_ascii=False)
