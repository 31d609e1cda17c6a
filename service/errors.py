"""What can go wrong, in the words of the domain.

::

    PointmarkError
    ├── InvalidInput            a field holds something that cannot be accepted
    │   └── AnswerTooLong
    ├── NotFound                the thing named does not exist (or is not visible)
    ├── NotPublished            the question has no published version to answer
    ├── Conflict                the change contradicts what is stored
    │   ├── SlugTaken
    │   ├── NothingToPublish
    │   ├── StillRunning        the same idempotency key is being worked on
    │   ├── Claimed             another reviewer holds the attempt
    │   ├── ReviewedMeanwhile   there is a review that the reviewer did not know of
    │   ├── AlreadyAppealed     an attempt's mark is appealed against once
    │   ├── Erased              the candidate was erased, and the answer with them
    │   ├── SessionNotOpen      the session is not to be begun yet, or was not begun
    │   ├── SessionOver         the session takes no more answers
    │   └── NoAttemptsLeft      the question was answered as often as the session allows
    ├── StaleVersion            the caller edited a version that is no longer the latest
    ├── KeyReused               an idempotency key came back with another body
    ├── Unauthenticated         no key, a malformed key, or an unknown or revoked one
    ├── Forbidden               the key lacks a scope
    ├── StoreUnavailable        the database does not answer
    ├── ConfigurationError      settings that cannot work, all of them listed
    └── EncoderError
        ├── EncoderNotFound     no encoder where one was looked for
        └── EncoderMismatch     files or vectors that belong to another encoder

No class here knows an HTTP status: `service.api.problems` holds the one table that maps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FieldFault:
    """One fault in one field."""

    pointer: str
    """JSON pointer as a URI fragment, e.g. ``#/points/0/statement``."""
    detail: str
    """What is wrong and what to do about it."""


class PointmarkError(Exception):
    """Base of everything Pointmark raises on purpose; `str()` of it can be shown to a caller."""


class InvalidInput(PointmarkError):
    """One or more fields cannot be accepted; nothing was stored."""

    def __init__(self, detail: str, faults: Sequence[FieldFault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class AnswerTooLong(InvalidInput):
    """The answer has more characters than the settings allow."""


class NotFound(PointmarkError):
    """The thing named does not exist."""


class NotPublished(PointmarkError):
    """The question exists but has no published version."""


class Conflict(PointmarkError):
    """The change contradicts what is stored."""


class SlugTaken(Conflict):
    """Another question already has this slug."""


class NothingToPublish(Conflict):
    """The question has no draft."""


class StillRunning(Conflict):
    """A request with this idempotency key has not finished yet."""

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Claimed(Conflict):
    """Another reviewer holds the attempt."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ReviewedMeanwhile(Conflict):
    """There is a review of the attempt that the reviewer did not know of."""


class AlreadyAppealed(Conflict):
    """There was an appeal against this attempt's mark before."""


class Erased(Conflict):
    """The candidate was erased, and the answer with them."""


class SessionNotOpen(Conflict):
    """The session cannot be begun yet, or was not begun."""


class SessionOver(Conflict):
    """The session was finished, cancelled, or ran out of time."""


class NoAttemptsLeft(Conflict):
    """The question was answered as often as the session allows."""


class StaleVersion(PointmarkError):
    """The `If-Match` given is not the current version's tag."""


class KeyReused(PointmarkError):
    """The idempotency key was used before with a different body."""


class Unauthenticated(PointmarkError):
    """The caller did not prove who it is."""


class Forbidden(PointmarkError):
    """The caller's key lacks a scope."""


class StoreUnavailable(PointmarkError):
    """The database does not answer; the same call may work a little later."""


class ConfigurationError(PointmarkError):
    """Settings that cannot work."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("cannot start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = tuple(faults)


class EncoderError(PointmarkError):
    """The sentence encoder cannot be used."""


class EncoderNotFound(EncoderError):
    """No encoder where one was looked for; the message says where."""


class EncoderMismatch(EncoderError):
    """Encoder files, calibration or stored vectors that do not belong together."""
