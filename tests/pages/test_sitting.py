"""The pages of a session: what the server sends to an invited candidate and takes from them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service import sessions, usecases
from service.domain import Feedback, Language, Misconception, Point, Reveal, Scope
from service.exchange import AttemptFilter
from service.pages.seats import COOKIE

if TYPE_CHECKING:
    from service.store import Store

EN, ZH = Language.EN, Language.ZH
HTML = "<script>alert('&')</script>"
FIRST = "/session/questions/1"


def count_attempts(store: Store) -> int:
    return len(usecases.list_attempts(store, AttemptFilter(), limit=100).items)


def shifted(database_url: str, seconds: int) -> None:
    """As if the only session had been started so much earlier."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE sessions SET started_at = started_at - %s", [timedelta(seconds=seconds)]
        )


class Candidate:
    """A browser that followed the link of a session."""

    def __init__(self, browser: Any, link: str) -> None:
        self.browser, self.link = browser, link
        self.arrived = browser.get(link)

    def page(self, path: str = "/session") -> str:
        response = self.browser.get(path)
        assert response.status_code == 200, response.status_code
        return str(response.get_data(as_text=True))

    def step(self, name: str) -> Any:
        form = self.browser.open_form("/session")
        return self.browser.send("/session", form | {"step": name})

    def form(self, text: str, path: str = FIRST) -> dict[str, str]:
        return dict(self.browser.open_form(path) | {"answer": text})

    def answer(self, text: str, path: str = FIRST) -> str:
        response = self.browser.send(path, self.form(text, path))
        assert response.status_code == 303, response.get_data(as_text=True)
        return str(response.headers["Location"])


@pytest.fixture
def sit(browser: Any, publish: Any, invite: Any) -> Callable[..., Candidate]:
    """Invite a candidate by these rules, who starts."""

    def make(**rules: Any) -> Candidate:
        publish()
        candidate = Candidate(browser, invite(**rules)[1])
        assert candidate.step("start").status_code == 303
        return candidate

    return make


@pytest.mark.parametrize("practice", ["on", "off"])
def test_a_session_from_the_link_to_the_report(
    make_app: Any, browse: Any, publish: Any, invite: Any, practice: str
) -> None:
    publish()
    session, link = invite(time_limit=timedelta(minutes=30))
    candidate = Candidate(browse(make_app(practice=practice)), link)
    rules = candidate.page()
    candidate.step("start")
    listed = candidate.page()
    asked = candidate.page(FIRST)
    marked = candidate.page(candidate.answer("ReLU does not saturate."))
    answered = candidate.page()
    finished = candidate.step("finish")
    over = candidate.page()

    assert candidate.arrived.status_code == 303
    assert candidate.arrived.headers["Location"] == "/session"
    assert "Why is ReLU" not in rules
    assert "30 minutes" in rules
    assert 'href="/session/questions/1"' in listed
    assert re.search(r'data-left="1[67]\d\d" data-over="Time is up">(30:00|29:5\d)<', listed)
    assert "Why is ReLU used?" in asked
    assert f'data-draft="{session.session_id}:1"' in asked
    assert "<strong>66.7</strong>" in marked
    assert f'data-sent="{session.session_id}:1"' in marked
    assert "/practise/" not in marked
    assert "Answered." in answered
    assert "Attempts left: 1." in answered
    assert finished.headers["Location"] == "/session"
    assert "You have finished." in over
    assert 'href="/session/report"' in over
    assert "66.7" in candidate.page("/session/report")
    with candidate.browser.get("/pages/pages.css") as style:
        assert style.status_code == 200


def test_it_is_in_the_language_of_the_session_or_of_the_candidates_choice(
    sit: Callable[..., Candidate],
) -> None:
    candidate = sit(language=ZH)

    shown = candidate.page()
    chosen = candidate.page("/session?lang=en")
    asked = candidate.page(FIRST)

    assert '<html lang="zh">' in shown
    assert "还可作答 2 次" in shown
    assert '<html lang="en">' in chosen
    assert "Attempts left: 2." in chosen
    assert "Attempts left: 2." in asked
    # What is asked stays as the session's rule has it.
    for page in (shown, chosen, asked):
        assert "为什么用 ReLU？" in page
        assert "Why is ReLU" not in page
    candidate.browser.get("/session?lang=zh")
    assert "要点 1: 答到" in candidate.page(candidate.answer("ReLU"))


