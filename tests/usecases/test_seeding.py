from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from service import seeding, usecases
from service.content import Limits, content_from_dict, content_to_dict
from service.domain import Question
from service.errors import InvalidInput
from service.exchange import QuestionFilter
from service.seeding import SeedReport, read_question, seed
from service.store import Store

SLUG = "exploding-gradients"


@pytest.fixture
def data(root: Path) -> dict[str, Any]:
    """A seed question as plain data, to be changed."""
    text = (root / "seed" / f"{SLUG}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def written(folder: Path, data: dict[str, Any], comment: str = "") -> Path:
    path = folder / f"{data['slug']}.yaml"
    path.write_text(comment + yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


def served(store: Store) -> tuple[int, Question]:
    version = usecases.published(store, SLUG)
    return version.number, version.content


def test_the_projects_own_questions_are_loaded_and_published(store: Store, root: Path) -> None:
    report = seed(store, root / "seed")

    slugs = sorted(path.stem for path in (root / "seed").glob("*.yaml"))
    assert list(report.created) == slugs
    for slug in slugs:
        content = usecases.published(store, slug).content
        assert content == read_question(root / "seed" / f"{slug}.yaml")


def test_seeding_again_changes_nothing(store: Store, tmp_path: Path, data: dict[str, Any]) -> None:
    written(tmp_path, data)
    seed(store, tmp_path)
    before = usecases.published(store, SLUG)

    assert seed(store, tmp_path) == SeedReport(unchanged=(SLUG,))
    assert usecases.published(store, SLUG) == before


def test_a_changed_file_is_a_new_published_version(
    store: Store, tmp_path: Path, data: dict[str, Any]
) -> None:
    written(tmp_path, data)
    seed(store, tmp_path)
    written(tmp_path, data | {"difficulty": 5})

    assert seed(store, tmp_path) == SeedReport(updated=(SLUG,))
    number, content = served(store)
    assert (number, content.difficulty) == (2, 5)
    assert seed(store, tmp_path) == SeedReport(unchanged=(SLUG,))


def test_a_comment_makes_no_version(store: Store, tmp_path: Path, data: dict[str, Any]) -> None:
    written(tmp_path, data)
    seed(store, tmp_path)
    written(tmp_path, data, comment="# Looked at again.\n")

    assert seed(store, tmp_path) == SeedReport(unchanged=(SLUG,))


def test_what_an_author_published_since_is_not_undone_by_the_same_file(
    store: Store, tmp_path: Path, data: dict[str, Any]
) -> None:
    written(tmp_path, data)
    seed(store, tmp_path)
    edited = content_from_dict(data | {"difficulty": 1})
    usecases.save_draft(store, SLUG, edited, if_match="*", actor=None)
    usecases.publish(store, SLUG, if_match="*", actor=None)

    assert seed(store, tmp_path) == SeedReport(unchanged=(SLUG,))
    assert served(store) == (2, edited)


def test_a_file_that_caught_up_with_the_author_makes_no_version(
    store: Store, tmp_path: Path, data: dict[str, Any]
) -> None:
    written(tmp_path, data)
    seed(store, tmp_path)
    edited = content_from_dict(data | {"difficulty": 1})
    usecases.save_draft(store, SLUG, edited, if_match="*", actor=None)
    usecases.publish(store, SLUG, if_match="*", actor=None)
    written(tmp_path, content_to_dict(edited))

    assert seed(store, tmp_path) == SeedReport(unchanged=(SLUG,))
    assert served(store)[0] == 2


def archive(store: Store, _question: Question) -> None:
    usecases.archive(store, SLUG, if_match="*", actor=None)


def draft(store: Store, question: Question) -> None:
    usecases.save_draft(store, SLUG, question, if_match="*", actor=None)


@pytest.mark.parametrize(("meddle", "reason"), [(archive, "archived"), (draft, "draft")])
def test_an_authors_decision_is_not_overruled_by_a_changed_file(
    store: Store,
    tmp_path: Path,
    data: dict[str, Any],
    meddle: Callable[[Store, Question], None],
    reason: str,
) -> None:
    written(tmp_path, data)
    seed(store, tmp_path)
    meddle(store, content_from_dict(data | {"difficulty": 1}))
    written(tmp_path, data | {"difficulty": 5})

    (skipped,) = seed(store, tmp_path).skipped

    assert skipped[0] == SLUG
    assert reason in skipped[1]


def test_a_question_that_an_author_wrote_is_not_taken_over(
    store: Store, tmp_path: Path, data: dict[str, Any]
) -> None:
    theirs = content_from_dict(data | {"difficulty": 1})
    usecases.create_question(store, theirs, actor=None)
    written(tmp_path, data)

    (skipped,) = seed(store, tmp_path).skipped

    assert skipped[0] == SLUG
    assert usecases.latest(store, SLUG).content == theirs


def test_services_that_seed_at_once_do_not_collide(store: Store, root: Path) -> None:
    reports: list[SeedReport] = []
    seeders = [
        threading.Thread(target=lambda: reports.append(seed(store, root / "seed")))
        for _ in range(4)
    ]
    for seeder in seeders:
        seeder.start()
    for seeder in seeders:
        seeder.join()

    assert len(reports) == 4
    assert sum(bool(report.created) for report in reports) == 1
    assert sum(bool(report.unchanged) for report in reports) == 3


def test_one_bad_file_and_nothing_is_loaded(
    store: Store, tmp_path: Path, data: dict[str, Any]
) -> None:
    written(tmp_path, data)
    written(tmp_path, data | {"slug": "second", "difficulty": 7, "colour": "red"})
    (tmp_path / "third.yaml").write_text("slug: [", encoding="utf-8")

    with pytest.raises(InvalidInput) as refused:
        seed(store, tmp_path)

    assert [fault.pointer for fault in refused.value.faults] == [
        "second.yaml#",
        "second.yaml#/difficulty",
        "third.yaml#",
    ]
    assert "colour" in str(refused.value)
    assert usecases.list_questions(store, QuestionFilter(), author=True).items == ()


def test_a_folder_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder"):
        seed(store, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"slug: a\nslug: b\n", "'slug' stands here twice"),
        (b"a: {b: 1, b: 2}\n", "'b' stands here twice"),
        (b"\xff\xfe\xff", "UTF-8"),
        (b"- a\n", "not of type 'object'"),
        (b"", "not of type 'object'"),
        (b"!!python/object/apply:os.system [echo]\n", "could not determine a constructor"),
    ],
)
def test_what_is_no_question_file_is_told(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "q.yaml"
    path.write_bytes(text)

    with pytest.raises(InvalidInput) as refused:
        read_question(path)

    assert said in refused.value.faults[0].detail


def test_a_file_is_named_after_its_question(tmp_path: Path, data: dict[str, Any]) -> None:
    path = written(tmp_path, data).rename(tmp_path / "other.yaml")

    with pytest.raises(InvalidInput) as refused:
        read_question(path)

    assert [fault.pointer for fault in refused.value.faults] == ["#/slug"]


def test_what_the_schema_cannot_say_is_checked_too(tmp_path: Path, data: dict[str, Any]) -> None:
    data["points"][1]["key"] = data["points"][0]["key"]

    with pytest.raises(InvalidInput) as refused:
        read_question(written(tmp_path, data), Limits())

    assert "#/points/1/key" in [fault.pointer for fault in refused.value.faults]


def test_the_schema_is_found_from_anywhere() -> None:
    assert seeding.SCHEMA.is_file()
