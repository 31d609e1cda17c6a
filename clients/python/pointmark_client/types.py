"""Made from the OpenAPI document by tools/generate_client.py: edit that, not this."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict


class AgreementOut(TypedDict):
    """Agreement by question, the worst first, on one page."""

    data: list[QuestionAgreementOut]
    has_more: bool
    next_cursor: str | None


class AnswerGroupOut(TypedDict):
    """Similar answers with the same verdicts; the first is the one all others are like."""

    members: list[GroupMember]


class AnswerGroups(TypedDict):
    """Every group, largest first, on one page."""

    data: list[AnswerGroupOut]
    has_more: bool
    next_cursor: str | None


class AnyOf(TypedDict):
    """Any n of the points make full marks."""

    any_of: int


class AppealIn(TypedDict):
    """What a candidate says against the mark."""

    message: str


class AppealOut(TypedDict):
    """What the candidate said against the mark."""

    created_at: str
    message: str


class AskedQuestion(TypedDict):
    """A question as its candidate sees it, with the answers given so far, oldest first."""

    answers: list[GivenAnswer]
    id: str
    number: int
    prompt: ByLanguage | None


class AttemptIn(TypedDict):
    """An answer to a question."""

    answer: str
    candidate: str
    language: NotRequired[Literal["en", "zh"] | None]
    metadata: NotRequired[dict[str, Any] | None]


class AttemptOut(TypedDict):
    """One candidate's answer with all its grades, oldest first; `grade` is the last of them."""

    answer: str
    appeal: AppealOut | None
    candidate: str
    created_at: str
    erased: bool
    grade: StoredGradeOut
    grades: list[StoredGradeOut]
    id: str
    language: Literal["en", "zh"]
    metadata: dict[str, Any]
    question: AttemptQuestion
    result: ResultOut
    reviews: list[ReviewOut]
    session: str | None


class AttemptPage(TypedDict):
    """A page of attempts, newest first."""

    data: list[AttemptOut]
    has_more: bool
    next_cursor: str | None


class AttemptQuestion(TypedDict):
    """The question that was answered."""

    id: str
    slug: str
    version: int


class AuditEntryOut(TypedDict):
    """Who did what to what. `key` is null for the command line and for workers."""

    action: str
    at: str
    details: dict[str, Any]
    key: str | None
    number: int
    subject: str


class AuditPage(TypedDict):
    """A page of the audit log, newest first."""

    data: list[AuditEntryOut]
    has_more: bool
    next_cursor: str | None


class AuthorQuestion(TypedDict):
    """A version of a question with its rubric. `content` can be changed and sent back."""

    content: QuestionIn
    created_at: str
    id: str
    published_at: str | None
    slug: str
    status: Literal["draft", "published"]
    version: int
    version_id: str


class BarOut(TypedDict):
    """A bar of the histogram, ten score points wide."""

    attempts: int
    lower: int


class BatchIn(TypedDict):
    """Answers to be graded in the background."""

    items: list[BatchItemIn]


class BatchItemIn(TypedDict):
    """An answer of a batch."""

    answer: str
    candidate: str
    language: NotRequired[Literal["en", "zh"] | None]
    metadata: NotRequired[dict[str, Any] | None]
    question: str


class BatchOut(TypedDict):
    """A batch: `done` attempts are made, `failed` items ended with an error, the rest waits."""

    created_at: str
    done: int
    ended_at: str | None
    failed: int
    failure: str | None
    id: str
    started_at: str | None
    status: Literal["queued", "running", "finished", "failed", "cancelled"]
    total: int


class BatchPage(TypedDict):
    """A page of batches, newest first."""

    data: list[BatchOut]
    has_more: bool
    next_cursor: str | None


class BatchResult(TypedDict):
    """What became of an item: an attempt, or an error."""

    attempt: AttemptOut | None
    error: ItemErrorOut | None
    index: int


class ByLanguage(TypedDict):
    """A text by language; at least one."""

    en: NotRequired[str]
    zh: NotRequired[str]


