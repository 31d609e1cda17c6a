"""The shapes of JSON that go in and out; OpenAPI is made of these.

What goes in is checked here for shape only, strictly: no number is read out of a string, no unknown
field is dropped. What the values may be is decided by `service.content`; where a constraint stands
here too, it is for the reader of the OpenAPI document (`told`), and the messages stay in one place.

Nested shapes are TypedDicts, so that checked input is the plain data that `content_from_dict`
takes, and so that a field can be absent without also being allowed to be null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, RootModel, Tag
from pydantic_core import PydanticCustomError

# pydantic asks for this one before Python 3.12.
from typing_extensions import TypedDict

from service.batches import MOST_ITEMS
from service.suggesting import ALIKE

_STRICT = ConfigDict(strict=True, extra="forbid")


def told(**schema: Any) -> Any:
    """Say something in the OpenAPI document without enforcing it here."""
    return Field(json_schema_extra=schema)


LanguageCode = Literal["en", "zh"]
Kind = Literal["required", "optional"]
ScopeName = Literal[
    "questions:read", "questions:write", "attempts:write", "attempts:read", "review", "admin"
]
_SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"

Words = Annotated[str, told(pattern=r"\S", maxLength=20_000)]
Label = Annotated[str, told(pattern=r"\S", maxLength=100)]
Slug = Annotated[str, told(pattern=_SLUG, maxLength=100)]
Weight = Annotated[float, told(exclusiveMinimum=0)]
Difficulty = Annotated[int, told(minimum=1, maximum=5)]
Candidate = Annotated[str, told(pattern=r"\S", maxLength=255, examples=["cand-4711"])]


class ByLanguage(TypedDict, total=False):
    """A text by language; at least one."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]
        strict=True, extra="forbid", json_schema_extra={"minProperties": 1}
    )

    en: Words
    zh: Words


class SomeByLanguage(TypedDict, total=False):
    """A text by language."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    en: Words
    zh: Words


class ListsByLanguage(TypedDict, total=False):
    """Texts by language."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    en: list[Words]
    zh: list[Words]


class AnyOf(TypedDict):
    """Any n of the points make full marks."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    any_of: Annotated[int, told(minimum=1)]


def _shape(value: object) -> str | None:
    """Which branch of a union a value means to be; the names are stripped from pointers."""
    names = {str: "<text>", dict: "<object>", list: "<list>"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), None)


def _either(detail: str) -> Discriminator:
    return Discriminator(_shape, custom_error_type="shape", custom_error_message=detail)


Texts = Annotated[
    Annotated[Words, Tag("<text>")] | Annotated[ByLanguage, Tag("<object>")],
    _either("must be a string, or an object with a text by language"),
]
"""A plain string's language is detected."""
TextLists = Annotated[
    Annotated[list[Words], Tag("<list>")] | Annotated[ListsByLanguage, Tag("<object>")],
    _either("must be an array of strings, or an object with arrays by language"),
]
RuleData = Annotated[
    Annotated[Literal["weighted"], Tag("<text>")] | Annotated[AnyOf, Tag("<object>")],
    _either('must be "weighted" or {"any_of": n}'),
]


# In ----------------------------------------------------------------------------------------------


class PointIn(TypedDict):
    """One idea that a good answer contains. Without a key it is called point-<number>."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    key: NotRequired[Slug]
    statement: Texts
    phrasings: NotRequired[TextLists]
    weight: NotRequired[Weight]
    kind: NotRequired[Kind]
    hint: NotRequired[SomeByLanguage]
    terms: NotRequired[list[Label]]


class MisconceptionIn(TypedDict):
    """A wrong statement that people make. Without a key it is called misconception-<number>."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    key: NotRequired[Slug]
    contradicts: NotRequired[Slug | None]
    statement: Texts
    phrasings: NotRequired[TextLists]
    feedback: NotRequired[SomeByLanguage]


class SourceIn(TypedDict):
    """Where a fact can be checked."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    title: Words
    url: NotRequired[Annotated[str, told(pattern="^https?://", maxLength=20_000)] | None]


class SampleIn(TypedDict):
    """An answer with the mark a fair teacher would give; never graded on."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    language: LanguageCode
    level: Literal["excellent", "good", "weak", "wrong"]
    score: Annotated[float, told(minimum=0, maximum=100)]
    answer: Annotated[str, told(maxLength=20_000)]