def test_the_token_is_in_no_address_and_in_no_script(
    browser: Any, publish: Any, invite: Any
) -> None:
    publish()
    candidate = Candidate(browser, invite()[1] + "&lang=zh")
    token = browser.client.get_cookie(COOKIE, path="/session")

    assert candidate.arrived.headers["Location"] == "/session?lang=zh"
    assert candidate.arrived.headers["Referrer-Policy"] == "same-origin"
    assert candidate.arrived.headers["Cache-Control"] == "no-store"
    assert token.http_only
    assert token.same_site == "Lax"
    assert token.path == "/session"
    assert token.value not in candidate.page()
    assert browser.client.get_cookie(COOKIE) is None


@pytest.mark.parametrize("broken", ["forged", "expired", "none"])
def test_without_a_token_that_works_nothing_typed_is_lost(
    sit: Callable[..., Candidate], store: Store, broken: str
) -> None:
    candidate = sit()
    form = candidate.form("Precious text.")
    client = candidate.browser.client
    token = client.get_cookie(COOKIE, path="/session").value
    session = sessions.session(store, sessions.seat_of(token, secret(store)).session_id)
    client.delete_cookie(COOKIE, path="/session")
    given = {
        "forged": sessions.token_for(session, b"x" * 32).text,
        "expired": sessions.token_for(session, secret(store), timedelta(seconds=-5)).text,
        "none": None,
    }[broken]
    if given is not None:
        client.set_cookie(COOKIE, given, path="/session")

    refused = candidate.browser.send(FIRST, form)
    followed = candidate.browser.get(f"/session?token={given or ''}")

    assert refused.status_code == followed.status_code == 401
    page = refused.get_data(as_text=True)
    assert "needs a link that works" in page
    assert "\nPrecious text.</textarea>" in page
    assert "Set-Cookie" not in followed.headers
    assert count_attempts(store) == 0
    # A new link to the same session, and the form as it was is taken.
    candidate.browser.get(candidate.link)
    assert candidate.browser.send(FIRST, form).status_code == 303


def secret(store: Store) -> bytes:
    return sessions.signing_secret(store)


def test_an_answer_that_comes_late_is_shown_back(
    sit: Callable[..., Candidate], store: Store, clean_database_url: str
) -> None:
    candidate = sit(time_limit=timedelta(seconds=60))
    form = candidate.form("Precious text.")
    shifted(clean_database_url, 61)

    late = candidate.browser.send(FIRST, form)

    page = late.get_data(as_text=True)
    assert late.status_code == 409
    assert "This answer was not taken" in page
    assert "\nPrecious text.</textarea>" in page
    assert count_attempts(store) == 0
    assert "The time has run out." in candidate.page()
    assert candidate.browser.get(FIRST).headers["Location"] == "/session"


def test_a_cancelled_session_says_so(browser: Any, publish: Any, invite: Any, store: Store) -> None:
    publish()
    session, link = invite()
    candidate = Candidate(browser, link)
    candidate.step("start")
    form = candidate.form("Precious text.")
    finish = browser.open_form("/session") | {"step": "finish"}
    key, _ = usecases.create_key(store, name="other", scopes=[Scope.ADMIN], actor=None)
    sessions.cancel(store, session.session_id, actor=key)

    answered, finished = browser.send(FIRST, form), browser.send("/session", finish)

    assert answered.status_code == finished.status_code == 409
    assert "Precious text." in answered.get_data(as_text=True)
    assert "was cancelled" in finished.get_data(as_text=True)


