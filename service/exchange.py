"""What use cases and the store hand each other besides the words of the domain.

A leaf of its own, because the use cases take a store as an argument and do not import it, and the
store does not import the use cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.domain import (
    Answer,
    Attempt,
    Feedback,
    FlagCode,
    Language,
    Session,
    Verdict,
    VersionStatus,
    WaitReason,
)
from service.errors import FieldFault


@dataclass(frozen=True, kw_only=True)
class QuestionFilter:
    """Which questions a listing shows; None asks for nothing."""

    topic: str | None = None
    difficulty: int | None = None
    tag: str | None = None
    language: Language | None = None
    """Only questions whose prompt exists in this language."""
    status: VersionStatus | None = None
    """Of the version shown; in listings for authors, where drafts are shown at all."""
    q: str | None = None
    """Text that the prompt contains, in any language, whatever the case of its letters."""


@dataclass(frozen=True, kw_only=True)
class AttemptFilter:
    """Which attempts a listing shows; None asks for nothing."""

    question: str | None = None
    """Id or slug."""
    candidate: str | None = None
    """The platform's own id."""
    since: datetime | None = None
    """Made at this time or later."""
    until: datetime | None = None
    """Made before this time."""


class QueueState(StrEnum):
    """Where an attempt in the review queue stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    """A reviewer holds it and the lease has not run out."""
    DONE = "done"


class QueueOrder(StrEnum):
    """What comes first."""

    OLDEST = "oldest"
    MOST_UNCERTAIN = "most_uncertain"


@dataclass(frozen=True, kw_only=True)
class QueueFilter:
    """Which attempts of the review queue; None asks for nothing."""

    state: QueueState = QueueState.WAITING
    question: str | None = None
    """Id or slug."""
    reason: WaitReason | None = None
    flag: FlagCode | None = None
    language: Language | None = None


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Questions chosen by chance: the same seed and the same bank give the same ones."""

    filters: QuestionFilter
    count: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """What a platform asks for when it makes a session."""

    candidate: str
    questions: tuple[str, ...] | Draw
    """Ids or slugs in order, or a draw."""
    language: Language | None
    time_limit: timedelta | None
    extra_time: timedelta
    opens_at: datetime | None
    """None: at once."""
    closes_at: datetime | None
    """None: a week after it opens."""
    attempts_allowed: int
    feedback: Feedback
    metadata: Mapping[str, Any]


class JobKind(StrEnum):
    """What workers do; the value is the task's name in the queue."""

    GRADE_BATCH = "batch.grade"
    REGRADE = "question.regrade"
    RETAIN = "candidates.retain"
    DELIVER_WEBHOOK = "webhook.deliver"


class JobQueue(StrEnum):
    """Where jobs wait; what waits in one does not hold up the others."""

    GRADING = "grading"
    CHORES = "chores"
    WEBHOOKS = "webhooks"