class _Body(BaseModel):
    model_config = _STRICT


class QuestionIn(_Body):
    """Everything an author writes; the same shape as the files in seed/."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slug": "why-batch-norm",
                    "topic": "neural-networks",
                    "difficulty": 2,
                    "prompt": {"en": "Why does batch normalisation speed up training?"},
                    "points": [
                        {
                            "key": "larger-learning-rate",
                            "statement": "It allows a larger learning rate.",
                            "phrasings": ["You can take bigger steps without diverging."],
                        }
                    ],
                }
            ]
        }
    )

    slug: Slug
    topic: Label
    difficulty: Difficulty
    prompt: Texts
    points: Annotated[list[PointIn], told(minItems=1)]
    misconceptions: list[MisconceptionIn] = []
    rule: RuleData = "weighted"
    reveal_points: Literal["never", "after_attempt"] = "after_attempt"
    tags: Annotated[list[Label], told(uniqueItems=True)] = []
    sources: list[SourceIn] = []
    samples: list[SampleIn] = []


FormatIn = Literal["yaml", "csv", "moodle-xml", "gift", "qti"]
FormatOut = Literal["yaml", "csv", "moodle-xml", "qti"]


class PreviewIn(_Body):
    """A file of questions, as text. Of QTI one item; packages are for the command line."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "format": "gift",
                    "content": "::Why ReLU:: Why is ReLU used? {####- It does not saturate.}",
                }
            ]
        }
    )

    format: FormatIn
    content: Annotated[str, told(minLength=1)]


class ImportIn(PreviewIn):
    """A file of questions to be stored as drafts."""

    skip_invalid: bool = False


class AttemptIn(_Body):
    """An answer to a question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "candidate": "cand-4711",
                    "answer": "Without a non-linearity the layers collapse into one linear map.",
                }
            ]
        }
    )

    candidate: Candidate
    answer: str
    language: LanguageCode | None = None
    metadata: dict[str, Any] | None = None


class Bulk(BaseModel):
    """A body of many items: its limit is the larger one of batches, and it may come as JSON lines,
    an item each, instead of as one object with `items`."""


class BatchItemIn(TypedDict):
    """An answer of a batch."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    question: Annotated[str, told(pattern=r"\S", maxLength=100)]
    candidate: Candidate
    answer: str
    language: NotRequired[LanguageCode | None]
    metadata: NotRequired[dict[str, Any] | None]


class BatchIn(_Body, Bulk):
    """Answers to be graded in the background."""

    items: Annotated[list[BatchItemIn], told(minItems=1, maxItems=MOST_ITEMS)]


class RegradeIn(_Body):
    """What to find out beside the changes themselves."""

    pass_mark: Annotated[float | None, told(minimum=0, maximum=100)] = None


class GradeIn(_Body):
    """An answer with what to grade it against: points, or model answers of which one suffices."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["points"], "properties": {"references": {"type": "null"}}},
                {"required": ["references"], "properties": {"points": {"type": "null"}}},
            ],
            "examples": [
                {
                    "question": "Why do deep networks need non-linear activations?",
                    "points": [
                        {
                            "key": "collapse",
                            "statement": "Without them all layers collapse into one linear map.",
                        }
                    ],
                    "answer": "A stack of linear layers is just one linear layer.",
                }
            ],
        }
    )

    question: Texts | None = None
    points: Annotated[list[PointIn], told(minItems=1)] | None = None
    references: Annotated[list[Words], told(minItems=1)] | None = None
    misconceptions: list[MisconceptionIn] = []
    rule: RuleData = "weighted"
    answer: str
    language: LanguageCode | None = None


def _whole(value: object) -> object:
    """JSON has one kind of number, and 15.0 is an integer to JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Seconds = Annotated[int, Field(ge=1, le=86_400), BeforeValidator(_whole)]


def _moment_in(value: object) -> object:
    return _moment(value) if isinstance(value, str) else value


MomentIn = Annotated[datetime, BeforeValidator(_moment_in)]


