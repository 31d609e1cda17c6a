"""Questions from files of other systems: what a file would do, and doing it.

A file is imported whole or not at all, in one transaction, and as drafts: nothing that is served
changes before an author publishes it. Items that are no questions of ours (multiple choice, say)
are passed over and named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from service import interchange
from service.content import Limits
from service.domain import ApiKey, QuestionVersion, VersionStatus
from service.errors import FieldFault, InvalidInput
from service.interchange import Item
from service.usecases import Finish, close_with

if TYPE_CHECKING:
    from service.store import Store, Transaction

_DEFAULT_LIMITS = Limits()
_MOST_FAULTS = 100
"""Told at once, as of any request."""


class Action(StrEnum):
    """What becomes of an item."""

    CREATE = "create"
    """A new question, as draft number 1."""
    UPDATE = "update"
    """The draft of a question that exists is replaced, or its next one begun."""
    UNCHANGED = "unchanged"
    """The newest version says the same already."""
    SKIP = "skip"
    """It is no question of ours."""
    REFUSE = "refuse"
    """It has faults, and keeps the whole file from being imported."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """An item and what becomes of it."""

    item: Item
    action: Action
    notes: tuple[str, ...]
    """What was lost, changed or made up, and what storing it overwrites."""
    faults: tuple[FieldFault, ...]
    """Pointers into the item's content."""
    version: QuestionVersion | None = None
    """The version that exists of it; after the import the one that was stored."""


def preview(
    store: Store, form: str, data: bytes, *, limits: Limits = _DEFAULT_LIMITS
) -> tuple[Planned, ...]:
    """What importing a file would do. Stores nothing.

    Raises:
        InvalidInput: not a file of this format, or one that is refused as a whole.
    """
    items = interchange.read(form, data, limits)
    with store.snapshot() as tx:
        return _plan(tx, items, lock=False)


def run(
    store: Store,
    form: str,
    data: bytes,
    *,
    actor: ApiKey | None,
    skip_invalid: bool = False,
    finish: Finish[tuple[Planned, ...]] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> tuple[Planned, ...]:
    """Import a file: every question in it as a draft, or nothing.

    `skip_invalid`: items with faults are passed over instead.

    Raises:
        InvalidInput: not a file of this format, or an item has faults; all of them are told.
        SlugTaken: somebody made a question of the same slug at the same moment.
    """
    items = interchange.read(form, data, limits)
    with store.transaction() as tx:
        plan = _plan(tx, items, lock=True)
        if not skip_invalid:
            _refuse(plan)
        # In the order of slugs: see `Questions.by_slug`.
        stored = [_store(tx, each, actor) for each in sorted(plan, key=_slug)]
        done = tuple(sorted(stored, key=lambda each: each.item.number))
        close_with(finish, tx, done)
    return done


def _plan(tx: Transaction, items: tuple[Item, ...], *, lock: bool) -> tuple[Planned, ...]:
    wanted = {item.content.slug for item in items if item.content is not None and not item.faults}
    there = tx.questions.by_slug(wanted, lock=lock)
    return tuple(_planned(item, there) for item in items)


def _planned(item: Item, there: Mapping[str, QuestionVersion]) -> Planned:
    made = Planned(item=item, action=Action.SKIP, notes=item.notes, faults=item.faults)
    if item.skipped is not None:
        return made
    if item.content is None or item.faults:
        return replace(made, action=Action.REFUSE)
    version = there.get(item.content.slug)
    if version is None:
        return replace(made, action=Action.CREATE)
    if version.archived:
        detail = "belongs to a question that was archived; choose another"
        fault = FieldFault(pointer="#/slug", detail=detail)
        return replace(made, action=Action.REFUSE, faults=(fault,))
    if version.content == item.content:
        return replace(made, action=Action.UNCHANGED, version=version)
    notes = item.notes
    if version.status is VersionStatus.DRAFT:
        notes = (*notes, "It replaces a draft that was not published.")
    return replace(made, action=Action.UPDATE, notes=notes, version=version)


def _refuse(plan: tuple[Planned, ...]) -> None:
    """Raise InvalidInput if an item has faults."""
    faults = [
        FieldFault(pointer=interchange.PLACE, detail=f"item {named(each.item)}: {told(fault)}")
        for each in plan
        for fault in each.faults
    ]
    if faults:
        raise InvalidInput(
            "Nothing was imported: some items cannot be accepted.", faults[:_MOST_FAULTS]
        )


def named(item: Item) -> str:
    """An item by its number and name, for people."""
    name = item.content.slug if item.content is not None else item.title
    return f"{item.number} ({name})" if name else str(item.number)


def told(fault: FieldFault) -> str:
    """A fault of an item, its place first."""
    return f"{fault.pointer} {fault.detail}"


def _store(tx: Transaction, planned: Planned, actor: ApiKey | None) -> Planned:
    content = planned.item.content
    if content is None or planned.action not in (Action.CREATE, Action.UPDATE):
        return planned
    if planned.action is Action.CREATE:
        version = tx.questions.add(content)
    else:
        version = tx.questions.write_draft(tx.questions.lock(content.slug), content)
    tx.record(actor, "question.import", version.question_id, number=version.number)
    return replace(planned, version=version)


def _slug(planned: Planned) -> str:
    return "" if planned.item.content is None else planned.item.content.slug
