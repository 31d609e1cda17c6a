"""Signatures of webhooks, as Standard Webhooks 1.0 has them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

SECRET_BYTES = 32
"""The specification asks for 24 to 64."""
_PREFIX = "whsec_"


def new_secret() -> bytes:
    """A random secret."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The text form that receivers are given."""
    return _PREFIX + base64.b64encode(secret).decode()


def signed_headers(
    message_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]
) -> Mapping[str, str]:
    """The headers that prove where a message is from; `timestamp` in seconds since 1970.

    One signature for each secret that is good now; a receiver is content with any of them.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    made = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made),
    }