class DrawIn(TypedDict):
    """Questions chosen by chance; the same seed and the same bank give the same ones."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    count: Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)]
    seed: NotRequired[Annotated[int, Field(ge=0, le=2**53), BeforeValidator(_whole)]]
    topic: NotRequired[str]
    difficulty: NotRequired[Annotated[int, Field(ge=1, le=5), BeforeValidator(_whole)]]
    tag: NotRequired[str]


class SessionIn(_Body):
    """What one candidate is to answer, and the rules: `questions` in order, or a `draw`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["questions"], "properties": {"draw": {"type": "null"}}},
                {"required": ["draw"], "properties": {"questions": {"type": "null"}}},
            ],
            "examples": [
                {
                    "candidate": "cand-4711",
                    "draw": {"count": 5, "topic": "optimisation"},
                    "time_limit_s": 1800,
                    "feedback": "after_finish",
                }
            ],
        }
    )

    candidate: Candidate
    questions: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    draw: DrawIn | None = None
    language: LanguageCode | None = None
    time_limit_s: Seconds | None = None
    extra_time_s: Annotated[int, Field(ge=0, le=86_400), BeforeValidator(_whole)] = 0
    opens_at: MomentIn | None = None
    closes_at: MomentIn | None = None
    attempts_allowed: Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)] = 1
    feedback: Literal["never", "after_answer", "after_finish"] = "never"
    metadata: dict[str, Any] | None = None


class SessionAnswerIn(_Body):
    """A candidate's answer to a question of the session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"answer": "The layers collapse into one linear map."}]}
    )

    answer: str
    language: LanguageCode | None = None


class KeyIn(_Body):
    """A new API key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "interview platform", "scopes": ["questions:read"]}]
        }
    )

    name: Annotated[str, told(pattern=r"\S", maxLength=200)]
    scopes: Annotated[list[ScopeName], told(minItems=1)]


EventName = Literal[
    "attempt.graded",
    "attempt.reviewed",
    "session.started",
    "session.finished",
    "session.expired",
    "batch.finished",
    "regrade.finished",
]
SentName = Literal[EventName, "ping"]


class EndpointIn(_Body):
    """Where webhooks are sent. Without `events` it gets all there are, later ones too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://example.org/hooks", "events": ["attempt.graded"]}]
        }
    )

    url: Annotated[str, told(maxLength=2000, format="uri", pattern="^https?://[^@#]+$")]
    description: Annotated[str, told(maxLength=500)] = ""
    events: Annotated[list[EventName], told(minItems=1)] | None = None


class ChangedEndpointIn(EndpointIn):
    """An endpoint as it shall be: what is left out is as in a new one."""

    enabled: bool = True


VerdictName = Literal["covered", "partial", "missing", "contradicted"]
WaitReasonName = Literal["doubt", "appeal", "sample"]
FlagName = Literal[
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
OrderName = Literal["oldest", "most_uncertain"]
Reviewer = Annotated[str, told(pattern=r"\S", maxLength=255, examples=["grace"])]


Lease = Annotated[int, Field(ge=1, le=480), BeforeValidator(_whole)]
"""Minutes."""


class _Claim(_Body):
    reviewer: Reviewer
    lease_minutes: Lease = 15
    blind: bool = True


class ClaimIn(_Claim):
    """Who takes an attempt to judge it. `blind`: without the grader's opinion."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reviewer": "grace"}]})


class ClaimNextIn(_Claim):
    """Who takes the next attempt, and what it should be."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reviewer": "grace", "order": "most_uncertain"}]}
    )

    question: str | None = None
    reason: WaitReasonName | None = None
    flag: FlagName | None = None
    language: LanguageCode | None = None
    order: OrderName = "oldest"


class ReviewIn(_Body):
    """A person's mark: verdicts on points, or a score, or both, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["verdicts"], "properties": {"verdicts": {"minProperties": 1}}},
                {"required": ["score"], "properties": {"score": {"type": "number"}}},
            ],
            "examples": [
                {
                    "reviewer": "grace",
                    "verdicts": {"layers-collapse": "covered"},
                    "reason": "Says it in a picture of his own.",
                }
            ],
        }
    )

    reviewer: Reviewer
    verdicts: dict[Slug, VerdictName] = {}
    score: Annotated[float, told(minimum=0, maximum=100)] | None = None
    reason: Annotated[str, told(pattern=r"\S", maxLength=5_000)]


class GroupReviewIn(ReviewIn):
    """One mark for several similar answers."""

    attempts: Annotated[list[str], Field(min_length=1, max_length=100), told(uniqueItems=True)]