def test_the_same_form_twice_is_one_attempt_even_after_the_end(
    sit: Callable[..., Candidate], store: Store
) -> None:
    candidate = sit(attempts_allowed=1)
    form, stale = candidate.form("ReLU"), candidate.form("Another.")

    places = {candidate.browser.send(FIRST, form).headers["Location"] for _ in range(3)}
    other = candidate.browser.send(FIRST, stale)
    candidate.step("finish")
    places.add(candidate.browser.send(FIRST, form).headers["Location"])

    assert len(places) == 1
    assert count_attempts(store) == 1
    assert other.status_code == 409
    assert "as often as is allowed" in other.get_data(as_text=True)
    assert "\nAnother.</textarea>" in other.get_data(as_text=True)


def test_html_in_any_text_is_shown_as_text(browser: Any, publish: Any, invite: Any) -> None:
    publish(
        prompt={EN: HTML},
        points=(Point(key="a", statement={EN: HTML}, phrasings={EN: (HTML,)}, hint={EN: HTML}),),
        misconceptions=(Misconception(key="linear", statement={EN: HTML}, feedback={EN: HTML}),),
    )
    for feedback in (Feedback.AFTER_ANSWER, Feedback.NEVER):
        candidate = Candidate(browser, invite(feedback=feedback)[1])
        candidate.step("start")
        place = candidate.answer(f"</textarea>{HTML}")
        again = candidate.page(f"{FIRST}?from={place.rpartition('/')[2]}")

        for page in (candidate.page(), candidate.page(place), again):
            assert "<script>alert" not in page
            assert "&lt;script&gt;" in page
        assert "&lt;/textarea&gt;" in again


@pytest.mark.parametrize("rule", Feedback)
def test_marks_are_shown_when_the_rule_says_so_and_not_before(
    sit: Callable[..., Candidate], rule: Feedback
) -> None:
    candidate = sit(feedback=rule)
    place = candidate.answer("ReLU does not saturate.")

    before = [candidate.page(path) for path in (place, FIRST, "/session")]
    early = candidate.browser.get("/session/report").status_code
    candidate.step("finish")
    after = [candidate.page(path) for path in (place, "/session")]
    report = candidate.browser.get("/session/report").status_code

    shown = [["66.7" in page for page in pages] for pages in (before, after)]
    assert early == 404
    assert (
        shown
        == {
            Feedback.AFTER_ANSWER: [[True] * 3, [True] * 2],
            Feedback.AFTER_FINISH: [[False] * 3, [True] * 2],
            Feedback.NEVER: [[False] * 3, [False] * 2],
        }[rule]
    )
    assert report == (404 if rule is Feedback.NEVER else 200)
    for page in before if rule is not Feedback.AFTER_ANSWER else []:
        assert not re.search(r"<mark|verdict|saturate for x", page)


def test_points_that_are_never_revealed_stay_hidden(
    browser: Any, publish: Any, invite: Any
) -> None:
    publish(reveal=Reveal.NEVER)
    candidate = Candidate(browser, invite()[1])
    candidate.step("start")
    place = candidate.answer("ReLU does not.")
    candidate.step("finish")

    for path in (place, "/session", "/session/report"):
        page = html.unescape(candidate.page(path))
        assert "saturate for x" not in page
        assert "no-saturation" not in page


def test_a_form_of_elsewhere_is_refused_and_keeps_the_text(
    sit: Callable[..., Candidate], invite: Any, other: Any, store: Store
) -> None:
    candidate = sit()
    stranger = Candidate(other, invite(candidate="bob")[1])
    stranger.step("start")
    mine, theirs = candidate.form("mine"), stranger.form("theirs")
    send = candidate.browser.send

    refused = [
        send(FIRST, mine | {"token": theirs["token"]}),
        send(FIRST, {"answer": "mine"}),
        send(FIRST, mine | {"submission": "\0"}),
        send(FIRST, mine, headers={"Sec-Fetch-Site": "cross-site"}),
    ]
    start = send("/session", {"step": "finish", "token": theirs["token"]})

    for response in refused:
        assert response.status_code == 403
        assert ">\nmine</textarea>" in response.get_data(as_text=True)
    assert start.status_code == 403
    assert "Nothing was changed" in start.get_data(as_text=True)
    assert count_attempts(store) == 0
    # An answer of somebody else's session is nowhere.
    assert candidate.browser.get(stranger.answer("theirs")).status_code == 404


