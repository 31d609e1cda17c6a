"""Sessions: a candidate answers a list of questions by rules that the platform set.

Use cases like those of `service.usecases`, and under the same rules. What time it is, is asked of
this machine once for each call, at its beginning: an answer that came in time is in time, however
long its grading takes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING
from uuid import UUID

import jwt

from service import events, ids
from service.content import (
    Limits,
    check_answer,
    check_candidate,
    check_metadata,
    check_text,
    refuse,
)
from service.domain import (
    Answer,
    ApiKey,
    Attempt,
    QuestionVersion,
    Session,
    SessionState,
)
from service.errors import (
    FieldFault,
    NoAttemptsLeft,
    NotFound,
    NotPublished,
    SessionNotOpen,
    SessionOver,
    Unauthenticated,
)
from service.exchange import Draw, EventKind, SessionPlan
from service.usecases import Finish, QuestionCache, close_with, follow_up, ready_version

if TYPE_CHECKING:
    from service.grader import Grader
    from service.store import Store, Transaction

WINDOW = timedelta(days=7)
"""How long a session stays open unless the plan says when it closes."""
LONGEST_WINDOW = timedelta(days=366)
TOKEN_LIFE = timedelta(hours=4)
MOST_QUESTIONS = 100
_ALGORITHM = "HS256"
_AUDIENCE = "pointmark-session"
_DEFAULT_LIMITS = Limits()
_MOST_EXPIRIES = 1000
"""Told at once; the rest the next time."""


# For the platform --------------------------------------------------------------------------------


def create(
    store: Store,
    plan: SessionPlan,
    *,
    actor: ApiKey,
    finish: Finish[Session] | None = None,
) -> Session:
    """Make a session.

    Raises:
        InvalidInput: with a pointer to each fault; too few questions fit the draw.
    """
    now = datetime.now(UTC)
    opens_at = plan.opens_at or now
    closes_at = plan.closes_at or opens_at + WINDOW
    faults = check_candidate(plan.candidate) + check_metadata(plan.metadata)
    faults += _window_faults(now, opens_at, closes_at)
    refuse("The session cannot be made.", faults)
    versions = _chosen(store, plan.questions)
    with store.transaction() as tx:
        made = tx.sessions.add(
            plan, versions, key_id=actor.key_id, now=now, opens_at=opens_at, closes_at=closes_at
        )
        tx.record(actor, "session.create", made.session_id, questions=len(versions))
        close_with(finish, tx, made)
    return made


def _window_faults(now: datetime, opens_at: datetime, closes_at: datetime) -> list[FieldFault]:
    faults = []
    if closes_at <= max(now, opens_at):
        detail = "must be in the future and after opens_at"
        faults.append(FieldFault(pointer="#/closes_at", detail=detail))
    elif closes_at - now > LONGEST_WINDOW:
        detail = f"must be within {LONGEST_WINDOW.days} days from now"
        faults.append(FieldFault(pointer="#/closes_at", detail=detail))
    return faults


def _chosen(store: Store, wanted: tuple[str, ...] | Draw) -> list[UUID]:
    """The versions that are served now of the questions named or drawn."""
    if isinstance(wanted, Draw):
        return _drawn(store, wanted)
    found: list[UUID] = []
    faults: list[FieldFault] = []
    for index, ref in enumerate(wanted):
        pointer = f"#/questions/{index}"
        try:
            faults += check_text(ref, pointer)
            version = store.published_version(ref)
        except (NotFound, NotPublished) as fault:
            faults.append(FieldFault(pointer=pointer, detail=str(fault)))
            continue
        if version in found:
            faults.append(FieldFault(pointer=pointer, detail="is asked already"))
        found.append(version)
    refuse("The session cannot be made.", faults)
    return found


def _drawn(store: Store, draw: Draw) -> list[UUID]:
    with store.snapshot() as tx:
        fitting = tx.questions.served(draw.filters)
    if len(fitting) < draw.count:
        detail = f"only {len(fitting)} published questions fit; ask for fewer or filter less"
        refuse("The session cannot be made.", [FieldFault(pointer="#/draw/count", detail=detail)])
    return random.Random(draw.seed).sample(fitting, draw.count)


def cancel(store: Store, session_id: str, *, actor: ApiKey) -> Session:
    """End a session before its time; cancelling it again changes nothing.

    Raises:
        NotFound: no such session.
        SessionOver: it was finished, or its time ran out.
    """
    now = datetime.now(UTC)
    with store.transaction() as tx:
        session = tx.sessions.get(session_id, lock=True)
        state = session.state(now)
        if state is SessionState.CANCELLED:
            return session
        if state in (SessionState.FINISHED, SessionState.EXPIRED):
            raise SessionOver(f"The session is {state.value} and cannot be cancelled.")
        tx.record(actor, "session.cancel", session_id)
        return tx.sessions.change(session, {"cancelled_at": now})


def session(store: Store, session_id: str) -> Session:
    """One session.

    Raises:
        NotFound: no such session, or its candidate was erased.
    """
    with store.snapshot() as tx:
        return tx.sessions.get(session_id)


def changed(store: Store, *, after: int, limit: int) -> list[Session]:
    """Sessions made or changed since the change numbered `after`, in order.

    Sessions that ran out of time since somebody last asked are counted as changed first.
    """
    tell_expiries(store)
    with store.snapshot() as tx:
        return tx.sessions.changes(after, limit)


def tell_expiries(store: Store) -> None:
    """Count sessions that ran out of time as changed, and tell of each, once.

    Done by workers every minute, and whenever somebody asks for changes.
    """
    with store.transaction() as tx:
        for expired in tx.sessions.tell_expiries(_MOST_EXPIRIES):
            tx.webhooks.emit(events.session_changed(EventKind.SESSION_EXPIRED, expired))


# Tokens ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a candidate is let in with."""

    text: str
    """A JWT."""
    expires_at: datetime