class CandidateOut(TypedDict):
    """Everything that is held on a candidate."""

    attempts: list[AttemptOut]
    candidate: str
    created_at: str
    sessions: list[SessionOut]


class CandidateQuestion(TypedDict):
    """A question as candidates may see it: nothing of its points."""

    difficulty: int
    id: str
    prompt: ByLanguage
    published_at: str
    slug: str
    tags: list[str]
    topic: str
    version: int


class ChangedEndpointIn(TypedDict):
    """An endpoint as it shall be: what is left out is as in a new one."""

    description: NotRequired[str]
    enabled: NotRequired[bool]
    events: NotRequired[
        list[
            Literal[
                "attempt.graded",
                "attempt.reviewed",
                "session.started",
                "session.finished",
                "session.expired",
                "batch.finished",
                "regrade.finished",
            ]
        ]
        | None
    ]
    url: str


class ClaimIn(TypedDict):
    """Who takes an attempt to judge it. `blind`: without the grader's opinion."""

    blind: NotRequired[bool]
    lease_minutes: NotRequired[int]
    reviewer: str


class ClaimNextIn(TypedDict):
    """Who takes the next attempt, and what it should be."""

    blind: NotRequired[bool]
    flag: NotRequired[
        Literal[
            "blank",
            "too_short",
            "off_topic",
            "copied_prompt",
            "keyword_list",
            "repeated_text",
            "contradiction",
            "low_confidence",
            "unreadable_text",
        ]
        | None
    ]
    language: NotRequired[Literal["en", "zh"] | None]
    lease_minutes: NotRequired[int]
    order: NotRequired[Literal["oldest", "most_uncertain"]]
    question: NotRequired[str | None]
    reason: NotRequired[Literal["doubt", "appeal", "sample"] | None]
    reviewer: str


class ClaimOut(TypedDict):
    """Who holds an attempt, and until when."""

    reviewer: str
    until: str


class DeliveryOut(TypedDict):
    """A message to an endpoint; its id is the `webhook-id`. `next_at` is null unless pending."""

    created_at: str
    delivered_at: str | None
    event: Literal[
        "attempt.graded",
        "attempt.reviewed",
        "session.started",
        "session.finished",
        "session.expired",
        "batch.finished",
        "regrade.finished",
        "ping",
    ]
    id: str
    next_at: str | None
    payload: Payload
    state: Literal["pending", "delivered", "failed"]
    tries: list[TryOut]
    webhook: str


class DeliveryPage(TypedDict):
    """A page of messages, newest first."""

    data: list[DeliveryOut]
    has_more: bool
    next_cursor: str | None


class Disagreement(TypedDict):
    """An attempt that grader and reviewer mark differently."""

    attempt: str
    graded: float
    reviewed: float


class DoubtOut(TypedDict):
    """The grader's doubt; a blind reviewer is not shown it."""

    expected_error: float
    flags: list[
        Literal[
            "blank",
            "too_short",
            "off_topic",
            "copied_prompt",
            "keyword_list",
            "repeated_text",
            "contradiction",
            "low_confidence",
            "unreadable_text",
        ]
    ]


class DrawIn(TypedDict):
    """Questions chosen by chance; the same seed and the same bank give the same ones."""

    count: int
    difficulty: NotRequired[int]
    seed: NotRequired[int]
    tag: NotRequired[str]
    topic: NotRequired[str]


class EndpointIn(TypedDict):
    """Where webhooks are sent. Without `events` it gets all there are, later ones too."""

    description: NotRequired[str]
    events: NotRequired[
        list[
            Literal[
                "attempt.graded",
                "attempt.reviewed",
                "session.started",
                "session.finished",
                "session.expired",
                "batch.finished",
                "regrade.finished",
            ]
        ]
        | None
    ]
    url: str


class EndpointOut(TypedDict):
    """Where webhooks are sent. `events` null: all of them."""

    created_at: str
    description: str
    disabled_at: str | None
    disabled_why: str | None
    enabled: bool
    events: (
        list[
            Literal[
                "attempt.graded",
                "attempt.reviewed",
                "session.started",
                "session.finished",
                "session.expired",
                "batch.finished",
                "regrade.finished",
            ]
        ]
        | None
    )
    failing_since: str | None
    id: str
    previous_secret_until: str | None
    url: str