class WorkStatus(StrEnum):
    """Where a piece of background work stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """Given up, for a reason that has nothing to do with what was sent."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class BatchItem:
    """An answer to be graded as part of a batch."""

    question: str
    """Id or slug."""
    candidate: str
    answer: Answer
    metadata: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ItemError:
    """Why an item of a batch became no attempt."""

    code: str
    detail: str
    faults: tuple[FieldFault, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ItemResult:
    """What became of one item of a batch: an attempt or an error; neither: it waits."""

    position: int
    """From 0, in the order in which they were sent."""
    attempt: Attempt | None = None
    error: ItemError | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Answers that came together and are graded in the background."""

    batch_id: str
    status: WorkStatus
    total: int
    done: int
    """Attempts made."""
    failed: int
    """Items that ended with an error."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    failure: str | None
    """Why it was given up; None unless `failed`."""
    key_id: str | None
    """The API key that its attempts come through."""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.ended_at is not None


class EventKind(StrEnum):
    """What webhooks tell of."""

    ATTEMPT_GRADED = "attempt.graded"
    ATTEMPT_REVIEWED = "attempt.reviewed"
    SESSION_STARTED = "session.started"
    SESSION_FINISHED = "session.finished"
    SESSION_EXPIRED = "session.expired"
    BATCH_FINISHED = "batch.finished"
    REGRADE_FINISHED = "regrade.finished"
    PING = "ping"
    """Sent when asked for, whatever an endpoint's filter says."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened."""

    kind: EventKind
    data: Mapping[str, Any]
    """JSON; see `service.events`."""


@dataclass(frozen=True, kw_only=True)
class EndpointPlan:
    """What an admin says of an endpoint."""

    url: str
    description: str
    events: tuple[EventKind, ...] | None
    """None: all there are, later ones too."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where webhooks are sent, without its secret."""

    endpoint_id: str
    """``hook_…``"""
    url: str
    description: str
    events: tuple[EventKind, ...] | None
    created_at: datetime
    previous_until: datetime | None
    """Until when messages are signed with the secret before, too; None: with one only."""
    failing_since: datetime | None
    """The first failure since something was delivered; None: the last try went well."""
    disabled_at: datetime | None
    """None: it gets messages."""
    disabled_why: str | None
    """None unless disabled."""


class DeliveryState(StrEnum):
    """Where a message to an endpoint stands."""

    PENDING = "pending"
    """To be sent, or sent again."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up; it can be replayed."""


@dataclass(frozen=True, kw_only=True)
class DeliveryTry:
    """One try to deliver a message."""

    number: int
    """From 1."""
    at: datetime
    status: int | None
    """Of the response; None: there was none."""
    ms: int
    """How long it took."""
    error: str | None
    """Why it counts as failed; None: it does not."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message to an endpoint, and what became of it."""

    delivery_id: str
    """``msg_…``, the `webhook-id` of every try."""
    endpoint_id: str
    event: EventKind
    body: str
    """What is sent, to the byte."""
    state: DeliveryState
    created_at: datetime
    next_at: datetime | None
    """When it is tried next; None unless pending."""
    delivered_at: datetime | None
    tries: tuple[DeliveryTry, ...]
    """Oldest first."""


@dataclass(frozen=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries a listing shows; None asks for nothing."""

    state: DeliveryState | None = None
    event: EventKind | None = None


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What a worker needs for a try."""

    delivery_id: str
    endpoint_id: str
    url: str
    body: bytes
    secrets: tuple[bytes, ...]
    """The newest first."""
    failures: int
    """Tries that failed since it was made, or replayed."""
    failing_since: datetime | None
    """As of the endpoint."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an endpoint answered."""

    status: int | None = None
    """None: nothing."""
    retry_after: str | None = None
    """The header, as it came."""
    error: str | None = None
    """Why there is no status."""
    ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What follows from a try."""

    state: DeliveryState
    error: str | None = None
    """None: delivered."""
    next_at: datetime | None = None
    """None unless it is tried again."""
    disable: str | None = None
    """Why the endpoint gets nothing more; None: it stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Regrade:
    """Marking the answers to a question again: a dry run, and then perhaps for good."""

    regrade_id: str
    question_id: str
    question_slug: str
    question_version: int
    """Number of the version that answers are marked by."""
    version_id: str
    pass_mark: float | None
    commit: bool
    """False: a dry run. True: the grades are kept, after a dry run."""
    status: WorkStatus
    progress: Mapping[str, Any]
    """What was found so far, see `service.regrading.Movements.data`, and how far it came."""
    grader: str | None
    """What the dry run marked with; None until it began."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    failure: str | None
    """Why it was given up; None unless `failed`."""

    @property
    def over(self) -> bool:
        """Whether nothing more happens unless somebody asks for it."""
        return self.ended_at is not None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a reviewer says of an answer."""

    reviewer: str
    verdicts: Mapping[str, Verdict]
    """By key of the point; points left out keep the credit that the grader gave."""
    score: float | None
    """0 to 100. None: what the verdicts make."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class MarkedPair:
    """What grader and reviewer said of one attempt, for their agreement."""

    attempt_id: str
    question_id: str
    question_slug: str
    graded: float
    """Score of the grade that stood."""
    reviewed: float
    verdicts: tuple[tuple[str, Verdict, Verdict], ...]
    """Key, grader's and reviewer's verdict of each point that the reviewer judged."""


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """The receipt of an erasure: what is left is a number without a name."""

    candidate_id: str
    """``cand_…``, of the tombstone; the audit log names it."""
    erased_at: datetime
    attempts: int


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who did what to what."""

    number: int
    """Grows from entry to entry."""
    at: datetime
    key_id: str | None
    """The API key that acted; None: the command line or a worker."""
    action: str
    """Such as ``question.publish``."""
    subject: str
    """The id of what was acted on; never a candidate's own."""
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries of the audit log; None asks for nothing."""

    action: str | None = None
    subject: str | None = None
    key: str | None = None
    since: datetime | None = None
    """At this time or later."""
    until: datetime | None = None
    """Before this time."""


@dataclass(frozen=True, kw_only=True)
class CandidateRecord:
    """Everything that is held on a candidate."""

    candidate: str
    created_at: datetime
    attempts: tuple[Attempt, ...]
    """Oldest first."""
    sessions: tuple[Session, ...]
    """Oldest first."""


@dataclass(frozen=True, kw_only=True)
class PointStatistics:
    """How candidates did on one point, by the grader."""

    key: str
    credit: float
    """Mean, 0 to 1: the point's facility."""
    verdicts: Mapping[Verdict, int]
    discrimination: float | None
    """Correlation of the point's credit with what the other points earned; None where one of the
    two is always the same."""
    reviews: int
    """Last reviews that judged the point."""
    overruled: int
    """Those of them with another verdict than the grader's."""


@dataclass(frozen=True, kw_only=True)
class QuestionStatistics:
    """How candidates did on one version of a question."""

    attempts: int
    candidates: int
    mean: float | None
    """Of the scores that count, 0 to 100; None without attempts. A hundredth is the facility."""
    deviation: float | None
    """Standard deviation of the same; None for fewer than two attempts."""
    discrimination: float | None
    """Correlation of the score with the candidate's mean score on other questions; None where
    too few answered others."""
    needs_review: int
    """Attempts whose last grade asked for a review."""
    reviewed: int
    flags: Mapping[str, int]
    misconceptions: Mapping[str, int]
    median_seconds: float | None
    """From a session's start, or the answer before in it, to the answer; None without sessions."""
    points: tuple[PointStatistics, ...]
    computed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What waits to be done, for those who watch the service."""

    jobs: Mapping[tuple[str, str], int]
    """By queue and status: ``todo``, ``doing`` or ``failed``."""
    oldest_s: Mapping[str, float]
    """By queue: for how long its first job could have been done, in seconds; 0: none is late."""
    workers: int
    """Heard of within half a minute."""
    reviews: int
    """Attempts that wait for a person."""
    deliveries: Mapping[str, int]
    """Webhook messages of the log by state: ``pending``, ``delivered`` or ``failed``."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """Where an API key stands in its rate-limit window, this request counted."""

    limit: int
    """0: no limit; the other fields then mean nothing."""
    remaining: int
    reset_s: int
    """Whole seconds until the window ends, at least 1."""
    exceeded: bool
    """True: this request is over the limit and must be refused."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to do the work of one idempotency key, until somebody takes it over."""

    key_id: UUID
    """The API key that sent the request."""
    route: str
    key: str
    token: UUID
    """Names this claim among all that ever held the key: a process that lost its lease finds
    another token in the row, and its response and its work are refused together."""


@dataclass(frozen=True, kw_only=True)
class StoredResponse:
    """A finished response, kept to be sent again byte for byte."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Only the headers that belong to the result, such as Location and ETag."""


@dataclass(frozen=True, kw_only=True)
class QuestionHead:
    """A question locked for writing."""

    question_id: UUID
    slug: str
    etag: str
    draft: int | None
    """Number of the draft; None: there is none."""
    published: int | None
    """Highest published number; None: never published."""
    seed_digest: str | None
    """Digest of the seed file last loaded into it; None: it did not come from a file."""
    archived: bool

    @property
    def next_number(self) -> int:
        """The number that a draft made now would get."""
        return max(self.draft or 0, self.published or 0) + 1
