"""`Idempotency-Key`: the same request again gets the same response and does nothing twice.

The response is saved in the transaction that does the work (the `finish` hook of the use cases),
so there is no moment at which the one is there without the other. Anything but success gives the
key back: a refusal stored nothing, and asking again is harmless.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar

from flask import Response, request

from service.api.context import caller, parts, state
from service.api.problems import BadRequest
from service.errors import StoreUnavailable
from service.exchange import Claim, StoredResponse

if TYPE_CHECKING:
    from service.store import Transaction

P = ParamSpec("P")
Result = TypeVar("Result")

HEADER = "Idempotency-Key"
LEASE_S = 60
"""Longer than any request takes; a killed one blocks its key for as long."""
_LONGEST = 255
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-\[\]-~]+")
_KEPT_HEADERS = ("Location", "ETag")


class Once:
    """One request's right to do its work, and the way to save what came of it."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim

    def presenting(
        self,
        present: Callable[[Result], Response],
        *,
        subject: Callable[[Result], str] | None = None,
        kept: Callable[[Result], Response] | None = None,
    ) -> Outcome[Result]:
        """An outcome to hand to a use case as `finish`.

        `subject` names what the response tells of, so that erasing the one erases the other;
        `kept` makes another response to be stored, where `present` shows a secret.
        """
        return Outcome(self._claim, present, subject, kept or present)


class Outcome(Generic[Result]):
    """Receives the result just before the commit; has the response after it."""

    response: Response

    def __init__(
        self,
        claim: Claim | None,
        present: Callable[[Result], Response],
        subject: Callable[[Result], str] | None,
        kept: Callable[[Result], Response],
    ) -> None:
        self._claim = claim
        self._present = present
        self._subject = subject
        self._kept = kept

    def __call__(self, tx: Transaction, result: Result) -> None:
        """Make the response, and save it if the request may come again."""
        self.response = self._present(result)
        if self._claim is None:
            return
        kept = self.response if self._kept is self._present else self._kept(result)
        tx.save_response(
            self._claim,
            StoredResponse(
                status=kept.status_code,
                body=kept.get_data(),
                headers={
                    name: kept.headers[name] for name in _KEPT_HEADERS if name in kept.headers
                },
            ),
            subject=None if self._subject is None else self._subject(result),
        )


def idempotent(
    view: Callable[Concatenate[Once, P], Response],
) -> Callable[P, Response]:
    """Do the view's work once for each `Idempotency-Key`; goes inside of what reads the body."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Response:
        key = _key()
        if key is None:
            return view(Once(None), *args, **kwargs)
        store = parts().store
        # A candidate's keys are the session's own: two candidates may come with the same one.
        seat = state().seat
        owner, mine = (caller().key_id, "") if seat is None else (seat.key_id, seat.session_id)
        claim = store.claim(
            owner,
            f"{request.method} {request.url_rule}",
            f"{mine} {key}" if mine else key,
            _fingerprint(),
            lease_s=LEASE_S,
            keep_s=3600 * parts().settings.idempotency_hours,
        )
        if isinstance(claim, StoredResponse):
            return _replayed(claim)
        try:
            return view(Once(claim), *args, **kwargs)
        except BaseException:
            # Without the database the lease ends the claim.
            with suppress(StoreUnavailable):
                store.release(claim)
            raise

    return wrapped


def _key() -> str | None:
    """The key sent: a structured-field string, or the same without quotes."""
    raw = request.headers.get(HEADER)
    if raw is None:
        return None
    raw = raw.strip()
    quoted = _QUOTED.fullmatch(raw)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else raw if _BARE.fullmatch(raw) else ""
    if not 1 <= len(key) <= _LONGEST:
        raise BadRequest(
            f"Idempotency-Key must be 1 to {_LONGEST} visible ASCII characters, best a UUID in "
            "double quotes."
        )
    return key


def _fingerprint() -> str:
    """What makes two requests the same: method, path, condition and body, however it is spaced."""
    body = json.dumps(state().document, sort_keys=True, separators=(",", ":"))
    condition = request.headers.get("If-Match", "")
    parts_ = "\n".join((request.method, request.path, condition, body))
    return hashlib.sha256(parts_.encode("utf-8", "surrogatepass")).hexdigest()


def _replayed(stored: StoredResponse) -> Response:
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(stored.body, stored.status, headers, mimetype="application/json")