class AppealIn(_Body):
    """What a candidate says against the mark."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"message": "My second sentence says just that."}]}
    )

    message: Annotated[str, told(pattern=r"\S", maxLength=5_000)]


# In the query string -----------------------------------------------------------------------------


def _whole_number(value: object) -> object:
    """Plain digits only: pydantic would read 1_0, +1 and full-width digits too."""
    if not (isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10):
        raise PydanticCustomError("int_type", "must be a whole number")
    return int(value)


def _moment(value: object) -> object:
    """RFC 3339 with an offset: a bare number or a time without a zone would be a guess."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError("moment", "must be a time such as 2026-11-23T06:00:00Z")
    return moment


def _yes_or_no(value: object) -> object:
    if value not in ("true", "false"):
        raise PydanticCustomError("bool_type", "must be true or false")
    return value == "true"


def _decimal(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        raise PydanticCustomError("float_type", "must be a number") from None


Flagged = Annotated[bool, BeforeValidator(_yes_or_no)]
Limit = Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole_number)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuestionFilterIn(_Query):
    """Which questions."""

    topic: str | None = None
    difficulty: Annotated[int, Field(ge=1, le=5), BeforeValidator(_whole_number)] | None = None
    tag: str | None = None
    language: LanguageCode | None = None
    q: str | None = None


class ViewIn(_Query):
    """How much of a question is shown."""

    view: Literal["candidate", "author"] = "candidate"
    status: Literal["draft", "published"] | None = None


class PageIn(_Query):
    """Which page."""

    cursor: str | None = None
    limit: Limit = 20


class QuestionListIn(PageIn, ViewIn, QuestionFilterIn):
    """Parameters of the list of questions."""


class ExportIn(QuestionFilterIn):
    """Which questions, in which format, and which page of them."""

    format: FormatOut = "yaml"
    status: Literal["published"] | None = None
    cursor: str | None = None
    limit: Limit = 100


class AttemptListIn(PageIn):
    """Parameters of the list of attempts."""

    question: str | None = None
    candidate: str | None = None
    since: Moment | None = None
    until: Moment | None = None


class BatchListIn(PageIn):
    """Parameters of the list of batches."""


class AuditIn(PageIn):
    """Parameters of the audit log."""

    action: str | None = None
    subject: str | None = None
    key: str | None = None
    since: Moment | None = None
    until: Moment | None = None


class RegradeListIn(PageIn):
    """Parameters of the list of regrades."""


class EndpointListIn(PageIn):
    """Parameters of the list of webhook endpoints."""


class DeliveryListIn(PageIn):
    """Parameters of the log of deliveries."""

    state: Literal["pending", "delivered", "failed"] | None = None
    event: SentName | None = None


class BatchResultsIn(_Query):
    """Where to begin."""

    after: Annotated[int | None, Field(ge=0, le=MOST_ITEMS), BeforeValidator(_whole_number)] = None


class QueueIn(PageIn):
    """Parameters of the review queue."""

    state: Literal["waiting", "claimed", "done"] = "waiting"
    question: str | None = None
    reason: WaitReasonName | None = None
    flag: FlagName | None = None
    language: LanguageCode | None = None
    order: OrderName = "oldest"
    blind: Flagged = True


class ReleaseIn(_Query):
    """Who gives an attempt back."""

    reviewer: Reviewer


class StatisticsIn(_Query):
    """Which version; without it the one that is served."""

    version: Annotated[int, Field(ge=1, le=999_999_999), BeforeValidator(_whole_number)] | None = (
        None
    )


class SuggestedPointsIn(StatisticsIn):
    """Which answers; how alike sentences are that count as one idea."""

    language: LanguageCode | None = None
    similarity: Annotated[float, Field(ge=0.1, le=1), BeforeValidator(_decimal)] = ALIKE


class SessionListIn(PageIn):
    """Parameters of the list of sessions."""


class GroupsIn(_Query):
    """How alike answers of a group are."""

    similarity: Annotated[float, Field(ge=0.5, le=1), BeforeValidator(_decimal)] = 0.95


class AgreementIn(_Query):
    """Which reviews."""

    question: str | None = None
    sampled: Flagged = False
    blind: Flagged = False


# Out ---------------------------------------------------------------------------------------------


class _Out(BaseModel):
    pass


