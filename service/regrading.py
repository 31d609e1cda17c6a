"""Marking stored answers again, after a rubric, a calibration or a model has changed.

Nothing is replaced: an attempt gets one more grade, and reviews win over that one too. What was
kept of an answer makes most of the work arithmetic, without the encoder.

Two ways lead here: `regrade` does it now, for the command line; `ask` has a worker do it, first as
a dry run whose findings are kept, and for good only after `commit`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service import events, ids
from service.content import refuse
from service.domain import Answer, ApiKey, Attempt, Grade, Page, QuestionVersion
from service.errors import Conflict, FieldFault, NotFound, NotPublished
from service.exchange import JobKind, JobQueue, Regrade, WorkStatus
from service.store import Job
from service.usecases import (
    Finish,
    QuestionCache,
    ReadyQuestion,
    close_with,
    ready_question,
    ready_version,
)

if TYPE_CHECKING:
    from service.grader import Grader, Kept, Marked
    from service.store import Store, Transaction

BATCH = 100
"""Attempts that are read, marked and kept at once: what a killed run may have to do again."""
BIN = 10
"""Width of the histogram's bars, in score points."""
MOVERS = 10


@dataclass(frozen=True, kw_only=True)
class Move:
    """An attempt whose score changes."""

    attempt_id: str
    before: float
    after: float

    @property
    def by(self) -> float:
        """Score points up or down."""
        return round(self.after - self.before, 1)


class _Over(Exception):
    """The regrade was cancelled meanwhile."""


_COUNTED = (
    *("attempts", "up_to_date", "changed", "reviewed", "written"),
    *("risen_above", "fallen_below", "total"),
)