class EndpointPage(TypedDict):
    """A page of endpoints, newest first."""

    data: list[EndpointOut]
    has_more: bool
    next_cursor: str | None


class Erasure(TypedDict):
    """What an erasure did."""

    candidate: str
    erased_at: str
    erased_attempts: int


class EvidenceOut(TypedDict):
    """A stretch of the answer, `[start, end)` in code points."""

    end: int
    start: int
    text: str


class FaultOut(TypedDict):
    """What keeps an item from being accepted; a JSON pointer into its content."""

    detail: str
    pointer: str


class FlagCount(TypedDict):
    """Attempts with a flag."""

    attempts: int
    code: Literal[
        "blank",
        "too_short",
        "off_topic",
        "copied_prompt",
        "keyword_list",
        "repeated_text",
        "contradiction",
        "low_confidence",
        "unreadable_text",
    ]


class FlagOut(TypedDict):
    """A reason to look at an answer again."""

    code: str
    message: str


class GivenAnswer(TypedDict):
    """An answer that was taken. `grade` is null where the rules show none, or not yet."""

    answer: str
    created_at: str
    grade: StoredGradeOut | None
    id: str
    result: ResultOut | None


class GradeIn(TypedDict):
    """An answer with what to grade it against: points, or model answers of which one suffices."""

    answer: str
    language: NotRequired[Literal["en", "zh"] | None]
    misconceptions: NotRequired[list[MisconceptionIn]]
    points: NotRequired[list[PointIn] | None]
    question: NotRequired[str | ByLanguage | None]
    references: NotRequired[list[str] | None]
    rule: NotRequired[Literal["weighted"] | AnyOf]


class GradeOut(TypedDict):
    """The whole result of marking one answer."""

    expected_error: float
    feedback: str
    flags: list[FlagOut]
    misconceptions: list[MisconceptionGradeOut]
    needs_review: bool
    points: list[PointGradeOut]
    provenance: ProvenanceOut
    score: float


class Graded(TypedDict):
    """A grade of which nothing was stored."""

    grade: GradeOut
    language: Literal["en", "zh"]
    points: list[GradedPoint]


class GradedPoint(TypedDict):
    """A point that was graded against, with the key it goes by in the grade."""

    key: str
    kind: Literal["required", "optional"]
    statement: ByLanguage
    weight: float


class GroupMember(TypedDict):
    """An answer, and its cosine to the first one of the group."""

    answer: str
    attempt: str
    similarity: float


class GroupReview(TypedDict):
    """The reviews that one judgement made, in the order in which the attempts were named."""

    reviews: list[GroupedReview]


class GroupReviewIn(TypedDict):
    """One mark for several similar answers."""

    attempts: list[str]
    reason: str
    reviewer: str
    score: NotRequired[float | None]
    verdicts: NotRequired[dict[str, Any]]


class GroupedReview(TypedDict):
    """What one attempt got."""

    attempt: str
    review: str
    score: float


class Health(TypedDict):
    """The state of the service."""

    status: Literal["alive", "ready"]


class ImportIn(TypedDict):
    """A file of questions to be stored as drafts."""

    content: str
    format: Literal["yaml", "csv", "moodle-xml", "gift", "qti"]
    skip_invalid: NotRequired[bool]


class ImportOut(TypedDict):
    """What was done with each item of a file, in its order."""

    items: list[ImportedOut]


class ImportedOut(TypedDict):
    """An item of a file and what becomes of it."""

    action: Literal["create", "update", "unchanged", "skip", "refuse"]
    faults: list[FaultOut]
    id: str | None
    item: int
    notes: list[str]
    reason: str | None
    slug: str | None
    title: str
    version: int | None


class ItemErrorOut(TypedDict):
    """Why an item became no attempt."""

    code: str
    detail: str
    errors: list[ItemFault]