@pytest.mark.parametrize("path", ["/session/questions/0", "/session/questions/2"])
def test_a_question_that_is_not_asked_is_not_there(
    sit: Callable[..., Candidate], path: str
) -> None:
    candidate = sit()
    form = candidate.form("Precious text.")

    response = candidate.browser.send(path, form)

    assert candidate.browser.get(path).status_code == response.status_code == 404
    assert "Precious text." in response.get_data(as_text=True)


@pytest.mark.parametrize(("text", "said"), [("a" * 99, "at most 50"), ("a\0b", "cannot be stored")])
def test_an_answer_that_cannot_be_taken_comes_back(
    make_app: Any, browse: Any, publish: Any, invite: Any, text: str, said: str
) -> None:
    publish()
    candidate = Candidate(browse(make_app(max_answer_chars=50)), invite()[1])
    candidate.step("start")

    response = candidate.browser.send(FIRST, candidate.form(text))

    assert response.status_code == 422
    assert said in response.get_data(as_text=True)
    assert "Attempts left: 2." in response.get_data(as_text=True)


def test_too_many_answers_are_held_back(
    make_app: Any, browse: Any, publish: Any, invite: Any
) -> None:
    publish()
    candidate = Candidate(browse(make_app(rate_limit=1)), invite(attempts_allowed=9)[1])
    candidate.step("start")
    candidate.answer("one")

    response = candidate.browser.send(FIRST, candidate.form("two"))

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert ">\ntwo</textarea>" in response.get_data(as_text=True)


def test_while_the_grader_loads_the_answer_waits_under_its_number(
    make_app: Any, browse: Any, publish: Any, invite: Any, stand_ins: Any, store: Store
) -> None:
    publish()
    app = make_app(stand_ins.StandInGrader())
    candidate = Candidate(browse(app), invite()[1])
    candidate.step("start")
    form = candidate.form("ReLU")
    loading = app.extensions["pointmark"].grader
    ready, loading._grader = loading._grader, None

    waiting = candidate.browser.send(FIRST, form)
    loading._grader = ready
    page = waiting.get_data(as_text=True)

    assert waiting.status_code == 503
    assert f'action="{FIRST}"' in page
    assert f'value="{form["submission"]}"' in page
    assert ">\nReLU</textarea>" in page
    assert candidate.browser.send(FIRST, form).status_code == 303
    assert count_attempts(store) == 1


def test_before_it_opens_nothing_can_be_started(browser: Any, publish: Any, invite: Any) -> None:
    publish()
    opens = datetime.now(UTC) + timedelta(hours=1)
    candidate = Candidate(browser, invite(opens_at=opens)[1])

    page = candidate.page()

    assert "It is not open yet" in page
    assert f"{opens:%Y-%m-%d %H:%M} UTC" in page
    assert "<form" not in page
    assert browser.get(FIRST).headers["Location"] == "/session"


def test_every_page_has_the_strict_policy(sit: Callable[..., Candidate]) -> None:
    candidate = sit()
    place = candidate.answer("ReLU")

    for path in ("/session", FIRST, place, "/session/questions/9"):
        response = candidate.browser.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert "unsafe" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        page = response.get_data(as_text=True)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", page)


@pytest.mark.parametrize(("length", "comes_back"), [(60_000, True), (300_000, False)])
def test_however_long_a_text_is_there_is_a_page_for_it(
    sit: Callable[..., Candidate], length: int, comes_back: bool
) -> None:
    candidate = sit()
    form = candidate.form("字" * length)

    taken = candidate.browser.send(FIRST, form)
    candidate.browser.client.delete_cookie(COOKIE, path="/session")
    refused = candidate.browser.send(FIRST, form)

    assert taken.status_code == (422 if comes_back else 413)
    assert refused.status_code == 401
    for response in (taken, refused):
        assert (form["answer"] in response.get_data(as_text=True)) is comes_back
