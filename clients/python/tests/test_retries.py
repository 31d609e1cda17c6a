"""What is tried again, when, and what a lost response costs."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest

from pointmark_client import (
    AsyncClient,
    Client,
    Conflict,
    NoAnswer,
    Retry,
    Unavailable,
    UnexpectedResponse,
)
from pointmark_client._core import Operation, retry_after

Answer = Callable[[BaseHTTPRequestHandler], None]
SOON = Retry(first_s=0.001)


def answering(
    status: int, body: object = b"", kind: str = "application/json", **headers: str
) -> Answer:
    """An answer; its body is given as bytes or as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def refusing(status: int, code: str, **headers: str) -> Answer:
    said = {"type": f"/problems/{code}", "title": "Title", "detail": "Detail.", "instance": "/v1"}
    details = {**said, "status": status, "code": code, "request_id": "r", "errors": []}
    return answering(status, details, "application/problem+json", **headers)


def hanging_up(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all: the connection is closed."""


BUSY = refusing(503, "unavailable", Retry_After="0")


@pytest.fixture
def client(stand_in: Any) -> Iterator[Client]:
    with Client(stand_in.url, "pm_x", retry=SOON) as made:
        yield made


def submit(client: Client) -> Any:
    return client.submit_attempt("q", candidate="ada", answer="a")


@pytest.mark.parametrize(
    "first",
    [
        BUSY,
        refusing(429, "quota_exceeded", Retry_After="0"),
        refusing(409, "still_running", Retry_After="0"),
        answering(502, b"<html>", "text/html"),
        answering(504, b"<html>", "text/html"),
        hanging_up,
    ],
    ids=["503", "429", "409 still_running", "502", "504", "lost"],
)
def test_a_call_that_failed_in_passing_is_made_again_with_its_key(
    stand_in: Any, client: Client, first: Answer
) -> None:
    stand_in.answers = [first, first, answering(201, {"id": "att_1"})]

    assert submit(client)["id"] == "att_1"

    assert len(stand_in.asked) == 3
    assert len({each.body for each in stand_in.asked}) == 1
    (key,) = {each.headers["idempotency-key"] for each in stand_in.asked}
    assert len(key) == 36
    submit(client)
    assert stand_in.asked[-1].headers["idempotency-key"] != key


@pytest.mark.parametrize(
    "answer",
    [
        refusing(409, "claimed", Retry_After="0"),
        refusing(409, "conflict"),
        refusing(500, "internal_error"),
        refusing(422, "invalid_input"),
    ],
)
def test_what_would_be_refused_again_is_not_tried_again(
    stand_in: Any, client: Client, answer: Answer
) -> None:
    stand_in.answers = [answer]

    with pytest.raises(Exception, match="Title"):
        submit(client)

    assert len(stand_in.asked) == 1


def save(client: Client) -> Any:
    content: Any = {"slug": "q", "topic": "t", "difficulty": 1, "prompt": "?", "points": []}
    return client.save_question("q", if_match='"r1"', **content)


def test_a_change_that_may_have_been_made_is_not_sent_again(stand_in: Any, client: Client) -> None:
    # The second time its If-Match would be stale, and say that somebody else had been faster.
    stand_in.answers = [hanging_up]

    with pytest.raises(NoAnswer, match="tried once"):
        save(client)

    assert len(stand_in.asked) == 1


def test_a_change_that_was_refused_for_the_moment_is_sent_again(
    stand_in: Any, client: Client
) -> None:
    stand_in.answers = [BUSY, answering(200, {"id": "q"}, ETag='"r2"')]

    assert save(client).etag == '"r2"'


def test_after_the_last_attempt_the_refusal_is_raised(stand_in: Any, client: Client) -> None:
    stand_in.answers = [BUSY]

    with pytest.raises(Unavailable) as refused:
        submit(client)

    assert len(stand_in.asked) == SOON.attempts
    assert refused.value.retry_after_s == 0


def test_a_service_that_is_not_there_is_said_to_be() -> None:
    with socket.socket() as closed:
        # Bound, so that nobody else has the port, but not listening.
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with Client(url, "pm_x", retry=SOON) as client, pytest.raises(NoAnswer) as failed:
            save(client)

    assert "PUT /v1/questions/{id}, tried 4 times: ConnectError" in str(failed.value)


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(stand_in: Any) -> None:
    over = threading.Event()
    stand_in.answers = [lambda _: bool(over.wait(60)) and None]
    client = Client(stand_in.url, "pm_x", retry=Retry(attempts=2, first_s=0), timeout_s=0.1)
    with client, pytest.raises(NoAnswer, match="tried 2 times: ReadTimeout"):
        submit(client)
    over.set()

    assert len(stand_in.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        answering(200, b"<html>Log in to the network</html>", "text/html"),
        answering(200, b"[]"),
        answering(500, b"<html>", "text/html"),
        answering(302, b"", Location="/elsewhere"),
        answering(400, b"null", "application/problem+json"),
        answering(400, {"status": 400}, "application/problem+json"),
        answering(400, {"status": []}, "application/problem+json"),
    ],
)
def test_what_is_not_the_services_answer_is_said_to_be(
    stand_in: Any, client: Client, answer: Answer
) -> None:
    stand_in.answers = [answer]

    with pytest.raises(UnexpectedResponse):
        client.list_keys()


def test_what_a_newer_service_says_more_is_ignored(stand_in: Any, client: Client) -> None:
    stand_in.answers = [answering(200, {"status": "alive", "mood": "good"})]

    assert client.live()["status"] == "alive"


def test_the_same_with_asyncio(stand_in: Any) -> None:
    stand_in.answers = [hanging_up, BUSY, answering(201, {"id": "att_1"})]

    async def work() -> Any:
        async with AsyncClient(stand_in.url, "pm_x", retry=SOON) as client:
            return await client.submit_attempt("q", candidate="ada", answer="a")

    assert asyncio.run(work())["id"] == "att_1"
    assert len({each.headers["idempotency-key"] for each in stand_in.asked}) == 1


# With the service itself -------------------------------------------------------------------------


def test_a_lost_response_costs_no_second_attempt(
    service: Any, pointmark: Client, published: str, stand_in: Any
) -> None:
    def forward(handler: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        asked = stand_in.asked[-1]
        sent = urllib.request.Request(
            service.url + asked.path, asked.body, asked.headers, method=asked.method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(sent) as found:
            return found.status, found.read()

    def lose(handler: BaseHTTPRequestHandler) -> None:
        assert forward(handler)[0] == 201

    def pass_on(handler: BaseHTTPRequestHandler) -> None:
        answering(*forward(handler))(handler)

    stand_in.answers = [lose, pass_on]
    with Client(stand_in.url, service.key(), retry=SOON) as client:
        made = client.submit_attempt(published, candidate="ada", answer="A linear map.")

    assert [each["id"] for each in pointmark.iter_attempts()] == [made["id"]]


# How long to wait --------------------------------------------------------------------------------

POST = Operation[Any]("POST", "/", keyed=True)


def pauses(retry: Retry, made: int, **headers: str) -> list[float]:
    outcome = httpx2.Response(503, headers={n.replace("_", "-"): v for n, v in headers.items()})
    found = [retry.pause(POST, made, outcome) for _ in range(200)]
    assert None not in found
    return [each for each in found if each is not None]


@pytest.mark.parametrize(
    ("made", "most"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (99, 60.0)],  # 0.5 * 2 ** (made - 1), 60 at most
)
def test_the_wait_is_a_random_part_of_what_doubles(made: int, most: float) -> None:
    found = pauses(Retry(attempts=100), made)

    assert 0 <= min(found) < most / 4
    assert most * 3 / 4 < max(found) <= most


def test_what_the_service_asks_for_comes_first() -> None:
    found = pauses(Retry(), 1, Retry_After="7")

    assert 7 <= min(found) < max(found) <= 7.5


def test_who_asks_for_too_much_is_not_waited_for() -> None:
    outcome = httpx2.Response(429, headers={"Retry-After": "61"})

    assert Retry().pause(POST, 1, outcome) is None
    assert Retry(longest_s=61).pause(POST, 1, outcome) is not None
    assert Retry(attempts=1).pause(POST, 1, httpx2.Response(503)) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0.0), ("120", 120.0), ("", None), ("soon", None), ("-1", None), ("٣", None)],
)
def test_retry_after(said: str, seconds: float | None) -> None:
    assert retry_after(httpx2.Response(503, headers={"Retry-After": said.encode()})) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    found = retry_after(httpx2.Response(503, headers={"Retry-After": later}))

    assert found is not None
    assert 90 < found <= 100
    past = {"Retry-After": "Mon, 01 Jan 2024 00:00:00 -0000"}
    assert retry_after(httpx2.Response(503, headers=past)) == 0


def test_a_conflict_is_told_from_the_call_that_is_still_running(
    stand_in: Any, client: Client
) -> None:
    stand_in.answers = [refusing(409, "still_running", Retry_After="0")]

    with pytest.raises(Conflict, match="still_running"):
        submit(client)

    assert len(stand_in.asked) == SOON.attempts
