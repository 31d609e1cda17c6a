"""The store itself: transactions, and the few single statements that need none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from service import ids
from service.domain import ApiKey
from service.errors import StoreUnavailable
from service.exchange import Backlog, Claim, Quota, StoredResponse
from service.store import backlog, idempotency, keys, questions, schema
from service.store.attempts import Attempts
from service.store.audit import Audit
from service.store.batches import Batches
from service.store.connections import make_engine, translated
from service.store.jobs import Jobs
from service.store.keys import Keys
from service.store.questions import Questions
from service.store.regrades import Regrades
from service.store.reviews import Reviews
from service.store.sessions import Sessions
from service.store.statistics import Statistics
from service.store.vectors import QuestionVectors
from service.store.webhooks import Webhooks

# Names the lock of seeding among the advisory locks of the database.
_SEEDING = 7_664_625_002
_SEEDING_WAIT = "60s"


class Transaction:
    """What can be done inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.questions = Questions(session)
        self.question_vectors = QuestionVectors(session)
        self.attempts = Attempts(session)
        self.batches = Batches(session)
        self.jobs = Jobs(session)
        self.regrades = Regrades(session)
        self.reviews = Reviews(session)
        self.sessions = Sessions(session)
        self.statistics = Statistics(session)
        self.keys = Keys(session)
        self.audit = Audit(session)
        self.webhooks = Webhooks(session)

    def record(self, actor: ApiKey | None, action: str, subject: str, **details: Any) -> None:
        """Write a line of the audit log; it stays for ever, so it names nobody."""
        self.audit.add(actor, action, subject, details)

    def save_response(
        self, claim: Claim, response: StoredResponse, *, subject: str | None = None
    ) -> None:
        """Keep the response of an idempotent request, to be committed with what it tells of.

        `subject` is the id of the attempt or session in the body, if any: erasing the candidate
        erases this copy of it.

        Raises:
            StillRunning: the lease ran out and another request took the work over. Let it
                propagate: the transaction must not commit, or the work would be done twice.
        """
        idempotency.save_response(self._session, claim, response, subject)

    def lock_seeding(self) -> None:
        """Wait until no other process seeds; released by the end of the transaction.

        Seeding belongs to the start of a service, where waiting longer than a request may is
        better than giving up.
        """
        for limit in ("lock_timeout", "statement_timeout"):
            self._session.execute(select(func.set_config(limit, _SEEDING_WAIT, True)))
        self._session.execute(select(func.pg_advisory_xact_lock(_SEEDING)))


class Store:
    """The database. Safe between threads; holds no connection while idle in between.

    Every method raises `StoreUnavailable` when the database does not answer.
    """

    def __init__(self, database: str | Engine, *, pool_size: int = 5) -> None:
        """`database`: an address, or an engine that was made for it already."""
        self._engine = (
            database if isinstance(database, Engine) else make_engine(database, pool_size=pool_size)
        )
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._statements = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Close the idle connections; the next use opens new ones."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block, or not at all."""
        with translated(), Session(self._engine) as session, session.begin():
            yield Transaction(session)

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """A transaction to read in, from one moment's state however many queries it takes."""
        with translated(), Session(self._snapshots) as session, session.begin():
            yield Transaction(session)

    def ready(self) -> list[str]:
        """Why the store cannot serve, in words for an operator; empty when it can."""
        try:
            with translated(), self._statements.connect() as connection:
                return schema.shortcomings(connection)
        except StoreUnavailable as fault:
            return [str(fault)]

    def backlog(self) -> Backlog | None:
        """What waits to be done; None: the database does not answer, or is not migrated."""
        try:
            with translated(), self._statements.connect() as connection:
                return backlog.read(connection)
        except (StoreUnavailable, ProgrammingError):
            return None

    def published_version(self, ref: str) -> UUID:
        """The version that candidates get, without loading it.

        Raises:
            NotFound: no such question, or it is archived.
            NotPublished: it has only a draft.
        """
        with translated(), self._statements.connect() as connection:
            return questions.published_version(connection, ref)

    def find_key(self, prefix: str) -> tuple[ApiKey, bytes] | None:
        """The key with this prefix and the SHA-256 of its token; revoked ones too."""
        with translated(), self._statements.connect() as connection:
            return keys.find(connection, prefix)

    def count_request(self, key: ApiKey, *, limit: int, window_s: int, precision_s: int) -> Quota:
        """Count a request of this key in its window and note the use of the key.

        The time of use is written at most once in `precision_s`.
        """
        with translated(), self._statements.connect() as connection:
            keys.note_use(connection, key, precision_s)
            owner = ids.uuid_of(ids.Kind.KEY, key.key_id)
            return keys.count_request(connection, owner, limit, window_s)

    def count_candidate(self, session_id: str, *, limit: int, window_s: int) -> Quota:
        """Count a request that came with a session's token, in its window."""
        owner = ids.uuid_of(ids.Kind.SESSION, session_id)
        with translated(), self._statements.connect() as connection:
            return keys.count_request(connection, owner, limit, window_s)

    def count_browser(self, browser: UUID, *, limit: int, window_s: int) -> Quota:
        """Count an answer that a browser sent from the practice pages, in its window."""
        with translated(), self._statements.connect() as connection:
            return keys.count_request(connection, browser, limit, window_s)

    def count_sign_in(self, address: UUID, *, limit: int, window_s: int) -> Quota:
        """Count a try to sign in as a reviewer, in the window of where it came from."""
        with translated(), self._statements.connect() as connection:
            return keys.count_request(connection, address, limit, window_s)

    def claim(
        self, key_id: str, route: str, key: str, fingerprint: str, *, lease_s: int, keep_s: int
    ) -> Claim | StoredResponse:
        """Claim an idempotency key before doing its work, or get the response of work done.

        A claim is visible to everybody at once. It ends by `Transaction.save_response`, by
        `release`, or after `lease_s` by being taken over, for its process may have been killed.
        The response is kept for `keep_s`.

        Raises:
            KeyReused: the key came with another fingerprint before.
            StillRunning: somebody holds the claim.
        """
        with translated(), self._statements.connect() as connection:
            return idempotency.claim(
                connection, key_id, route, key, fingerprint, lease_s=lease_s, keep_s=keep_s
            )

    def release(self, claim: Claim) -> None:
        """Give a claim back whose work failed, so that the key can be tried again."""
        with translated(), self._statements.connect() as connection:
            idempotency.release(connection, claim)
