"""The tables, as rows. `service.store` turns them into words of the domain and back.

Ids are UUIDv7 made by `service.ids`. What never changes once written (published versions, grades,
the audit log) is guarded by triggers besides, which live in the first migration: a bug or a hand
at psql must not be able to change why somebody got a mark.

Relationships load nothing by themselves (``lazy="raise"``): a forgotten load is an error, not one
more query for each row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Texts = dict[str, str]
"""A text by language."""


class Base(DeclarativeBase):
    """Every table."""

    metadata = MetaData(naming_convention=_CONVENTION)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: DateTime(timezone=True),
        str: Text(),
        float: Double(),
        bytes: LargeBinary(),
        UUID: Uuid(),
        Texts: JSONB(),
        list[str]: ARRAY(Text()),
    }


def _one_of(column: str, *values: str) -> CheckConstraint:
    """A closed set. Not an ENUM type: a CHECK is changed by a plain migration, in a transaction."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _share(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} >= 0 AND {column} <= 1", name=f"{column}_range")


# Questions ---------------------------------------------------------------------------------------


class QuestionRow(Base):
    """A question: what stays the same from version to version."""

    __tablename__ = "questions"
    __table_args__ = (CheckConstraint("revision > 0", name="revision_positive"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    """Unique over archived questions too: old attempts and links know them by it."""
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    """Grows with each write to the question or any version of it; its etag."""
    seed_digest: Mapped[str | None]
    """Digest of the seed file last loaded. NULL: the question did not come from a file."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    archived_at: Mapped[datetime | None]
    """NULL while the question is in service."""


class VersionRow(Base):
    """One version of a question's content."""

    __tablename__ = "question_versions"
    __table_args__ = (
        UniqueConstraint("question_id", "number"),
        # An author works on one draft at a time.
        Index(
            "uq_question_versions_draft",
            "question_id",
            unique=True,
            postgresql_where=text("status = 'draft'"),
        ),
        Index("ix_question_versions_tags", "tags", postgresql_using="gin"),
        _one_of("status", "draft", "published"),
        _one_of("reveal", "never", "after_attempt"),
        CheckConstraint(
            "(status = 'published') = (published_at IS NOT NULL)", name="published_at_set"
        ),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("difficulty BETWEEN 1 AND 5", name="difficulty_range"),
        CheckConstraint("any_of > 0", name="any_of_positive"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"))
    number: Mapped[int]
    status: Mapped[str]
    topic: Mapped[str]
    difficulty: Mapped[int] = mapped_column(SmallInteger())
    prompt: Mapped[Texts]
    tags: Mapped[list[str]]
    any_of: Mapped[int | None]
    """NULL: points are weighted. n: any n of them suffice."""
    reveal: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    """NULL until published."""

    question: Mapped[QuestionRow] = relationship(lazy="raise")
    points: Mapped[list[PointRow]] = relationship(lazy="raise", order_by="PointRow.position")
    misconceptions: Mapped[list[MisconceptionRow]] = relationship(
        lazy="raise", order_by="MisconceptionRow.position"
    )
    sources: Mapped[list[SourceRow]] = relationship(lazy="raise", order_by="SourceRow.position")
    samples: Mapped[list[SampleRow]] = relationship(lazy="raise", order_by="SampleRow.position")


class PointRow(Base):
    """One idea that a good answer contains."""

    __tablename__ = "points"
    __table_args__ = (
        UniqueConstraint("version_id", "position"),
        _one_of("kind", "required", "optional"),
        CheckConstraint("weight > 0", name="weight_positive"),
    )

    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    kind: Mapped[str]
    weight: Mapped[float]
    statement: Mapped[Texts]
    hint: Mapped[Texts]
    terms: Mapped[list[str]]

    phrasings: Mapped[list[PointPhrasingRow]] = relationship(
        lazy="raise", order_by="(PointPhrasingRow.language, PointPhrasingRow.position)"
    )


class PointPhrasingRow(Base):
    """Another way to say a point."""

    __tablename__ = "point_phrasings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["version_id", "point_key"], ["points.version_id", "points.key"], ondelete="CASCADE"
        ),
        _one_of("language", "en", "zh"),
    )

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    point_key: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class MisconceptionRow(Base):
    """A wrong statement that people make."""

    __tablename__ = "misconceptions"
    __table_args__ = (
        UniqueConstraint("version_id", "position"),
        ForeignKeyConstraint(["version_id", "contradicts"], ["points.version_id", "points.key"]),
    )

    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    contradicts: Mapped[str | None]
    """NULL when it contradicts no single point."""
    statement: Mapped[Texts]
    feedback: Mapped[Texts]

    phrasings: Mapped[list[MisconceptionPhrasingRow]] = relationship(
        lazy="raise",
        order_by="(MisconceptionPhrasingRow.language, MisconceptionPhrasingRow.position)",
    )


class MisconceptionPhrasingRow(Base):
    """Another way to say a misconception."""

    __tablename__ = "misconception_phrasings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["version_id", "misconception_key"],
            ["misconceptions.version_id", "misconceptions.key"],
            ondelete="CASCADE",
        ),
        _one_of("language", "en", "zh"),
    )

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    misconception_key: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class QuestionVectorsRow(Base):
    """A version's texts as the encoder sees them: a start need not embed what another did."""

    __tablename__ = "question_vectors"
    __table_args__ = (
        CheckConstraint("dimension > 0", name="dimension_positive"),
        CheckConstraint(
            "octet_length(vectors) = 2 * dimension * jsonb_array_length(token_counts)",
            name="complete",
        ),
        CheckConstraint("token_dimension > 0", name="token_dimension_positive"),
        CheckConstraint("octet_length(tokens) % token_dimension = 0", name="tokens_complete"),
    )

    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"), primary_key=True)
    encoder_revision: Mapped[str] = mapped_column(primary_key=True)
    texts: Mapped[str]
    """Digest of the texts, in their order: a release may cut or clean them in another way."""
    dimension: Mapped[int]
    vectors: Mapped[bytes]
    """As those of answers."""
    token_dimension: Mapped[int]
    tokens: Mapped[bytes]
    token_counts: Mapped[list[Any]] = mapped_column(JSONB())
    background: Mapped[str]
    """Identity of what the tokens were reduced by."""