class ItemFault(TypedDict):
    """A fault in a field of an item, with a JSON pointer to it."""

    detail: str
    pointer: str


class KeyIn(TypedDict):
    """A new API key."""

    name: str
    scopes: list[
        Literal[
            "questions:read",
            "questions:write",
            "attempts:write",
            "attempts:read",
            "review",
            "admin",
        ]
    ]


class KeyList(TypedDict):
    """Every API key, revoked ones too, oldest first."""

    data: list[KeyOut]
    has_more: bool
    next_cursor: str | None


class KeyOut(TypedDict):
    """An API key as listed: never its secret."""

    created_at: str
    id: str
    last_used_at: str | None
    name: str
    prefix: str
    revoked_at: str | None
    scopes: list[
        Literal[
            "questions:read",
            "questions:write",
            "attempts:write",
            "attempts:read",
            "review",
            "admin",
        ]
    ]


class ListsByLanguage(TypedDict):
    """Texts by language."""

    en: NotRequired[list[str]]
    zh: NotRequired[list[str]]


class MadeAppeal(TypedDict):
    """An appeal that a person will look at."""

    created_at: str
    message: str


class MadeAttempt(TypedDict):
    """One candidate's answer with its grade."""

    answer: str
    candidate: str
    created_at: str
    erased: bool
    grade: StoredGradeOut
    id: str
    language: Literal["en", "zh"]
    metadata: dict[str, Any]
    question: AttemptQuestion
    result: ResultOut
    session: str | None


class MadeEndpoint(TypedDict):
    """An endpoint with a new `secret`, shown this once; a replayed response has null there."""

    created_at: str
    description: str
    disabled_at: str | None
    disabled_why: str | None
    enabled: bool
    events: (
        list[
            Literal[
                "attempt.graded",
                "attempt.reviewed",
                "session.started",
                "session.finished",
                "session.expired",
                "batch.finished",
                "regrade.finished",
            ]
        ]
        | None
    )
    failing_since: str | None
    id: str
    previous_secret_until: str | None
    secret: str | None
    url: str


class MadeKey(TypedDict):
    """A new API key. `token` is shown this once; a replayed response has null there."""

    created_at: str
    id: str
    last_used_at: str | None
    name: str
    prefix: str
    revoked_at: str | None
    scopes: list[
        Literal[
            "questions:read",
            "questions:write",
            "attempts:write",
            "attempts:read",
            "review",
            "admin",
        ]
    ]
    token: str | None


class MadeReview(TypedDict):
    """A review as kept."""

    blind: bool
    created_at: str
    grade: str
    grouped: bool
    id: str
    reason: str
    reviewer: str
    score: float
    verdicts: dict[str, Literal["covered", "partial", "missing", "contradicted"]]


class MadeSession(TypedDict):
    """A new session. `access` is shown this once; a replayed response has null there."""

    access: TokenOut | None
    attempts_allowed: int
    cancelled_at: str | None
    candidate: str
    closes_at: str
    created_at: str
    ends_at: str
    extra_time_s: int
    feedback: Literal["never", "after_answer", "after_finish"]
    finished_at: str | None
    id: str
    language: Literal["en", "zh"] | None
    metadata: dict[str, Any]
    opens_at: str
    questions: list[SessionQuestionOut]
    started_at: str | None
    state: Literal["created", "started", "finished", "expired", "cancelled"]
    time_limit_s: int | None


class MadeToken(TypedDict):
    """A new token for the candidate of a session."""

    expires_at: str
    token: str


class MisconceptionCount(TypedDict):
    """Attempts that show a misconception."""

    attempts: int
    key: str


class MisconceptionGradeOut(TypedDict):
    """A misconception that the answer shows."""

    evidence: list[EvidenceOut]
    key: str
    probability: float


class MisconceptionIn(TypedDict):
    """A wrong statement that people make. Without a key it is called misconception-<number>."""

    contradicts: NotRequired[str | None]
    feedback: NotRequired[SomeByLanguage]
    key: NotRequired[str]
    phrasings: NotRequired[list[str] | ListsByLanguage]
    statement: str | ByLanguage


