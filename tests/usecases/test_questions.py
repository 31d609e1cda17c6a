from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from service import usecases
from service.content import Limits
from service.domain import Question, QuestionVersion, Rule, VersionStatus
from service.errors import (
    InvalidInput,
    NotFound,
    NothingToPublish,
    NotPublished,
    SlugTaken,
    StaleVersion,
)
from service.exchange import QuestionFilter
from service.store import Store
from tests.stand_ins import EN, ZH, a_question


def created(store: Store, content: Question | None = None) -> QuestionVersion:
    return usecases.create_question(store, content or a_question(), actor=None)


def published(store: Store, content: Question | None = None) -> QuestionVersion:
    draft = created(store, content)
    return usecases.publish(store, draft.question_id, if_match=draft.etag, actor=None)


def slugs(store: Store, *, author: bool = False, **filters: Any) -> list[str]:
    page = usecases.list_questions(
        store,
        QuestionFilter(**filters),
        limit=100,
        author=author,
    )
    return [version.content.slug for version in page.items]


# Writing


def test_a_new_question_is_a_draft_with_exactly_the_content_given(store: Store) -> None:
    version = created(store)

    assert version.content == a_question()
    assert (version.number, version.status) == (1, VersionStatus.DRAFT)
    assert version.published_at is None
    assert usecases.latest(store, version.question_id) == version


def test_text_comes_back_byte_for_byte(store: Store) -> None:
    # Not normalised, not trimmed, astral, right to left, control characters, half-width forms.
    odd = "  e\u0301\u200b é 𝔘𝔫𝔦 🇨🇳 שלום ﾊﾝｶｸ \x01\x7f\r\n\t\ufeff\ufffe "

    version = created(store, a_question(prompt={EN: odd, ZH: odd}))

    assert usecases.latest(store, "why-relu").content.prompt == {EN: odd, ZH: odd}
    assert version.content.prompt[EN] == odd


def test_a_taken_slug_is_refused_even_by_an_archived_question(store: Store) -> None:
    first = created(store)
    with pytest.raises(SlugTaken):
        created(store)

    usecases.archive(store, "why-relu", if_match=first.etag, actor=None)

    with pytest.raises(SlugTaken):
        created(store)


def test_saving_a_draft_replaces_it_and_changes_the_etag(store: Store) -> None:
    first = created(store)
    content = a_question(points=a_question().points[:1], rule=Rule(any_of=1), misconceptions=())

    second = usecases.save_draft(store, "why-relu", content, if_match=first.etag, actor=None)

    assert second.content == content
    assert (second.number, second.version_id) == (1, first.version_id)
    assert second.etag != first.etag


def test_a_draft_after_a_published_version_is_the_next_number_and_leaves_it_served(
    store: Store,
) -> None:
    served = published(store)
    content = a_question(difficulty=4)

    draft = usecases.save_draft(store, "why-relu", content, if_match=served.etag, actor=None)

    assert (draft.number, draft.status) == (2, VersionStatus.DRAFT)
    assert usecases.published(store, "why-relu").content == a_question()
    assert usecases.latest(store, "why-relu").content == content
    assert usecases.latest(store, "why-relu", 1).content == a_question()
    assert [version.number for version in usecases.versions(store, "why-relu")] == [1, 2]


def test_publishing_serves_the_draft(store: Store) -> None:
    served = published(store)
    content = a_question(difficulty=4)
    usecases.save_draft(store, "why-relu", content, if_match=served.etag, actor=None)

    version = usecases.publish(store, "why-relu", if_match="*", actor=None)

    assert (version.number, version.status) == (2, VersionStatus.PUBLISHED)
    assert version.published_at is not None
    assert usecases.published(store, "why-relu") == version
    with pytest.raises(NothingToPublish):
        usecases.publish(store, "why-relu", if_match="*", actor=None)


def test_every_write_needs_the_current_etag(store: Store) -> None:
    stale = created(store).etag
    usecases.save_draft(store, "why-relu", a_question(), if_match=stale, actor=None)

    with pytest.raises(StaleVersion):
        usecases.save_draft(store, "why-relu", a_question(), if_match=stale, actor=None)
    with pytest.raises(StaleVersion):
        usecases.publish(store, "why-relu", if_match=stale, actor=None)
    with pytest.raises(StaleVersion):
        usecases.archive(store, "why-relu", if_match=stale, actor=None)


