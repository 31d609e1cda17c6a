from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from service import regrading, reviewing, usecases
from service.cli import main
from service.domain import Answer, Attempt, Language, Point, Question
from service.encoder import SentenceEncoder
from service.errors import Conflict, InvalidInput, NotFound, NotPublished
from service.exchange import AttemptFilter, Judgement, Regrade, WorkStatus
from service.grader import Grader, Marked
from service.grader.calibration import load_calibration
from service.regrading import Movements
from service.store import Store
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question


class Newer(StandInGrader):
    """Another calibration: adds to each score the number that the answer holds."""

    name = "newer"

    def calibration_of(self, slug: str) -> str:
        return self.name

    def grade(self, *args: Any, **kwargs: Any) -> Marked:
        marked = super().grade(*args, **kwargs)
        added = float(args[1].text.split()[-1])
        score = round(marked.grade.score + added, 1)
        provenance = replace(marked.grade.provenance, calibration=self.name)
        return replace(
            marked,
            grade=replace(
                marked.grade, score=score, needs_review=added < -30, provenance=provenance
            ),
        )


class Archive:
    """A store with answers that were marked long ago."""

    def __init__(self, store: Store) -> None:
        self.store = store
        usecases.create_question(store, a_question(), actor=None)
        usecases.publish(store, "why-relu", if_match="*", actor=None)

    def submit(self, text: str, candidate: str = "ada", grader: Any = None) -> str:
        made = usecases.submit_attempt(
            self.store,
            grader or StandInGrader(),
            QuestionCache(),
            "why-relu",
            candidate=candidate,
            answer=Answer(text=text),
            metadata={},
            key_id=None,
        )
        return made.attempt_id

    def regrade(self, grader: Any = None, **options: Any) -> Movements:
        options = {"commit": False, **options}
        return regrading.regrade(
            self.store, grader or Newer(), QuestionCache(), "why-relu", **options
        )[1]

    def attempt(self, attempt_id: str) -> Attempt:
        return usecases.attempt(self.store, attempt_id)


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(store)


def test_a_dry_run_tells_what_would_change_and_changes_nothing(archive: Archive) -> None:
    made = [archive.submit(f"Add {added}") for added in (0, 5, 12, 15, -40, -3)]
    before = [archive.attempt(each) for each in made]

    found = archive.regrade(pass_mark=70.0)

    assert (found.attempts, found.changed, found.up_to_date, found.written) == (6, 5, 0, 0)
    assert found.histogram == {0: 1, 10: 2, -40: 1, -10: 1}
    assert found.mean == pytest.approx((5 + 12 + 15 - 40 - 3) / 5, abs=0.05)
    assert (found.risen_above, found.fallen_below) == (3, 0)
    assert [move.by for move in found.movers] == [-40.0, 15.0, 12.0, 5.0, -3.0]
    assert found.movers[0].attempt_id == made[4]
    assert [archive.attempt(each) for each in made] == before


def test_committed_each_attempt_has_one_more_grade_and_doubts_wait(archive: Archive) -> None:
    risen, fallen = archive.submit("Add 5"), archive.submit("Add -40")

    found = archive.regrade(commit=True)

    assert found.written == 2
    grades = archive.attempt(risen).grades
    assert [each.grade.score for each in grades] == [66.7, 71.7]
    assert grades[1].grade.provenance.calibration == "newer"
    assert grades[0].grade.provenance.calibration == "none"
    (waiting,) = reviewing.queue(archive.store, reviewing.QueueFilter()).items
    assert waiting.attempt_id == fallen


def test_reviews_win_over_the_new_grade_and_cross_no_mark(archive: Archive) -> None:
    attempt = archive.submit("Add 20")
    judgement = Judgement(reviewer="grace", verdicts={}, score=10.0, reason="So.")
    reviewing.review(archive.store, attempt, judgement, actor=None)

    found = archive.regrade(commit=True, pass_mark=70.0)

    assert (found.changed, found.reviewed, found.risen_above) == (1, 1, 0)
    assert archive.attempt(attempt).score == 10.0


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regrading, "BATCH", 2)
    made = [archive.submit(f"Add {added}") for added in range(1, 8)]
    seen: list[int] = []

    def killed(found: Movements) -> None:
        seen.append(found.attempts)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.regrade(commit=True, told=killed)
    again = archive.regrade(commit=True)
    third = archive.regrade(commit=True)

    assert (again.attempts, again.up_to_date, again.written) == (7, 4, 3)
    assert (third.up_to_date, third.written, third.changed) == (7, 0, 0)
    assert [len(archive.attempt(each).grades) for each in made] == [2] * 7


