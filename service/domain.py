"""The words of the product: questions, points, answers, grades. Standard library only.

Everything here is a frozen value. Change one by making another with `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Language(StrEnum):
    """A language that questions and feedback are written in."""

    EN = "en"
    ZH = "zh"


class PointKind(StrEnum):
    """How a point enters the total."""

    REQUIRED = "required"
    """Makes up the maximum."""
    OPTIONAL = "optional"
    """Only adds; the total stays capped at the maximum the required points make."""


class Reveal(StrEnum):
    """When a candidate may see the statements of the points."""

    NEVER = "never"
    AFTER_ATTEMPT = "after_attempt"
    """In the grade of an attempt, never before."""


class Verdict(StrEnum):
    """What the grader says of one point."""

    COVERED = "covered"
    PARTIAL = "partial"
    MISSING = "missing"
    CONTRADICTED = "contradicted"
    """The answer says the opposite; earns nothing."""


class FlagCode(StrEnum):
    """A reason to look at an answer again."""

    BLANK = "blank"
    TOO_SHORT = "too_short"
    OFF_TOPIC = "off_topic"
    COPIED_PROMPT = "copied_prompt"
    KEYWORD_LIST = "keyword_list"
    REPEATED_TEXT = "repeated_text"
    CONTRADICTION = "contradiction"
    LOW_CONFIDENCE = "low_confidence"
    UNREADABLE_TEXT = "unreadable_text"
    """Much of the answer is in a script that the encoder has no tokens for."""


class Feedback(StrEnum):
    """When the candidate of a session sees grades."""

    NEVER = "never"
    AFTER_ANSWER = "after_answer"
    AFTER_FINISH = "after_finish"
    """Once the session is over, whichever way it ended."""


class SessionState(StrEnum):
    """Where a session stands."""

    CREATED = "created"
    STARTED = "started"
    FINISHED = "finished"
    """The candidate said so."""
    EXPIRED = "expired"
    """Its time ran out, or it was never begun."""
    CANCELLED = "cancelled"


class WaitReason(StrEnum):
    """Why an attempt waits for a person."""

    DOUBT = "doubt"
    """The grader said so: a flag, or a large expected error."""
    APPEAL = "appeal"
    SAMPLE = "sample"
    """Drawn by chance, to see how good the grader is where it has no doubt."""


class Scope(StrEnum):
    """What an API key may do."""

    QUESTIONS_READ = "questions:read"
    QUESTIONS_WRITE = "questions:write"
    ATTEMPTS_WRITE = "attempts:write"
    ATTEMPTS_READ = "attempts:read"
    REVIEW = "review"
    ADMIN = "admin"
    """Everything, keys included."""


class VersionStatus(StrEnum):
    """Where a question version stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    """Never changes again. The highest published number is the one served."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a fact can be checked."""

    title: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """One idea that a good answer contains."""

    key: str
    """Slug, unique in the question."""
    statement: Mapping[Language, str]
    """One sentence per language."""
    phrasings: Mapping[Language, tuple[str, ...]] = field(default_factory=dict)
    """Other ways to say it."""
    weight: float = 1.0
    kind: PointKind = PointKind.REQUIRED
    hint: Mapping[Language, str] = field(default_factory=dict)
    """A nudge that does not give the point away."""
    terms: tuple[str, ...] = ()
    """Key terms, either language, that a statement of this point nearly always uses."""

    def texts(self) -> list[tuple[Language, str]]:
        """Every way this point is written down, statements first."""
        said = list(self.statement.items())
        said += [(lang, text) for lang, texts in self.phrasings.items() for text in texts]
        return said


