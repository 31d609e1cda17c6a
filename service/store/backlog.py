"""What waits to be done, for those who watch the service."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, func, select, text

from service.exchange import Backlog
from service.models import QueueRow, WebhookDeliveryRow

_JOBS = text(
    "SELECT queue_name, status::text, count(*), "
    "       extract(epoch FROM now() - min(since) FILTER (WHERE status = 'todo')) "
    "FROM (SELECT queue_name, status, coalesce(scheduled_at, "
    "             (SELECT min(at) FROM procrastinate.procrastinate_events AS event "
    "              WHERE event.job_id = job.id)) AS since "
    "      FROM procrastinate.procrastinate_jobs AS job "
    "      WHERE status IN ('todo', 'doing', 'failed')) AS waiting "
    "GROUP BY queue_name, status"
)
_WORKERS = text(
    "SELECT count(*) FROM procrastinate.procrastinate_workers "
    "WHERE last_heartbeat > now() - interval '30 seconds'"
)


def read(connection: Connection) -> Backlog:
    """Count it, as of now."""
    jobs: dict[tuple[str, str], int] = {}
    oldest: dict[str, float] = defaultdict(float)
    for queue, status, number, age in connection.execute(_JOBS):
        jobs[queue, status] = number
        # A job that is planned for later has a negative age, and is not late.
        oldest[queue] = max(oldest[queue], float(age or 0.0))
    deliveries = select(WebhookDeliveryRow.state, func.count().label("number")).group_by(
        WebhookDeliveryRow.state
    )
    waiting = select(func.count()).where(QueueRow.reviewed_at.is_(None))
    return Backlog(
        jobs=jobs,
        oldest_s=oldest,
        workers=connection.scalar(_WORKERS) or 0,
        reviews=connection.scalar(waiting) or 0,
        deliveries={row.state: row.number for row in connection.execute(deliveries)},
    )