def test_every_version_is_marked_by_the_one_that_is_served(archive: Archive) -> None:
    attempt = archive.submit("Add 0")
    shorter = a_question(points=a_question().points[:1])
    usecases.save_draft(archive.store, "why-relu", shorter, if_match="*", actor=None)
    usecases.publish(archive.store, "why-relu", if_match="*", actor=None)

    found = archive.regrade(StandInGrader(), commit=True)

    assert (found.changed, found.written) == (0, 1)
    assert [len(each.grade.points) for each in archive.attempt(attempt).grades] == [2, 1]
    assert archive.attempt(attempt).question_version == 1


def test_erased_answers_are_left_out(archive: Archive) -> None:
    archive.submit("Add 5", candidate="bob")
    kept = archive.submit("Add 5")
    usecases.erase_candidate(archive.store, "bob", actor=None)

    found = archive.regrade(commit=True)

    assert (found.attempts, found.written) == (1, 1)
    assert len(archive.attempt(kept).grades) == 2


def test_there_is_nothing_to_regrade_where_nothing_is_served(archive: Archive) -> None:
    usecases.create_question(archive.store, a_question(slug="draft"), actor=None)

    for ref, fault in (("nothing", NotFound), ("draft", NotPublished)):
        with pytest.raises(fault):
            regrading.regrade(archive.store, Newer(), QuestionCache(), ref, commit=False)  # type: ignore[arg-type]


# With the real encoder


