"""Marking stored answers again, after a rubric, a calibration or a model has changed.

Nothing is replaced: an attempt gets one more grade, and reviews win over that one too. What was
kept of an answer makes most of the work arithmetic, without the encoder.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.domain import Answer, ApiKey, Attempt, Grade, QuestionVersion
from service.usecases import QuestionCache, ready_question

if TYPE_CHECKING:
    from service.grader import Grader, Kept, Marked
    from service.store import Store

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


@dataclass(kw_only=True)
class Movements:
    """What a regrade changes, added up attempt by attempt; small, however many there are."""

    version: QuestionVersion
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
) -> Movements:
    """Mark every answer to a question by its served version and this grader; keep it if told so.

    A run that was killed is run again: what it has kept is up to date and is passed over. `told` is
    called now and then with what was found so far.

    Raises:
        NotFound: no such question, or it is archived.
        NotPublished: it has only a draft.
    """
    ready = ready_question(store, grader, cache, ref)
    found = Movements(version=ready.version, pass_mark=pass_mark)
    after: str | None = None
    while True:
        with store.snapshot() as tx:
            batch = tx.attempts.to_regrade(ready.version.question_id, after, BATCH)
        if not batch:
            break
        after = batch[-1][0].attempt_id
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
        if commit and old:
            found.written += _keep(store, old, marked)
        if told is not None:
            told(found)
    if commit:
        with store.transaction() as tx:
            tx.record(
                actor,
                "question.regrade",
                ready.version.question_id,
                version=ready.version.number,
                written=found.written,
                changed=found.changed,
            )
    return found


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
    store: Store, items: Sequence[tuple[Attempt, Kept | None]], marked: Sequence[Marked]
) -> int:
    written = 0
    with store.transaction() as tx:
        for (attempt, _), each in zip(items, marked, strict=True):
            if tx.attempts.add_grade(attempt.attempt_id, each) is None:
                continue
            written += 1
            if each.grade.needs_review:
                tx.reviews.enqueue_again(attempt.attempt_id, each.grade)
    return written