class CandidateQuestion(_Out):
    """A question as candidates may see it: nothing of its points."""

    id: str
    slug: str
    version: int
    topic: str
    difficulty: int
    tags: list[str]
    prompt: ByLanguage
    published_at: datetime


class AuthorQuestion(_Out):
    """A version of a question with its rubric. `content` can be changed and sent back."""

    id: str
    slug: str
    version: int
    version_id: str
    status: Literal["draft", "published"]
    created_at: datetime
    published_at: datetime | None
    content: QuestionIn


class QuestionView(RootModel[CandidateQuestion | AuthorQuestion]):
    """A question, as much of it as was asked for."""


class _Page(_Out):
    has_more: bool
    next_cursor: str | None


class QuestionPage(_Page):
    """A page of questions, oldest first."""

    data: list[CandidateQuestion] | list[AuthorQuestion]


class Versions(_Page):
    """Every version of a question, oldest first."""

    data: list[AuthorQuestion]


class FaultOut(TypedDict):
    """What keeps an item from being accepted; a JSON pointer into its content."""

    detail: str
    pointer: str


class ImportedOut(TypedDict):
    """An item of a file and what becomes of it."""

    item: int
    title: str
    slug: str | None
    action: Literal["create", "update", "unchanged", "skip", "refuse"]
    reason: str | None
    notes: list[str]
    faults: list[FaultOut]
    id: str | None
    version: int | None


class PreviewedOut(ImportedOut):
    """As `ImportedOut`, with the question that it would become."""

    content: QuestionIn | None


class ImportOut(_Out):
    """What was done with each item of a file, in its order."""

    items: list[ImportedOut]


class PreviewOut(_Out):
    """What would be done with each item of a file, in its order."""

    items: list[PreviewedOut]


class EvidenceOut(TypedDict):
    """A stretch of the answer, `[start, end)` in code points."""

    start: int
    end: int
    text: str


class SignalOut(TypedDict):
    """A number that moved a verdict, and what it added to the log-odds of credit."""

    name: str
    value: float
    effect: float


class PointGradeOut(TypedDict):
    """What the grader says of one point."""

    key: str
    verdict: VerdictName
    credit: float
    probability: float
    similarity: float
    evidence: list[EvidenceOut]
    signals: NotRequired[list[SignalOut]]


class MisconceptionGradeOut(TypedDict):
    """A misconception that the answer shows."""

    key: str
    probability: float
    evidence: list[EvidenceOut]


class FlagOut(TypedDict):
    """A reason to look at an answer again."""

    code: str
    message: str


class ProvenanceOut(TypedDict):
    """What made the grade. Equal provenance and answer give an equal grade."""

    question_version: str | None
    grader: str
    encoder: str
    encoder_revision: str
    verifier: str | None
    verifier_revision: str | None
    calibration: str
    thresholds: dict[str, float]
    elapsed_ms: float


class GradeOut(_Out):
    """The whole result of marking one answer."""

    score: Annotated[float, Field(ge=0, le=100)]
    expected_error: float
    needs_review: bool
    flags: list[FlagOut]
    points: list[PointGradeOut]
    misconceptions: list[MisconceptionGradeOut]
    feedback: str
    provenance: ProvenanceOut


class StoredGradeOut(GradeOut):
    """A grade as kept: it never changes; a regrade makes another."""

    id: str
    created_at: datetime


class GradedPoint(TypedDict):
    """A point that was graded against, with the key it goes by in the grade."""

    key: str
    statement: ByLanguage
    weight: float
    kind: Kind


class Graded(_Out):
    """A grade of which nothing was stored."""

    language: LanguageCode
    points: list[GradedPoint]
    grade: GradeOut


class AttemptQuestion(TypedDict):
    """The question that was answered."""

    id: str
    slug: str
    version: int


SessionStateName = Literal["created", "started", "finished", "expired", "cancelled"]
FeedbackName = Literal["never", "after_answer", "after_finish"]


class SessionQuestionOut(TypedDict):
    """A question of a session, in the version that is asked."""

    id: str
    slug: str
    version: int
    topic: str


