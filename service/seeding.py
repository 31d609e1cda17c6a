"""Questions from files: one YAML file a question, loaded as often as one likes.

What a file last said is remembered as a digest beside its question, and only a file that says
something new makes a new version. So a start that seeds each time does not undo what an author
published over the API in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from service.content import Limits, check_content, content_from_dict, content_to_dict
from service.domain import ApiKey, Question
from service.errors import FieldFault, InvalidInput
from service.interchange.shape import schema_faults
from service.interchange.yaml_text import load_all

if TYPE_CHECKING:
    from service.exchange import QuestionHead
    from service.store import Store, Transaction

SCHEMA = Path(__file__).resolve().parents[1] / "seed" / "question.schema.json"
_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, kw_only=True)
class SeedReport:
    """What became of the files, by slug."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    """The file changed: a new version was published."""
    unchanged: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """Left alone so as not to undo somebody's work; slug and reason."""


def seed(
    store: Store, folder: Path, *, actor: ApiKey | None = None, limits: Limits | None = None
) -> SeedReport:
    """Load every question file of a folder, all or none, and publish what is new in them.

    Raises:
        InvalidInput: the faults of all files, each pointer beginning with the file's name.
    """
    questions = read_folder(folder, limits)
    outcomes: list[tuple[str, str, str]] = []
    with store.transaction() as tx:
        # Two services that start at once would both find the question missing.
        tx.lock_seeding()
        for question in questions:
            outcome, reason = _load(tx, question, actor)
            outcomes.append((outcome, question.slug, reason))
    return _report(outcomes)


def read_folder(folder: Path, limits: Limits | None = None) -> tuple[Question, ...]:
    """The questions of a folder's files, in the order of the files' names.

    Raises:
        InvalidInput: the faults of all files, each pointer beginning with the file's name.
    """
    questions: list[Question] = []
    faults: list[FieldFault] = []
    for path in _files(folder):
        try:
            questions.append(read_question(path, limits))
        except InvalidInput as fault:
            faults += [
                FieldFault(pointer=f"{path.name}{inner.pointer}", detail=inner.detail)
                for inner in fault.faults
            ]
    if faults:
        told = "\n".join(f"  {fault.pointer}: {fault.detail}" for fault in faults)
        raise InvalidInput(f"The question files cannot be loaded:\n{told}", faults)
    return tuple(questions)


def read_question(path: Path, limits: Limits | None = None) -> Question:
    """The question in a file.

    Raises:
        InvalidInput: not YAML, not of the schema, or content that cannot be, with pointers.
    """
    data = _parse(path)
    faults = schema_faults(_validator(), data)
    if not faults:
        question = content_from_dict(data)
        faults = check_content(question, limits or Limits())
        if question.slug != path.stem:
            detail = f"must be the file's name, {path.stem!r}"
            faults.append(FieldFault(pointer="#/slug", detail=detail))
    if faults:
        raise InvalidInput(f"{path.name} is not a question.", faults)
    return question


def _load(tx: Transaction, question: Question, actor: ApiKey | None) -> tuple[str, str]:
    """Bring one question up to its file; the outcome, and the reason if it was skipped."""
    digest = _digest(question)
    head = tx.questions.lock_any(question.slug)
    if head is None:
        made = tx.questions.add(question, seed_digest=digest)
        head = tx.questions.lock(made.question_id)
        _publish(tx, head, actor, "seed.create")
        return "created", ""
    if head.seed_digest == digest:
        return "unchanged", ""
    if _same_as_served(tx, head, question):
        tx.questions.mark_seeded(head, digest)
        return "unchanged", ""
    reason = _reason_to_skip(head)
    if reason is not None:
        return "skipped", reason
    tx.questions.write_draft(head, question)
    _publish(tx, tx.questions.lock(question.slug), actor, "seed.update")
    tx.questions.mark_seeded(head, digest)
    return "updated", ""


def _publish(tx: Transaction, head: QuestionHead, actor: ApiKey | None, action: str) -> None:
    version = tx.questions.publish_draft(head)
    tx.record(actor, action, version.question_id, number=version.number)


def _same_as_served(tx: Transaction, head: QuestionHead, question: Question) -> bool:
    if head.archived or head.published is None:
        return False
    return tx.questions.latest(head.slug, head.published).content == question


def _reason_to_skip(head: QuestionHead) -> str | None:
    if head.archived:
        return "the question was archived"
    if head.seed_digest is None:
        return "a question of this name was written by an author"
    if head.draft is not None:
        return "an author has an unpublished draft of it"
    return None


def _report(outcomes: Sequence[tuple[str, str, str]]) -> SeedReport:
    def slugs(wanted: str) -> tuple[str, ...]:
        return tuple(slug for outcome, slug, _ in outcomes if outcome == wanted)

    return SeedReport(
        created=slugs("created"),
        updated=slugs("updated"),
        unchanged=slugs("unchanged"),
        skipped=tuple((slug, reason) for outcome, slug, reason in outcomes if outcome == "skipped"),
    )


def _digest(question: Question) -> str:
    """Of what the file says, not of how it is written: a comment makes no new version."""
    said = json.dumps(content_to_dict(question), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


# Files -------------------------------------------------------------------------------------------


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        fault = FieldFault(pointer="#", detail="is not a folder")
        raise InvalidInput(f"There is no folder {folder}.", [fault])
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def _parse(path: Path) -> Any:
    try:
        documents = load_all(path.read_text(encoding="utf-8")) or [None]
        if len(documents) > 1:
            raise ValueError(f"has {len(documents)} documents; one is expected")
    except (OSError, ValueError) as fault:
        detail = f"cannot be read as YAML in UTF-8: {fault}"
        raise InvalidInput(
            f"{path.name} cannot be read.", [FieldFault(pointer="#", detail=detail)]
        ) from fault
    return documents[0]


@cache
def _validator() -> Draft202012Validator:
    schema: Mapping[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator(schema)
