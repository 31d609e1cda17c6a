"""From what a file holds to questions that can be stored, and what stands against storing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.content import Limits, check_content, content_from_dict
from service.domain import Question
from service.errors import FieldFault
from service.interchange.guidance import missing_languages
from service.interchange.items import Imported
from service.interchange.shape import shape_faults
from service.interchange.slugs import slug_from, suffixed

_MOST_FAULTS = 100
"""Told of one item; somebody whose item has a million learns nothing from the rest."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing of a file, read."""

    number: int
    """Its place in the file, from 1."""
    title: str
    content: Question | None
    """None: skipped, or too faulty to be made into a question at all."""
    notes: tuple[str, ...]
    """What was lost, changed or made up."""
    faults: tuple[FieldFault, ...]
    """What keeps it from being accepted; pointers into its content."""
    skipped: str | None
    """Why it is no question of ours; None: it is one."""


def read_items(found: Sequence[Imported], limits: Limits) -> tuple[Item, ...]:
    """What was found, checked, each question with a slug of its own."""
    slugs = _slugs(found)
    return tuple(_read(number, imported, slugs, limits) for number, imported in enumerate(found, 1))


def _slugs(found: Sequence[Imported]) -> dict[str, int]:
    """The slugs that the file gives, and the first items that have them."""
    slugs: dict[str, int] = {}
    for number, imported in enumerate(found, 1):
        given = imported.data.get("slug")
        if isinstance(given, str):
            slugs.setdefault(given, number)
    return slugs


def _read(number: int, imported: Imported, slugs: dict[str, int], limits: Limits) -> Item:
    item = Item(
        number=number,
        title=imported.title,
        content=None,
        notes=imported.notes,
        faults=imported.faults,
        skipped=imported.skipped,
    )
    if imported.skipped is not None or not imported.data:
        return item
    data = dict(imported.data)
    notes = imported.notes
    if not data.get("slug"):
        data["slug"] = _made_slug(imported, slugs)
        slugs.setdefault(data["slug"], number)
        notes = (*notes, f"It had no name that can be a slug; {data['slug']!r} was made for it.")
    faults = [*imported.faults, *shape_faults(data)]
    if len(faults) > len(imported.faults):
        return replace(item, notes=notes, faults=tuple(faults[:_MOST_FAULTS]))
    content = content_from_dict(data)
    if slugs[content.slug] != number:
        detail = f"is the slug of item {slugs[content.slug]} of the file too"
        faults.append(FieldFault(pointer="#/slug", detail=detail))
    told = {fault.pointer for fault in faults}
    faults += [fault for fault in check_content(content, limits) if fault.pointer not in told]
    notes = (*notes, *missing_languages(content))
    return replace(item, content=content, notes=notes, faults=tuple(faults[:_MOST_FAULTS]))


def _made_slug(imported: Imported, slugs: dict[str, int]) -> str:
    """A slug for what came without: of its title, and of its prompt too where that is taken."""
    prompt = imported.data.get("prompt", "")
    text = prompt if isinstance(prompt, str) else " ".join(map(str, dict(prompt).values()))
    made = slug_from(imported.title or text)
    return made if made not in slugs else suffixed(made, text)
