"""Receiving webhooks: whether a request comes from the service, and what it says.

As in the Standard Webhooks specification 1.0, symmetric signatures:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pointmark_client.errors import PointmarkError

TOLERANCE_S = 300
"""How far the clocks may be apart; older requests could be replays."""
_PREFIX = "whsec_"
_VERSION = "v1"


class InvalidWebhook(PointmarkError):
    """The request is not to be believed; answer it with 400."""


@dataclass(frozen=True)
class Delivery:
    """A webhook that comes from the service."""

    id: str
    """The same when a delivery is repeated: whoever saw it before drops it."""
    sent_at: datetime
    payload: Any
    """What it says."""


def verify(
    headers: Mapping[str, str],
    body: bytes | str,
    secret: str,
    *,
    tolerance_s: float = TOLERANCE_S,
    now: float | None = None,
) -> Delivery:
    """Check a request to a webhook's address, and read it.

    `body` is the body exactly as it came: JSON that was read and written again has other bytes.
    `secret` begins with `whsec_`; `now` is a Unix time, the clock's unless given.

    Raises:
        InvalidWebhook: it is not signed with this secret, or not at this time.
        ValueError: the secret is none.
    """
    key = _key(secret)
    raw = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    message, stamp, signatures = (
        _header(given, f"webhook-{name}") for name in ("id", "timestamp", "signature")
    )
    sent = _time(stamp)
    apart = (time.time() if now is None else now) - sent
    if not _is_signed(key, message, stamp, raw, signatures):
        raise InvalidWebhook("none of its signatures is made with this secret")
    if abs(apart) > tolerance_s:
        when = "ago" if apart > 0 else "from now"
        raise InvalidWebhook(f"it was sent {abs(apart):.0f} s {when}; are the clocks right?")
    try:
        return Delivery(message, datetime.fromtimestamp(sent, UTC), json.loads(raw))
    except ValueError as fault:
        raise InvalidWebhook("its body is not JSON") from fault


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the secret of a webhook is whsec_ and base64")
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    if not headers.get(name):
        raise InvalidWebhook(f"it has no header {name}")
    return headers[name]


def _time(stamp: str) -> int:
    """Unix seconds."""
    # Eleven digits last until the year 5138, and are no burden to read.
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 11):
        raise InvalidWebhook("its webhook-timestamp is not in seconds")
    return int(stamp)


def _is_signed(key: bytes, message: str, stamp: str, body: bytes, signatures: str) -> bool:
    """Whether one of the signatures is right; there are several while a secret is replaced."""
    signed = f"{message}.{stamp}.".encode() + body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    versions = [each.partition(",") for each in signatures.split(" ")]
    # All are compared, so that the time it takes says nothing.
    found = [
        hmac.compare_digest(right, value.encode())
        for version, _, value in versions
        if version == _VERSION
    ]
    return any(found)