class Counting:
    """The encoder, counting the texts that it embeds."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self.texts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_tokens(self, texts: Any) -> Any:
        self.texts += len(texts)
        return self._encoder.encode_tokens(texts)


ANSWERS = [
    "Gradients grow layer by layer. The weights overflow and become NaN. 可以用梯度裁剪。",
    "多层线性变换合起来还是线性的。Why do networks need activations? It is cheap.",
    " ",
    "It is cheap.\nIt is cheap.",
]
EDITED: Question = a_question(
    points=(
        *a_question().points,
        Point(key="clipping", statement={Language.EN: "Gradient clipping keeps them small."}),
    )
)


def test_kept_answers_are_marked_again_exactly_and_without_the_encoder(
    archive: Archive, encoder: SentenceEncoder
) -> None:
    counting: Any = Counting(encoder)
    grader = Grader(counting, load_calibration())
    for text in ANSWERS:
        archive.submit(text, grader=grader)
    usecases.save_draft(archive.store, "why-relu", EDITED, if_match="*", actor=None)
    usecases.publish(archive.store, "why-relu", if_match="*", actor=None)
    question = usecases.published(archive.store, "why-relu").content
    fresh = [grader.grade(grader.prepare(question), Answer(text=text)).grade for text in ANSWERS]
    cache = QuestionCache()
    usecases.ready_question(archive.store, grader, cache, "why-relu")
    counting.texts = 0

    regrading.regrade(archive.store, grader, cache, "why-relu", commit=True)

    assert counting.texts == 0
    attempts = usecases.list_attempts(archive.store, AttemptFilter()).items
    again = [attempt.grades[-1].grade for attempt in reversed(attempts)]
    assert [each.points for each in again] == [each.points for each in fresh]
    assert [each.score for each in again] == [each.score for each in fresh]


@pytest.mark.parametrize("column", ["background", "encoder_revision"])
def test_what_another_model_saw_is_embedded_anew(
    archive: Archive, encoder: SentenceEncoder, database_url: str, column: str
) -> None:
    counting: Any = Counting(encoder)
    grader = Grader(counting, load_calibration())
    attempt = archive.submit(ANSWERS[0], grader=grader)
    first = archive.attempt(attempt).grades[-1].grade
    usecases.save_draft(archive.store, "why-relu", a_question(), if_match="*", actor=None)
    usecases.publish(archive.store, "why-relu", if_match="*", actor=None)
    with psycopg.connect(database_url) as connection:
        connection.execute(f"UPDATE answer_vectors SET {column} = 'another'")
    cache = QuestionCache()
    usecases.ready_question(archive.store, grader, cache, "why-relu")
    counting.texts = 0

    _, found = regrading.regrade(archive.store, grader, cache, "why-relu", commit=True)

    assert counting.texts == 3
    assert (found.written, found.changed) == (1, 0)
    assert archive.attempt(attempt).grades[-1].grade.points == first.points


def test_the_command_shows_first_and_writes_when_told(
    archive: Archive, clean_database_url: str, monkeypatch: pytest.MonkeyPatch, encoder: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", clean_database_url)
    archive.submit("It does not saturate for x > 0.")

    shown = CliRunner().invoke(main, ["regrade", "why-relu", "--pass-mark", "90"])
    as_json = CliRunner().invoke(main, ["regrade", "why-relu", "--json"])
    written = CliRunner().invoke(main, ["regrade", "why-relu", "--commit", "--json"])
    unknown = CliRunner().invoke(main, ["regrade", "nothing"])

    assert shown.exit_code == 0, shown.output
    assert "1 attempts, 0 up to date, 1 scores change" in shown.stdout
    assert "pass mark 90: 1 rise above" in shown.stdout
    assert "nothing was written" in shown.stdout
    assert json.loads(as_json.stdout)["written"] == 0
    assert json.loads(written.stdout)["written"] == 1
    assert unknown.exit_code == 1


# In the background


class Desk(Archive):
    """The same, with what a worker does."""

    def ask(self, pass_mark: float | None = None) -> Regrade:
        return regrading.ask(self.store, "why-relu", pass_mark=pass_mark, actor=None)

    def work(self, asked: Regrade, grader: Any = None, stop: Any = None) -> bool:
        return regrading.work(
            self.store,
            grader or Newer(),
            QuestionCache(),
            asked.regrade_id,
            stop=stop or (lambda: False),
        )

    def found(self, asked: Regrade) -> Regrade:
        return regrading.found(self.store, asked.regrade_id)

    def counted(self, asked: Regrade) -> Movements:
        found = self.found(asked)
        return Movements.of(found.pass_mark, found.progress)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_a_dry_run_is_kept_and_then_committed(desk: Desk) -> None:
    made = [desk.submit(f"Gradient {number}") for number in (5, 0, -10)]
    asked = desk.ask(pass_mark=70.0)
    assert (asked.status, asked.commit) == (WorkStatus.QUEUED, False)

    assert desk.work(asked)

    dry = desk.found(asked)
    assert (dry.status, dry.progress["of"]) == (WorkStatus.FINISHED, 3)
    expected = desk.regrade(pass_mark=70.0)
    assert desk.counted(asked) == expected
    assert len(desk.attempt(made[0]).grades) == 1

    regrading.commit(desk.store, asked.regrade_id, actor=None)
    assert desk.work(asked)

    ended = desk.found(asked)
    assert (ended.status, ended.commit) == (WorkStatus.FINISHED, True)
    assert desk.counted(asked).written == 3
    assert len(desk.attempt(made[0]).grades) == 2
    with pytest.raises(Conflict, match="committed before"):
        regrading.commit(desk.store, asked.regrade_id, actor=None)


def test_a_regrade_that_was_stopped_goes_on_where_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regrading, "BATCH", 2)
    for number in range(5):
        desk.submit(f"Gradient {number}")
    asked = desk.ask()
    stops = iter([False, True])

    assert not desk.work(asked, stop=lambda: next(stops))
    assert (desk.found(asked).status, desk.counted(asked).attempts) == (WorkStatus.RUNNING, 2)
    assert desk.work(asked)

    assert desk.counted(asked) == desk.regrade()


def test_a_commit_keeps_what_its_dry_run_told_or_nothing(desk: Desk) -> None:
    made = desk.submit("Gradient 5")
    asked = desk.ask()
    with pytest.raises(Conflict, match="queued"):
        regrading.commit(desk.store, asked.regrade_id, actor=None)
    desk.work(asked)
    regrading.commit(desk.store, asked.regrade_id, actor=None)

    desk.work(asked, grader=StandInGrader())

    assert "changed since the dry run" in str(desk.found(asked).failure)
    other = desk.ask()
    desk.work(other)
    usecases.save_draft(desk.store, "why-relu", a_question(difficulty=3), if_match="*", actor=None)
    usecases.publish(desk.store, "why-relu", if_match="*", actor=None)
    regrading.commit(desk.store, other.regrade_id, actor=None)
    desk.work(other)
    assert "Another version was published" in str(desk.found(other).failure)
    assert desk.found(other).status is WorkStatus.FAILED
    assert len(desk.attempt(made).grades) == 1


def test_a_cancelled_regrade_marks_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regrading, "BATCH", 1)
    desk.submit("Gradient 1")
    desk.submit("Gradient 2")
    asked = desk.ask()

    def cancelling() -> bool:
        if desk.counted(asked).attempts == 1:
            regrading.cancel(desk.store, asked.regrade_id, actor=None)
        return False

    assert desk.work(asked, stop=cancelling)

    cancelled = desk.found(asked)
    assert (cancelled.status, desk.counted(asked).attempts) == (WorkStatus.CANCELLED, 1)
    assert regrading.cancel(desk.store, asked.regrade_id, actor=None) == cancelled
    assert desk.work(asked)
    with pytest.raises(Conflict, match="cancelled"):
        regrading.commit(desk.store, asked.regrade_id, actor=None)


def test_a_pass_mark_is_a_score(desk: Desk) -> None:
    with pytest.raises(InvalidInput) as caught:
        desk.ask(pass_mark=101.0)

    assert [fault.pointer for fault in caught.value.faults] == ["#/pass_mark"]