@dataclass(frozen=True, kw_only=True)
class Misconception:
    """A wrong statement that people make."""

    key: str
    statement: Mapping[Language, str]
    phrasings: Mapping[Language, tuple[str, ...]] = field(default_factory=dict)
    contradicts: str | None = None
    """Key of the point it contradicts; None when it contradicts no single point."""
    feedback: Mapping[Language, str] = field(default_factory=dict)

    def texts(self) -> list[tuple[Language, str]]:
        """Every way this misconception is written down, statements first."""
        said = list(self.statement.items())
        said += [(lang, text) for lang, texts in self.phrasings.items() for text in texts]
        return said


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How points make the total."""

    any_of: int | None = None
    """None: weighted sum. n: any n points suffice, each then counting 1/n."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An answer with the mark a fair teacher would give; for authors and tests, never graded on."""

    language: Language
    level: str
    """excellent, good, weak or wrong."""
    score: float
    """0 to 100."""
    answer: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """The content of one version of a question: everything an author writes."""

    slug: str
    topic: str
    difficulty: int
    """1 (warm-up) to 5 (expert)."""
    prompt: Mapping[Language, str]
    points: tuple[Point, ...]
    misconceptions: tuple[Misconception, ...] = ()
    rule: Rule = Rule()
    reveal: Reveal = Reveal.AFTER_ATTEMPT
    tags: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuestionVersion:
    """A stored version of a question."""

    question_id: str
    """``q_…``"""
    version_id: str
    """``qv_…``"""
    number: int
    status: VersionStatus
    content: Question
    etag: str
    """Changes whenever the question (any version of it) is written; without quotes."""
    created_at: datetime
    published_at: datetime | None
    """None until published."""
    archived: bool = False
    """True once the question was deleted: kept for its attempts, served to nobody."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a candidate wrote."""

    text: str
    """Exactly as submitted."""
    language: Language | None = None
    """None: detected from the text."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A stretch of the answer, in code points: ``answer.text[start:end] == text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One number that moved a verdict, for people who ask why."""

    name: str
    value: float
    """The measurement itself."""
    effect: float
    """What it added to the log-odds of credit; positive speaks for the point."""


@dataclass(frozen=True, kw_only=True)
class PointGrade:
    """What the grader says of one point."""

    key: str
    verdict: Verdict
    credit: float
    """0 to 1, before the weight."""
    probability: float
    """That a human marker would credit the point, 0 to 1, calibrated."""
    similarity: float
    """Best cosine between the answer's windows and the point's phrasings; no threshold of ours
    stands on this number alone."""
    evidence: tuple[Evidence, ...]
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MisconceptionGrade:
    """A misconception the answer shows."""

    key: str
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A reason to look again, with its explanation in the answer's language."""

    code: FlagCode
    message: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made a grade. Equal provenance (time aside) and equal answer give an equal grade."""

    question_version: str | None
    """``qv_…``; None for a rubric that came with the request."""
    grader: str
    encoder: str
    encoder_revision: str
    verifier: str | None
    """None: graded by the encoder alone."""
    verifier_revision: str | None
    calibration: str
    thresholds: Mapping[str, float]
    elapsed_ms: float


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The whole result of marking one answer."""

    score: float
    """0 to 100, one decimal."""
    expected_error: float
    """Expected absolute difference to a human's mark, in score points."""
    needs_review: bool
    flags: tuple[Flag, ...]
    points: tuple[PointGrade, ...]
    misconceptions: tuple[MisconceptionGrade, ...]
    feedback: str
    provenance: Provenance


@dataclass(frozen=True, kw_only=True)
class StoredGrade:
    """A grade as kept: append-only."""

    grade_id: str
    """``grd_…``"""
    created_at: datetime
    grade: Grade