@dataclass(kw_only=True)
class Movements:
    """What a regrade changes, added up attempt by attempt; small, however many there are."""

    pass_mark: float | None
    attempts: int = 0
    """All that there are, erased ones left out."""
    up_to_date: int = 0
    """Those whose last grade was made by the same rubric, grader and calibration already."""
    changed: int = 0
    """Those whose score changes."""
    reviewed: int = 0
    """Of these, those with a review, whose result stays."""
    written: int = 0
    risen_above: int = 0
    fallen_below: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    """Number of changed scores by the lower edge of the bar, in steps of `BIN`."""
    total: float = 0.0
    """Sum of the changes, up and down."""
    _movers: list[tuple[float, str, Move]] = field(default_factory=list)

    def add(self, attempt: Attempt, after: Grade) -> None:
        """Count one attempt that is marked again."""
        move = Move(
            attempt_id=attempt.attempt_id,
            before=attempt.grades[-1].grade.score,
            after=after.score,
        )
        if move.by == 0.0:
            return
        self.changed += 1
        self.reviewed += bool(attempt.reviews)
        self.total += move.by
        edge = int(move.by // BIN) * BIN
        self.histogram[edge] = self.histogram.get(edge, 0) + 1
        if self.pass_mark is not None and not attempt.reviews:
            self.risen_above += move.before < self.pass_mark <= move.after
            self.fallen_below += move.after < self.pass_mark <= move.before
        self._note(move)

    def _note(self, move: Move) -> None:
        entry = (abs(move.by), move.attempt_id, move)
        if len(self._movers) < MOVERS:
            heapq.heappush(self._movers, entry)
        else:
            heapq.heappushpop(self._movers, entry)

    @property
    def movers(self) -> list[Move]:
        """The attempts that move most, the first most of all."""
        return [move for *_, move in sorted(self._movers, reverse=True)]

    @property
    def mean(self) -> float:
        """Mean change of those that change; 0 without any."""
        return round(self.total / self.changed, 1) if self.changed else 0.0

    def data(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            **{name: getattr(self, name) for name in _COUNTED},
            "histogram": {str(edge): count for edge, count in sorted(self.histogram.items())},
            "movers": [[move.attempt_id, move.before, move.after] for move in self.movers],
        }

    @classmethod
    def of(cls, pass_mark: float | None, data: Mapping[str, Any]) -> Movements:
        """What `data` told of; nothing counted where it is empty."""
        found = cls(pass_mark=pass_mark, **{name: data[name] for name in _COUNTED if name in data})
        found.histogram = {int(edge): count for edge, count in data.get("histogram", {}).items()}
        for attempt_id, before, after in data.get("movers", []):
            found._note(Move(attempt_id=attempt_id, before=before, after=after))
        return found


def regrade(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    ref: str,
    *,
    commit: bool,
    pass_mark: float | None = None,
    actor: ApiKey | None = None,
    told: Callable[[Movements], None] | None = None,
) -> tuple[QuestionVersion, Movements]:
    """Mark every answer to a question by its served version and this grader; keep it if told so.

    A run that was killed is run again: what it has kept is up to date and is passed over. `told` is
    called now and then with what was found so far.

    Raises:
        NotFound: no such question, or it is archived.
        NotPublished: it has only a draft.
    """
    ready = ready_question(store, grader, cache, ref)
    found = Movements(pass_mark=pass_mark)
    after: str | None = None
    while (after := _advance(store, grader, ready, found, after, commit=commit)) is not None:
        if told is not None:
            told(found)
    if commit:
        with store.transaction() as tx:
            _record(tx, actor, ready.version.question_id, ready.version.number, found)
    return ready.version, found


def _advance(
    store: Store,
    grader: Grader,
    ready: ReadyQuestion,
    found: Movements,
    after: str | None,
    *,
    commit: bool,
    save: Callable[[Transaction, str], None] | None = None,
) -> str | None:
    """Mark the next attempts and add them to `found`; the id of the last, None if none was left.

    `save` is called with the transaction that keeps the grades, or with one of its own.
    """
    with store.snapshot() as tx:
        batch = tx.attempts.to_regrade(ready.version.question_id, after, BATCH)
    if not batch:
        return None
    last = batch[-1][0].attempt_id
    found.attempts += len(batch)
    old = [item for item in batch if not _is_current(item[0], grader, ready.version)]
    found.up_to_date += len(batch) - len(old)
    marked = grader.grade_again(
        [
            (ready.prepared, _answer(attempt), ready.version.version_id, kept)
            for attempt, kept in old
        ]
    )
    for (attempt, _), each in zip(old, marked, strict=True):
        found.add(attempt, each.grade)
    if commit or save is not None:
        with store.transaction() as tx:
            if commit:
                found.written += _keep(tx, old, marked)
            if save is not None:
                save(tx, last)
    return last


def _record(
    tx: Transaction, actor: ApiKey | None, question_id: str, number: int, found: Movements
) -> None:
    tx.record(
        actor,
        "question.regrade",
        question_id,
        version=number,
        written=found.written,
        changed=found.changed,
    )


def _answer(attempt: Attempt) -> Answer:
    return Answer(text=attempt.answer, language=attempt.language)


def _is_current(attempt: Attempt, grader: Grader, version: QuestionVersion) -> bool:
    made = attempt.grades[-1].grade.provenance
    return (
        made.question_version == version.version_id
        and made.encoder_revision == grader.encoder_revision
        and made.verifier_revision == grader.verifier_revision
        and made.calibration == grader.calibration_of(version.content.slug)
        and made.grader == grader.version
    )


def _keep(
    tx: Transaction, items: Sequence[tuple[Attempt, Kept | None]], marked: Sequence[Marked]
) -> int:
    written = 0
    for (attempt, _), each in zip(items, marked, strict=True):
        if tx.attempts.add_grade(attempt.attempt_id, each) is None:
            continue
        written += 1
        if each.grade.needs_review:
            tx.reviews.enqueue_again(attempt.attempt_id, each.grade)
    return written


# In the background -------------------------------------------------------------------------------


def ask(
    store: Store,
    ref: str,
    *,
    pass_mark: float | None,
    actor: ApiKey | None,
    finish: Finish[Regrade] | None = None,
) -> Regrade:
    """Have a worker find out what marking a question's answers again would change.

    Raises:
        InvalidInput: a pass mark that is no score.
        NotFound: no such question, or it is archived.
        NotPublished: it has only a draft.
    """
    if pass_mark is not None and not 0 <= pass_mark <= 100:
        fault = FieldFault(pointer="#/pass_mark", detail="must be a score from 0 to 100")
        refuse("The regrade cannot be made.", [fault])
    version_id = store.published_version(ref)
    with store.transaction() as tx:
        asked = tx.regrades.add(
            version_id, pass_mark=pass_mark, key_id=None if actor is None else actor.key_id
        )
        tx.jobs.put([_job(asked)])
        close_with(finish, tx, asked)
    return asked


def _job(asked: Regrade) -> Job:
    return Job(
        kind=JobKind.REGRADE,
        arguments={"regrade": asked.regrade_id},
        queue=JobQueue.GRADING,
        lock=f"regrade:{asked.question_id}",
    )


def found(store: Store, regrade_id: str) -> Regrade:
    """One regrade.

    Raises:
        NotFound: no such regrade.
    """
    with store.snapshot() as tx:
        return tx.regrades.get(regrade_id)


def list_regrades(
    store: Store, ref: str, *, cursor: str | None = None, limit: int = 20
) -> Page[Regrade]:
    """Regrades of a question, newest first.

    Raises:
        InvalidInput: a cursor that no listing of regrades gave out.
        NotFound: no such question.
    """
    with store.snapshot() as tx:
        return tx.regrades.page(tx.questions.latest(ref).question_id, cursor=cursor, limit=limit)


def commit(
    store: Store,
    regrade_id: str,
    *,
    actor: ApiKey | None,
    finish: Finish[Regrade] | None = None,
) -> Regrade:
    """Have a worker keep the new grades, once the dry run has told what they are.

    Raises:
        NotFound: no such regrade.
        Conflict: the dry run did not end well or has not ended, or it was committed before.
    """
    with store.transaction() as tx:
        asked = tx.regrades.get(regrade_id, lock=True)
        if asked.commit:
            raise Conflict("The regrade was committed before.")
        if asked.status is not WorkStatus.FINISHED:
            raise Conflict(
                f"The dry run is {asked.status.value}; only a finished one is committed."
            )
        begun = tx.regrades.begin_commit(asked)
        tx.jobs.put([_job(begun)])
        tx.record(actor, "regrade.commit", regrade_id)
        close_with(finish, tx, begun)
    return begun


def cancel(store: Store, regrade_id: str, *, actor: ApiKey | None) -> Regrade:
    """Mark no more; grades that were kept stay, and cancelling it again changes nothing.

    Raises:
        NotFound: no such regrade.
        Conflict: it is over.
    """
    with store.transaction() as tx:
        asked = tx.regrades.get(regrade_id, lock=True)
        if asked.status is WorkStatus.CANCELLED:
            return asked
        if asked.over:
            raise Conflict(f"The regrade is {asked.status.value} and cannot be cancelled.")
        tx.record(actor, "regrade.cancel", regrade_id)
        return _ended(tx, asked, cancelled=True)


def work(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    regrade_id: str,
    *,
    stop: Callable[[], bool],
) -> bool:
    """Do a regrade from where it stands; False if told to stop before its end.

    Raises:
        NotFound: no such regrade.
    """
    asked = found(store, regrade_id)
    if asked.over:
        return True
    identity = _identity(grader, asked.question_slug)
    reason = _outdated(store, asked, identity)
    if reason is not None:
        give_up(store, regrade_id, reason)
        return True
    with store.transaction() as tx:
        asked = tx.regrades.begin(asked, grader=identity)
    version_id = ids.uuid_of(ids.Kind.VERSION, asked.version_id)
    ready = ready_version(store, grader, cache, version_id)
    movements = Movements.of(asked.pass_mark, asked.progress)

    def save(tx: Transaction, last: str) -> None:
        if not tx.regrades.save(asked, {**asked.progress, **movements.data(), "after": last}):
            raise _Over

    after = asked.progress.get("after")
    try:
        while not stop():
            after = _advance(store, grader, ready, movements, after, commit=asked.commit, save=save)
            if after is None:
                _end(store, asked, movements)
                return True
    except _Over:
        return True
    return False


def _end(store: Store, asked: Regrade, movements: Movements) -> None:
    with store.transaction() as tx:
        locked = tx.regrades.get(asked.regrade_id, lock=True)
        if locked.over:
            return
        _ended(tx, locked)
        if asked.commit:
            _record(tx, None, asked.question_id, asked.question_version, movements)


def _identity(grader: Grader, slug: str) -> str:
    """What makes this grader's marks of a question, in one line."""
    parts = (
        grader.version,
        grader.encoder_revision,
        grader.verifier_revision or "-",
        grader.calibration_of(slug),
    )
    return " ".join(parts)


def _outdated(store: Store, asked: Regrade, identity: str) -> str | None:
    """Why a commit would not do what its dry run told; None if it would."""
    if not asked.commit:
        return None
    try:
        served = ids.show(ids.Kind.VERSION, store.published_version(asked.question_id))
    except (NotFound, NotPublished) as fault:
        return str(fault)
    if served != asked.version_id:
        return "Another version was published since the dry run; make a new one."
    if identity != asked.grader:
        return "The grader or its calibration changed since the dry run; make a new one."
    return None


def give_up(store: Store, regrade_id: str, detail: str) -> None:
    """End a regrade that cannot be done; grades that were kept stay.

    Raises:
        NotFound: no such regrade.
    """
    with store.transaction() as tx:
        asked = tx.regrades.get(regrade_id, lock=True)
        if not asked.over:
            _ended(tx, asked, failure=detail)


def _ended(
    tx: Transaction, asked: Regrade, *, cancelled: bool = False, failure: str | None = None
) -> Regrade:
    """End it, and tell those who wait for that."""
    ended = tx.regrades.end(asked, cancelled=cancelled, failure=failure)
    tx.webhooks.emit(events.regrade_finished(ended))
    return ended