class SourceRow(Base):
    """Where a fact can be checked."""

    __tablename__ = "question_sources"

    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    url: Mapped[str | None]
    """NULL when the source has no address."""


class SampleRow(Base):
    """An answer with the mark a fair teacher would give."""

    __tablename__ = "samples"
    __table_args__ = (
        _one_of("language", "en", "zh"),
        _one_of("level", "excellent", "good", "weak", "wrong"),
        CheckConstraint("score >= 0 AND score <= 100", name="score_range"),
    )

    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    language: Mapped[str]
    level: Mapped[str]
    score: Mapped[float]
    answer: Mapped[str]


# Attempts ----------------------------------------------------------------------------------------


class CandidateRow(Base):
    """Somebody who answers, known by the platform's id alone."""

    __tablename__ = "candidates"
    __table_args__ = (
        CheckConstraint("(external_id IS NULL) = (erased_at IS NOT NULL)", name="tombstone"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    external_id: Mapped[str | None] = mapped_column(unique=True)
    """NULL once erased: the row is then only a tombstone."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    erased_at: Mapped[datetime | None]
    """NULL until erased."""


class AttemptRow(Base):
    """One candidate's answer to one question version."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index(None, "candidate_id", "id"),
        Index(None, "version_id", "id"),
        _one_of("language", "en", "zh"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"))
    candidate_id: Mapped[UUID] = mapped_column(ForeignKey("candidates.id"))
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The API key it came through. NULL: from the command line."""
    answer: Mapped[str | None]
    """Exactly as submitted. NULL once erased."""
    language: Mapped[str]
    # JSON, not JSONB: what a platform sent comes back with its order, not Postgres's.
    extra: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))
    """The platform's own data, never looked into. NULL once erased."""
    created_at: Mapped[datetime]

    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id"), index=True)
    """NULL: outside of any session."""

    version: Mapped[VersionRow] = relationship(lazy="raise")
    candidate: Mapped[CandidateRow] = relationship(lazy="raise")
    grades: Mapped[list[GradeRow]] = relationship(lazy="raise", order_by="GradeRow.id")
    reviews: Mapped[list[ReviewRow]] = relationship(lazy="raise", order_by="ReviewRow.id")
    appeal: Mapped[AppealRow | None] = relationship(lazy="raise")


class SessionRow(Base):
    """A sitting of one candidate."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index(None, "change", unique=True),
        _one_of("language", "en", "zh"),
        _one_of("feedback", "never", "after_answer", "after_finish"),
        CheckConstraint("time_limit_s > 0", name="time_limit_positive"),
        CheckConstraint("extra_time_s >= 0", name="extra_time_range"),
        CheckConstraint("attempts_allowed > 0", name="attempts_positive"),
        CheckConstraint("opens_at < closes_at", name="window_order"),
        CheckConstraint(
            "finished_at IS NULL OR (started_at IS NOT NULL AND cancelled_at IS NULL)",
            name="states_in_order",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    candidate_id: Mapped[UUID] = mapped_column(ForeignKey("candidates.id"), index=True)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"))
    """The API key that made it, and that its answers come through."""
    language: Mapped[str | None]
    """NULL: all."""
    time_limit_s: Mapped[int | None]
    """NULL: none."""
    extra_time_s: Mapped[int]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    attempts_allowed: Mapped[int]
    feedback: Mapped[str]
    extra: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))
    """The platform's own data. NULL once erased."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """NULL until started."""
    finished_at: Mapped[datetime | None]
    """NULL unless the candidate finished."""
    cancelled_at: Mapped[datetime | None]
    """NULL unless cancelled."""
    expiry_told: Mapped[bool]
    """Whether running out of time was counted as a change."""
    change: Mapped[int] = mapped_column(BigInteger())
    """Grows with every change of any session; what platforms poll by."""

    candidate: Mapped[CandidateRow] = relationship(lazy="raise")
    questions: Mapped[list[SessionQuestionRow]] = relationship(
        lazy="raise", order_by="SessionQuestionRow.position"
    )


class SessionQuestionRow(Base):
    """A question of a session, in the version it is asked in."""

    __tablename__ = "session_questions"
    __table_args__ = (UniqueConstraint("session_id", "version_id"),)

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"))


class SigningKeyRow(Base):
    """The secret that candidates' tokens are signed with: one for all that serve this database."""

    __tablename__ = "signing_keys"
    __table_args__ = (CheckConstraint("octet_length(secret) >= 32", name="secret_length"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[bytes]


class GradeRow(Base):
    """What the grader said of an attempt, once and for all."""

    __tablename__ = "grades"
    __table_args__ = (
        Index(None, "attempt_id"),
        CheckConstraint("score >= 0 AND score <= 100", name="score_range"),
        CheckConstraint("expected_error >= 0", name="expected_error_range"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"))
    """The version it was marked against: a regrade may use a later one than was answered."""
    score: Mapped[float]
    expected_error: Mapped[float]
    needs_review: Mapped[bool]
    flags: Mapped[list[Any]] = mapped_column(JSONB())
    misconceptions: Mapped[list[Any]] = mapped_column(JSONB())
    feedback: Mapped[str | None]
    """NULL once erased."""
    grader: Mapped[str]
    encoder: Mapped[str]
    encoder_revision: Mapped[str]
    verifier: Mapped[str | None]
    """NULL: graded by the encoder alone."""
    verifier_revision: Mapped[str | None]
    calibration: Mapped[str]
    thresholds: Mapped[dict[str, Any]] = mapped_column(JSONB())
    elapsed_ms: Mapped[float]
    created_at: Mapped[datetime]

    points: Mapped[list[PointGradeRow]] = relationship(
        lazy="raise", order_by="PointGradeRow.position"
    )


class PointGradeRow(Base):
    """What the grader said of one point."""

    __tablename__ = "point_grades"
    __table_args__ = (
        UniqueConstraint("grade_id", "key"),
        _one_of("verdict", "covered", "partial", "missing", "contradicted"),
        _share("credit"),
        _share("probability"),
    )

    grade_id: Mapped[UUID] = mapped_column(ForeignKey("grades.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    verdict: Mapped[str]
    credit: Mapped[float]
    probability: Mapped[float]
    similarity: Mapped[float]
    evidence: Mapped[list[Any]] = mapped_column(JSONB())
    """``[start, end)`` pairs into the answer. The words themselves stand in the answer alone, so
    that erasing it leaves no copy."""
    signals: Mapped[list[Any]] = mapped_column(JSONB())


class ReviewRow(Base):
    """A person's mark; it wins over the grade and never deletes it."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index(None, "attempt_id"),
        CheckConstraint("score >= 0 AND score <= 100", name="score_range"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"))
    grade_id: Mapped[UUID] = mapped_column(ForeignKey("grades.id"))
    """The grade that stood when the review was made."""
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The API key it came through. NULL: from the command line."""
    reviewer: Mapped[str]
    score: Mapped[float]
    verdicts: Mapped[Texts]
    """By the point's key."""
    reason: Mapped[str | None]
    """NULL once erased."""
    grouped: Mapped[bool]
    blind: Mapped[bool]
    """Whether the reviewer had claimed it and was not shown the grade."""
    created_at: Mapped[datetime]


class AppealRow(Base):
    """What a candidate says against the mark; once for each attempt."""

    __tablename__ = "appeals"

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    message: Mapped[str | None]
    """NULL once erased."""
    created_at: Mapped[datetime]


class QueueRow(Base):
    """An attempt that a person should look at, or has looked at."""

    __tablename__ = "review_queue"
    __table_args__ = (
        Index(
            "ix_review_queue_waiting",
            "queued_at",
            "attempt_id",
            postgresql_where=text("reviewed_at IS NULL"),
        ),
        CheckConstraint(
            "reasons <@ ARRAY['doubt', 'appeal', 'sample'] AND cardinality(reasons) > 0",
            name="reasons_known",
        ),
        CheckConstraint("(claimed_by IS NULL) = (claimed_until IS NULL)", name="claim_whole"),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    reasons: Mapped[list[str]]
    expected_error: Mapped[float]
    flags: Mapped[list[str]]
    queued_at: Mapped[datetime]
    claimed_by: Mapped[str | None]
    """The reviewer who holds it, or held it last. NULL: nobody."""
    claimed_until: Mapped[datetime | None]
    """NULL while nobody holds it; a lease that ran out leaves its end here."""
    passed_by: Mapped[list[str]]
    """Reviewers who gave it back: it is not the next one for them."""
    shown_to: Mapped[list[str]]
    """Reviewers who were shown the grade: no review of theirs is blind."""
    reviewed_at: Mapped[datetime | None]
    """NULL while it waits for a review."""

    attempt: Mapped[AttemptRow] = relationship(lazy="raise")


class AnswerVectorsRow(Base):
    """An answer's units as the encoder sees them: a regrade is arithmetic, without the encoder."""

    __tablename__ = "answer_vectors"
    __table_args__ = (
        CheckConstraint("dimension > 0", name="dimension_positive"),
        CheckConstraint(
            "octet_length(vectors) = 2 * dimension * jsonb_array_length(spans)", name="complete"
        ),
        CheckConstraint("token_dimension > 0", name="token_dimension_positive"),
        CheckConstraint(
            "jsonb_array_length(token_counts) = jsonb_array_length(spans) "
            "AND octet_length(tokens) % token_dimension = 0",
            name="tokens_complete",
        ),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    encoder_revision: Mapped[str] = mapped_column(primary_key=True)
    """Vectors of two encoders are never comparable, so the revision is part of the key."""
    dimension: Mapped[int]
    vectors: Mapped[bytes]
    """Little-endian half-precision floats, one unit after the other."""
    spans: Mapped[list[Any]] = mapped_column(JSONB())
    """``[start, end)`` of each unit in the answer."""
    token_dimension: Mapped[int]
    tokens: Mapped[bytes]
    """Signed bytes, one token after the other; see `service.grader.signals.Background.reduce`."""
    token_counts: Mapped[list[Any]] = mapped_column(JSONB())
    """How many tokens each unit has."""
    background: Mapped[str | None]
    """Identity of what the tokens were reduced by. NULL: kept before that was written down."""


# Batches -----------------------------------------------------------------------------------------


class BatchRow(Base):
    """Answers that came together and are graded in the background."""

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("total > 0", name="total_positive"),
        CheckConstraint(
            "ended_at IS NOT NULL OR (NOT cancelled AND failure IS NULL)", name="ended_whole"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The API key it came through. NULL: from the command line."""
    total: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """NULL until a worker took its first answer."""
    ended_at: Mapped[datetime | None]
    """NULL while work is left."""
    cancelled: Mapped[bool]
    failure: Mapped[str | None]
    """Why it was given up. NULL: it was not."""


class BatchItemRow(Base):
    """One answer of a batch: waiting, or made into an attempt, or refused with an error."""

    __tablename__ = "batch_items"
    __table_args__ = (
        Index(
            "ix_batch_items_waiting",
            "batch_id",
            "position",
            postgresql_where=text("answer IS NOT NULL"),
        ),
        Index(
            "ix_batch_items_candidate",
            "candidate_id",
            postgresql_where=text("answer IS NOT NULL"),
        ),
        _one_of("language", "en", "zh"),
        CheckConstraint("num_nonnulls(answer, attempt_id, error) = 1", name="one_state"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """From 0, in the order in which they were sent."""
    candidate_id: Mapped[UUID] = mapped_column(ForeignKey("candidates.id"))
    question: Mapped[str]
    """Id or slug, as it was sent; looked up when it is graded."""
    answer: Mapped[str | None]
    """NULL unless it waits: the attempt has it then, or nobody."""
    language: Mapped[str | None]
    """NULL: to be detected."""
    extra: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))
    """The platform's own data; NULL unless it waits."""
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("attempts.id"))
    """NULL until graded."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why there is no attempt: code, detail, and faults of fields. NULL unless refused."""


class RegradeRow(Base):
    """Marking the answers to a question again, by a worker."""

    __tablename__ = "regrades"
    __table_args__ = (
        Index(None, "question_id", "id"),
        CheckConstraint("pass_mark >= 0 AND pass_mark <= 100", name="pass_mark_range"),
        CheckConstraint(
            "ended_at IS NOT NULL OR (NOT cancelled AND failure IS NULL)", name="ended_whole"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("question_versions.id"))
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The API key that asked. NULL: nobody did over HTTP."""
    pass_mark: Mapped[float | None]
    """NULL: nobody asked who would cross one."""
    commit: Mapped[bool]
    """Whether the grades are kept; false for the dry run that comes first."""
    progress: Mapped[dict[str, Any]] = mapped_column(JSONB())
    """What was found so far, and the last attempt that was looked at."""
    grader: Mapped[str | None]
    """What the dry run marked with. NULL until it began."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """NULL until a worker began."""
    ended_at: Mapped[datetime | None]
    """NULL while work is left."""
    cancelled: Mapped[bool]
    failure: Mapped[str | None]
    """Why it was given up. NULL: it was not."""

    question: Mapped[QuestionRow] = relationship(lazy="raise")
    version: Mapped[VersionRow] = relationship(lazy="raise")


# Webhooks ----------------------------------------------------------------------------------------


class WebhookEndpointRow(Base):
    """Where webhooks are sent."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint(
            "octet_length(secret) BETWEEN 24 AND 64 "
            "AND octet_length(previous_secret) BETWEEN 24 AND 64",
            name="secret_length",
        ),
        CheckConstraint(
            "(previous_secret IS NULL) = (previous_until IS NULL)", name="previous_whole"
        ),
        CheckConstraint("(disabled_at IS NULL) = (disabled_why IS NULL)", name="disabled_whole"),
        CheckConstraint("cardinality(events) > 0", name="events_some"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    description: Mapped[str]
    events: Mapped[list[str] | None]
    """NULL: all there are."""
    secret: Mapped[bytes]
    """In the clear: messages are signed with it."""
    previous_secret: Mapped[bytes | None]
    """NULL unless it was rotated."""
    previous_until: Mapped[datetime | None]
    """NULL unless it was rotated."""
    created_at: Mapped[datetime]
    failing_since: Mapped[datetime | None]
    """NULL while the last try went well."""
    disabled_at: Mapped[datetime | None]
    """NULL while it gets messages."""
    disabled_why: Mapped[str | None]
    """NULL while it gets messages."""
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The API key that made it. NULL: the command line."""


class WebhookDeliveryRow(Base):
    """A message to an endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "endpoint_id", "id"),
        _one_of("state", "pending", "delivered", "failed"),
        CheckConstraint("octet_length(body) < 20000", name="body_thin"),
        CheckConstraint("(state = 'pending') = (next_at IS NOT NULL)", name="pending_whole"),
        CheckConstraint(
            "(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_whole"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE")
    )
    event: Mapped[str]
    body: Mapped[str]
    """Not JSONB, which would not give the same bytes back: they are what is signed."""
    state: Mapped[str]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    """NULL unless pending."""
    delivered_at: Mapped[datetime | None]
    """NULL unless delivered."""
    tries: Mapped[int]
    """All of them."""
    failures: Mapped[int]
    """Since it was made or replayed: where it stands in the schedule."""


class WebhookTryRow(Base):
    """One try to deliver a message."""

    __tablename__ = "webhook_tries"

    delivery_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1."""
    at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger())
    """NULL: no response came."""
    ms: Mapped[int]
    error: Mapped[str | None]
    """NULL: delivered."""


# Access ------------------------------------------------------------------------------------------


class ApiKeyRow(Base):
    """A key to the API, without its secret."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        CheckConstraint(
            "scopes <@ ARRAY['questions:read', 'questions:write', 'attempts:write', "
            "'attempts:read', 'review', 'admin'] AND cardinality(scopes) > 0",
            name="scopes_known",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    """Keys are looked up by it."""
    digest: Mapped[bytes]
    """SHA-256 of the whole token."""
    name: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]
    """NULL until used. Late by up to a minute, which saves a write for each request."""
    revoked_at: Mapped[datetime | None]
    """NULL while the key works."""


class IdempotencyRow(Base):
    """A request that must not be done twice, and its response once it is done."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index(None, "expires_at"),
        Index(None, "subject_id", postgresql_where=text("subject_id IS NOT NULL")),
        CheckConstraint(
            "(status IS NULL) = (body IS NULL) AND (status IS NULL) = (headers IS NULL)",
            name="response_whole",
        ),
    )

    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    """Of the request's body: the same key with another body is a caller's mistake."""
    token: Mapped[UUID]
    """Names the claim that holds the key now."""
    locked_until: Mapped[datetime]
    """Past this time a claim without a response may be taken over: its process is gone."""
    status: Mapped[int | None] = mapped_column(SmallInteger())
    """NULL until the request has finished."""
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """NULL until the request has finished."""
    body: Mapped[bytes | None]
    """NULL until the request has finished."""
    subject_id: Mapped[UUID | None]
    """The attempt or session that the body tells of: erasing it deletes this row. NULL: none."""
    expires_at: Mapped[datetime]


class RateLimitRow(Base):
    """How many requests a key made in its current window."""

    __tablename__ = "rate_limits"
    # A counter that a crash may reset: not worth a flush to disk for each request.
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    window_number: Mapped[int] = mapped_column(BigInteger())
    """Seconds since 1970 divided by the window's length, whole."""
    used: Mapped[int] = mapped_column(Integer())


class AuditRow(Base):
    """Who did what. Rows are only ever added."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "subject"),)

    id: Mapped[int] = mapped_column(BigInteger(), Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The API key that acted. NULL: the command line."""
    action: Mapped[str]
    subject: Mapped[str]
    """The id, with its prefix, of what was acted on; never a candidate's own id, because rows
    here cannot be erased."""
    details: Mapped[dict[str, Any]] = mapped_column(JSONB())
