from __future__ import annotations

import threading
from typing import Any

import pytest

from service import importing, interchange, usecases
from service.domain import Question, VersionStatus
from service.errors import InvalidInput, NotFound, PointmarkError, SlugTaken
from service.importing import Action, Planned
from service.store import Store
from tests.stand_ins import a_question


def run(store: Store, *questions: Question, **options: Any) -> list[Action]:
    data = interchange.write("yaml", questions)
    return [each.action for each in importing.run(store, "yaml", data, actor=None, **options)]


def planned(store: Store, *questions: Question) -> list[Planned]:
    return list(importing.preview(store, "yaml", interchange.write("yaml", questions)))


def test_a_new_slug_is_a_new_draft(store: Store) -> None:
    assert run(store, a_question(), a_question(slug="b")) == [Action.CREATE] * 2

    version = usecases.latest(store, "why-relu")
    assert version.content == a_question()
    assert (version.number, version.status) == (1, VersionStatus.DRAFT)


def test_a_slug_that_exists_gets_a_new_draft_and_is_served_as_before(store: Store) -> None:
    run(store, a_question())
    usecases.publish(store, "why-relu", if_match="*", actor=None)

    assert run(store, a_question(difficulty=5)) == [Action.UPDATE]

    assert usecases.latest(store, "why-relu").number == 2
    assert usecases.published(store, "why-relu").content == a_question()


def test_what_says_the_same_changes_nothing(store: Store) -> None:
    run(store, a_question())
    before = usecases.latest(store, "why-relu")

    assert run(store, a_question()) == [Action.UNCHANGED]
    assert usecases.latest(store, "why-relu") == before


def test_a_preview_plans_what_an_import_does(store: Store) -> None:
    run(store, a_question(), a_question(slug="same"))

    plan = planned(store, a_question(difficulty=5), a_question(slug="same"), a_question(slug="c"))

    assert [each.action for each in plan] == [Action.UPDATE, Action.UNCHANGED, Action.CREATE]
    assert plan[0].notes == ("It replaces a draft that was not published.",)
    with pytest.raises(NotFound):
        usecases.latest(store, "c")


def test_an_archived_question_is_not_brought_back(store: Store) -> None:
    run(store, a_question())
    usecases.archive(store, "why-relu", if_match="*", actor=None)

    (plan,) = planned(store, a_question())

    assert plan.action is Action.REFUSE
    assert [fault.pointer for fault in plan.faults] == ["#/slug"]
    with pytest.raises(InvalidInput, match="Nothing was imported"):
        run(store, a_question(slug="b"), a_question())
    with pytest.raises(NotFound):
        usecases.latest(store, "b")
    assert run(store, a_question(slug="b"), a_question(), skip_invalid=True) == [
        Action.CREATE,
        Action.REFUSE,
    ]


def test_what_the_limits_forbid_is_refused(store: Store) -> None:
    from service.content import Limits

    with pytest.raises(InvalidInput) as refused:
        run(store, a_question(), limits=Limits(max_points=1))

    assert "item 1 (why-relu): #/points has 2" in refused.value.faults[0].detail


def test_imports_at_the_same_time_neither_mix_nor_lock_each_other_up(store: Store) -> None:
    slugs = [f"q-{number}" for number in range(6)]
    run(store, *(a_question(slug=slug) for slug in slugs[::2]))
    barrier = threading.Barrier(4)
    failed: list[PointmarkError] = []

    def work(number: int) -> None:
        ordered = slugs if number % 2 else slugs[::-1]
        barrier.wait()
        try:
            run(store, *(a_question(slug=slug, topic=f"t{number}") for slug in ordered))
        except PointmarkError as fault:
            failed.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Two that make the same new question at once cannot both; the other is told.
    assert {type(fault) for fault in failed} <= {SlugTaken}
    assert len({usecases.latest(store, slug).content.topic for slug in slugs}) == 1