def test_of_two_authors_who_save_at_once_one_wins(store: Store) -> None:
    etag = created(store).etag
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def save(difficulty: int) -> None:
        start.wait()
        try:
            content = a_question(difficulty=difficulty)
            usecases.save_draft(store, "why-relu", content, if_match=etag, actor=None)
            outcomes.append("saved")
        except StaleVersion:
            outcomes.append("stale")

    authors = [threading.Thread(target=save, args=(1 + number % 5,)) for number in range(6)]
    for author in authors:
        author.start()
    for author in authors:
        author.join()

    assert sorted(outcomes) == ["saved"] + ["stale"] * 5


def test_the_slug_may_change_until_something_was_published(store: Store) -> None:
    renamed = a_question(slug="relu-why")
    first = created(store)
    usecases.save_draft(store, "why-relu", renamed, if_match=first.etag, actor=None)
    usecases.publish(store, "relu-why", if_match="*", actor=None)

    with pytest.raises(InvalidInput) as refused:
        usecases.save_draft(store, "relu-why", a_question(), if_match="*", actor=None)

    assert [fault.pointer for fault in refused.value.faults] == ["#/slug"]
    with pytest.raises(NotFound):
        usecases.latest(store, "why-relu")


def test_a_draft_cannot_take_the_slug_of_another_question(store: Store) -> None:
    created(store)
    created(store, a_question(slug="other"))

    with pytest.raises(SlugTaken):
        usecases.save_draft(store, "other", a_question(), if_match="*", actor=None)


def test_a_check_before_publishing_may_refuse(store: Store) -> None:
    created(store)
    seen: list[Question] = []

    def check(content: Question) -> None:
        seen.append(content)
        raise InvalidInput("two points are too close")

    with pytest.raises(InvalidInput):
        usecases.publish(store, "why-relu", if_match="*", actor=None, check=check)

    assert seen == [a_question()]
    with pytest.raises(NotPublished):
        usecases.published(store, "why-relu")


def test_what_the_check_saw_is_what_is_published_or_nothing(store: Store) -> None:
    created(store)

    def check(_: Question) -> None:
        edited = a_question(difficulty=5)
        usecases.save_draft(store, "why-relu", edited, if_match="*", actor=None)

    with pytest.raises(StaleVersion):
        usecases.publish(store, "why-relu", if_match="*", actor=None, check=check)


def test_content_that_cannot_be_is_refused_before_anything_is_stored(store: Store) -> None:
    with pytest.raises(InvalidInput) as refused:
        created(store, a_question(difficulty=9, prompt={EN: "a\0b"}))

    assert [fault.pointer for fault in refused.value.faults] == ["#/difficulty", "#/prompt/en"]
    assert slugs(store, author=True) == []


def test_the_limits_of_the_settings_hold(store: Store) -> None:
    with pytest.raises(InvalidInput):
        usecases.create_question(store, a_question(), actor=None, limits=Limits(max_points=1))


def test_a_result_and_what_finish_wrote_commit_together_or_not_at_all(store: Store) -> None:
    def fail(_tx: object, _version: QuestionVersion) -> None:
        raise RuntimeError("the response could not be saved")

    with pytest.raises(RuntimeError):
        usecases.create_question(store, a_question(), actor=None, finish=fail)

    assert slugs(store, author=True) == []


def test_what_authors_do_is_in_the_audit_log(store: Store, database_url: str) -> None:
    question = published(store)
    usecases.archive(store, "why-relu", if_match="*", actor=None)

    with psycopg.connect(database_url) as connection:
        log = connection.execute("SELECT action, subject FROM audit_log ORDER BY id").fetchall()

    actions = ["question.create", "question.publish", "question.archive"]
    assert log == [(action, question.question_id) for action in actions]


# Reading


def test_a_question_is_found_by_id_and_by_slug(store: Store) -> None:
    version = published(store)

    assert usecases.published(store, version.question_id) == version
    assert usecases.published(store, "why-relu") == version


@pytest.mark.parametrize(
    "ref", ["nothing", "q_01h455vb4pex5vsknk084sn02q", "q_short", "", "a\0b", "\ud800", "Why Relu"]
)
def test_what_names_no_question_is_not_found(store: Store, ref: str) -> None:
    for read in (usecases.published, usecases.latest, usecases.versions):
        with pytest.raises(NotFound):
            read(store, ref)


def test_an_unpublished_question_says_so(store: Store) -> None:
    created(store)

    with pytest.raises(NotPublished):
        usecases.published(store, "why-relu")


def test_a_number_that_does_not_exist_is_not_found(store: Store) -> None:
    published(store)

    with pytest.raises(NotFound, match="version 2"):
        usecases.latest(store, "why-relu", 2)