def signing_secret(store: Store, name: str = _AUDIENCE) -> bytes:
    """The secret of this name, made at the first call of all; without a name, that for tokens."""
    with store.transaction() as tx:
        return tx.sessions.signing_secret(name)


def token_for(session: Session, secret: bytes, life: timedelta = TOKEN_LIFE) -> Token:
    """A token for the candidate of a session; good for this session alone."""
    now = datetime.now(UTC).replace(microsecond=0)
    expires_at = now + life
    claims = {
        "sub": session.session_id,
        "key": session.key_id,
        "aud": _AUDIENCE,
        "iat": now,
        "exp": expires_at,
    }
    return Token(text=jwt.encode(claims, secret, _ALGORITHM), expires_at=expires_at)


@dataclass(frozen=True, kw_only=True)
class Seat:
    """What a token proves."""

    session_id: str
    key_id: str
    """The API key that made the session."""


def seat_of(token: str, secret: bytes) -> Seat:
    """Whom a token lets in.

    Raises:
        Unauthenticated: it is none of ours, or it ran out.
    """
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["sub", "exp", "key"]},
        )
    except jwt.ExpiredSignatureError as fault:
        raise Unauthenticated("This token ran out; the platform can make another.") from fault
    except jwt.InvalidTokenError as fault:
        raise Unauthenticated("This is no token of a session.") from fault
    return Seat(session_id=str(claims["sub"]), key_id=str(claims["key"]))


# For the candidate -------------------------------------------------------------------------------


def start(store: Store, session_id: str) -> Session:
    """Begin; the time runs from the first start, and starting again changes nothing.

    Raises:
        NotFound: no such session.
        SessionNotOpen: it opens later.
        SessionOver: it was finished, cancelled, or closed.
    """
    now = datetime.now(UTC)
    with store.transaction() as tx:
        session = tx.sessions.get(session_id, lock=True)
        state = session.state(now)
        _check_not_over(state)
        if now < session.opens_at:
            raise SessionNotOpen(f"The session opens at {_shown(session.opens_at)}.")
        if state is SessionState.STARTED:
            return session
        started = tx.sessions.change(session, {"started_at": now})
        tx.webhooks.emit(events.session_changed(EventKind.SESSION_STARTED, started))
        return started


def finish(store: Store, session_id: str) -> Session:
    """End it for good; finishing again changes nothing.

    Raises:
        NotFound: no such session.
        SessionNotOpen: it was not begun.
        SessionOver: it was cancelled, or its time ran out.
    """
    now = datetime.now(UTC)
    with store.transaction() as tx:
        session = tx.sessions.get(session_id, lock=True)
        state = session.state(now)
        if state is SessionState.FINISHED:
            return session
        _check_not_over(state)
        if state is SessionState.CREATED:
            raise SessionNotOpen("The session was not started.")
        finished = tx.sessions.change(session, {"finished_at": now})
        tx.webhooks.emit(events.session_changed(EventKind.SESSION_FINISHED, finished))
        return finished