class MovementsOut(TypedDict):
    """What marking again changes, added up so far. Scores are on a scale from 0 to 100."""

    attempts: int
    changed: int
    fallen_below: int
    histogram: list[BarOut]
    mean_change: float
    movers: list[MoverOut]
    reviewed: int
    risen_above: int
    up_to_date: int
    written: int


class MoverOut(TypedDict):
    """An attempt whose score changes much."""

    after: float
    attempt: str
    before: float


class NearestPointOut(TypedDict):
    """The point of the rubric that comes nearest, and its cosine to the sentence."""

    key: str
    similarity: float


class Payload(TypedDict):
    """The body that is sent; what `data` holds depends on the type."""

    data: dict[str, Any]
    timestamp: str
    type: Literal[
        "attempt.graded",
        "attempt.reviewed",
        "session.started",
        "session.finished",
        "session.expired",
        "batch.finished",
        "regrade.finished",
        "ping",
    ]


class PointAgreementOut(TypedDict):
    """How far grader and reviewers agree on a point."""

    kappa: float | None
    key: str
    reviews: int
    same: float


class PointGradeOut(TypedDict):
    """What the grader says of one point."""

    credit: float
    evidence: list[EvidenceOut]
    key: str
    probability: float
    signals: NotRequired[list[SignalOut]]
    similarity: float
    verdict: Literal["covered", "partial", "missing", "contradicted"]


class PointIn(TypedDict):
    """One idea that a good answer contains. Without a key it is called point-<number>."""

    hint: NotRequired[SomeByLanguage]
    key: NotRequired[str]
    kind: NotRequired[Literal["required", "optional"]]
    phrasings: NotRequired[list[str] | ListsByLanguage]
    statement: str | ByLanguage
    terms: NotRequired[list[str]]
    weight: NotRequired[float]


class PointStatisticsOut(TypedDict):
    """How candidates did on a point.

    `credit` is its facility, `discrimination` the correlation with what the other points earned.
    """

    credit: float
    discrimination: float | None
    key: str
    overruled: int
    reviews: int
    verdicts: VerdictCounts


class PreviewIn(TypedDict):
    """A file of questions, as text. Of QTI one item; packages are for the command line."""

    content: str
    format: Literal["yaml", "csv", "moodle-xml", "gift", "qti"]


class PreviewOut(TypedDict):
    """What would be done with each item of a file, in its order."""

    items: list[PreviewedOut]


class PreviewedOut(TypedDict):
    """As `ImportedOut`, with the question that it would become."""

    action: Literal["create", "update", "unchanged", "skip", "refuse"]
    content: QuestionIn | None
    faults: list[FaultOut]
    id: str | None
    item: int
    notes: list[str]
    reason: str | None
    slug: str | None
    title: str
    version: int | None


class ProvenanceOut(TypedDict):
    """What made the grade. Equal provenance and answer give an equal grade."""

    calibration: str
    elapsed_ms: float
    encoder: str
    encoder_revision: str
    grader: str
    question_version: str | None
    thresholds: dict[str, float]
    verifier: str | None
    verifier_revision: str | None


class QuestionAgreementOut(TypedDict):
    """How far grader and reviewers agree on a question."""

    bias: float
    disagreements: list[Disagreement]
    mean_error: float
    points: list[PointAgreementOut]
    question: str
    reviews: int
    slug: str


class QuestionIn(TypedDict):
    """Everything an author writes; the same shape as the files in seed/."""

    difficulty: int
    misconceptions: NotRequired[list[MisconceptionIn]]
    points: list[PointIn]
    prompt: str | ByLanguage
    reveal_points: NotRequired[Literal["never", "after_attempt"]]
    rule: NotRequired[Literal["weighted"] | AnyOf]
    samples: NotRequired[list[SampleIn]]
    slug: str
    sources: NotRequired[list[SourceIn]]
    tags: NotRequired[list[str]]
    topic: str