def test_an_archived_question_is_gone_for_everyone_but_the_export(store: Store) -> None:
    published(store)

    usecases.archive(store, "why-relu", if_match="*", actor=None)

    for read in (usecases.published, usecases.latest, usecases.versions):
        with pytest.raises(NotFound):
            read(store, "why-relu")
    with pytest.raises(NotFound):
        usecases.archive(store, "why-relu", if_match="*", actor=None)
    with pytest.raises(NotFound):
        usecases.save_draft(store, "why-relu", a_question(), if_match="*", actor=None)
    assert slugs(store) == slugs(store, author=True) == []
    assert [version.archived for version in usecases.export_questions(store)] == [True]


def test_candidates_see_published_versions_and_authors_the_latest(store: Store) -> None:
    served = published(store)
    draft = usecases.save_draft(
        store, "why-relu", a_question(difficulty=5), if_match="*", actor=None
    )
    created(store, a_question(slug="unfinished"))

    for_candidates = usecases.list_questions(store, QuestionFilter())
    for_authors = usecases.list_questions(store, QuestionFilter(), author=True)

    assert [version.version_id for version in for_candidates.items] == [served.version_id]
    assert [version.content.slug for version in for_authors.items] == ["why-relu", "unfinished"]
    assert for_authors.items[0] == draft
    # A filter looks at the version that is shown, not at another one of the question.
    assert slugs(store, difficulty=5) == []
    assert slugs(store, difficulty=5, author=True) == ["why-relu"]


def test_pages_of_questions_show_each_once_in_order(store: Store) -> None:
    wanted = [f"question-{number}" for number in range(5)]
    for slug in wanted:
        published(store, a_question(slug=slug))

    seen: list[str] = []
    sizes: list[int] = []
    cursor = None
    while True:
        page = usecases.list_questions(store, QuestionFilter(), cursor=cursor, limit=2)
        seen += [version.content.slug for version in page.items]
        sizes.append(len(page.items))
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == wanted
    assert sizes == [2, 2, 1]


def test_a_page_that_ends_exactly_at_the_end_has_no_next(store: Store) -> None:
    for slug in ("one", "two"):
        published(store, a_question(slug=slug))

    assert usecases.list_questions(store, QuestionFilter(), limit=2).next_cursor is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["why-relu", "pooling"]),
        ({"topic": "vision"}, ["pooling"]),
        ({"topic": "visio"}, []),
        ({"difficulty": 2}, ["why-relu"]),
        ({"tag": "basics"}, ["why-relu"]),
        ({"tag": "basic"}, []),
        ({"language": ZH}, ["why-relu"]),
        ({"language": EN}, ["why-relu", "pooling"]),
        ({"q": "RELU"}, ["why-relu"]),  # whatever the case
        ({"q": "为什么"}, ["why-relu"]),
        ({"q": "%"}, ["pooling"]),  # the character itself, not a wildcard
        ({"q": "_"}, ["pooling"]),
        ({"q": "\\"}, ["pooling"]),
        ({"q": "/"}, ["pooling"]),
        ({"q": '"en"'}, []),  # the texts, not how they are stored
        ({"q": "why", "topic": "vision"}, []),
    ],
)
def test_filters_find_what_fits_all_of_them(
    store: Store, filters: dict[str, Any], found: list[str]
) -> None:
    published(store)
    other = {
        "prompt": {EN: r"100% of a_b\c / pool?"},
        "topic": "vision",
        "tags": (),
        "difficulty": 3,
    }
    published(store, a_question(slug="pooling", **other))

    assert slugs(store, **filters) == found


@pytest.mark.parametrize("name", ["topic", "tag", "q"])
def test_filter_text_that_cannot_be_stored_cannot_be_asked_for(store: Store, name: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        slugs(store, **{name: "a\0"})

    assert [fault.pointer for fault in refused.value.faults] == [f"#/{name}"]


def test_a_random_question_fits_and_each_has_its_turn(store: Store) -> None:
    for slug in ("one", "two"):
        published(store, a_question(slug=slug))
    created(store, a_question(slug="draft"))

    drawn = {usecases.random_question(store, QuestionFilter()).content.slug for _ in range(40)}

    # Missing one of two in 40 draws: once in 5e11 runs.
    assert drawn == {"one", "two"}
    with pytest.raises(NotFound):
        usecases.random_question(store, QuestionFilter(topic="none"))


def test_the_export_has_every_version_of_every_question(store: Store) -> None:
    first = published(store)
    second = usecases.save_draft(
        store, "why-relu", a_question(difficulty=5), if_match="*", actor=None
    )
    third = created(store, a_question(slug="other"))

    exported = list(usecases.export_questions(store))

    assert exported == [replace(first, etag=second.etag), second, third]
