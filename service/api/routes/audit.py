"""The audit log."""

from __future__ import annotations

from flask import Response

from service import retention
from service.api.auth import needs
from service.api.context import parts
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import page
from service.api.schemas import AuditIn, AuditPage
from service.api.views import audit_entry
from service.domain import Scope
from service.exchange import AuditFilter

audit = blueprint("audit", tag="Audit log", prefix="/v1")


@audit.get("/audit-log")
@audit.doc(**about("listAuditLog", scope=Scope.ADMIN, gives=("Link",)))
@needs(Scope.ADMIN)
@audit.input(AuditIn, location="query", arg_name="query")
@audit.output(AuditPage)
def list_audit_log(query: AuditIn) -> Response:
    """List who did what, newest first.

    Changes of questions and keys, reviews, regrades, batches, exports and erasures. No line names a
    candidate, and none can be changed.
    """
    filters = AuditFilter(
        action=query.action,
        subject=query.subject,
        key=query.key,
        since=query.since,
        until=query.until,
    )
    found = retention.audit_log(parts().store, filters, cursor=query.cursor, limit=query.limit)
    return page([audit_entry(each) for each in found.items], found.next_cursor)