class SessionOut(_Out):
    """A session, as the platform sees it."""

    id: str
    state: SessionStateName
    candidate: str
    questions: list[SessionQuestionOut]
    language: LanguageCode | None
    time_limit_s: int | None
    extra_time_s: int
    opens_at: datetime
    closes_at: datetime
    ends_at: datetime
    attempts_allowed: int
    feedback: FeedbackName
    metadata: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancelled_at: datetime | None


class TokenOut(TypedDict):
    """What the candidate is let in with."""

    token: str
    expires_at: datetime


class MadeSession(SessionOut):
    """A new session. `access` is shown this once; a replayed response has null there."""

    access: TokenOut | None


class MadeToken(_Out):
    """A new token for the candidate of a session."""

    token: str
    expires_at: datetime


class SessionPage(_Page):
    """Sessions in the order of their last changes. `next_cursor` is never null: it asks for what
    changes later."""

    data: list[SessionOut]


class ResultOut(TypedDict):
    """The mark that counts: the last review if there is one, else the last grade."""

    score: Annotated[float, Field(ge=0, le=100)]
    by: Literal["grader", "person"]
    id: str


class GivenAnswer(_Out):
    """An answer that was taken. `grade` is null where the rules show none, or not yet."""

    id: str
    answer: str
    created_at: datetime
    result: ResultOut | None
    grade: StoredGradeOut | None


class AskedQuestion(TypedDict):
    """A question as its candidate sees it, with the answers given so far, oldest first."""

    id: str
    number: int
    prompt: ByLanguage | None
    answers: list[GivenAnswer]


class Sitting(_Out):
    """A session, as its candidate sees it: no prompt before the start."""

    id: str
    state: SessionStateName
    language: LanguageCode | None
    opens_at: datetime
    ends_at: datetime
    seconds_left: int | None
    attempts_allowed: int
    feedback: FeedbackName
    questions: list[AskedQuestion]


class ReviewOut(TypedDict):
    """A person's mark. Candidates are not told who gave it."""

    id: str
    reviewer: str | None
    score: Annotated[float, Field(ge=0, le=100)]
    verdicts: dict[str, VerdictName]
    reason: str | None
    grade: str
    grouped: bool
    blind: bool
    created_at: datetime


class AppealOut(TypedDict):
    """What the candidate said against the mark."""

    message: str
    created_at: datetime


class MadeAppeal(_Out):
    """An appeal that a person will look at."""

    message: str
    created_at: datetime


class MadeReview(_Out):
    """A review as kept."""

    id: str
    reviewer: str
    score: Annotated[float, Field(ge=0, le=100)]
    verdicts: dict[str, VerdictName]
    reason: str
    grade: str
    grouped: bool
    blind: bool
    created_at: datetime


class GroupedReview(TypedDict):
    """What one attempt got."""

    attempt: str
    review: str
    score: float


class GroupReview(_Out):
    """The reviews that one judgement made, in the order in which the attempts were named."""

    reviews: list[GroupedReview]


class MadeAttempt(_Out):
    """One candidate's answer with its grade."""

    id: str
    question: AttemptQuestion
    candidate: str
    answer: str
    language: LanguageCode
    metadata: dict[str, Any]
    created_at: datetime
    erased: bool
    session: str | None
    result: ResultOut
    grade: StoredGradeOut


class AttemptOut(MadeAttempt):
    """One candidate's answer with all its grades, oldest first; `grade` is the last of them."""

    grades: list[StoredGradeOut]
    reviews: list[ReviewOut]
    appeal: AppealOut | None


class AttemptPage(_Page):
    """A page of attempts, newest first."""

    data: list[AttemptOut]


WorkStatusName = Literal["queued", "running", "finished", "failed", "cancelled"]


class BatchOut(_Out):
    """A batch: `done` attempts are made, `failed` items ended with an error, the rest waits."""

    id: str
    status: WorkStatusName
    total: int
    done: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    failure: str | None


class BatchPage(_Page):
    """A page of batches, newest first."""

    data: list[BatchOut]


class ItemFault(TypedDict):
    """A fault in a field of an item, with a JSON pointer to it."""

    detail: str
    pointer: str


class ItemErrorOut(TypedDict):
    """Why an item became no attempt."""

    code: str
    detail: str
    errors: list[ItemFault]


class BatchResult(_Out):
    """What became of an item: an attempt, or an error."""

    index: int
    attempt: AttemptOut | None
    error: ItemErrorOut | None


