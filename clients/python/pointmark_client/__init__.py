"""Client of Pointmark, which marks free-text answers point by point.

    with Client("http://127.0.0.1:8000", "pm_…") as pointmark:
        made = pointmark.submit_attempt("why-nonlinear", candidate="cand-4711", answer="…")
        print(made["grade"]["score"])

`types` has the shapes of all that goes in and out: plain JSON data, typed.
"""

from __future__ import annotations

from pointmark_client import types, webhooks
from pointmark_client._core import Retry, Tagged
from pointmark_client._methods import (
    AsyncCandidateMethods,
    AsyncPlatformMethods,
    CandidateMethods,
    PlatformMethods,
)
from pointmark_client._transport import VERSION as __version__
from pointmark_client.errors import (
    BadRequest,
    Conflict,
    Fault,
    Forbidden,
    InvalidInput,
    NoAnswer,
    NotFound,
    NotModified,
    PointmarkError,
    PreconditionRequired,
    Problem,
    RateLimited,
    StaleVersion,
    Unauthenticated,
    Unavailable,
    UnexpectedResponse,
)


class Client(PlatformMethods):
    """What a platform can call, with an API key. Threads may share one."""


class SessionClient(CandidateMethods):
    """What a candidate can call, with the token of a session."""


class AsyncClient(AsyncPlatformMethods):
    """`Client` for asyncio."""


class AsyncSessionClient(AsyncCandidateMethods):
    """`SessionClient` for asyncio."""


__all__ = [
    "AsyncClient",
    "AsyncSessionClient",
    "BadRequest",
    "Client",
    "Conflict",
    "Fault",
    "Forbidden",
    "InvalidInput",
    "NoAnswer",
    "NotFound",
    "NotModified",
    "PointmarkError",
    "PreconditionRequired",
    "Problem",
    "RateLimited",
    "Retry",
    "SessionClient",
    "StaleVersion",
    "Tagged",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedResponse",
    "__version__",
    "types",
    "webhooks",
]
