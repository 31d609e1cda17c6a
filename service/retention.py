"""How long candidates are kept, and who did what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from service.content import check_text, refuse
from service.domain import Page
from service.exchange import AuditEntry, AuditFilter

if TYPE_CHECKING:
    from service.store import Store


def erase_idle(store: Store, days: int, *, stop: Callable[[], bool]) -> int:
    """Erase every candidate of whom nothing is younger than `days`; how many they were.

    A candidate goes as a whole, as when somebody erases them: answers of years ago stay as long as
    the same candidate still comes. One at a time, so that a stop or a fault loses nothing.

    Args:
        days: 0 keeps everything.
    """
    if days == 0:
        return 0
    since = datetime.now(UTC) - timedelta(days=days)
    erased = 0
    while not stop():
        with store.transaction() as tx:
            external_id = tx.attempts.idle_candidate(since)
            if external_id is None:
                break
            receipt = tx.attempts.erase(external_id)
            tx.record(
                None,
                "candidate.erase",
                receipt.candidate_id,
                attempts=receipt.attempts,
                retention_days=days,
            )
        erased += 1
    return erased


def audit_log(
    store: Store, filters: AuditFilter, *, cursor: str | None = None, limit: int = 20
) -> Page[AuditEntry]:
    """Who did what, newest first.

    Raises:
        InvalidInput: a cursor that no listing of the log gave out, or text that cannot be.
    """
    texts = {"action": filters.action, "subject": filters.subject, "key": filters.key}
    faults = [
        fault
        for name, text in texts.items()
        if text is not None
        for fault in check_text(text, f"#/{name}")
    ]
    refuse("The filter cannot be used.", faults)
    with store.snapshot() as tx:
        return tx.audit.page(filters, cursor=cursor, limit=limit)
