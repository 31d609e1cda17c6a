"""Sessions, their questions, and the numbers that platforms poll changes by."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session as DatabaseSession
from sqlalchemy.orm import contains_eager, selectinload

from service import ids
from service.domain import Attempt, Feedback, Language, QuestionVersion, Session
from service.errors import NotFound
from service.exchange import SessionPlan
from service.models import (
    AttemptRow,
    CandidateRow,
    SessionQuestionRow,
    SessionRow,
    SigningKeyRow,
)
from service.store.attempts import Attempts
from service.store.questions import Questions

# Names the lock of counting changes among the advisory locks of the database.
_CHANGES = 7_664_625_004
_SECRET_BYTES = 32
_ENDS = func.least(
    SessionRow.closes_at,
    SessionRow.started_at
    + func.make_interval(0, 0, 0, 0, 0, 0, SessionRow.time_limit_s + SessionRow.extra_time_s),
)
"""As `Session.ends_at`; least() passes over NULL."""
_OPEN = and_(SessionRow.finished_at.is_(None), SessionRow.cancelled_at.is_(None))


class Sessions:
    """The sessions, inside a transaction."""

    def __init__(self, session: DatabaseSession) -> None:
        self._session = session

    def get(self, session_id: str, *, lock: bool = False) -> Session:
        """One session; `lock`: until the transaction ends, nobody else changes it.

        Raises:
            NotFound: no such session, or its candidate was erased.
        """
        uuid = ids.parse(ids.Kind.SESSION, session_id)
        wanted = _whole(SessionRow.id == uuid)
        if lock:
            wanted = wanted.with_for_update(of=SessionRow)
        row = self._session.scalars(wanted).one_or_none()
        if row is None:
            raise NotFound(f"There is no session {session_id!r}.")
        return self._read([row])[0]

    def changes(self, after: int, limit: int) -> list[Session]:
        """Sessions whose last change has a number above `after`, in the order of these."""
        wanted = _whole(SessionRow.change > after).order_by(SessionRow.change).limit(limit)
        return self._read(self._session.scalars(wanted).all())

    def of_candidate(self, external_id: str) -> list[Session]:
        """Every session of a candidate, oldest first."""
        wanted = _whole(CandidateRow.external_id == external_id).order_by(SessionRow.id)
        return self._read(self._session.scalars(wanted).all())

    def attempts(self, session: Session) -> tuple[Attempt, ...]:
        """What was answered in a session, oldest first."""
        uuid = ids.uuid_of(ids.Kind.SESSION, session.session_id)
        return Attempts(self._session).matching(AttemptRow.session_id == uuid)

    def count_attempts(self, session: Session, version_id: str) -> int:
        """How often a question of the session was answered."""
        wanted = select(func.count()).where(
            AttemptRow.session_id == ids.uuid_of(ids.Kind.SESSION, session.session_id),
            AttemptRow.version_id == ids.uuid_of(ids.Kind.VERSION, version_id),
        )
        return self._session.scalars(wanted).one()

    def add(
        self,
        plan: SessionPlan,
        versions: Sequence[UUID],
        *,
        key_id: str,
        now: datetime,
        opens_at: datetime,
        closes_at: datetime,
    ) -> Session:
        """Keep a new session with these versions of questions."""
        uuid = ids.new_uuid()
        limit = plan.time_limit
        row = {
            "id": uuid,
            "candidate_id": Attempts(self._session).candidate(plan.candidate),
            "key_id": ids.uuid_of(ids.Kind.KEY, key_id),
            "language": plan.language,
            "time_limit_s": None if limit is None else int(limit.total_seconds()),
            "extra_time_s": int(plan.extra_time.total_seconds()),
            "opens_at": opens_at,
            "closes_at": closes_at,
            "attempts_allowed": plan.attempts_allowed,
            "feedback": plan.feedback,
            "extra": dict(plan.metadata),
            "created_at": now,
            "expiry_told": False,
            "change": self._next_change(),
        }
        self._session.execute(insert(SessionRow), row)
        self._session.execute(
            insert(SessionQuestionRow),
            [
                {"session_id": uuid, "position": position, "version_id": version}
                for position, version in enumerate(versions)
            ],
        )
        return self.get(ids.show(ids.Kind.SESSION, uuid))

    def change(self, session: Session, values: Mapping[str, Any]) -> Session:
        """Write down what became of a session that `get` locked."""
        uuid = ids.uuid_of(ids.Kind.SESSION, session.session_id)
        self._session.execute(
            update(SessionRow)
            .where(SessionRow.id == uuid)
            .values({**values, "change": self._next_change()})
            .execution_options(synchronize_session=False)
        )
        self._session.expire_all()
        return self.get(session.session_id)

    def tell_expiries(self, most: int) -> list[Session]:
        """Count sessions that ran out of time as changed, each once; these."""
        due = (
            select(SessionRow.id)
            .where(_OPEN, SessionRow.expiry_told.is_(False), func.now() >= _ENDS)
            .order_by(SessionRow.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        told = self._session.scalars(due).all()
        for uuid in told:
            self._session.execute(
                update(SessionRow)
                .where(SessionRow.id == uuid)
                .values(expiry_told=True, change=self._next_change())
            )
        if not told:
            return []
        return self._read(self._session.scalars(_whole(SessionRow.id.in_(told))).all())

    def signing_secret(self, name: str) -> bytes:
        """The secret of this name, made if there is none; the same for everybody."""
        wanted = select(SigningKeyRow.secret).where(SigningKeyRow.name == name)
        found = self._session.scalar(wanted)
        if found is None:
            fresh = {"name": name, "secret": secrets.token_bytes(_SECRET_BYTES)}
            self._session.execute(insert_or(SigningKeyRow).values(fresh).on_conflict_do_nothing())
            found = self._session.scalars(wanted).one()
        return found

    def _next_change(self) -> int:
        """One more than any change before.

        Changes wait for each other here until they are committed, so that whoever has seen a
        number has seen all below it.
        """
        self._session.execute(select(func.pg_advisory_xact_lock(_CHANGES)))
        last = self._session.scalar(select(func.max(SessionRow.change)))
        return (last or 0) + 1

    def _read(self, rows: Sequence[SessionRow]) -> list[Session]:
        asked = {each.version_id for row in rows for each in row.questions}
        versions = Questions(self._session).by_id(asked)
        return [_session(row, versions) for row in rows]


def _session(row: SessionRow, versions: Mapping[UUID, QuestionVersion]) -> Session:
    limit = row.time_limit_s
    return Session(
        session_id=ids.show(ids.Kind.SESSION, row.id),
        candidate=row.candidate.external_id or "",
        key_id=ids.show(ids.Kind.KEY, row.key_id),
        questions=tuple(versions[asked.version_id] for asked in row.questions),
        language=None if row.language is None else Language(row.language),
        time_limit=None if limit is None else timedelta(seconds=limit),
        extra_time=timedelta(seconds=row.extra_time_s),
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        attempts_allowed=row.attempts_allowed,
        feedback=Feedback(row.feedback),
        metadata=row.extra or {},
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancelled_at=row.cancelled_at,
        change=row.change,
    )


def _whole(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Sessions of candidates who were not erased, with all that is shown of them."""
    return (
        select(SessionRow)
        .join(SessionRow.candidate)
        .where(CandidateRow.erased_at.is_(None), *conditions)
        .options(contains_eager(SessionRow.candidate), selectinload(SessionRow.questions))
    )