class BarOut(TypedDict):
    """A bar of the histogram, ten score points wide."""

    lower: int
    attempts: int


class MoverOut(TypedDict):
    """An attempt whose score changes much."""

    attempt: str
    before: float
    after: float


class MovementsOut(TypedDict):
    """What marking again changes, added up so far. Scores are on a scale from 0 to 100."""

    attempts: int
    up_to_date: int
    changed: int
    reviewed: int
    mean_change: float
    histogram: list[BarOut]
    risen_above: int
    fallen_below: int
    movers: list[MoverOut]
    written: int


class RegradedQuestion(TypedDict):
    """The question, and the version that answers are marked by."""

    id: str
    slug: str
    version: int


class RegradeOut(_Out):
    """A regrade: `total` answers are looked at, null until it begins; `commit` tells whether the
    grades are kept or only told of."""

    id: str
    question: RegradedQuestion
    pass_mark: float | None
    commit: bool
    status: WorkStatusName
    total: int | None
    found: MovementsOut
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    failure: str | None


class RegradePage(_Page):
    """A page of regrades, newest first."""

    data: list[RegradeOut]


class ReportedQuestion(TypedDict):
    """What came of a question: its last answer counts."""

    question: SessionQuestionOut
    score: float
    result: ResultOut | None
    attempts: list[str]
    needs_review: bool
    flags: list[FlagOut]


class TopicScore(TypedDict):
    """Mean score of the questions of a topic."""

    topic: str
    score: float


class ReportOut(_Out):
    """What came of a session. Questions without an answer count 0."""

    session: SessionOut
    score: Annotated[float, Field(ge=0, le=100)]
    topics: list[TopicScore]
    questions: list[ReportedQuestion]
    needs_review: int


class ClaimOut(TypedDict):
    """Who holds an attempt, and until when."""

    reviewer: str
    until: datetime


class DoubtOut(TypedDict):
    """The grader's doubt; a blind reviewer is not shown it."""

    expected_error: float
    flags: list[FlagName]


class WaitingOut(_Out):
    """A place in the review queue."""

    attempt: str
    question: AttemptQuestion
    language: LanguageCode
    reasons: list[WaitReasonName]
    queued_at: datetime
    claim: ClaimOut | None
    reviewed_at: datetime | None
    doubt: DoubtOut | None


class QueuePage(_Page):
    """A page of the review queue."""

    data: list[WaitingOut]


class Sheet(_Out):
    """All that a reviewer needs to judge an answer. `attempt` is null for a blind reviewer."""

    item: WaitingOut
    answer: str
    appeal: AppealOut | None
    question: QuestionIn
    attempt: AttemptOut | None


class GroupMember(TypedDict):
    """An answer, and its cosine to the first one of the group."""

    attempt: str
    similarity: float
    answer: str


class AnswerGroupOut(TypedDict):
    """Similar answers with the same verdicts; the first is the one all others are like."""

    members: list[GroupMember]


class AnswerGroups(_Page):
    """Every group, largest first, on one page."""

    data: list[AnswerGroupOut]


class VerdictCounts(TypedDict):
    """Attempts by verdict."""

    covered: int
    partial: int
    missing: int
    contradicted: int


class PointStatisticsOut(TypedDict):
    """How candidates did on a point.

    `credit` is its facility, `discrimination` the correlation with what the other points earned.
    """

    key: str
    credit: float
    verdicts: VerdictCounts
    discrimination: float | None
    reviews: int
    overruled: int


class FlagCount(TypedDict):
    """Attempts with a flag."""

    code: FlagName
    attempts: int


class MisconceptionCount(TypedDict):
    """Attempts that show a misconception."""

    key: str
    attempts: int


class StatisticsOut(_Out):
    """How candidates did on a version of a question, as of `computed_at`."""

    question: AttemptQuestion
    computed_at: datetime
    attempts: int
    candidates: int
    mean: float | None
    deviation: float | None
    discrimination: float | None
    median_seconds: float | None
    needs_review: int
    reviewed: int
    flags: list[FlagCount]
    misconceptions: list[MisconceptionCount]
    points: list[PointStatisticsOut]


class SentenceExample(TypedDict):
    """A sentence as a candidate wrote it, and in which attempt."""

    attempt: str
    text: str


class NearestPointOut(TypedDict):
    """The point of the rubric that comes nearest, and its cosine to the sentence."""

    key: str
    similarity: float


