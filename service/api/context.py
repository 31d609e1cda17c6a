"""What a request finds around it: the parts of the application, and its own state."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, g

from service import sessions
from service.api.rubrics import RecentRubrics
from service.config import Settings
from service.content import Limits
from service.domain import ApiKey
from service.errors import Unauthenticated
from service.exchange import Quota
from service.sessions import Seat
from service.usecases import QuestionCache

if TYPE_CHECKING:
    from service.api.loading import LoadingGrader, Roll
    from service.api.metrics import Metrics
    from service.store import Store

EXTENSION = "pointmark"


@dataclass(kw_only=True)
class Parts:
    """What `create_app` put together."""

    settings: Settings
    store: Store
    grader: LoadingGrader
    metrics: Metrics
    limits: Limits
    cache: QuestionCache = field(default_factory=QuestionCache)
    rubrics: RecentRubrics = field(default_factory=RecentRubrics)
    roll: Roll | None = None
    """None: this process is the only one."""
    secret: bytes | None = None
    """For tokens of sessions; None until one is made or comes."""

    practice_secret: bytes | None = None
    """For cookies of the practice pages; None until somebody comes."""

    staff_secret: bytes | None = None
    """For cookies of staff; None until somebody comes."""

    def signing_secret(self) -> bytes:
        """The secret that tokens of sessions are signed with."""
        if self.secret is None:
            self.secret = sessions.signing_secret(self.store)
        return self.secret


@dataclass(kw_only=True)
class RequestState:
    """What is known about the request in work."""

    request_id: str
    trace_id: str | None
    begun: float = field(default_factory=perf_counter)
    caller: ApiKey | None = None
    """None until authenticated."""
    seat: Seat | None = None
    """The session whose token the request came with; None for API keys."""
    quota: Quota | None = None
    document: Any = None
    """The JSON that was sent; None without a body."""
    grading_ms: float | None = None
    """None where nothing was graded."""


def parts() -> Parts:
    """The parts of the application at work."""
    return cast(Parts, current_app.extensions[EXTENSION])


def state() -> RequestState:
    """The state of the request in work."""
    return cast(RequestState, g.pointmark)


def seat() -> Seat:
    """The session whose token the request came with."""
    found = state().seat
    if found is None:
        raise Unauthenticated("This call needs the token of a session.")
    return found


def caller() -> ApiKey:
    """Whose key the request came with."""
    key = state().caller
    if key is None:
        raise Unauthenticated("This call needs an API key.")
    return key
