"""Batches: many answers at once, graded by workers; each becomes an attempt, or an error.

Use cases like those of `service.usecases`. What the platform asks for comes first, what workers do
after it. An item is settled in the transaction that keeps its attempt, and only while it waits: so
however often a job is run again, by whomever, each answer is graded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from service import events
from service.content import Limits, check_candidate, check_metadata, check_text, refuse
from service.domain import ApiKey, Attempt, Page
from service.errors import (
    Conflict,
    FieldFault,
    InvalidInput,
    NotFound,
    NotPublished,
    PointmarkError,
)
from service.exchange import Batch, BatchItem, ItemError, ItemResult, JobKind, JobQueue
from service.store import Job
from service.usecases import Finish, QuestionCache, close_with, submit_attempt

if TYPE_CHECKING:
    from service.grader import Grader
    from service.store import Store, Transaction

MOST_ITEMS = 10_000
CHUNK = 50
"""Items of one job: some seconds of work, and what workers share a batch by."""
_PAGE = 200
_LONGEST_REF = 100
_CODES: Mapping[type[PointmarkError], str] = {
    InvalidInput: "invalid_input",
    NotFound: "not_found",
    NotPublished: "not_published",
}
"""What can be wrong with one item alone."""


class _Settled(Exception):
    """The item does not wait any more: graded by another worker, cancelled or erased."""


# For the platform --------------------------------------------------------------------------------


def create(
    store: Store,
    items: Sequence[BatchItem],
    *,
    actor: ApiKey | None,
    finish: Finish[Batch] | None = None,
) -> Batch:
    """Take answers to be graded; questions and answers are looked at when their turn comes.

    Raises:
        InvalidInput: no items or too many; with a pointer to each candidate or metadata that
            cannot be stored.
    """
    refuse("The batch cannot be accepted.", _faults(items))
    with store.transaction() as tx:
        batch = tx.batches.add(items, key_id=None if actor is None else actor.key_id)
        tx.jobs.put(
            [_job(batch.batch_id, first, len(items)) for first in range(0, len(items), CHUNK)]
        )
        tx.record(actor, "batch.create", batch.batch_id, items=len(items))
        close_with(finish, tx, batch)
    return batch


def _faults(items: Sequence[BatchItem]) -> list[FieldFault]:
    if not 1 <= len(items) <= MOST_ITEMS:
        detail = f"must hold 1 to {MOST_ITEMS} items; {len(items)} were sent"
        return [FieldFault(pointer="#/items", detail=detail)]
    return [
        FieldFault(pointer=f"#/items/{index}{fault.pointer[1:]}", detail=fault.detail)
        for index, item in enumerate(items)
        for fault in (
            *_ref_faults(item.question),
            *check_candidate(item.candidate),
            # Stored as it is before it is looked at.
            *check_text(item.answer.text, "#/answer"),
            *check_metadata(item.metadata),
        )
    ]


def _ref_faults(ref: str) -> list[FieldFault]:
    if not ref.strip():
        return [FieldFault(pointer="#/question", detail="must be an id or a slug")]
    return check_text(ref, "#/question", longest=_LONGEST_REF)


def _job(batch_id: str, first: int, total: int) -> Job:
    return Job(
        kind=JobKind.GRADE_BATCH,
        arguments={"batch": batch_id, "first": first, "last": min(first + CHUNK, total) - 1},
        queue=JobQueue.GRADING,
        lock=f"{batch_id}:{first}",
        # The first chunks of all batches go before the second ones: a small batch does not wait
        # for the whole of a large one that came before.
        priority=-(first // CHUNK),
    )


def batch(store: Store, batch_id: str) -> Batch:
    """One batch.

    Raises:
        NotFound: no such batch.
    """
    with store.snapshot() as tx:
        return tx.batches.get(batch_id)


def list_batches(store: Store, *, cursor: str | None = None, limit: int = 20) -> Page[Batch]:
    """Batches, newest first.

    Raises:
        InvalidInput: a cursor that no listing of batches gave out.
    """
    with store.snapshot() as tx:
        return tx.batches.page(cursor=cursor, limit=limit)


def cancel(store: Store, batch_id: str, *, actor: ApiKey | None) -> Batch:
    """Grade no more of it; what is graded stays, and cancelling it again changes nothing.

    Raises:
        NotFound: no such batch.
        Conflict: it is over.
    """
    why = ItemError(code="cancelled", detail="The batch was cancelled.")
    with store.transaction() as tx:
        stopped = tx.batches.stop(batch_id, cancelled=True, why=why)
        if stopped is not None:
            tx.record(actor, "batch.cancel", batch_id)
            tx.webhooks.emit(events.batch_finished(stopped))
            return stopped
        found = tx.batches.get(batch_id)
    if found.status != "cancelled":
        raise Conflict(f"The batch is {found.status.value} and cannot be cancelled.")
    return found


def results(store: Store, batch_id: str, after: int = -1) -> Iterator[ItemResult]:
    """What became of its items, in their order, streamed; those that wait are left out.

    `after`: the place of the last one that was had before.

    Raises:
        NotFound: no such batch; at once, before anything is read.
    """
    batch(store, batch_id)
    return _streamed(store, batch_id, after)


def _streamed(store: Store, batch_id: str, after: int) -> Iterator[ItemResult]:
    while True:
        with store.snapshot() as tx:
            found = tx.batches.results(batch_id, after, _PAGE)
        if not found:
            return
        yield from found
        after = found[-1].position


# For workers -------------------------------------------------------------------------------------


def grade_items(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    batch_id: str,
    first: int,
    last: int,
    *,
    stop: Callable[[], bool],
    limits: Limits,
    sample: float,
) -> bool:
    """Grade the items at `first` to `last` that wait; False if told to stop before the end.

    Raises:
        NotFound: no such batch.
        StoreUnavailable: the database does not answer; what was graded is kept.
    """
    with store.transaction() as tx:
        found = tx.batches.get(batch_id)
        tx.batches.begin(batch_id)
        items = tx.batches.waiting(batch_id, first, last, last - first + 1)
    for position, item in items:
        if stop():
            return False
        try:
            _grade(store, grader, cache, found, position, item, limits, sample)
        except _Settled:
            continue
    with store.transaction() as tx:
        ended = tx.batches.end(batch_id)
        if ended is not None:
            tx.webhooks.emit(events.batch_finished(ended))
    return True


def _grade(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    found: Batch,
    position: int,
    item: BatchItem,
    limits: Limits,
    sample: float,
) -> None:
    def settle(tx: Transaction, made: Attempt) -> None:
        if not tx.batches.settle(found.batch_id, position, attempt_id=made.attempt_id, error=None):
            raise _Settled

    try:
        submit_attempt(
            store,
            grader,
            cache,
            item.question,
            candidate=item.candidate,
            answer=item.answer,
            metadata=item.metadata,
            key_id=found.key_id,
            finish=settle,
            limits=limits,
            sample=sample,
        )
    except tuple(_CODES) as fault:
        with store.transaction() as tx:
            tx.batches.settle(found.batch_id, position, attempt_id=None, error=_error(fault))


def _error(fault: PointmarkError) -> ItemError:
    return ItemError(
        code=next(code for kind, code in _CODES.items() if isinstance(fault, kind)),
        detail=str(fault),
        faults=fault.faults if isinstance(fault, InvalidInput) else (),
    )


def give_up(store: Store, batch_id: str, detail: str) -> None:
    """End a batch whose work keeps failing; items that wait get the reason as their error.

    Raises:
        NotFound: no such batch.
    """
    why = ItemError(code="internal_error", detail=detail)
    with store.transaction() as tx:
        stopped = tx.batches.stop(batch_id, cancelled=False, why=why)
        if stopped is not None:
            tx.webhooks.emit(events.batch_finished(stopped))