class QuestionPage(TypedDict):
    """A page of questions, oldest first."""

    data: list[CandidateQuestion] | list[AuthorQuestion]
    has_more: bool
    next_cursor: str | None


class QueuePage(TypedDict):
    """A page of the review queue."""

    data: list[WaitingOut]
    has_more: bool
    next_cursor: str | None


class RegradeIn(TypedDict):
    """What to find out beside the changes themselves."""

    pass_mark: NotRequired[float | None]


class RegradeOut(TypedDict):
    """A regrade: `total` answers are looked at, null until it begins; `commit` tells whether the
    grades are kept or only told of.
    """

    commit: bool
    created_at: str
    ended_at: str | None
    failure: str | None
    found: MovementsOut
    id: str
    pass_mark: float | None
    question: RegradedQuestion
    started_at: str | None
    status: Literal["queued", "running", "finished", "failed", "cancelled"]
    total: int | None


class RegradePage(TypedDict):
    """A page of regrades, newest first."""

    data: list[RegradeOut]
    has_more: bool
    next_cursor: str | None


class RegradedQuestion(TypedDict):
    """The question, and the version that answers are marked by."""

    id: str
    slug: str
    version: int


class ReportOut(TypedDict):
    """What came of a session. Questions without an answer count 0."""

    needs_review: int
    questions: list[ReportedQuestion]
    score: float
    session: SessionOut
    topics: list[TopicScore]


class ReportedQuestion(TypedDict):
    """What came of a question: its last answer counts."""

    attempts: list[str]
    flags: list[FlagOut]
    needs_review: bool
    question: SessionQuestionOut
    result: ResultOut | None
    score: float


class ResultOut(TypedDict):
    """The mark that counts: the last review if there is one, else the last grade."""

    by: Literal["grader", "person"]
    id: str
    score: float


class ReviewIn(TypedDict):
    """A person's mark: verdicts on points, or a score, or both, and why."""

    reason: str
    reviewer: str
    score: NotRequired[float | None]
    verdicts: NotRequired[dict[str, Any]]


class ReviewOut(TypedDict):
    """A person's mark. Candidates are not told who gave it."""

    blind: bool
    created_at: str
    grade: str
    grouped: bool
    id: str
    reason: str | None
    reviewer: str | None
    score: float
    verdicts: dict[str, Literal["covered", "partial", "missing", "contradicted"]]


class SampleIn(TypedDict):
    """An answer with the mark a fair teacher would give; never graded on."""

    answer: str
    language: Literal["en", "zh"]
    level: Literal["excellent", "good", "weak", "wrong"]
    score: float


class SentenceExample(TypedDict):
    """A sentence as a candidate wrote it, and in which attempt."""

    attempt: str
    text: str


class SessionAnswerIn(TypedDict):
    """A candidate's answer to a question of the session."""

    answer: str
    language: NotRequired[Literal["en", "zh"] | None]


class SessionIn(TypedDict):
    """What one candidate is to answer, and the rules: `questions` in order, or a `draw`."""

    attempts_allowed: NotRequired[int]
    candidate: str
    closes_at: NotRequired[str | datetime | None]
    draw: NotRequired[DrawIn | None]
    extra_time_s: NotRequired[int]
    feedback: NotRequired[Literal["never", "after_answer", "after_finish"]]
    language: NotRequired[Literal["en", "zh"] | None]
    metadata: NotRequired[dict[str, Any] | None]
    opens_at: NotRequired[str | datetime | None]
    questions: NotRequired[list[str] | None]
    time_limit_s: NotRequired[int | None]


class SessionOut(TypedDict):
    """A session, as the platform sees it."""

    attempts_allowed: int
    cancelled_at: str | None
    candidate: str
    closes_at: str
    created_at: str
    ends_at: str
    extra_time_s: int
    feedback: Literal["never", "after_answer", "after_finish"]
    finished_at: str | None
    id: str
    language: Literal["en", "zh"] | None
    metadata: dict[str, Any]
    opens_at: str
    questions: list[SessionQuestionOut]
    started_at: str | None
    state: Literal["created", "started", "finished", "expired", "cancelled"]
    time_limit_s: int | None


