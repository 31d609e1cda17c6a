"""Cursors of listings: the last row shown, in a form that nobody builds on."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from service.errors import FieldFault, InvalidInput
from service.ids import Kind

_UUID_BYTES = 16


def write(kind: Kind, last: UUID) -> str:
    """The cursor after the row `last`."""
    return _written(kind, last.bytes)


def write_number(name: str, last: int) -> str:
    """As `write`, for a listing in the order of a number."""
    return _written(name, str(last).encode())


def _written(name: str, last: bytes) -> str:
    return base64.urlsafe_b64encode(name.encode() + b":" + last).rstrip(b"=").decode()


def read(kind: Kind, cursor: str | None) -> UUID | None:
    """The id that a cursor of this kind of listing stands for; None for no cursor.

    Raises:
        InvalidInput: no listing of this kind gave this cursor out.
    """
    if cursor is None:
        return None
    last = _read(kind, cursor)
    if len(last) != _UUID_BYTES:
        raise _refused()
    return UUID(bytes=last)


def read_number(name: str, cursor: str | None) -> int:
    """As `read`, for a listing in the order of a number; 0 for no cursor.

    Raises:
        InvalidInput: no listing of this name gave this cursor out.
    """
    if cursor is None:
        return 0
    last = _read(name, cursor)
    if not (last.isdigit() and len(last) < 19):
        raise _refused()
    return int(last)


def _read(name: str, cursor: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (UnicodeEncodeError, binascii.Error) as fault:
        raise _refused() from fault
    found, _, last = raw.partition(b":")
    if found != name.encode():
        raise _refused()
    return last


def _refused() -> InvalidInput:
    fault = FieldFault(
        pointer="#/cursor", detail="is not a cursor of this listing; begin without one"
    )
    return InvalidInput("The cursor cannot be used.", [fault])
