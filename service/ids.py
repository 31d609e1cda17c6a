"""Identifiers: a UUIDv7 in the database, shown as ``<prefix>_<26 characters>``.

The text form is TypeID's (https://github.com/jetify-com/typeid): Crockford base32 in lower case.
The prefix says what a stray id in a log belongs to, and an id of one kind given where another is
expected is caught before any query.

The ids sort by time of creation, which is what the listings and their cursors stand on. Postgres
has `uuidv7()` only from 18, so they are made here.
"""

from __future__ import annotations

import os
import re
import threading
import time
from enum import StrEnum
from uuid import UUID

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""What a question's own name looks like. No underscore, so that it can never be read as an id."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_LENGTH = 26  # 26 characters of 5 bits hold 128 bits; the first one uses only 3 of its 5.
_RANDOM_BITS = 62


class Kind(StrEnum):
    """What an id names; the value is its prefix."""

    QUESTION = "q"
    VERSION = "qv"
    CANDIDATE = "cand"
    ATTEMPT = "att"
    GRADE = "grd"
    REVIEW = "rev"
    SESSION = "ses"
    BATCH = "bat"
    REGRADE = "rgr"
    ENDPOINT = "hook"
    MESSAGE = "msg"
    KEY = "key"


class _Clock:
    """Strictly increasing 60-bit times: 48 bits of milliseconds, 12 bits of their fraction.

    That is RFC 9562's method 3. Two ids of one process never tie, so rows that one request makes
    one after the other are listed in that order, even when the system clock steps back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def tick(self) -> int:
        milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
        now = milliseconds << 12 | (nanoseconds << 12) // 1_000_000
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last


_clock = _Clock()


def new_uuid() -> UUID:
    """A fresh UUIDv7."""
    ticks = _clock.tick()
    random = int.from_bytes(os.urandom(8)) >> (64 - _RANDOM_BITS)
    milliseconds, fraction = ticks >> 12, ticks & 0xFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


def chance(value: UUID) -> float:
    """A number from 0 to below 1 that the random part of a UUIDv7 holds: the same every time."""
    return (value.int & (1 << _RANDOM_BITS) - 1) / (1 << _RANDOM_BITS)


def show(kind: Kind, value: UUID) -> str:
    """The text form of an id."""
    number = value.int
    characters = [_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH))]
    return f"{kind.value}_{''.join(characters)}"


def uuid_of(kind: Kind, text: str) -> UUID:
    """The UUID of an id that this service gave out; use `parse` for what a caller sent."""
    value = parse(kind, text)
    if value is None:
        raise ValueError(f"{text!r} is not an id of the kind {kind.value!r}")
    return value


def kind_of(text: str) -> Kind:
    """What an id that this service gave out names."""
    return Kind(text.rpartition("_")[0])


def parse(kind: Kind, text: str) -> UUID | None:
    """The UUID of an id's text form, or None if `text` is not an id of this kind."""
    prefix, _, body = text.rpartition("_")
    if prefix != kind.value or len(body) != _LENGTH or not set(body) <= _VALUES.keys():
        return None
    number = 0
    for character in body:
        number = number << 5 | _VALUES[character]
    return UUID(int=number) if number < 1 << 128 else None