class SessionPage(TypedDict):
    """Sessions in the order of their last changes. `next_cursor` is never null: it asks for what
    changes later.
    """

    data: list[SessionOut]
    has_more: bool
    next_cursor: str | None


class SessionQuestionOut(TypedDict):
    """A question of a session, in the version that is asked."""

    id: str
    slug: str
    topic: str
    version: int


class Sheet(TypedDict):
    """All that a reviewer needs to judge an answer. `attempt` is null for a blind reviewer."""

    answer: str
    appeal: AppealOut | None
    attempt: AttemptOut | None
    item: WaitingOut
    question: QuestionIn


class SignalOut(TypedDict):
    """A number that moved a verdict, and what it added to the log-odds of credit."""

    effect: float
    name: str
    value: float


class Sitting(TypedDict):
    """A session, as its candidate sees it: no prompt before the start."""

    attempts_allowed: int
    ends_at: str
    feedback: Literal["never", "after_answer", "after_finish"]
    id: str
    language: Literal["en", "zh"] | None
    opens_at: str
    questions: list[AskedQuestion]
    seconds_left: int | None
    state: Literal["created", "started", "finished", "expired", "cancelled"]


class SomeByLanguage(TypedDict):
    """A text by language."""

    en: NotRequired[str]
    zh: NotRequired[str]


class SourceIn(TypedDict):
    """Where a fact can be checked."""

    title: str
    url: NotRequired[str | None]


class StatisticsOut(TypedDict):
    """How candidates did on a version of a question, as of `computed_at`."""

    attempts: int
    candidates: int
    computed_at: str
    deviation: float | None
    discrimination: float | None
    flags: list[FlagCount]
    mean: float | None
    median_seconds: float | None
    misconceptions: list[MisconceptionCount]
    needs_review: int
    points: list[PointStatisticsOut]
    question: AttemptQuestion
    reviewed: int


class StoredGradeOut(TypedDict):
    """A grade as kept: it never changes; a regrade makes another."""

    created_at: str
    expected_error: float
    feedback: str
    flags: list[FlagOut]
    id: str
    misconceptions: list[MisconceptionGradeOut]
    needs_review: bool
    points: list[PointGradeOut]
    provenance: ProvenanceOut
    score: float


class SuggestedPoint(TypedDict):
    """An idea of several good candidates: how many, their share of all good ones, and their mean
    score.
    """

    candidates: int
    examples: list[SentenceExample]
    mean: float
    nearest_point: NearestPointOut | None
    share: float
    text: str


class SuggestedPoints(TypedDict):
    """Ideas that no point covers, the most frequent first, as of `computed_at`.

    `language` is null where none was asked for and there are no attempts.
    """

    attempts: int
    computed_at: str
    good_candidates: int
    language: Literal["en", "zh"] | None
    question: AttemptQuestion
    suggestions: list[SuggestedPoint]


class TokenOut(TypedDict):
    """What the candidate is let in with."""

    expires_at: str
    token: str


class TopicScore(TypedDict):
    """Mean score of the questions of a topic."""

    score: float
    topic: str


class TryOut(TypedDict):
    """One try to deliver a message. `status` null: no response; `error` null: delivered."""

    at: str
    error: str | None
    ms: int
    number: int
    status: int | None


class VerdictCounts(TypedDict):
    """Attempts by verdict."""

    contradicted: int
    covered: int
    missing: int
    partial: int


class Versions(TypedDict):
    """Every version of a question, oldest first."""

    data: list[AuthorQuestion]
    has_more: bool
    next_cursor: str | None


class WaitingOut(TypedDict):
    """A place in the review queue."""

    attempt: str
    claim: ClaimOut | None
    doubt: DoubtOut | None
    language: Literal["en", "zh"]
    question: AttemptQuestion
    queued_at: str
    reasons: list[Literal["doubt", "appeal", "sample"]]
    reviewed_at: str | None