class SuggestedPoint(TypedDict):
    """An idea of several good candidates: how many, their share of all good ones, and their mean
    score."""

    text: str
    candidates: int
    share: float
    mean: float
    examples: list[SentenceExample]
    nearest_point: NearestPointOut | None


class SuggestedPoints(_Out):
    """Ideas that no point covers, the most frequent first, as of `computed_at`.

    `language` is null where none was asked for and there are no attempts.
    """

    question: AttemptQuestion
    computed_at: datetime
    language: LanguageCode | None
    attempts: int
    good_candidates: int
    suggestions: list[SuggestedPoint]


class PointAgreementOut(TypedDict):
    """How far grader and reviewers agree on a point."""

    key: str
    reviews: int
    same: float
    kappa: float | None


class Disagreement(TypedDict):
    """An attempt that grader and reviewer mark differently."""

    attempt: str
    graded: float
    reviewed: float


class QuestionAgreementOut(TypedDict):
    """How far grader and reviewers agree on a question."""

    question: str
    slug: str
    reviews: int
    mean_error: float
    bias: float
    points: list[PointAgreementOut]
    disagreements: list[Disagreement]


class AgreementOut(_Page):
    """Agreement by question, the worst first, on one page."""

    data: list[QuestionAgreementOut]


class EndpointOut(_Out):
    """Where webhooks are sent. `events` null: all of them."""

    id: str
    url: str
    description: str
    events: list[EventName] | None
    enabled: bool
    disabled_at: datetime | None
    disabled_why: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime


class MadeEndpoint(EndpointOut):
    """An endpoint with a new `secret`, shown this once; a replayed response has null there."""

    secret: str | None


class EndpointPage(_Page):
    """A page of endpoints, newest first."""

    data: list[EndpointOut]


class Payload(TypedDict):
    """The body that is sent; what `data` holds depends on the type."""

    type: SentName
    timestamp: datetime
    data: dict[str, Any]


class TryOut(TypedDict):
    """One try to deliver a message. `status` null: no response; `error` null: delivered."""

    number: int
    at: datetime
    status: int | None
    ms: int
    error: str | None


class DeliveryOut(_Out):
    """A message to an endpoint; its id is the `webhook-id`. `next_at` is null unless pending."""

    id: str
    webhook: str
    event: SentName
    state: Literal["pending", "delivered", "failed"]
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None
    payload: Payload
    tries: list[TryOut]


class DeliveryPage(_Page):
    """A page of messages, newest first."""

    data: list[DeliveryOut]


class KeyOut(_Out):
    """An API key as listed: never its secret."""

    id: str
    prefix: str
    name: str
    scopes: list[ScopeName]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeKey(KeyOut):
    """A new API key. `token` is shown this once; a replayed response has null there."""

    token: str | None


class KeyList(_Page):
    """Every API key, revoked ones too, oldest first."""

    data: list[KeyOut]


class Erasure(_Out):
    """What an erasure did."""

    erased_attempts: int
    candidate: str
    erased_at: datetime


class CandidateOut(_Out):
    """Everything that is held on a candidate."""

    candidate: str
    created_at: datetime
    attempts: list[AttemptOut]
    sessions: list[SessionOut]


class AuditEntryOut(TypedDict):
    """Who did what to what. `key` is null for the command line and for workers."""

    number: int
    at: datetime
    key: str | None
    action: str
    subject: str
    details: dict[str, Any]


class AuditPage(_Page):
    """A page of the audit log, newest first."""

    data: list[AuditEntryOut]


class Health(_Out):
    """The state of the service."""

    status: Literal["alive", "ready"]


class ProblemError(TypedDict):
    """One fault, and where in the request it is."""

    detail: str
    pointer: NotRequired[str]


class Problem(_Out):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": True,
            "examples": [
                {
                    "type": "/problems/invalid_input",
                    "title": "Some fields cannot be accepted",
                    "status": 422,
                    "detail": "The question cannot be accepted.",
                    "instance": "/v1/questions",
                    "code": "invalid_input",
                    "request_id": "6b1f0a9c2d3e4f5061728394a5b6c7d8",
                    "errors": [{"detail": "must not be blank", "pointer": "#/points/0/statement"}],
                }
            ],
        }
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemError] = []