def answer(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    session_id: str,
    ref: str,
    given: Answer,
    *,
    received_at: datetime,
    submission: str | None = None,
    finish: Finish[tuple[Session, Attempt]] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    sample: float = 0.0,
) -> tuple[Session, Attempt]:
    """Take and grade an answer to a question of the session.

    Args:
        received_at: when the answer came; it counts, not when its grading ends.
        submission: the number that a form gave the answer; one that was sent before under it is
            what it was, and costs no attempt.

    Raises:
        InvalidInput: the answer cannot be stored.
        NotFound: no such session, or it does not ask this question.
        SessionNotOpen: it was not begun.
        SessionOver: it was finished or cancelled, or the answer came late.
        NoAttemptsLeft: the question was answered as often as is allowed.
    """
    refuse("The answer cannot be accepted.", check_answer(given, limits))
    with store.snapshot() as tx:
        seen = tx.sessions.get(session_id)
        version = _asked(seen, ref)
        before = _sent_before(tx, seen, version, submission)
        if before is not None:
            return seen, before
        _check_takes(tx, seen, version, received_at)
    version_id = ids.uuid_of(ids.Kind.VERSION, version.version_id)
    question = ready_version(store, grader, cache, version_id)
    marked = grader.grade(question.prepared, given, version_id=version.version_id)
    with store.transaction() as tx:
        # Locked, and looked at again: another answer or the end may have come meanwhile.
        session = tx.sessions.get(session_id, lock=True)
        before = _sent_before(tx, session, version, submission)
        if before is not None:
            return session, before
        _check_takes(tx, session, version, received_at)
        attempt = tx.attempts.add(
            version,
            candidate=session.candidate,
            answer=given.text,
            metadata={} if submission is None else {"submission": submission},
            marked=marked,
            key_id=session.key_id,
            session_id=session.session_id,
        )
        follow_up(tx, attempt, sample)
        close_with(finish, tx, (session, attempt))
    return session, attempt


def _sent_before(
    tx: Transaction, session: Session, version: QuestionVersion, submission: str | None
) -> Attempt | None:
    """What came before under this number, in this session and to this question."""
    if submission is None:
        return None
    found = tx.attempts.of_submission(session.candidate, submission)
    mine = (session.session_id, version.version_id)
    return next((each for each in found if (each.session_id, each.version_id) == mine), None)


def _asked(session: Session, ref: str) -> QuestionVersion:
    for version in session.questions:
        if ref in (version.question_id, version.content.slug):
            return version
    raise NotFound(f"The session does not ask the question {ref!r}.")


def _check_takes(
    tx: Transaction, session: Session, version: QuestionVersion, received_at: datetime
) -> None:
    state = session.state(received_at)
    _check_not_over(state)
    if state is SessionState.CREATED:
        raise SessionNotOpen("The session was not started: POST /v1/session/start.")
    if tx.sessions.count_attempts(session, version.version_id) >= session.attempts_allowed:
        raise NoAttemptsLeft(
            f"The question {version.content.slug!r} was answered as often as is allowed "
            f"({session.attempts_allowed})."
        )


def _check_not_over(state: SessionState) -> None:
    if state is SessionState.EXPIRED:
        raise SessionOver("The time of the session has run out.")
    if state in (SessionState.FINISHED, SessionState.CANCELLED):
        raise SessionOver(f"The session is {state.value}.")


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# What came of it ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class QuestionReport:
    """What came of one question: its last answer counts."""

    question: QuestionVersion
    attempts: tuple[Attempt, ...]
    """Oldest first; empty: not answered."""
    score: float
    """By the last review, else the last grade, of the last answer; 0 without one."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a session."""

    session: Session
    questions: tuple[QuestionReport, ...]
    topics: Mapping[str, float]
    """Mean score of the questions of a topic."""
    score: float
    """Mean score of all questions, unanswered ones counted as 0."""


def report(store: Store, session_id: str) -> Report:
    """What came of a session so far.

    Raises:
        NotFound: no such session, or its candidate was erased.
    """
    with store.snapshot() as tx:
        session = tx.sessions.get(session_id)
        attempts = tx.sessions.attempts(session)
    questions = tuple(_of_question(version, attempts) for version in session.questions)
    return Report(
        session=session,
        questions=questions,
        topics={
            topic: _mean([q.score for q in questions if q.question.content.topic == topic])
            for topic in dict.fromkeys(q.question.content.topic for q in questions)
        },
        score=_mean([q.score for q in questions]),
    )


def _of_question(version: QuestionVersion, attempts: Sequence[Attempt]) -> QuestionReport:
    mine = tuple(each for each in attempts if each.version_id == version.version_id)
    return QuestionReport(question=version, attempts=mine, score=mine[-1].score if mine else 0.0)


def _mean(scores: Sequence[float]) -> float:
    return round(fmean(scores), 1)