class ExportQuestionsQuery(TypedDict):
    """Query of `export_questions`."""

    topic: NotRequired[str]
    difficulty: NotRequired[int]
    tag: NotRequired[str]
    language: NotRequired[Literal["en", "zh"]]
    q: NotRequired[str]
    format: NotRequired[Literal["yaml", "csv", "moodle-xml", "qti"]]
    status: NotRequired[Literal["published"]]
    cursor: NotRequired[str]
    limit: NotRequired[int]


class GetAgreementQuery(TypedDict):
    """Query of `get_agreement`."""

    question: NotRequired[str]
    sampled: NotRequired[bool]
    blind: NotRequired[bool]


class GetBatchResultsQuery(TypedDict):
    """Query of `get_batch_results`."""

    after: NotRequired[int]


class GetQuestionQuery(TypedDict):
    """Query of `get_question`."""

    status: NotRequired[Literal["draft", "published"]]


class GetQuestionStatisticsQuery(TypedDict):
    """Query of `get_question_statistics`."""

    version: NotRequired[int]


class GetSuggestedPointsQuery(TypedDict):
    """Query of `get_suggested_points`."""

    version: NotRequired[int]
    language: NotRequired[Literal["en", "zh"]]
    similarity: NotRequired[float]


class ListAnswerGroupsQuery(TypedDict):
    """Query of `list_answer_groups`."""

    similarity: NotRequired[float]


class ListAttemptsQuery(TypedDict):
    """Query of `list_attempts`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]
    question: NotRequired[str]
    candidate: NotRequired[str]
    since: NotRequired[str | datetime]
    until: NotRequired[str | datetime]


class ListAuditLogQuery(TypedDict):
    """Query of `list_audit_log`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]
    action: NotRequired[str]
    subject: NotRequired[str]
    key: NotRequired[str]
    since: NotRequired[str | datetime]
    until: NotRequired[str | datetime]


class ListBatchesQuery(TypedDict):
    """Query of `list_batches`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]


class ListDeliveriesQuery(TypedDict):
    """Query of `list_deliveries`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]
    state: NotRequired[Literal["pending", "delivered", "failed"]]
    event: NotRequired[
        Literal[
            "attempt.graded",
            "attempt.reviewed",
            "session.started",
            "session.finished",
            "session.expired",
            "batch.finished",
            "regrade.finished",
            "ping",
        ]
    ]


class ListQuestionsQuery(TypedDict):
    """Query of `list_questions`."""

    topic: NotRequired[str]
    difficulty: NotRequired[int]
    tag: NotRequired[str]
    language: NotRequired[Literal["en", "zh"]]
    q: NotRequired[str]
    status: NotRequired[Literal["draft", "published"]]
    cursor: NotRequired[str]
    limit: NotRequired[int]


class ListRegradesQuery(TypedDict):
    """Query of `list_regrades`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]


class ListReviewQueueQuery(TypedDict):
    """Query of `list_review_queue`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]
    state: NotRequired[Literal["waiting", "claimed", "done"]]
    question: NotRequired[str]
    reason: NotRequired[Literal["doubt", "appeal", "sample"]]
    flag: NotRequired[
        Literal[
            "blank",
            "too_short",
            "off_topic",
            "copied_prompt",
            "keyword_list",
            "repeated_text",
            "contradiction",
            "low_confidence",
            "unreadable_text",
        ]
    ]
    language: NotRequired[Literal["en", "zh"]]
    order: NotRequired[Literal["oldest", "most_uncertain"]]
    blind: NotRequired[bool]


class ListSessionsQuery(TypedDict):
    """Query of `list_sessions`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]


class ListWebhooksQuery(TypedDict):
    """Query of `list_webhooks`."""

    cursor: NotRequired[str]
    limit: NotRequired[int]


class RandomQuestionQuery(TypedDict):
    """Query of `random_question`."""

    topic: NotRequired[str]
    difficulty: NotRequired[int]
    tag: NotRequired[str]
    language: NotRequired[Literal["en", "zh"]]
    q: NotRequired[str]


class ReleaseReviewQuery(TypedDict):
    """Query of `release_review`."""

    reviewer: str