@dataclass(frozen=True, kw_only=True)
class Review:
    """A person's mark, as kept: append-only. The last one wins over every grade."""

    review_id: str
    """``rev_…``"""
    reviewer: str
    """The platform's own id of the reviewer."""
    score: float
    """0 to 100, one decimal."""
    verdicts: Mapping[str, Verdict]
    """By the point's key, of the points that the reviewer judged; may be empty."""
    reason: str
    """Empty once the candidate was erased."""
    grade_id: str
    """The grade that stood when the review was made."""
    grouped: bool
    """True: the same review was given to several similar answers at once."""
    blind: bool
    """True: the reviewer had claimed the attempt, and was not shown the grade before."""
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Appeal:
    """What a candidate says against the mark; once for each attempt."""

    message: str
    """Empty once the candidate was erased."""
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An attempt's place in the queue of what people should look at."""

    attempt_id: str
    question_id: str
    question_slug: str
    question_version: int
    language: Language
    reasons: frozenset[WaitReason]
    expected_error: float
    """Of the grade that stood when it was queued."""
    flags: tuple[FlagCode, ...]
    """Of that grade."""
    queued_at: datetime
    """When it first came, or came back by an appeal."""
    claimed_by: str | None
    """Reviewer; None: nobody ever, or released."""
    claimed_until: datetime | None
    """End of the lease, maybe past."""
    reviewed_at: datetime | None
    """None while it waits."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One candidate's answer to one question version, with every grade it got, oldest first."""

    attempt_id: str
    """``att_…``"""
    question_id: str
    question_slug: str
    question_version: int
    version_id: str
    candidate: str
    """The platform's own id of the candidate."""
    answer: str
    language: Language
    metadata: Mapping[str, Any]
    created_at: datetime
    grades: tuple[StoredGrade, ...]
    reveal: Reveal = Reveal.NEVER
    """What the question's version lets candidates see of its points."""
    reviews: tuple[Review, ...] = ()
    """Oldest first."""
    appeal: Appeal | None = None
    session_id: str | None = None
    """``ses_…``; None outside of a session."""
    erased: bool = False
    """True once the candidate was erased: candidate, answer, metadata and feedback are empty."""

    @property
    def score(self) -> float:
        """The score that counts: of the last review if there is one, else of the last grade."""
        return self.reviews[-1].score if self.reviews else self.grades[-1].grade.score


@dataclass(frozen=True, kw_only=True)
class Session:
    """A sitting: the questions that one candidate is to answer, and the rules for it."""

    session_id: str
    """``ses_…``"""
    candidate: str
    """The platform's own id; empty once erased."""
    key_id: str
    """The API key that made it."""
    questions: tuple[QuestionVersion, ...]
    """In the order in which they are asked. The versions are those of its making: an edit in the
    meantime changes nothing."""
    language: Language | None
    """What the candidate is shown; None: every language there is."""
    time_limit: timedelta | None
    """From the start on; None: until it closes."""
    extra_time: timedelta
    """An accommodation, added to the limit."""
    opens_at: datetime
    closes_at: datetime
    attempts_allowed: int
    """For each question."""
    feedback: Feedback
    metadata: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancelled_at: datetime | None = None
    change: int = 0
    """Number of its last change among those of all sessions."""

    @property
    def ends_at(self) -> datetime:
        """When the last answer is taken: the limit counts from the start, and nothing passes the
        closing."""
        if self.started_at is None or self.time_limit is None:
            return self.closes_at
        return min(self.closes_at, self.started_at + self.time_limit + self.extra_time)

    def state(self, now: datetime) -> SessionState:
        """Where it stands at a moment."""
        if self.cancelled_at is not None:
            return SessionState.CANCELLED
        if self.finished_at is not None:
            return SessionState.FINISHED
        if now >= self.ends_at:
            return SessionState.EXPIRED
        return SessionState.CREATED if self.started_at is None else SessionState.STARTED

    def shows_grades(self, now: datetime) -> bool:
        """Whether the candidate sees grades at a moment."""
        if self.feedback is Feedback.AFTER_FINISH:
            return self.state(now) in (SessionState.FINISHED, SessionState.EXPIRED)
        return self.feedback is Feedback.AFTER_ANSWER


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as listed: never its secret."""

    key_id: str
    """``key_…``"""
    prefix: str
    """The public part: ``pm_<prefix>_<secret>``."""
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    """None until used."""
    revoked_at: datetime | None
    """None while it works."""

    def allows(self, scope: Scope) -> bool:
        """Whether this key may do what `scope` names."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: tuple[T, ...]
    next_cursor: str | None
    """None on the last page."""
