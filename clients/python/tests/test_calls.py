"""Calls on the running service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pointmark_client import (
    AsyncClient,
    AsyncSessionClient,
    Client,
    Conflict,
    Fault,
    Forbidden,
    InvalidInput,
    NotFound,
    NotModified,
    PreconditionRequired,
    RateLimited,
    Retry,
    SessionClient,
    StaleVersion,
    Unauthenticated,
)
from service.domain import Scope

QUESTION: Any = {
    "slug": "why-relu",
    "topic": "neural-networks",
    "difficulty": 2,
    "prompt": "Why is ReLU used?",
    "points": [{"key": "cheap", "statement": "It is cheap to compute."}],
}
ANSWER = "Without activation functions all the layers collapse into one linear map."


def submit(client: Client, candidate: str = "ada", **more: Any) -> Any:
    return client.submit_attempt("why-nonlinear", candidate=candidate, answer=ANSWER, **more)


# Attempts and pages ------------------------------------------------------------------------------


def test_an_answer_is_marked_stored_and_read_again(pointmark: Client, published: str) -> None:
    made = submit(pointmark, metadata={"round": 2})

    assert made["grade"]["points"][0]["verdict"] == "covered"
    assert made["result"]["score"] == made["grade"]["score"]
    read = pointmark.get_attempt(made["id"])
    assert read["answer"] == ANSWER
    assert read["metadata"] == {"round": 2}
    assert [each["id"] for each in read["grades"]] == [made["grade"]["id"]]


def test_an_answer_is_graded_without_being_stored(pointmark: Client) -> None:
    graded = pointmark.grade(points=[{"statement": "The gradient is zero."}], answer="It is zero.")

    assert graded["points"][0]["key"] == "point-1"
    assert list(pointmark.iter_attempts()) == []


def test_all_pages_are_gone_through_once(pointmark: Client, published: str) -> None:
    made = [submit(pointmark, candidate=f"cand-{number}")["id"] for number in range(5)]

    assert len(pointmark.list_attempts(limit=2)["data"]) == 2
    assert [each["id"] for each in pointmark.iter_attempts(limit=2)] == made[::-1]
    assert [each["id"] for each in pointmark.iter_attempts(candidate="cand-3")] == [made[3]]


def test_a_page_is_fetched_when_it_is_needed(pointmark: Client, published: str) -> None:
    made = [submit(pointmark)["id"] for _ in range(2)]
    attempts = pointmark.iter_attempts(limit=1)

    assert next(attempts)["id"] == made[1]
    pointmark.erase_candidate("ada")
    assert next(attempts)["erased"]


def test_times_are_sent_with_their_zone(pointmark: Client, published: str) -> None:
    submit(pointmark)
    now = datetime.now(UTC)

    assert list(pointmark.iter_attempts(since=now + timedelta(hours=1))) == []
    assert len(list(pointmark.iter_attempts(since=now - timedelta(hours=1)))) == 1
    with pytest.raises(InvalidInput) as refused:
        pointmark.list_attempts(since=datetime(2026, 11, 23))
    assert refused.value.errors[0].pointer == "#/since"


@pytest.mark.parametrize("candidate", ["a/b//c", "50%2F?#", "张三", ".."])
def test_any_id_of_a_candidate_arrives(pointmark: Client, published: str, candidate: str) -> None:
    submit(pointmark, candidate)

    assert pointmark.export_candidate(candidate)["candidate"] == candidate
    assert pointmark.erase_candidate(candidate)["erased_attempts"] == 1


def test_an_empty_id_is_no_id(pointmark: Client) -> None:
    with pytest.raises(ValueError, match="empty"):
        pointmark.erase_candidate("")


# Doing a thing once ------------------------------------------------------------------------------


def test_two_calls_are_two_attempts_and_one_key_is_one(pointmark: Client, published: str) -> None:
    apart = {submit(pointmark)["id"] for _ in range(2)}
    same = {submit(pointmark, idempotency_key="order-1")["id"] for _ in range(2)}

    assert (len(apart), len(same)) == (2, 1)


def test_a_key_used_for_something_else_is_refused(pointmark: Client, published: str) -> None:
    submit(pointmark, idempotency_key="order-1")

    with pytest.raises(InvalidInput) as refused:
        submit(pointmark, candidate="bob", idempotency_key="order-1")

    assert refused.value.code == "idempotency_key_reused"


# Versions ----------------------------------------------------------------------------------------


def test_nobodys_work_is_overwritten_unseen(pointmark: Client) -> None:
    first = pointmark.create_question(**QUESTION)
    changed = first.data["content"] | {"difficulty": 3}

    saved = pointmark.save_question("why-relu", if_match=first.etag, **changed)

    assert saved.data["content"]["difficulty"] == 3
    with pytest.raises(StaleVersion):
        pointmark.save_question("why-relu", if_match=first.etag, **changed)
    with pytest.raises(StaleVersion):
        pointmark.archive_question("why-relu", if_match=first.etag)
    pointmark.archive_question("why-relu", if_match=saved.etag)


def test_without_an_etag_the_service_asks_for_one(pointmark: Client) -> None:
    pointmark.create_question(**QUESTION)

    with pytest.raises(PreconditionRequired):
        pointmark.save_question("why-relu", if_match=None, **QUESTION)  # type: ignore[arg-type]


def test_what_has_not_changed_is_not_sent_again(pointmark: Client, published: str) -> None:
    read = pointmark.get_question(published)

    with pytest.raises(NotModified):
        pointmark.get_question(published, if_none_match=read.etag)
    assert pointmark.get_question(published, if_none_match='"other"') == read


def test_authors_see_rubrics_and_candidates_do_not(pointmark: Client, published: str) -> None:
    assert "content" not in pointmark.get_question(published).data
    assert pointmark.get_question_as_author(published).data["content"]["points"]
    (listed,) = pointmark.iter_questions_as_author(status="published")
    assert listed["content"]["slug"] == published
    (shown,) = pointmark.iter_questions(topic="neural-networks")
    assert shown["slug"] == published


# Refusals ----------------------------------------------------------------------------------------


def test_every_fault_is_named_with_its_place(pointmark: Client) -> None:
    wrong: Any = [{"statement": "", "wieght": 2}]

    with pytest.raises(InvalidInput) as refused:
        pointmark.grade(points=wrong, answer=7)  # type: ignore[typeddict-item]

    assert refused.value.errors == (
        Fault(detail="is not known here", pointer="#/points/0/wieght"),
        Fault(detail="must be a string", pointer="#/answer"),
    )
    assert refused.value.status == 422
    assert refused.value.request_id in str(refused.value)
    assert "#/points/0/wieght: is not known here" in str(refused.value)


def test_text_that_no_database_holds_is_refused_by_the_service(pointmark: Client) -> None:
    with pytest.raises(InvalidInput) as refused:
        pointmark.grade(points=[{"statement": "x"}], answer="half a pair: \ud800")

    assert refused.value.errors[0].pointer == "#/answer"


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_is_no_json_is_not_sent(pointmark: Client, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        pointmark.grade(points=[{"statement": "x", "weight": value}], answer="a")


def test_keys_and_scopes(service: Any, pointmark: Client) -> None:
    with Client(service.url, "pm_unknown") as nobody, pytest.raises(Unauthenticated):
        nobody.list_questions()
    reader = Client(service.url, service.key(Scope.QUESTIONS_READ))
    with reader, pytest.raises(Forbidden):
        reader.list_keys()
    with pytest.raises(NotFound):
        pointmark.get_attempt("att_unknown")
    with pytest.raises(Conflict) as refused:
        pointmark.create_question(**QUESTION) and pointmark.create_question(**QUESTION)
    assert refused.value.code == "slug_taken"


def test_who_asks_too_often_is_told_how_long_to_wait(serve: Callable[..., Any]) -> None:
    service = serve(rate_limit=2)
    with Client(service.url, service.key(), retry=Retry(longest_s=0)) as client:
        for _ in range(2):
            client.list_questions()

        with pytest.raises(RateLimited) as refused:
            client.list_questions()

    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= 60


@pytest.mark.parametrize(
    ("url", "token"),
    [("127.0.0.1:8000", "pm_x"), ("http://x", ""), ("http://x", "密钥"), ("http://x", "a\r\nb")],
)
def test_an_address_or_key_that_cannot_be_is_refused_at_once(url: str, token: str) -> None:
    with pytest.raises(ValueError, match=r"must begin|has characters"):
        Client(url, token)


# Sessions, reviews, keys -------------------------------------------------------------------------


def test_a_session_from_beginning_to_end(service: Any, pointmark: Client, published: str) -> None:
    made = pointmark.create_session(candidate="ada", questions=[published], feedback="after_answer")
    assert made["access"] is not None

    with SessionClient(service.url, made["access"]["token"]) as candidate:
        assert candidate.get_sitting()["state"] == "created"
        (asked,) = candidate.start_sitting()["questions"]
        given = candidate.answer_question(asked["id"], answer=ANSWER)
        assert candidate.finish_sitting()["state"] == "finished"
        with pytest.raises(Conflict) as refused:
            candidate.answer_question(asked["id"], answer="Once more.")

    assert refused.value.code == "session_over"
    report = pointmark.get_session_report(made["id"])
    assert report["questions"][0]["attempts"] == [given["id"]]
    assert [each["id"] for each in pointmark.iter_sessions(limit=1)] == [made["id"]]
    assert pointmark.create_session_token(made["id"])["token"]


def test_reviews(pointmark: Client, published: str) -> None:
    assert pointmark.claim_next_review(reviewer="grace") is None
    attempt = submit(pointmark)["id"]
    pointmark.appeal_attempt(attempt, message="My first sentence says it.")

    sheet = pointmark.claim_next_review(reviewer="grace", reason="appeal")
    assert sheet is not None
    assert sheet["item"]["attempt"] == attempt
    pointmark.release_review(attempt, reviewer="grace")
    pointmark.review_attempt(attempt, reviewer="grace", score=80, reason="It does.")

    assert pointmark.get_attempt(attempt)["result"]["by"] == "person"
    (done,) = pointmark.iter_review_queue(state="done", blind=False)
    assert done["attempt"] == attempt
    assert pointmark.get_agreement(sampled=False)["data"][0]["reviews"] == 1


def test_keys_are_made_and_revoked(service: Any, pointmark: Client) -> None:
    made = pointmark.create_key(name="platform", scopes=["questions:read"])
    assert made["token"] is not None
    pointmark.revoke_key(made["id"])

    with Client(service.url, made["token"]) as revoked, pytest.raises(Unauthenticated):
        revoked.list_questions()
    assert pointmark.live()["status"] == "alive"


# asyncio -----------------------------------------------------------------------------------------


def test_the_same_with_asyncio(service: Any, published: str) -> None:
    async def work() -> list[str]:
        async with AsyncClient(service.url, service.key()) as client:
            made = await asyncio.gather(
                *(
                    client.submit_attempt(published, candidate=f"c-{number}", answer=ANSWER)
                    for number in range(3)
                )
            )
            found = [each["id"] async for each in client.iter_attempts(limit=2)]
            assert sorted(found) == sorted(each["id"] for each in made)
            session = await client.create_session(candidate="ada", questions=[published])
            assert session["access"] is not None
            with pytest.raises(NotFound):
                await client.get_attempt("att_unknown")
        async with AsyncSessionClient(service.url, session["access"]["token"]) as candidate:
            await candidate.start_sitting()
            given = await candidate.answer_question(published, answer=ANSWER)
        return [*found, given["id"]]

    assert len(set(asyncio.run(work()))) == 4
