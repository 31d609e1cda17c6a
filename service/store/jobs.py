"""Jobs for workers, put down in the transaction that gives the reason for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from procrastinate import SyncPsycopgConnector, jobs, manager
from psycopg import Connection
from sqlalchemy.orm import Session

from service.exchange import JobKind, JobQueue

# Never opened: jobs go over the connection of the transaction.
_MANAGER = manager.JobManager(SyncPsycopgConnector())


@dataclass(frozen=True, kw_only=True)
class Job:
    """Something for a worker to do."""

    kind: JobKind
    arguments: Mapping[str, Any]
    """JSON."""
    queue: JobQueue
    lock: str | None = None
    """Of the jobs with the same lock one runs at a time, in the order they were put down."""
    once: str | None = None
    """While a job with this name waits, no second one is put down."""
    priority: int = 0
    """Higher ones first; of equal ones the oldest."""
    at: datetime | None = None
    """Not before this time; None: as soon as can be."""


class Jobs:
    """The queue, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, wanted: Sequence[Job]) -> None:
        """Put jobs down; workers see them after the commit."""
        _MANAGER.batch_defer_jobs([_deferred(job) for job in wanted], connection=self._driver())

    def _driver(self) -> Connection[Any]:
        """The driver's own connection, which is in this transaction."""
        driver = self._session.connection().connection.driver_connection
        return cast("Connection[Any]", driver)


def _deferred(job: Job) -> jobs.Job:
    return jobs.Job(
        id=None,
        task_name=job.kind.value,
        task_kwargs=dict(job.arguments),
        queue=job.queue.value,
        lock=job.lock,
        queueing_lock=job.once,
        priority=job.priority,
        scheduled_at=job.at,
    )
