"""Webhooks: from what happened to a receiver that verifies them with a library of its own."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
from procrastinate import PsycopgConnector
from standardwebhooks import Webhook, WebhookVerificationError

from service import batches, regrading, reviewing, sessions, usecases, webhooks
from service.config import Settings
from service.content import Limits
from service.domain import Answer, Attempt, Feedback, Scope
from service.errors import Conflict, InvalidInput, NotFound
from service.exchange import (
    BatchItem,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Endpoint,
    EndpointPlan,
    EventKind,
    Judgement,
    Outgoing,
    Reply,
    SessionPlan,
)
from service.outgoing import Sender, is_public
from service.store import Store
from service.usecases import QuestionCache
from service.webhooks import SCHEDULE, outcome_of
from service.working import Workshop, make_app
from tests.stand_ins import StandInGrader, a_question
from tests.working.test_worker import Workers, until

Answered = tuple[int, Mapping[str, str]]


class Receiver:
    """A platform's server, on loopback: keeps what comes, and answers as told, else 200."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[Answered] = []
        self.hold: threading.Event | None = None
        self.drip = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), body))
                if receiver.drip:
                    self._drip()
                    return
                if receiver.hold is not None:
                    receiver.hold.wait(60)
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _drip(self) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(2000):
                    if receiver.hold is None or receiver.hold.wait(0.01):
                        return
                    self.wfile.write(b".")

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A sender that went away is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks?from=pointmark"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Hooks:
    """A store with a question, and what admins and workers do to webhooks."""

    def __init__(self, store: Store, url: str) -> None:
        self.store = store
        self.url = url
        self.grader: Any = StandInGrader()
        self.sender = Sender(private=True)
        self.key, _ = usecases.create_key(store, name="desk", scopes=[Scope.ADMIN], actor=None)
        usecases.create_question(store, a_question(), actor=None)
        usecases.publish(store, "why-relu", if_match="*", actor=None)

    def endpoint(self, url: str, *events: EventKind) -> tuple[Endpoint, str]:
        plan = EndpointPlan(url=url, description="", events=events or None)
        return webhooks.create(self.store, plan, actor=self.key, private=True)

    def ping(self, endpoint: Endpoint) -> Delivery:
        return webhooks.ping(self.store, endpoint.endpoint_id, actor=self.key)

    def attempt(self, **changes: Any) -> Attempt:
        plain: dict[str, Any] = {
            "candidate": "ada",
            "answer": Answer(text="A secret thought."),
            "metadata": {"row": "mine"},
            "key_id": self.key.key_id,
        }
        return usecases.submit_attempt(
            self.store, self.grader, QuestionCache(), "why-relu", **plain | changes
        )

    def jobs(self) -> list[tuple[dict[str, Any], datetime | None, int]]:
        """Arguments, time and priority of the jobs that lie there."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(
                "SELECT args, scheduled_at, priority FROM procrastinate.procrastinate_jobs "
                "WHERE task_name = 'webhook.deliver' AND queue_name = 'webhooks' ORDER BY id"
            ).fetchall()

    def work(self, send: Callable[[Outgoing, datetime], Reply] | None = None) -> None:
        """Do the jobs that lie there, whenever they are due, each once."""
        found = self.jobs()
        with psycopg.connect(self.url) as connection:
            connection.execute("TRUNCATE procrastinate.procrastinate_jobs CASCADE")
        for args, _, _ in found:
            webhooks.deliver(
                self.store,
                send or self.post,
                args["delivery"],
                args["number"],
                chance=lambda: 0.5,
            )

    def post(self, message: Outgoing, at: datetime) -> Reply:
        return self.sender.post(message.url, webhooks.headers_of(message, at), message.body)

    def deliveries(self, endpoint: Endpoint, **filters: Any) -> tuple[Delivery, ...]:
        wanted = DeliveryFilter(**filters)
        return webhooks.deliveries(self.store, endpoint.endpoint_id, wanted, limit=100).items

    def get(self, endpoint: Endpoint) -> Endpoint:
        return webhooks.endpoint(self.store, endpoint.endpoint_id)


@pytest.fixture
def hooks(store: Store, clean_database_url: str) -> Hooks:
    return Hooks(store, clean_database_url)


def kinds(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, _, body in receiver.got]


# What is told ------------------------------------------------------------------------------------


def test_a_graded_attempt_is_told_signed_and_thin(hooks: Hooks, receiver: Receiver) -> None:
    endpoint, secret = hooks.endpoint(receiver.url)
    attempt = hooks.attempt()

    hooks.work()

    ((path, headers, body),) = receiver.got
    told = Webhook(secret).verify(body, headers)
    assert path == "/hooks?from=pointmark"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Pointmark")
    assert headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert told["type"] == "attempt.graded"
    assert datetime.fromisoformat(told["timestamp"]).tzinfo is not None
    assert told["data"] == {
        "attempt": attempt.attempt_id,
        "session": None,
        "question": {"id": attempt.question_id, "slug": "why-relu", "version": 1},
        "grade": attempt.grades[0].grade_id,
        "score": 66.7,
        "expected_error": 8.25,
        "needs_review": False,
        "flags": [],
    }
    assert len(body) < 20_000
    for mine in (b"secret thought", b"ada", b"mine"):
        assert mine not in body
    (logged,) = hooks.deliveries(endpoint)
    assert (logged.delivery_id, logged.body.encode()) == (headers["webhook-id"], body)
    assert (logged.state, logged.next_at, len(logged.tries)) == ("delivered", None, 1)
    assert (logged.tries[0].status, logged.tries[0].error) == (200, None)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)


def test_every_event_has_its_moment(
    hooks: Hooks, receiver: Receiver, clean_database_url: str
) -> None:
    hooks.endpoint(receiver.url)
    attempt = hooks.attempt()
    judgement = Judgement(reviewer="grace", verdicts={}, score=50.0, reason="Because.")
    reviewing.review(hooks.store, attempt.attempt_id, judgement, actor=None)
    reviewing.review_group(
        hooks.store, "why-relu", [attempt.attempt_id], judgement, actor=hooks.key
    )
    sitting, late = (a_session(hooks) for _ in range(2))
    for _ in range(2):
        sessions.start(hooks.store, sitting)
    sessions.answer(
        hooks.store,
        hooks.grader,
        QuestionCache(),
        sitting,
        "why-relu",
        Answer(text="So."),
        received_at=datetime.now(UTC),
    )
    for _ in range(2):
        sessions.finish(hooks.store, sitting)
    with psycopg.connect(clean_database_url) as connection:
        connection.execute(
            "UPDATE sessions SET opens_at = now() - interval '2 h', "
            "closes_at = now() - interval '1 h'"
        )
    for _ in range(2):
        sessions.tell_expiries(hooks.store)
    first, second = a_batch(hooks), a_batch(hooks)
    batches.cancel(hooks.store, second, actor=None)
    for batch in (first, second):
        grade(hooks, batch)
    batches.give_up(hooks.store, a_batch(hooks), "Broken.")
    regraded = regrading.ask(hooks.store, "why-relu", pass_mark=None, actor=None).regrade_id
    regrading.work(hooks.store, hooks.grader, QuestionCache(), regraded, stop=lambda: False)
    regrading.commit(hooks.store, regraded, actor=None)
    for _ in range(2):
        regrading.cancel(hooks.store, regraded, actor=None)

    hooks.work()

    assert kinds(receiver) == [
        "attempt.graded",
        "attempt.reviewed",
        "attempt.reviewed",
        "session.started",
        "attempt.graded",
        "session.finished",
        "session.expired",
        "batch.finished",
        "attempt.graded",
        "batch.finished",
        "batch.finished",
        "regrade.finished",
        "regrade.finished",
    ]
    data = [json.loads(body)["data"] for _, _, body in receiver.got]
    assert (data[1]["score"], data[1]["graded"]) == (50.0, 66.7)
    assert data[1]["attempt"] == attempt.attempt_id
    assert (data[4]["session"], data[6]["session"]) == (sitting, late)
    assert data[3]["ends_at"] > data[3]["started_at"]
    assert data[5]["finished_at"] is not None
    assert data[7] == {"batch": second, "status": "cancelled", "total": 1, "done": 0, "failed": 1}
    assert (data[9]["status"], data[10]["status"]) == ("finished", "failed")
    assert (data[11]["regrade"], data[11]["commit"]) == (regraded, False)
    assert data[11]["question"]["slug"] == "why-relu"
    assert (data[12]["status"], data[12]["commit"]) == ("cancelled", True)
    assert not any(b"Because" in body or b"grace" in body for _, _, body in receiver.got)


def a_session(hooks: Hooks) -> str:
    plan = SessionPlan(
        candidate="ada",
        questions=("why-relu",),
        language=None,
        time_limit=None,
        extra_time=timedelta(),
        opens_at=None,
        closes_at=None,
        attempts_allowed=1,
        feedback=Feedback.NEVER,
        metadata={},
    )
    return sessions.create(hooks.store, plan, actor=hooks.key).session_id


def a_batch(hooks: Hooks) -> str:
    item = BatchItem(
        question="why-relu", candidate="bob", answer=Answer(text="Cheap."), metadata={}
    )
    return batches.create(hooks.store, [item], actor=hooks.key).batch_id


def grade(hooks: Hooks, batch: str) -> None:
    batches.grade_items(
        hooks.store,
        hooks.grader,
        QuestionCache(),
        batch,
        0,
        0,
        stop=lambda: False,
        limits=Limits(),
        sample=0.0,
    )


def test_an_endpoint_gets_what_it_asked_for_and_no_more(hooks: Hooks, receiver: Receiver) -> None:
    hooks.endpoint(receiver.url + "&mine", EventKind.ATTEMPT_GRADED)
    other, _ = hooks.endpoint(receiver.url + "&other", EventKind.BATCH_FINISHED)
    off, _ = hooks.endpoint(receiver.url + "&off")
    change(hooks, off, enabled=False)
    hooks.attempt()
    hooks.ping(other)

    hooks.work()

    assert [
        (path[-5:], kind) for (path, _, _), kind in zip(receiver.got, kinds(receiver), strict=True)
    ] == [
        ("&mine", "attempt.graded"),
        ("other", "ping"),
    ]


def change(hooks: Hooks, endpoint: Endpoint, *, enabled: bool) -> Endpoint:
    plan = EndpointPlan(url=endpoint.url, description="", events=endpoint.events)
    return webhooks.change(
        hooks.store, endpoint.endpoint_id, plan, enabled=enabled, actor=None, private=True
    )


def test_what_did_not_happen_is_not_told(hooks: Hooks, receiver: Receiver) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)

    def refuse(*_: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        hooks.attempt(finish=refuse)

    assert hooks.deliveries(endpoint) == ()
    assert hooks.jobs() == []


def test_without_an_endpoint_nothing_is_put_down(hooks: Hooks) -> None:
    hooks.attempt()

    assert hooks.jobs() == []


# Secrets -----------------------------------------------------------------------------------------


def test_for_a_day_after_a_rotation_both_secrets_verify(
    hooks: Hooks, receiver: Receiver, clean_database_url: str
) -> None:
    endpoint, old = hooks.endpoint(receiver.url)
    rotated, new = webhooks.rotate_secret(hooks.store, endpoint.endpoint_id, actor=None)
    hooks.ping(endpoint)
    hooks.work()
    with psycopg.connect(clean_database_url) as connection:
        connection.execute("UPDATE webhook_endpoints SET previous_until = now()")
    hooks.ping(endpoint)
    hooks.work()

    (_, both, body), (_, one, later) = receiver.got
    for secret in (old, new):
        Webhook(secret).verify(body, both)
    Webhook(new).verify(later, one)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(later, one)
    assert rotated.previous_until is not None
    assert hooks.get(endpoint).previous_until is None
    assert len(base64.b64decode(new.removeprefix("whsec_"))) == 32


# Trying again ------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_in_time_with_the_same_message(
    hooks: Hooks, receiver: Receiver
) -> None:
    endpoint, secret = hooks.endpoint(receiver.url)
    receiver.answers = [(500, {}), (200, {})]
    hooks.attempt()

    hooks.work()

    (waiting,) = hooks.deliveries(endpoint)
    ((args, scheduled, _),) = hooks.jobs()
    assert (waiting.state, waiting.tries[0].error) == ("pending", "answered 500")
    assert scheduled == waiting.next_at
    # 5 s and half of the longest jitter, from the end of the try.
    assert scheduled is not None
    assert timedelta(seconds=5.5) <= scheduled - waiting.tries[0].at < timedelta(seconds=30)
    assert args["number"] == 2
    assert hooks.get(endpoint).failing_since == waiting.tries[0].at

    hooks.work()

    (_, first, body), (_, second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    Webhook(secret).verify(again, second)
    (ended,) = hooks.deliveries(endpoint)
    assert (ended.state, [each.status for each in ended.tries]) == ("delivered", [500, 200])
    assert hooks.jobs() == []
    assert hooks.get(endpoint).failing_since is None


def test_after_ten_tries_it_is_given_up_and_a_replay_begins_anew(
    hooks: Hooks, receiver: Receiver
) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    receiver.answers = [(503, {})] * 11
    hooks.attempt()

    for _ in range(12):
        hooks.work()

    (failed,) = hooks.deliveries(endpoint, state=DeliveryState.FAILED)
    assert (failed.next_at, [each.number for each in failed.tries]) == (None, [*range(1, 11)])
    assert hooks.deliveries(endpoint, state=DeliveryState.PENDING) == ()

    again = webhooks.replay(hooks.store, endpoint.endpoint_id, failed.delivery_id, actor=None)
    assert again.state is DeliveryState.PENDING
    hooks.work()
    assert [args["number"] for args, _, _ in hooks.jobs()] == [12]
    hooks.work()
    (ended,) = hooks.deliveries(endpoint)
    assert (ended.state, len(ended.tries)) == ("delivered", 12)
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1


def test_a_job_that_runs_again_sends_nothing_twice(hooks: Hooks, receiver: Receiver) -> None:
    hooks.endpoint(receiver.url)
    hooks.attempt()
    ((args, _, _),) = hooks.jobs()

    for _ in range(2):
        webhooks.deliver(
            hooks.store, hooks.post, args["delivery"], args["number"], chance=lambda: 0.0
        )

    assert len(receiver.got) == 1


def test_one_try_made_twice_at_once_is_logged_once_and_goes_on_once(
    hooks: Hooks, receiver: Receiver
) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    hooks.attempt()
    ((args, _, _),) = hooks.jobs()
    barrier = threading.Barrier(2)

    def fail(*_: Any) -> Reply:
        barrier.wait()
        return Reply(status=500)

    def work(_: int) -> None:
        webhooks.deliver(hooks.store, fail, args["delivery"], args["number"], chance=lambda: 0.0)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))

    (waiting,) = hooks.deliveries(endpoint)
    assert len(waiting.tries) == 1
    assert [args["number"] for args, _, _ in hooks.jobs()] == [1, 2]


NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def outgoing(**changes: Any) -> Outgoing:
    plain: dict[str, Any] = {
        "delivery_id": "msg_x",
        "endpoint_id": "hook_x",
        "url": "https://example.org",
        "body": b"{}",
        "secrets": (b"x" * 32,),
        "failures": 0,
        "failing_since": None,
    }
    return Outgoing(**plain | changes)


def test_the_waits_are_those_of_the_specification() -> None:
    waits = []
    for failures in range(len(SCHEDULE)):
        found = outcome_of(Reply(status=500), outgoing(failures=failures), at=NOW, chance=0.0)
        assert found.next_at is not None
        waits.append((found.next_at - NOW).total_seconds())
    last = outcome_of(Reply(status=500), outgoing(failures=len(SCHEDULE)), at=NOW, chance=0.0)

    hour = 3600
    assert waits == [5, 300, 1800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    assert (last.state, last.next_at, last.disable) == ("failed", None, None)


@pytest.mark.parametrize(
    ("retry_after", "chance", "wait"),
    [
        (None, 0.0, 5),
        (None, 1.0, 6),  # 5 * (1 + 0.2)
        ("120", 1.0, 120),
        ("3", 0.0, 5),  # Not before the schedule, or ten tries would be over in seconds.
        ("9" * 30, 0.0, 86_400),
        ("172800", 0.0, 86_400),
        (format_datetime(NOW + timedelta(minutes=7), usegmt=True), 0.0, 420),
        (format_datetime(NOW - timedelta(minutes=7), usegmt=True), 0.0, 5),
        ("Mon, 23 Nov 2026 12:10:00 -0000", 0.0, 600),
        ("soon", 0.0, 5),
        ("-5", 0.0, 5),
        ("٣٠٠", 0.0, 5),
        ("", 0.0, 5),
    ],
)
def test_retry_after_is_honoured(retry_after: str | None, chance: float, wait: int) -> None:
    reply = Reply(status=429, retry_after=retry_after)

    found = outcome_of(reply, outgoing(), at=NOW, chance=chance)

    assert found.next_at == NOW + timedelta(seconds=wait)


def test_retry_after_comes_from_the_response(hooks: Hooks, receiver: Receiver) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    receiver.answers = [(429, {"Retry-After": "4000"})]
    hooks.attempt()

    hooks.work()

    (waiting,) = hooks.deliveries(endpoint)
    assert waiting.next_at is not None
    assert waiting.next_at - waiting.tries[0].at >= timedelta(seconds=4000)


def test_an_endpoint_that_is_gone_is_disabled(
    hooks: Hooks, receiver: Receiver, clean_database_url: str
) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    receiver.answers = [(410, {})]
    for _ in range(2):
        hooks.attempt()

    hooks.work()

    found = hooks.get(endpoint)
    assert found.disabled_at is not None
    assert found.disabled_why == "the endpoint answered 410 Gone"
    # The second one was not sent any more.
    assert len(receiver.got) == 1
    assert [each.state for each in hooks.deliveries(endpoint)] == ["failed", "failed"]
    with pytest.raises(Conflict, match="410"):
        hooks.ping(endpoint)
    hooks.attempt()
    assert hooks.jobs() == []
    with psycopg.connect(clean_database_url) as connection:
        logged = connection.execute(
            "SELECT subject, key_id FROM audit_log WHERE action = 'webhook.disable'"
        ).fetchall()
    assert logged == [(endpoint.endpoint_id, None)]

    assert change(hooks, endpoint, enabled=True).disabled_at is None
    hooks.ping(endpoint)
    hooks.work()
    assert kinds(receiver)[1:] == ["ping"]


def test_an_endpoint_that_only_fails_for_days_is_disabled(hooks: Hooks, receiver: Receiver) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    since = datetime.now(UTC) - timedelta(days=5)
    with psycopg.connect(hooks.url) as connection:
        connection.execute("UPDATE webhook_endpoints SET failing_since = %s", [since])
    receiver.answers = [(500, {})]
    hooks.attempt()
    # Those that answer come first.
    assert [priority for _, _, priority in hooks.jobs()] == [-1]

    hooks.work()

    assert hooks.get(endpoint).disabled_why == "nothing was delivered for 5 days"
    assert [each.state for each in hooks.deliveries(endpoint)] == ["failed"]


def test_redirects_are_not_followed(hooks: Hooks, receiver: Receiver) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    receiver.answers = [(307, {"Location": f"{receiver.url}&elsewhere"})]
    hooks.attempt()

    hooks.work()

    (waiting,) = hooks.deliveries(endpoint)
    assert len(receiver.got) == 1
    assert waiting.tries[0].error == "answered 307; redirects are not followed"


@pytest.mark.parametrize("drip", [False, True])
def test_a_slow_receiver_is_left_after_a_while(
    hooks: Hooks, receiver: Receiver, drip: bool
) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    receiver.hold, receiver.drip = threading.Event(), drip
    hooks.sender = Sender(private=True, timeout_s=0.3)
    hooks.attempt()

    hooks.work()

    (waiting,) = hooks.deliveries(endpoint)
    assert (waiting.tries[0].status, waiting.tries[0].error) == (None, "no answer within 0.3 s")


def test_no_connection_is_a_failure_with_its_reason(hooks: Hooks) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        reply = Sender(private=True).post(closed, {}, b"{}")

    assert reply.status is None
    assert reply.error is not None
    assert reply.error.startswith("no connection, or no HTTP: ")
    assert Sender(private=True).post("http://no.such.invalid/", {}, b"{}").error is not None


# Where messages are sent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "224.0.0.1", "239.1.1.1", "255.255.255.255", "192.0.2.1"),
        *("198.18.0.1", "240.0.0.1", "::1", "::", "::ffff:127.0.0.1", "::ffff:8.8.8.8"),
        *("::127.0.0.1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
        *("ff0e::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::1"),
        *("2001::1", "2001:db8::1"),
    ],
)
def test_addresses_that_are_not_of_the_internet_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111"])
def test_addresses_of_the_internet_are_not(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "[::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]"),
    ],
)
def test_nothing_is_sent_into_this_network_unless_allowed(receiver: Receiver, host: str) -> None:
    reply = Sender().post(f"https://{host}:{receiver.port}/", {}, b"{}")

    assert reply.status is None
    assert reply.error is not None
    assert "which is not public" in reply.error
    assert receiver.got == []


def test_nothing_is_sent_in_the_clear_unless_allowed() -> None:
    reply = Sender(resolve=lambda *_: ["93.184.216.34"]).post("http://example.org/", {}, b"{}")

    assert reply.error == "the URL does not begin with https://"


def test_one_private_address_of_a_name_is_enough_to_refuse_it(receiver: Receiver) -> None:
    sender = Sender(resolve=lambda *_: ["93.184.216.34", "127.0.0.1"])

    assert "127.0.0.1" in str(sender.post("https://example.org/", {}, b"{}").error)


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    connected: list[object] = []

    def rebinding(host: str, port: int) -> list[str]:
        """Public for whoever looks first, loopback ever after."""
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(address: object, *_: Any, **__: Any) -> None:
        connected.append(address)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "create_connection", connect)

    reply = Sender(resolve=rebinding).post("https://example.org/", {}, b"{}")

    assert asked == ["example.org"]
    assert connected == [("93.184.216.34", 443)]
    assert reply.error == "no connection, or no HTTP: refused"


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert Sender(private=True).post(receiver.url, {}, b"{}").status == 200


def test_the_certificate_must_be_the_hosts_though_the_address_was_given(root: Path) -> None:
    pem = root / "tests" / "working" / "hooks.pem"
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    receiver = Receiver(serving)
    sender = Sender(
        private=True,
        resolve=lambda *_: ["127.0.0.1"],
        tls=ssl.create_default_context(cafile=str(pem)),
    )

    right = sender.post(f"https://hooks.example.test:{receiver.port}/", {}, b"{}")
    wrong = sender.post(f"https://other.example.test:{receiver.port}/", {}, b"{}")
    unknown = Sender(private=True, resolve=lambda *_: ["127.0.0.1"]).post(
        f"https://hooks.example.test:{receiver.port}/", {}, b"{}"
    )
    receiver.close()

    assert right.status == 200
    assert "Hostname mismatch" in str(wrong.error)
    assert "self-signed" in str(unknown.error)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://example.org/", "must begin with https://"),
        ("ftp://example.org/", "must begin with https://"),
        ("example.org", "must begin with https://"),
        ("", "must be visible ASCII"),
        ("https://例.org/", "must be visible ASCII"),
        ("https://example.org/ x", "must be visible ASCII"),
        ("https://example.org/\r\nX: y", "must be visible ASCII"),
        ("https://ada:secret@example.org/", "must not hold a user"),
        ("https://@example.org/", "must not hold a user"),
        ("https://example.org/#x", "must not hold a fragment"),
        ("https://example.org/#", "must not hold a fragment"),
        ("https:///hooks", "must name a host"),
        ("https://exa%6dple.org/", "must name a host"),
        (f"https://{'x' * 64}.org/", "must name a host"),
        ("https://a..b/", "must name a host"),
        ("https://example.org:0/", "must name a host"),
        ("https://example.org:99999/", "is no URL"),
        ("https://[::1/", "is no URL"),
        (f"https://example.org/{'x' * 2000}", "has 2020 characters"),
    ],
)
def test_a_url_that_cannot_be_is_refused_with_its_reason(
    hooks: Hooks, url: str, fault: str
) -> None:
    plan = EndpointPlan(url=url, description="", events=None)

    with pytest.raises(InvalidInput) as caught:
        webhooks.create(hooks.store, plan, actor=None, private=False)

    (found,) = caught.value.faults
    assert found.pointer == "#/url"
    assert found.detail.startswith(fault)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://hooks_1.example.org.:8443/a;b?c=d",
        "https://[2606:4700::1111]/",
        "https://93.184.216.34/",
    ],
)
def test_a_url_that_can_be_is_not(hooks: Hooks, url: str) -> None:
    plan = EndpointPlan(url=url, description="", events=None)

    assert webhooks.create(hooks.store, plan, actor=None, private=False)[0].url == url


def test_the_whole_of_the_url_is_asked_for(receiver: Receiver) -> None:
    Sender(private=True).post(f"http://127.0.0.1:{receiver.port}/a;b/c;d?e=f;g", {}, b"{}")

    assert receiver.got[0][0] == "/a;b/c;d?e=f;g"


# The log -----------------------------------------------------------------------------------------


def test_deleting_an_endpoint_ends_its_messages(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_AT_ONCE", 2)
    endpoint, _ = hooks.endpoint(receiver.url)
    for _ in range(5):
        hooks.ping(endpoint)

    webhooks.remove(hooks.store, endpoint.endpoint_id, actor=None)
    hooks.work()

    assert receiver.got == []
    with pytest.raises(NotFound):
        hooks.deliveries(endpoint)


def test_the_log_is_kept_for_a_month(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_AT_ONCE", 1)
    endpoint, _ = hooks.endpoint(receiver.url)
    hooks.attempt()
    hooks.work()
    hooks.attempt()
    with psycopg.connect(hooks.url) as connection:
        connection.execute(
            "UPDATE webhook_deliveries SET created_at = created_at - interval '31 days'"
        )
    hooks.ping(endpoint)
    hooks.work(lambda *_: Reply(status=500))

    webhooks.forget_old(hooks.store)

    # The old one that was delivered is gone; the old one that waits is not.
    assert [each.event for each in hooks.deliveries(endpoint)] == ["ping", "attempt.graded"]


def test_deliveries_are_listed_newest_first_of_their_endpoint(
    hooks: Hooks, receiver: Receiver
) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    other, _ = hooks.endpoint(receiver.url)
    made = [hooks.ping(endpoint).delivery_id for _ in range(3)]
    hooks.ping(other)

    page = webhooks.deliveries(hooks.store, endpoint.endpoint_id, DeliveryFilter(), limit=2)
    rest = webhooks.deliveries(
        hooks.store, endpoint.endpoint_id, DeliveryFilter(), limit=2, cursor=page.next_cursor
    )

    assert [each.delivery_id for each in (*page.items, *rest.items)] == made[::-1]
    assert hooks.deliveries(endpoint, event=EventKind.BATCH_FINISHED) == ()
    with pytest.raises(NotFound, match="to this endpoint"):
        webhooks.replay(hooks.store, other.endpoint_id, made[0], actor=None)


def test_workers_do_what_nobody_asks_for(hooks: Hooks, receiver: Receiver) -> None:
    endpoint, _ = hooks.endpoint(receiver.url)
    hooks.ping(endpoint)
    hooks.work()
    late = a_session(hooks)
    with psycopg.connect(hooks.url) as connection:
        connection.execute(
            "UPDATE sessions SET opens_at = now() - interval '2 h', "
            "closes_at = now() - interval '1 h'"
        )
        connection.execute("UPDATE webhook_deliveries SET created_at = '2020-01-01Z'")
    workshop = Workshop(
        settings=Settings(), store=hooks.store, limits=Limits(), sender=hooks.sender
    )
    app = make_app(workshop, PsycopgConnector())

    periodic = {each.task.name: each for each in app.periodic_registry.periodic_tasks.values()}
    for name in ("sessions.tell_expiries", "webhooks.forget_old"):
        periodic[name].task(timestamp=0)

    assert periodic["sessions.tell_expiries"].cron == "* * * * *"
    (told,) = hooks.deliveries(endpoint)
    assert (told.event, json.loads(told.body)["data"]["session"]) == ("session.expired", late)


# With a real worker ------------------------------------------------------------------------------


def test_a_worker_killed_while_it_sends_loses_no_message(
    hooks: Hooks, receiver: Receiver, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_WEBHOOK_PRIVATE_ADDRESSES", "1")
    endpoint, secret = hooks.endpoint(receiver.url, EventKind.ATTEMPT_GRADED)
    receiver.hold = threading.Event()
    with Workers(hooks.url, tmp_path / "log", root) as workers:
        doomed = workers.start()
        attempt = hooks.attempt()
        until(lambda: len(receiver.got) == 1, workers)
        os.kill(doomed.pid, signal.SIGKILL)
        doomed.wait()
        receiver.hold.set()
        assert hooks.deliveries(endpoint)[0].tries == ()

        workers.start()
        until(lambda: hooks.deliveries(endpoint)[0].state == "delivered", workers)

    (_, first, body), (_, second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert Webhook(secret).verify(again, second)["data"]["attempt"] == attempt.attempt_id
