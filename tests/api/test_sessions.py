"""Sessions over HTTP: what platforms and candidates may do, and when."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import psycopg
import pytest
from werkzeug.test import TestResponse

from service import sessions, usecases
from service.domain import Reveal, Scope
from service.store import Store

Problem = Callable[[TestResponse], dict[str, Any]]
ASKED = {"candidate": "ada", "questions": ["why-relu"]}
ANSWERS = "/v1/session/questions/why-relu/answers"


@pytest.fixture
def bank(published: Callable[..., str]) -> list[str]:
    """Five published questions on two topics."""
    published()
    slugs = ["why-relu"]
    for number in range(4):
        slugs.append(f"question-{number}")
        published(slug=slugs[-1], topic="optimisation" if number % 2 else "basics")
    return slugs


@pytest.fixture
def sit(platform: Any, bank: list[str], nobody: Any) -> Callable[..., Any]:
    """Make a session by these rules and let its candidate in."""

    def made(**rules: Any) -> Any:
        response = platform.post("/v1/sessions", ASKED | rules)
        assert response.status_code == 201, response.json
        candidate = type(nobody)(nobody._client.application, response.json["access"]["token"])
        candidate.session = response.json
        return candidate

    return made


def moved(database_url: str, session_id: str, **shifts: timedelta) -> None:
    """Move times of the only session, as if it had been made earlier or later."""
    changes = ", ".join(f"{column} = {column} + %s" for column in shifts)
    with psycopg.connect(database_url) as connection:
        connection.execute(f"UPDATE sessions SET {changes}", list(shifts.values()))


# From making to report


def test_a_session_from_beginning_to_end(platform: Any, sit: Callable[..., Any]) -> None:
    candidate = sit(
        questions=["why-relu", "question-1"], feedback="after_finish", metadata={"round": 2}
    )
    made = candidate.session
    before = candidate.get("/v1/session").json
    started = candidate.post("/v1/session/start").json
    given = candidate.post(ANSWERS, {"answer": "It does not saturate."})
    finished = candidate.post("/v1/session/finish").json
    report = platform.get(f"/v1/sessions/{made['id']}/report").json

    assert (made["state"], made["metadata"]) == ("created", {"round": 2})
    assert [each["prompt"] for each in before["questions"]] == [None, None]
    assert started["state"] == "started"
    assert started["questions"][0]["prompt"] == {"en": "Why is ReLU used?", "zh": "为什么用 ReLU？"}
    assert given.status_code == 201
    assert (given.json["result"], given.json["grade"]) == (None, None)
    assert finished["state"] == "finished"
    (answer,) = finished["questions"][0]["answers"]
    assert answer["result"]["score"] == 66.7
    assert answer["grade"]["points"][0]["key"] == "no-saturation"
    assert report["score"] == 33.4
    assert report["topics"] == [
        {"topic": "neural-networks", "score": 66.7},
        {"topic": "optimisation", "score": 0.0},
    ]
    assert [each["score"] for each in report["questions"]] == [66.7, 0.0]
    attempt = platform.get(f"/v1/attempts/{answer['id']}").json
    assert (attempt["session"], attempt["candidate"]) == (made["id"], "ada")


def test_a_review_changes_the_report(
    platform: Any, caller: Callable[..., Any], sit: Callable[..., Any]
) -> None:
    candidate = sit()
    candidate.post("/v1/session/start")
    attempt = candidate.post(ANSWERS, {"answer": " "}).json["id"]
    path = f"/v1/sessions/{candidate.session['id']}/report"
    doubtful = platform.get(path).json

    caller(Scope.REVIEW).post(
        f"/v1/attempts/{attempt}/reviews", {"reviewer": "grace", "score": 80, "reason": "So."}
    )

    reviewed = platform.get(path).json
    assert (doubtful["score"], doubtful["needs_review"]) == (0.0, 1)
    assert [flag["code"] for flag in doubtful["questions"][0]["flags"]] == ["blank"]
    assert (reviewed["score"], reviewed["needs_review"]) == (80.0, 0)
    assert reviewed["questions"][0]["result"]["by"] == "person"


def test_the_last_answer_counts(platform: Any, sit: Callable[..., Any]) -> None:
    candidate = sit(attempts_allowed=2)
    candidate.post("/v1/session/start")
    for answer in ("It does not saturate.", " "):
        candidate.post(ANSWERS, {"answer": answer})

    report = platform.get(f"/v1/sessions/{candidate.session['id']}/report").json

    assert report["score"] == 0.0
    assert len(report["questions"][0]["attempts"]) == 2


# The report as a page


def printed(caller: Any, session_id: str, **headers: str) -> TestResponse:
    wanted = {"Accept": "text/html"} | headers
    response: TestResponse = caller.get(f"/v1/sessions/{session_id}/report", headers=wanted)
    return response


def test_the_report_is_a_page_where_html_is_asked_for(
    platform: Any, sit: Callable[..., Any]
) -> None:
    candidate = sit(candidate="<b>ada</b>", questions=["why-relu", "question-1"])
    candidate.post("/v1/session/start")
    candidate.post(ANSWERS, {"answer": "<script>x</script> & more"})
    made = candidate.session["id"]

    response = printed(platform, made)
    page = response.get_data(as_text=True)
    chinese = printed(platform, made, **{"Accept-Language": "zh-CN"}).get_data(as_text=True)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert response.mimetype == "text/html"
    assert response.headers["Content-Security-Policy"].startswith(
        f"default-src 'none'; style-src 'sha256-{digest}'"
    )
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert "Accept" in response.headers["Vary"]
    assert "<script" not in page
    assert "<b>ada" not in page
    assert "&lt;script&gt;x&lt;/script&gt; &amp; more" in page
    assert "33.4" in page
    assert "It does not saturate for x &gt; 0." in page
    assert "Not answered." in page
    assert '<html lang="zh">' in chinese
    assert "正半轴不饱和。" in chinese


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.5, */*", ""])
def test_the_report_is_json_otherwise(platform: Any, sit: Callable[..., Any], accept: str) -> None:
    made = sit().session["id"]

    assert printed(platform, made, Accept=accept).mimetype == "application/json"


def test_the_page_for_candidates_hides_points_that_are_never_revealed(
    platform: Any, admin: Any, published: Callable[..., str], sit: Callable[..., Any]
) -> None:
    published(slug="secret", reveal=Reveal.NEVER)
    candidate = sit(questions=["secret"])
    candidate.post("/v1/session/start")
    candidate.post("/v1/session/questions/secret/answers", {"answer": "One word."})
    made = candidate.session["id"]

    shown = printed(platform, made).get_data(as_text=True)

    assert "saturate" not in shown
    assert "Point 1" in shown
    assert "saturate" in printed(admin, made).get_data(as_text=True)


def test_a_review_shows_in_the_page(
    platform: Any, caller: Callable[..., Any], sit: Callable[..., Any]
) -> None:
    candidate = sit()
    candidate.post("/v1/session/start")
    attempt = candidate.post(ANSWERS, {"answer": "Words."}).json["id"]
    caller(Scope.REVIEW).post(
        f"/v1/attempts/{attempt}/reviews",
        {"reviewer": "grace", "verdicts": {"no-saturation": "missing"}, "reason": "So."},
    )

    page = printed(platform, candidate.session["id"]).get_data(as_text=True)

    assert "Marked by a person." in page
    assert 'It does not saturate for x &gt; 0. <span class="soft">(missing)' in page
    assert "grace" not in page


# Which questions


def test_a_draw_is_fair_to_its_seed_and_filters(platform: Any, bank: list[str]) -> None:
    def drawn(**draw: Any) -> list[str]:
        made = platform.post("/v1/sessions", {"candidate": "c", "draw": draw})
        return [each["slug"] for each in made.json["questions"]]

    assert drawn(count=3, seed=7) == drawn(count=3, seed=7)
    assert len({tuple(drawn(count=3, seed=seed)) for seed in range(8)}) > 1
    assert sorted(drawn(count=2, topic="optimisation")) == ["question-1", "question-3"]


def test_questions_are_asked_as_they_were_when_the_session_was_made(
    platform: Any, store: Store, stand_ins: Any, sit: Callable[..., Any]
) -> None:
    candidate = sit()
    changed = stand_ins.a_question(prompt={"en": "Quite another question?"})
    usecases.save_draft(store, "why-relu", changed, if_match="*", actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)
    usecases.archive(store, "why-relu", if_match="*", actor=None)

    started = candidate.post("/v1/session/start").json
    given = candidate.post(ANSWERS, {"answer": "It does not saturate."})

    assert started["questions"][0]["prompt"]["en"] == "Why is ReLU used?"
    assert given.status_code == 201
    assert platform.get(f"/v1/attempts/{given.json['id']}").json["question"]["version"] == 1


def test_the_candidate_is_shown_the_language_of_the_session(sit: Callable[..., Any]) -> None:
    started = sit(language="zh").post("/v1/session/start").json

    assert started["questions"][0]["prompt"] == {"zh": "为什么用 ReLU？"}


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ({"questions": ["why-relu", "nothing"]}, "#/questions/1"),
        ({"questions": ["why-relu", "why-relu"]}, "#/questions/1"),
        ({"questions": []}, "#/questions"),
        ({"questions": None}, "#"),
        ({"draw": {"count": 1}}, "#"),
        ({"questions": None, "draw": {"count": 6}}, "#/draw/count"),
        ({"questions": None, "draw": {"count": 1, "topic": "a\0"}}, "#/draw/topic"),
        ({"time_limit_s": 0}, "#/time_limit_s"),
        ({"closes_at": "2020-01-01T00:00:00Z"}, "#/closes_at"),
        ({"closes_at": "2999-01-01T00:00:00Z"}, "#/closes_at"),
        ({"opens_at": "tomorrow"}, "#/opens_at"),
        ({"candidate": " "}, "#/candidate"),
        ({"metadata": {"a": "x" * 20_000}}, "#/metadata"),
    ],
)
def test_rules_that_cannot_be_are_refused_with_their_place(
    platform: Any, bank: list[str], problem: Problem, rules: dict[str, Any], pointer: str
) -> None:
    refused = problem(platform.post("/v1/sessions", ASKED | rules))

    assert refused["code"] == "invalid_input"
    assert pointer in [each["pointer"] for each in refused["errors"]]


# When


def test_nothing_before_it_opens_and_nothing_before_the_start(
    sit: Callable[..., Any], problem: Problem
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    early, idle = sit(opens_at=later), sit()

    assert problem(early.post("/v1/session/start"))["code"] == "session_not_open"
    assert problem(idle.post(ANSWERS, {"answer": "It."}))["code"] == "session_not_open"
    assert problem(idle.post("/v1/session/finish"))["code"] == "session_not_open"


def test_late_answers_are_refused_and_extra_time_is_time(
    sit: Callable[..., Any], problem: Problem, clean_database_url: str
) -> None:
    candidate = sit(time_limit_s=60, extra_time_s=60)
    candidate.post("/v1/session/start")
    first = candidate.get("/v1/session").json
    moved(clean_database_url, candidate.session["id"], started_at=timedelta(seconds=-90))
    within = candidate.get("/v1/session").json
    moved(clean_database_url, candidate.session["id"], started_at=timedelta(seconds=-40))

    late = candidate.post(ANSWERS, {"answer": "It does not saturate."})

    assert 110 < first["seconds_left"] <= 120
    assert 20 < within["seconds_left"] <= 30
    assert problem(late)["code"] == "session_over"
    assert candidate.get("/v1/session").json["state"] == "expired"
    assert problem(candidate.post("/v1/session/start"))["code"] == "session_over"
    assert problem(candidate.post("/v1/session/finish"))["code"] == "session_over"


def test_the_closing_ends_a_session_whatever_its_limit(
    sit: Callable[..., Any], clean_database_url: str
) -> None:
    closes = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()
    candidate = sit(time_limit_s=3600, closes_at=closes)

    started = candidate.post("/v1/session/start").json

    assert started["seconds_left"] <= 90


def test_start_and_finish_can_be_sent_again(sit: Callable[..., Any], problem: Problem) -> None:
    candidate = sit(time_limit_s=600)
    first = candidate.post("/v1/session/start").json
    second = candidate.post("/v1/session/start").json
    ended = [candidate.post("/v1/session/finish") for _ in range(2)]

    assert second["ends_at"] == first["ends_at"]
    assert [each.status_code for each in ended] == [200, 200]
    assert problem(candidate.post(ANSWERS, {"answer": "It."}))["code"] == "session_over"
    assert problem(candidate.post("/v1/session/start"))["code"] == "session_over"


def test_a_cancelled_session_takes_nothing(
    platform: Any, sit: Callable[..., Any], problem: Problem
) -> None:
    candidate, finished = sit(), sit()
    for each in (candidate, finished):
        each.post("/v1/session/start")
    finished.post("/v1/session/finish")
    path = f"/v1/sessions/{candidate.session['id']}/cancel"

    states = [platform.post(path).json["state"] for _ in range(2)]
    refused = platform.post(f"/v1/sessions/{finished.session['id']}/cancel")

    assert states == ["cancelled", "cancelled"]
    assert problem(candidate.post(ANSWERS, {"answer": "It."}))["code"] == "session_over"
    assert problem(refused)["code"] == "session_over"


# How often


def test_answers_past_the_allowed_number_are_refused_even_all_at_once(
    platform: Any, sit: Callable[..., Any], problem: Problem
) -> None:
    candidate = sit(attempts_allowed=3)
    candidate.post("/v1/session/start")
    gate = threading.Barrier(8)
    codes: list[int] = []

    def answer() -> None:
        gate.wait()
        codes.append(candidate.post(ANSWERS, {"answer": "It does not saturate."}).status_code)

    threads = [threading.Thread(target=answer) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(codes) == [201] * 3 + [409] * 5
    assert problem(candidate.post(ANSWERS, {"answer": "It."}))["code"] == "no_attempts_left"
    assert len(platform.get("/v1/attempts").json["data"]) == 3


def test_an_answer_sent_again_after_a_lost_connection_costs_no_attempt(
    sit: Callable[..., Any],
) -> None:
    one, other = sit(), sit(candidate="bob")
    once = {"Idempotency-Key": '"first"'}
    for each in (one, other):
        each.post("/v1/session/start")

    answers = [
        each.post(ANSWERS, {"answer": "It does not saturate."}, headers=once)
        for each in (one, one, other)
    ]

    assert [each.status_code for each in answers] == [201, 201, 201]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert answers[2].json["id"] != answers[0].json["id"]


# What is shown


@pytest.mark.parametrize(
    ("feedback", "shown"),
    [("never", [0, 0, 0]), ("after_answer", [1, 1, 1]), ("after_finish", [0, 0, 1])],
)
def test_grades_are_shown_when_the_rules_say_so(
    sit: Callable[..., Any], feedback: str, shown: list[int]
) -> None:
    candidate = sit(feedback=feedback)
    candidate.post("/v1/session/start")
    given = candidate.post(ANSWERS, {"answer": "It does not saturate."}).json
    before = candidate.get("/v1/session").json["questions"][0]["answers"][0]
    after = candidate.post("/v1/session/finish").json["questions"][0]["answers"][0]

    assert [int(each["grade"] is not None) for each in (given, before, after)] == shown
    assert [int(each["result"] is not None) for each in (given, before, after)] == shown


def test_points_that_are_never_revealed_have_no_names(
    platform: Any, published: Callable[..., str], sit: Callable[..., Any]
) -> None:
    published(slug="secret", reveal=Reveal.NEVER)
    candidate = sit(questions=["secret"], feedback="after_answer")
    candidate.post("/v1/session/start")

    given = candidate.post("/v1/session/questions/secret/answers", {"answer": "It does."}).json

    assert given["grade"]["points"][0]["key"] == "point-1"
    assert "signals" not in given["grade"]["points"][0]


# Who


def test_a_token_opens_its_session_and_nothing_else(
    sit: Callable[..., Any], nobody: Any, platform: Any, problem: Problem
) -> None:
    candidate = sit()
    forged = jwt.encode(
        {"sub": candidate.session["id"], "key": "key_x", "aud": "pointmark-session", "exp": 2**32},
        "x" * 32,
        "HS256",
    )
    unsigned = jwt.encode(
        {"sub": candidate.session["id"], "key": "key_x", "aud": "pointmark-session", "exp": 2**32},
        None,
        "none",
    )

    for path in ("/v1/attempts", "/v1/questions", f"/v1/sessions/{candidate.session['id']}"):
        assert problem(candidate.get(path))["code"] == "unauthenticated"
    for token in (forged, unsigned, "", "ey.ey.ey", platform.token):
        stranger = type(nobody)(nobody._client.application, token)
        assert problem(stranger.get("/v1/session"))["code"] == "unauthenticated"
    assert problem(nobody.get("/v1/session"))["code"] == "unauthenticated"


def test_a_token_runs_out_and_another_can_be_made(
    platform: Any, sit: Callable[..., Any], store: Store, nobody: Any, problem: Problem
) -> None:
    candidate = sit()
    found = sessions.session(store, candidate.session["id"])
    old = sessions.token_for(found, sessions.signing_secret(store), life=timedelta(seconds=-1))
    late = type(nobody)(nobody._client.application, old.text)

    refused = problem(late.get("/v1/session"))
    again = platform.post(f"/v1/sessions/{candidate.session['id']}/tokens")

    assert refused["detail"].startswith("This token ran out")
    fresh = type(nobody)(nobody._client.application, again.json["token"])
    assert fresh.get("/v1/session").json["id"] == candidate.session["id"]


def test_the_token_is_stored_nowhere(
    platform: Any, bank: list[str], clean_database_url: str
) -> None:
    once = {"Idempotency-Key": '"session"'}
    first = platform.post("/v1/sessions", ASKED, headers=once)
    second = platform.post("/v1/sessions", ASKED, headers=once)

    assert first.json["access"] is not None
    assert second.json == first.json | {"access": None}
    token = first.json["access"]["token"]
    with psycopg.connect(clean_database_url) as connection:
        rows = connection.execute("SELECT body FROM idempotency_keys").fetchall()
    assert rows
    assert all(token.encode() not in body for (body,) in rows)


def test_a_candidates_requests_are_counted(
    make_app: Callable[..., Any], caller: Callable[..., Any], published: Callable[..., str]
) -> None:
    published()
    app = make_app(rate_limit=2)
    platform = caller(Scope.ATTEMPTS_WRITE, of=app)
    token = platform.post("/v1/sessions", ASKED).json["access"]["token"]
    candidate = type(platform)(app, token)

    codes = [candidate.get("/v1/session").status_code for _ in range(3)]

    assert codes == [200, 200, 429]


# Polling


def test_platforms_poll_changes_and_miss_none(
    platform: Any, sit: Callable[..., Any], clean_database_url: str
) -> None:
    one, other, idle = sit(), sit(), sit()
    seen: list[tuple[str, str]] = []
    cursor = ""

    def poll() -> None:
        nonlocal cursor
        more = True
        while more:
            page = platform.get(f"/v1/sessions?limit=2{cursor}").json
            seen.extend((each["id"], each["state"]) for each in page["data"])
            cursor = f"&cursor={page['next_cursor']}"
            more = page["has_more"]

    poll()
    other.post("/v1/session/start")
    one.post("/v1/session/start")
    poll()
    poll()
    other.post("/v1/session/finish")
    moved(clean_database_url, "", closes_at=timedelta(days=-8), opens_at=timedelta(days=-8))
    poll()
    poll()

    names = {one.session["id"]: "one", other.session["id"]: "other", idle.session["id"]: "idle"}
    told = [(names[session_id], state) for session_id, state in seen]
    assert told[:5] == [
        ("one", "created"),
        ("other", "created"),
        ("idle", "created"),
        ("other", "started"),
        ("one", "started"),
    ]
    assert told[5:] == [("other", "finished"), ("one", "expired"), ("idle", "expired")]


def test_all_that_is_held_on_a_candidate_can_be_had(
    admin: Any, caller: Callable[..., Any], sit: Callable[..., Any], problem: Problem
) -> None:
    candidate = sit(metadata={"round": 2})
    candidate.post("/v1/session/start")
    attempt = candidate.post(ANSWERS, {"answer": "It does not saturate."}).json["id"]
    caller(Scope.ATTEMPTS_WRITE).post(f"/v1/attempts/{attempt}/appeal", {"message": "But."})

    held = admin.get("/v1/candidates/ada").json

    assert [each["id"] for each in held["sessions"]] == [candidate.session["id"]]
    assert held["sessions"][0]["metadata"] == {"round": 2}
    (kept,) = held["attempts"]
    assert (kept["answer"], kept["appeal"]["message"]) == ("It does not saturate.", "But.")
    assert problem(admin.get("/v1/candidates/bob"))["code"] == "not_found"


def test_an_erased_candidates_session_is_gone(
    admin: Any, sit: Callable[..., Any], problem: Problem, clean_database_url: str
) -> None:
    candidate = sit(metadata={"note": "a secret"})
    candidate.post("/v1/session/start")
    candidate.post(ANSWERS, {"answer": "It is a secret."})

    admin.delete("/v1/candidates/ada")

    assert problem(candidate.get("/v1/session"))["code"] == "not_found"
    assert problem(admin.get(f"/v1/sessions/{candidate.session['id']}"))["code"] == "not_found"
    assert admin.get("/v1/sessions").json["data"] == []
    with psycopg.connect(clean_database_url) as connection:
        for table in ("sessions", "attempts", "idempotency_keys", "grades"):
            found = connection.execute(f"SELECT count(*) FROM {table} t WHERE t::text ~ 'secret'")
            assert found.fetchone() == (0,)
