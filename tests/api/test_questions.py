"""Questions over HTTP: what candidates read, what authors write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.content import content_to_dict
from service.domain import Language

Problem = Callable[[TestResponse], dict[str, Any]]

QUESTION: dict[str, Any] = {
    "slug": "why-dropout",
    "topic": "regularisation",
    "difficulty": 2,
    "prompt": "Why does dropout help?",
    "points": [{"statement": "It keeps units from relying on each other."}],
}


def test_a_candidate_sees_the_prompt_and_nothing_of_the_points(
    platform: Any, published: Callable[..., str]
) -> None:
    question_id = published()

    response = platform.get("/v1/questions/why-relu")

    body = response.json
    assert body.pop("published_at").endswith("Z")
    assert body == {
        "id": question_id,
        "slug": "why-relu",
        "version": 1,
        "topic": "neural-networks",
        "difficulty": 2,
        "tags": ["activation", "basics"],
        "prompt": {"en": "Why is ReLU used?", "zh": "为什么用 ReLU？"},
    }


def test_id_and_slug_name_the_same_question(platform: Any, published: Callable[..., str]) -> None:
    question_id = published()

    by_id = platform.get(f"/v1/questions/{question_id}")
    by_slug = platform.get("/v1/questions/why-relu")

    assert by_id.get_data() == by_slug.get_data()


def test_what_an_author_wrote_comes_back_whole(author: Any, stand_ins: Any) -> None:
    content = content_to_dict(stand_ins.a_question())

    made = author.post("/v1/questions", content)
    read = author.get(made.headers["Location"] + "?view=author")

    assert made.status_code == 201
    assert made.json["content"] == content
    assert made.json["status"] == "draft"
    assert read.json == made.json
    assert read.headers["ETag"] == made.headers["ETag"]


def test_plain_strings_are_kept_under_the_language_they_are_in(author: Any) -> None:
    point = {
        "statement": "防止神经元之间的共适应。",
        "phrasings": ["Less co-adaptation.", "减少共适应。"],
    }

    made = author.post("/v1/questions", QUESTION | {"points": [point]})

    content = made.json["content"]
    assert content["prompt"] == {"en": "Why does dropout help?"}
    assert content["points"][0]["statement"] == {"zh": "防止神经元之间的共适应。"}
    assert content["points"][0]["phrasings"] == {
        "en": ["Less co-adaptation."],
        "zh": ["减少共适应。"],
    }
    assert content["points"][0]["key"] == "point-1"


def test_what_an_author_reads_can_be_changed_and_sent_back(author: Any) -> None:
    made = author.post("/v1/questions", QUESTION)
    content = made.json["content"]
    content["difficulty"] = 3

    saved = author.put(
        "/v1/questions/why-dropout", content, headers={"If-Match": made.headers["ETag"]}
    )

    assert saved.status_code == 200
    assert saved.json["content"] == content
    assert saved.json["version"] == 1
    assert saved.headers["ETag"] != made.headers["ETag"]


def test_a_draft_becomes_public_by_being_published(author: Any, platform: Any) -> None:
    made = author.post("/v1/questions", QUESTION)
    before = platform.get("/v1/questions/why-dropout")

    published = author.post(
        "/v1/questions/why-dropout/publish", headers={"If-Match": made.headers["ETag"]}
    )
    after = platform.get("/v1/questions/why-dropout")

    assert (before.status_code, published.status_code, after.status_code) == (404, 200, 200)
    assert published.json["status"] == "published"
    assert after.headers["ETag"] == published.headers["ETag"]


def test_an_edit_of_a_published_question_is_a_new_version_that_candidates_get_later(
    author: Any, platform: Any, published: Callable[..., str]
) -> None:
    published()
    read = author.get("/v1/questions/why-relu?view=author")
    content = read.json["content"] | {"prompt": {"en": "Why ReLU?"}}

    saved = author.put(
        "/v1/questions/why-relu", content, headers={"If-Match": read.headers["ETag"]}
    )
    meanwhile = platform.get("/v1/questions/why-relu").json
    author.post("/v1/questions/why-relu/publish")
    afterwards = platform.get("/v1/questions/why-relu").json

    assert (saved.json["version"], saved.json["status"]) == (2, "draft")
    assert (meanwhile["version"], meanwhile["prompt"]["en"]) == (1, "Why is ReLU used?")
    assert (afterwards["version"], afterwards["prompt"]) == (2, {"en": "Why ReLU?"})


def test_the_status_chooses_between_draft_and_published(
    author: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()
    path = "/v1/questions/why-relu?view=author"
    without = author.get(f"{path}&status=draft")
    content = author.get(path).json["content"]
    author.put("/v1/questions/why-relu", content, headers={"If-Match": "*"})

    found = {
        status: author.get(f"{path}{status}").json["version"]
        for status in ("", "&status=draft", "&status=published")
    }

    assert problem(without)["detail"] == "The question 'why-relu' has no draft."
    assert found == {"": 2, "&status=draft": 2, "&status=published": 1}


def test_the_list_for_authors_holds_drafts_if_asked(
    author: Any, platform: Any, published: Callable[..., str]
) -> None:
    published()
    author.post("/v1/questions", QUESTION)

    def slugs(caller: Any, query: str) -> list[str]:
        return [each["slug"] for each in caller.get(f"/v1/questions{query}").json["data"]]

    assert slugs(platform, "") == ["why-relu"]
    assert slugs(author, "?view=author") == ["why-relu", "why-dropout"]
    assert slugs(author, "?view=author&status=draft") == ["why-dropout"]
    assert slugs(author, "?view=author&status=published") == ["why-relu"]


def test_a_status_without_the_authors_view_is_refused(platform: Any, problem: Problem) -> None:
    body = problem(platform.get("/v1/questions?status=draft"))

    assert body["errors"] == [{"detail": "belongs to view=author", "pointer": "#/status"}]


def test_versions_are_listed_and_read_by_number(
    author: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()
    content = author.get("/v1/questions/why-relu?view=author").json["content"]
    author.put("/v1/questions/why-relu", content, headers={"If-Match": "*"})

    listed = author.get("/v1/questions/why-relu/versions").json
    first = author.get("/v1/questions/why-relu/versions/1").json
    missing = author.get("/v1/questions/why-relu/versions/3")
    beyond = author.get("/v1/questions/why-relu/versions/99999999999999999999")

    assert [(each["version"], each["status"]) for each in listed["data"]] == [
        (1, "published"),
        (2, "draft"),
    ]
    assert (listed["has_more"], listed["next_cursor"]) == (False, None)
    assert first == listed["data"][0]
    assert (missing.status_code, beyond.status_code) == (404, 404)
    assert problem(missing)["code"] == "not_found"


# Conditions --------------------------------------------------------------------------------------


def test_saving_without_if_match_is_refused(author: Any, problem: Problem) -> None:
    author.post("/v1/questions", QUESTION)

    assert problem(author.put("/v1/questions/why-dropout", QUESTION)) == {
        "type": "/problems/precondition_required",
        "title": "If-Match is needed",
        "status": 428,
        "detail": "Send the ETag of the question that you changed as If-Match, or * to overwrite "
        "whatever is there.",
        "instance": "/v1/questions/why-dropout",
        "code": "precondition_required",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/questions/why-dropout"),
        ("POST", "/v1/questions/why-dropout/publish"),
        ("DELETE", "/v1/questions/why-dropout"),
    ],
)
def test_a_stale_etag_is_refused(author: Any, problem: Problem, method: str, path: str) -> None:
    stale = author.post("/v1/questions", QUESTION).headers["ETag"]
    author.put("/v1/questions/why-dropout", QUESTION, headers={"If-Match": stale})

    body = QUESTION if method == "PUT" else None
    responses = [
        author.call(method, path, body, headers={"If-Match": tag})
        # A weak tag never matches, for it does not promise the same bytes.
        for tag in (stale, "W/" + author.get("/v1/questions?view=author").headers["ETag"])
    ]

    for response in responses:
        assert problem(response) == {
            "type": "/problems/stale_version",
            "title": "The question was changed meanwhile",
            "status": 412,
            "detail": "The question was changed since you read it. Read it again, apply your "
            "change to what you find, and send it with the new ETag.",
            "instance": path,
            "code": "stale_version",
        }


@pytest.mark.parametrize("tag", ["r1", '"a", "b"', '"', ""])
def test_an_if_match_that_is_no_etag_is_refused(author: Any, problem: Problem, tag: str) -> None:
    response = author.put("/v1/questions/x", QUESTION, headers={"If-Match": tag})

    body = problem(response)
    assert (body["status"], body["code"]) == (400, "bad_request")


def test_a_star_overwrites_whatever_is_there(author: Any) -> None:
    author.post("/v1/questions", QUESTION)

    response = author.put("/v1/questions/why-dropout", QUESTION, headers={"If-Match": "*"})

    assert response.status_code == 200


def test_what_the_caller_has_is_not_sent_again(
    platform: Any, author: Any, published: Callable[..., str]
) -> None:
    published()

    for caller, path in (
        (platform, "/v1/questions"),
        (platform, "/v1/questions/why-relu"),
        (author, "/v1/questions/why-relu?view=author"),
        (author, "/v1/questions/why-relu/versions/1"),
    ):
        tag = caller.get(path).headers["ETag"]
        again = caller.get(path, headers={"If-None-Match": f'"other", {tag}'})
        other = caller.get(path, headers={"If-None-Match": '"other"'})

        assert (again.status_code, again.get_data()) == (304, b"")
        assert again.headers["ETag"] == tag
        assert other.status_code == 200


# Conflicts ---------------------------------------------------------------------------------------


def test_a_slug_belongs_to_one_question(author: Any, problem: Problem) -> None:
    author.post("/v1/questions", QUESTION)

    assert problem(author.post("/v1/questions", QUESTION)) == {
        "type": "/problems/slug_taken",
        "title": "The slug is taken",
        "status": 409,
        "detail": "Another question has the slug 'why-dropout'.",
        "instance": "/v1/questions",
        "code": "slug_taken",
    }


def test_there_must_be_a_draft_to_publish(
    author: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()

    body = problem(author.post("/v1/questions/why-relu/publish"))

    assert (body["status"], body["code"]) == (409, "nothing_to_publish")


def test_a_published_question_keeps_its_slug(
    author: Any, published: Callable[..., str], problem: Problem
) -> None:
    published()

    response = author.put("/v1/questions/why-relu", QUESTION, headers={"If-Match": "*"})

    assert problem(response)["errors"] == [
        {
            "detail": "stays 'why-relu': a published question keeps its slug",
            "pointer": "#/slug",
        }
    ]


def test_an_archived_question_is_gone_for_everybody(
    author: Any, platform: Any, published: Callable[..., str]
) -> None:
    published()

    archived = author.delete("/v1/questions/why-relu")

    assert (archived.status_code, archived.get_data()) == (204, b"")
    assert platform.get("/v1/questions/why-relu").status_code == 404
    assert author.get("/v1/questions/why-relu?view=author").status_code == 404
    assert author.delete("/v1/questions/why-relu").status_code == 404
    assert platform.get("/v1/questions").json["data"] == []
    answer = {"candidate": "c", "answer": "a"}
    assert platform.post("/v1/questions/why-relu/attempts", answer).status_code == 404


# Listing -----------------------------------------------------------------------------------------


def test_pages_follow_each_other_until_the_end(
    platform: Any, published: Callable[..., str]
) -> None:
    wanted = [published(slug=f"question-{number}") for number in range(5)]

    seen, path = [], "/v1/questions?limit=2&topic=neural-networks"
    while True:
        page = platform.get(path)
        seen += [each["id"] for each in page.json["data"]]
        assert page.json["has_more"] == (page.json["next_cursor"] is not None)
        if not page.json["has_more"]:
            assert "Link" not in page.headers
            break
        link = page.headers["Link"]
        assert link.endswith('>; rel="next"')
        path = link[1 : link.index(">")]

    assert seen == wanted


def test_a_cursor_of_another_listing_is_refused(admin: Any, published: Callable[..., str]) -> None:
    for number in range(2):
        published(slug=f"question-{number}")
    cursor = admin.get("/v1/questions?limit=1").json["next_cursor"]

    assert admin.get(f"/v1/attempts?cursor={cursor}").status_code == 422


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("topic=optimisation", ["b"]),
        ("difficulty=2", ["a"]),
        ("tag=x", ["b"]),
        ("language=zh", ["a"]),
        ("q=RELU", ["a"]),
        ("q=100%25", ["b"]),
        ("q=", ["a", "b"]),
        ("q=relu&difficulty=4", []),
    ],
)
def test_filters_narrow_the_list_and_the_draw(
    platform: Any, published: Callable[..., str], query: str, found: list[str]
) -> None:
    published(slug="a")
    published(
        slug="b",
        topic="optimisation",
        difficulty=4,
        tags=("x",),
        prompt={Language.EN: "Is 100% sure?"},
    )

    listed = [each["slug"] for each in platform.get(f"/v1/questions?{query}").json["data"]]
    drawn = platform.get(f"/v1/questions/random?{query}")

    assert listed == found
    assert (drawn.json["slug"] in found) if found else (drawn.status_code == 404)


def test_unicode_comes_back_byte_for_byte(author: Any, platform: Any) -> None:
    # A flag of two code points, a family of seven, NFD beside NFC, right-to-left marks, a BOM.
    text = "🇨🇳 👨‍👩‍👧‍👦 é e\u0301 \u202eright\u202c \ufeff 𠮷 \x7f tab\there ?"
    made = author.post("/v1/questions", QUESTION | {"prompt": {"en": text}})
    author.post("/v1/questions/why-dropout/publish")

    read = platform.get("/v1/questions/why-dropout")

    assert made.status_code == 201
    assert json.loads(read.get_data())["prompt"]["en"] == text
    assert text.encode() in read.get_data().replace(b"\\t", b"\t")
