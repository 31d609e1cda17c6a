"""Files of questions over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service import interchange, usecases
from service.content import Limits, content_to_dict
from service.exchange import QuestionFilter
from service.store import Store

Problem = Callable[[TestResponse], dict[str, Any]]

TWO = (
    "// [id:why-relu]\n::Why ReLU::Why is ReLU used? {####- It does not saturate.}\n\n"
    "::Pick::Which? {=a ~b}\n"
)
FAULTY = f"{TWO}\n::No points:: Why? {{}}\n"


def stored(store: Store) -> list[str]:
    page = usecases.list_questions(store, QuestionFilter(), author=True, limit=100)
    return [version.content.slug for version in page.items]


def test_a_preview_tells_and_stores_nothing(author: Any, store: Store) -> None:
    response = author.post("/v1/question-imports/preview", {"format": "gift", "content": FAULTY})

    assert response.status_code == 200
    first, second, third = response.json["items"]
    assert (first["slug"], first["action"], first["faults"]) == ("why-relu", "create", [])
    assert first["content"]["points"][0]["statement"] == {"en": "It does not saturate."}
    assert "There is no Chinese" in first["notes"][-1]
    assert (second["action"], second["content"]) == ("skip", None)
    assert "only essays" in second["reason"]
    assert (third["action"], third["title"]) == ("refuse", "No points")
    assert third["faults"][0]["pointer"] == "#/points"
    assert stored(store) == []


def test_an_import_stores_drafts_and_says_which(author: Any, store: Store) -> None:
    response = author.post("/v1/question-imports", {"format": "gift", "content": TWO})

    assert response.status_code == 201
    first, second = response.json["items"]
    assert (first["action"], first["version"]) == ("create", 1)
    assert second["action"] == "skip"
    shown = author.get(f"/v1/questions/{first['id']}?view=author").json
    assert (shown["slug"], shown["status"]) == ("why-relu", "draft")


def test_one_faulty_item_and_nothing_is_imported(
    author: Any, store: Store, problem: Problem
) -> None:
    body = {"format": "gift", "content": FAULTY}

    refused = problem(author.post("/v1/question-imports", body))

    assert refused["code"] == "invalid_input"
    assert refused["errors"] == [
        {
            "pointer": "#/content",
            "detail": "item 3 (no-points): #/points there are none: the item has no general "
            "feedback to make points of",
        }
    ]
    assert stored(store) == []

    taken = author.post("/v1/question-imports", {**body, "skip_invalid": True})

    assert [each["action"] for each in taken.json["items"]] == ["create", "skip", "refuse"]
    assert stored(store) == ["why-relu"]


def test_a_repeated_import_with_a_key_is_done_once(author: Any, store: Store) -> None:
    body = {"format": "gift", "content": TWO}
    headers = {"Idempotency-Key": '"import-1"'}

    first = author.post("/v1/question-imports", body, headers=headers)
    again = author.post("/v1/question-imports", body, headers=headers)

    assert again.get_data() == first.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert author.post("/v1/question-imports", body).json["items"][0]["action"] == "unchanged"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"format": "moodle-xml", "content": "<!DOCTYPE x><quiz/>"}, "#/content"),
        ({"format": "word", "content": ""}, "#/format"),
        ({"format": "csv"}, "#/content"),
        ({"format": "csv", "content": 1}, "#/content"),
        ({"format": "csv", "content": "a\u0000"}, "#/content"),
        ({"format": "csv", "content": "slug\na", "commit": True}, "#/commit"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    author: Any, problem: Problem, body: dict[str, Any], pointer: str
) -> None:
    refused = problem(author.post("/v1/question-imports/preview", body))

    assert [fault["pointer"] for fault in refused["errors"]] == [pointer]


@pytest.mark.parametrize("name", interchange.writable)
def test_an_export_can_be_imported_again(
    author: Any, published: Callable[..., str], stand_ins: Any, name: str
) -> None:
    published()

    response = author.get(f"/v1/question-export?format={name}")

    form = interchange.FORMATS[name]
    assert response.status_code == 200
    assert response.mimetype == form.media_type
    assert f"questions.{form.suffix}" in response.headers["Content-Disposition"]
    (item,) = interchange.read(name, response.get_data(), Limits())
    assert item.content == stand_ins.a_question()
    if name != "qti":
        body = {"format": name, "content": response.get_data(as_text=True)}
        report = author.post("/v1/question-imports", body).json
        assert [each["action"] for each in report["items"]] == ["unchanged"]


def test_an_export_comes_in_pages_and_as_it_is_served_if_asked(
    author: Any, published: Callable[..., str], stand_ins: Any
) -> None:
    published()
    published(slug="other")
    draft = content_to_dict(stand_ins.a_question(difficulty=5))
    author.put("/v1/questions/why-relu", draft, headers={"If-Match": "*"})

    def difficulties(query: str) -> list[int]:
        data = author.get(f"/v1/question-export?{query}").get_data()
        items = interchange.read("yaml", data, Limits())
        return [item.content.difficulty for item in items if item.content is not None]

    assert difficulties("limit=1") == [5]
    assert difficulties("status=published") == [2, 2]
    assert difficulties("difficulty=5") == [5]
    first = author.get("/v1/question-export?limit=1")
    following = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert author.get(following).status_code == 200
    assert "Link" not in author.get(following).headers


def test_questions_may_be_called_like_these_calls(
    author: Any, published: Callable[..., str]
) -> None:
    for slug in ("question-imports", "question-export", "preview"):
        published(slug=slug)

        assert author.get(f"/v1/questions/{slug}").json["slug"] == slug
