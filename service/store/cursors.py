"""Cursors of listings: the id of the last row shown, in a form that nobody builds on."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from service.errors import FieldFault, InvalidInput
from service.ids import Kind


def write(kind: Kind, last: UUID) -> str:
    """The cursor after the row `last`."""
    return base64.urlsafe_b64encode(kind.encode() + b":" + last.bytes).rstrip(b"=").decode()


def read(kind: Kind, cursor: str | None) -> UUID | None:
    """The id that a cursor of this kind of listing stands for; None for no cursor.

    Raises:
        InvalidInput: no listing of this kind gave this cursor out.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        name, _, last = raw.partition(b":")
        if name == kind.encode():
            return UUID(bytes=last)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        pass
    fault = FieldFault(
        pointer="#/cursor", detail="is not a cursor of this listing; begin without one"
    )
    raise InvalidInput("The cursor cannot be used.", [fault])
