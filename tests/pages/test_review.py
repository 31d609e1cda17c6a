"""Reviewing on the pages, without a browser: what the server sends, takes, and hides."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from apiflask import APIFlask

from service import reviewing, sessions, usecases
from service.domain import Answer, Language, Point, Scope, Verdict, WaitReason
from service.errors import StoreUnavailable
from service.exchange import AuditFilter, Judgement, QueueFilter
from service.pages import reviewers

if TYPE_CHECKING:
    from service.store import Store

EN = Language.EN
HTML = "<script>alert('&')</script>"
GOOD = {"verdict:no-saturation": "covered", "verdict:cheap": "missing", "reason": "Says it."}


@pytest.fixture
def key(store: Store) -> Callable[..., str]:
    """Make a key with these scopes; its token."""

    def make(*scopes: Scope) -> str:
        return usecases.create_key(store, name="k", scopes=set(scopes), actor=None)[1]

    return make


@pytest.fixture
def answered(store: Store, stand_ins: Any, publish: Any) -> Callable[..., str]:
    """Answer the small question, which is published first; the attempt's id, in the queue."""
    made = []

    def answer(text: str = "ReLU stays.", **changes: Any) -> str:
        if not made:
            made.append(publish(**changes))
        attempt = usecases.submit_attempt(
            store,
            stand_ins.StandInGrader(),
            usecases.QuestionCache(),
            made[0],
            candidate="ada-the-candidate",
            answer=Answer(text=text),
            metadata={},
            key_id=None,
            sample=1.0,
        )
        return attempt.attempt_id

    return answer


@pytest.fixture
def enter(key: Callable[..., str]) -> Callable[..., Any]:
    """Sign a browser in; the response."""

    def sign_in(browser: Any, name: str = "grace", secret: str | None = None, **more: Any) -> Any:
        form = browser.open_form("/review/sign-in")
        form |= {"key": secret or key(Scope.REVIEW), "name": name}
        return browser.send("/review/sign-in", form | more)

    return sign_in


@pytest.fixture
def grace(browser: Any, enter: Callable[..., Any]) -> Any:
    """A reviewer's browser."""
    assert enter(browser).status_code == 303
    return browser


def text_of(response: Any) -> str:
    found: str = response.get_data(as_text=True)
    return found


def form_of(browser: Any, path: str) -> dict[str, str]:
    """The hidden fields of the form for judging."""
    page = text_of(browser.get(path))
    return dict(
        re.findall(
            r'<input type="hidden" name="([\w:-]+)" value="([^"]*)">', page.split("data-judge")[1]
        )
    )


def reviews(store: Store, attempt: str) -> tuple[Any, ...]:
    return usecases.attempt(store, attempt).reviews


# Signing in --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [Scope.REVIEW, Scope.ADMIN])
def test_a_key_for_reviews_lets_its_holder_in(
    browser: Any, enter: Any, key: Any, store: Store, scope: Scope
) -> None:
    response = enter(browser, secret=key(scope))
    cookie = browser.client.get_cookie("pointmark_staff")

    assert (response.status_code, response.headers["Location"]) == (303, "/review")
    assert "Signed in as grace" in text_of(browser.get("/review"))
    assert (cookie.http_only, cookie.same_site, cookie.max_age) == (True, "Strict", 8 * 3600)
    assert not cookie.secure
    with store.snapshot() as tx:
        (line,) = tx.audit.page(AuditFilter(action="staff.sign_in"), cursor=None, limit=9).items
    assert line.key_id == line.subject
    assert "grace" not in str(line)


def test_the_cookie_is_secure_where_the_request_is(app: APIFlask, browser: Any, key: Any) -> None:
    base = {"base_url": "https://localhost"}
    page = text_of(browser.get("/review/sign-in", **base))
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    form |= {"key": key(Scope.REVIEW), "name": "grace"}

    response = browser.send("/review/sign-in", form, **base)

    (set_cookie,) = [
        each for each in response.headers.getlist("Set-Cookie") if "pointmark_staff" in each
    ]
    assert "Secure" in set_cookie


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"key": "pm_none"}, 401, "unknown or was revoked"),
        ({"key": "pm_0123456789ab_" + "0" * 64}, 401, "unknown or was revoked"),
        ({"key": "\0"}, 401, "unknown or was revoked"),
        ({"name": "  "}, 422, "Give your name"),
        ({"name": "n" * 256}, 422, "Give your name"),
        ({"token": "forged"}, 403, "not recognised"),
    ],
)
def test_who_cannot_sign_in_is_told_why(
    browser: Any, enter: Any, given: dict[str, str], status: int, said: str
) -> None:
    response = enter(browser, **given)

    assert response.status_code == status
    assert said in text_of(response)
    assert browser.client.get_cookie("pointmark_staff") is None
    assert browser.get("/review").status_code == 401


def test_a_key_for_no_page_does_not_open_one(browser: Any, enter: Any, key: Any) -> None:
    response = enter(browser, secret=key(Scope.ATTEMPTS_WRITE, Scope.QUESTIONS_READ))

    assert response.status_code == 403
    assert "may not" in text_of(response)
    assert browser.get("/review").status_code == 401


def test_a_key_for_other_pages_does_not_open_the_review(browser: Any, enter: Any, key: Any) -> None:
    response = enter(browser, secret=key(Scope.ATTEMPTS_READ, Scope.QUESTIONS_WRITE))
    refused = browser.get("/review")

    assert response.status_code == 303
    assert refused.status_code == 403
    assert "Ask an admin for one with the scope review." in text_of(refused)


def test_a_revoked_key_ends_the_sign_in_at_once(grace: Any, store: Store) -> None:
    assert grace.get("/review").status_code == 200
    (key,) = usecases.list_keys(store)
    usecases.revoke_key(store, key.key_id)

    response = grace.get("/review")

    assert response.status_code == 401
    assert "revoked" in text_of(response)


def test_tries_to_sign_in_are_counted_by_address(
    browser: Any, other: Any, enter: Any, key: Any
) -> None:
    statuses = [enter(browser, secret="pm_wrong").status_code for _ in range(10)]

    refused = enter(other, secret=key(Scope.REVIEW))

    assert statuses == [401] * 10
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_a_sign_in_from_another_site_is_refused(browser: Any, key: Any) -> None:
    form = browser.open_form("/review/sign-in") | {"key": key(Scope.REVIEW), "name": "grace"}

    response = browser.send("/review/sign-in", form, headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403


def test_signing_out_forgets_the_cookie(grace: Any) -> None:
    form = grace.open_form("/review")

    refused = grace.send("/review/sign-out", {"token": "forged"})
    assert grace.get("/review").status_code == 200
    left = grace.send("/review/sign-out", form)

    assert (refused.status_code, left.status_code) == (403, 303)
    assert grace.get("/review").status_code == 401


def test_a_cookie_that_was_changed_is_nobody(grace: Any, other: Any) -> None:
    value = grace.client.get_cookie("pointmark_staff").value
    other.client.set_cookie("pointmark_staff", "A" + value[1:])

    assert other.get("/review").status_code == 401


def test_who_follows_a_link_signs_in_and_gets_there(
    browser: Any, enter: Any, answered: Any
) -> None:
    path = f"/review/{answered()}?blind=false"
    asked = browser.get(path)
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', text_of(asked)))

    response = enter(browser, back=html.unescape(form["back"]))
    elsewhere = enter(browser, back="//example.org/review")

    assert asked.status_code == 401
    assert response.headers["Location"] == path
    assert elsewhere.headers["Location"] == "/review"


# The main path -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Review the next", "Save the review", "Your review is saved", "doubt")),
        ("zh", ("复核下一个", "保存复核", "复核已保存", "存疑")),
    ],
)
def test_from_the_queue_to_the_comparison(
    grace: Any, answered: Any, store: Store, language: str, words: tuple[str, ...]
) -> None:
    attempt = answered(" ")
    listed = text_of(grace.get(f"/review?lang={language}"))
    token = {"token": grace.open_form("/review")["token"]}

    claimed = grace.send("/review/next?reason=doubt", token)
    path = claimed.headers["Location"]
    sheet = text_of(grace.get(path))
    saved = grace.send(path, form_of(grace, path) | GOOD)
    done = text_of(grace.get(saved.headers["Location"]))
    none = grace.send("/review/next", token)

    assert words[0] in listed
    assert words[3] in listed
    assert path == f"/review/{attempt}?reason=doubt"
    assert words[1] in sheet
    assert "It does not saturate for x &gt; 0." in sheet or "正半轴不饱和。" in sheet
    assert saved.headers["Location"] == f"/review/{attempt}/done?reason=doubt"
    assert words[2] in done
    (made,) = reviews(store, attempt)
    assert (made.reviewer, made.score, made.reason) == ("grace", 100.0, "Says it.")
    assert made.verdicts == {"no-saturation": "covered", "cheap": "missing"}
    assert made.blind
    assert none.headers["Location"] == "/review?empty=1"


def test_blind_until_saved(grace: Any, answered: Any, store: Store) -> None:
    attempt = answered("Zweifel is in this answer.")
    judgement = Judgement(
        reviewer="alan", verdicts={"cheap": Verdict.PARTIAL}, score=12.3, reason="Alan's words."
    )
    reviewing.review(store, attempt, judgement, actor=None)
    path = f"/review/{attempt}"
    secrets = ("66.7", "± 8", "12.3", "Alan", "ada-the-candidate", "<blockquote>Zweifel", "100%")

    blind = text_of(grace.get(path))
    early = grace.get(f"{path}/done")
    seeing = text_of(grace.get(f"{path}?blind=false"))
    grace.send(path, form_of(grace, path) | GOOD)
    done = text_of(grace.get(f"{path}/done"))

    assert [secret for secret in secrets if secret in blind] == []
    assert "checked> leave to the grader" in blind
    assert (early.status_code, early.headers["Location"]) == (303, path)
    assert [(each.reviewer, each.blind) for each in reviews(store, attempt)][-1] == ("grace", False)
    for page in (seeing, done):
        shown = [secret for secret in secrets if secret in page]
        assert shown == [each for each in secrets if each != "ada-the-candidate"]


def test_the_queue_is_filtered_and_shows_who_holds_what(
    grace: Any, answered: Any, store: Store
) -> None:
    attempt = answered()
    reviewing.claim(store, attempt, "alan", timedelta(minutes=5), blind=True)

    def listed(query: str) -> str:
        return text_of(grace.get(f"/review?{query}"))

    assert attempt not in listed("")
    assert attempt in listed("state=claimed")
    assert "<td>alan</td>" in listed("state=claimed&reason=sample&question=why-relu")
    assert attempt not in listed("state=claimed&reason=doubt")
    assert attempt not in listed("state=claimed&flag=blank")
    assert attempt not in listed("state=claimed&language=zh")
    assert grace.get("/review?question=none").status_code == 404
    assert grace.get("/review?question=%00").status_code == 422
    assert grace.get("/review?cursor=x").status_code == 422
    assert grace.get("/review?state=odd&order=odd").status_code == 200


def test_a_claim_can_be_given_back_and_taken(grace: Any, answered: Any, store: Store) -> None:
    attempt = answered()
    token = form_of(grace, f"/review/{attempt}")

    grace.send(f"/review/{attempt}/claim", token)
    held = reviewing.place(store, attempt)
    forged = grace.send(f"/review/{attempt}/release", {"token": "no"})
    grace.send(f"/review/{attempt}/release", token)
    free = reviewing.place(store, attempt)

    assert held is not None
    assert free is not None
    assert (held.claimed_by, free.claimed_by) == ("grace", None)
    assert forged.status_code == 403


def test_agreement_is_shown_when_asked_for(grace: Any, answered: Any) -> None:
    path = f"/review/{answered()}"
    grace.send(path, form_of(grace, path) | GOOD)

    shown = text_of(grace.get("/review?agreement=all"))

    assert '<td class="numeric">33.3</td><td class="numeric">-33.3</td>' in shown
    assert "33.3" not in text_of(grace.get("/review"))


# What may not be lost, and what may not get in ---------------------------------------------------


def kept(page: str) -> bool:
    """Whether a page holds what was typed in `GOOD`."""
    covered = (
        r'name="verdict:no-saturation" value="covered"( checked)?>',
        r'name="verdict:cheap" value="missing"( checked)?>',
    )
    reason = ">\nSays it.</textarea>" in page or 'name="reason" value="Says it."' in page
    return reason and all(re.search(each, page) for each in covered)


def test_the_same_form_twice_is_one_review(grace: Any, answered: Any, store: Store) -> None:
    attempt = answered()
    form = form_of(grace, f"/review/{attempt}") | GOOD

    places = {grace.send(f"/review/{attempt}", form).headers["Location"] for _ in range(2)}

    assert places == {f"/review/{attempt}/done"}
    assert len(reviews(store, attempt)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": " "}, "Give a reason"),
        ({"reason": "long" * 1500}, "Give a reason"),
        ({"verdict:cheap": "", "verdict:no-saturation": ""}, "at least one point"),
        ({"verdict:other": "covered"}, "Look at the points again"),
    ],
)
def test_a_form_with_faults_comes_back_with_its_values(
    grace: Any, answered: Any, store: Store, change: dict[str, str], said: str
) -> None:
    path = f"/review/{answered()}"

    response = grace.send(path, form_of(grace, path) | GOOD | change)
    page = text_of(response)

    assert response.status_code == 422
    assert said in page
    if "reason" not in change:
        assert ">\nSays it.</textarea>" in page
    else:
        assert 'value="covered" checked' in page
    assert reviews(store, path.removeprefix("/review/")) == ()


@pytest.mark.parametrize("forged", [{"token": "no"}, {"headers": {"Sec-Fetch-Site": "cross-site"}}])
def test_a_forged_form_is_refused(
    grace: Any, answered: Any, store: Store, forged: dict[str, Any]
) -> None:
    attempt = answered()
    form = form_of(grace, f"/review/{attempt}") | GOOD
    headers = forged.pop("headers", {})

    response = grace.send(f"/review/{attempt}", form | forged, headers=headers)

    assert response.status_code == 403
    assert kept(text_of(response))
    assert reviews(store, attempt) == ()


def test_anothers_token_is_none(grace: Any, other: Any, enter: Any, answered: Any) -> None:
    path = f"/review/{answered()}"
    enter(other, "alan")
    theirs = form_of(other, path)

    assert grace.send(path, theirs | GOOD).status_code == 403


def test_what_was_typed_outlives_the_sign_in(
    grace: Any, answered: Any, store: Store, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = answered()
    path = f"/review/{attempt}?order=most_uncertain"
    form = form_of(grace, path) | GOOD
    with monkeypatch.context() as patched:
        patched.setattr(reviewers, "LIFE_S", -1)
        expired = grace.send(path, form)
    page = text_of(expired)

    def hidden(page: str) -> dict[str, str]:
        found = re.findall(r'type="hidden" name="([\w:-]+)" value="([^"]*)"', page)
        return {name: html.unescape(value) for name, value in found}

    wrong = grace.send("/review/sign-in", hidden(page) | {"key": "pm_wrong", "name": "grace"})
    again = grace.send(
        "/review/sign-in", hidden(text_of(wrong)) | {"key": key(Scope.REVIEW), "name": "grace"}
    )
    back = text_of(again)

    assert (expired.status_code, wrong.status_code, again.status_code) == (401, 401, 200)
    assert all(map(kept, (page, text_of(wrong), back)))
    assert reviews(store, attempt) == ()
    assert 'action="/review/' + attempt + '?order=most_uncertain"' in back
    saved = grace.send(path, hidden(back) | {"reason": "Says it."})
    assert saved.status_code == 303
    assert reviews(store, attempt)[0].verdicts == {"no-saturation": "covered", "cheap": "missing"}


def test_what_another_site_sends_is_not_put_into_the_form(browser: Any, answered: Any) -> None:
    response = browser.send(f"/review/{answered()}", GOOD, headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 401
    assert "Says it." not in text_of(response)


def test_what_was_typed_outlives_a_lost_lease(grace: Any, answered: Any, store: Store) -> None:
    attempt = answered()
    reviewing.claim(store, attempt, "grace", timedelta(seconds=-1), blind=True)
    form = form_of(grace, f"/review/{attempt}") | GOOD
    reviewing.claim(store, attempt, "alan", timedelta(minutes=5), blind=True)

    refused = grace.send(f"/review/{attempt}", form)
    reviewing.release(store, attempt, "alan")
    saved = grace.send(f"/review/{attempt}", form)

    assert refused.status_code == 409
    assert "Another reviewer holds" in text_of(refused)
    assert kept(text_of(refused))
    assert saved.status_code == 303


def test_a_review_made_meanwhile_is_told_before_it_is_overruled(
    grace: Any, answered: Any, store: Store
) -> None:
    attempt = answered()
    form = form_of(grace, f"/review/{attempt}") | GOOD
    judgement = Judgement(reviewer="alan", verdicts={}, score=1.0, reason="Mine.")
    reviewing.review(store, attempt, judgement, actor=None)

    told = grace.send(f"/review/{attempt}", form)
    again = grace.send(f"/review/{attempt}", form | {"known": "1"})

    assert told.status_code == 409
    assert kept(text_of(told))
    assert 'name="known" value="1"' in text_of(told)
    assert again.status_code == 303
    assert [each.reviewer for each in reviews(store, attempt)] == ["alan", "grace"]


def test_what_was_typed_outlives_a_database_that_is_away(
    grace: Any, answered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/review/{answered()}"
    form = form_of(grace, path) | GOOD

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(reviewing, "still_allowed", away)
        response = grace.send(path, form)
        reading = grace.get("/review")
    page = text_of(response)
    again = dict(re.findall(r'type="hidden" name="([\w:-]+)" value="([^"]*)"', page))

    assert response.status_code == 503
    assert kept(page)
    assert reading.status_code == 503
    assert 'http-equiv="refresh"' in text_of(reading)
    assert grace.send(path, again | {"reason": "Says it."}).status_code == 303


def test_it_outlives_both_at_once(
    grace: Any, app: APIFlask, answered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/review/{answered()}"
    form = form_of(grace, path) | GOOD

    def away(*_: Any) -> Any:
        raise StoreUnavailable("The database does not answer.")

    app.extensions["pointmark"].practice_secret = None
    monkeypatch.setattr(reviewers, "LIFE_S", -1)
    monkeypatch.setattr(sessions, "signing_secret", away)
    response = grace.send(path, form)

    assert response.status_code == 503
    assert kept(text_of(response))


def test_html_in_any_text_is_shown_as_text(
    browser: Any, enter: Any, answered: Any, store: Store
) -> None:
    attempt = answered(
        f"{HTML} </textarea>",
        prompt={EN: HTML},
        points=(Point(key="a", statement={EN: HTML}),),
        misconceptions=(),
    )
    reviewing.appeal(store, attempt, HTML, actor=None)
    enter(browser, HTML)
    path = f"/review/{attempt}"
    form = form_of(browser, path)
    browser.send(f"{path}/claim", form)

    pages = [browser.get("/review?state=claimed"), browser.get(path)]
    pages.append(browser.send(path, form | {"reason": HTML, "verdict:a": HTML}))
    saved = browser.send(path, form | {"reason": HTML, "verdict:a": "covered"})
    pages += [browser.get(saved.headers["Location"]), browser.get(f"{path}?blind=false")]
    browser.client.delete_cookie("pointmark_staff")
    pages.append(browser.send(path, form | {"reason": HTML, f'verdict:"{HTML}': "covered"}))
    pages.append(enter(browser, HTML, secret="pm_wrong"))

    assert saved.status_code == 303
    for response in pages:
        page = text_of(response)
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", page)


def test_odd_addresses_get_pages(grace: Any, answered: Any) -> None:
    attempt = answered()

    for path, status in {
        "/review/att_none": 404,
        "/review/att_none/done": 404,
        "/review/similar/none": 404,
        "/review/similar/%00": 422,
        "/review/similar/why-relu?group=99&similarity=x": 200,
        f"/review/{attempt}?blind=odd": 200,
    }.items():
        response = grace.get(path)
        assert (response.status_code, response.mimetype) == (status, "text/html"), path
    token = form_of(grace, f"/review/{attempt}")
    assert grace.send("/review/att_none/claim", token).status_code == 404
    assert grace.send("/review/att_none", token | GOOD).status_code == 404


def test_a_form_beyond_all_bounds_gets_a_page(
    make_app: Any, browse: Any, enter: Any, answered: Any
) -> None:
    browser = browse(make_app(max_body_bytes=3000))
    enter(browser)
    path = f"/review/{answered()}"

    response = browser.send(path, form_of(browser, path) | GOOD | {"reason": "long" * 1000})

    assert response.status_code == 413
    assert "your browser still has" in text_of(response)


def test_the_pages_are_there_where_nobody_practises(make_app: Any, browse: Any) -> None:
    browser = browse(make_app(practice="off"))
    page = text_of(browser.get("/review/sign-in"))

    for name in ("pages.css", "review.css", "review.js"):
        (address,) = re.findall(rf'"(/pages/{re.escape(name)}\?v=\w+)"', page)
        response = browser.get(address, buffered=True)
        assert response.status_code == 200


# Similar answers ---------------------------------------------------------------------------------


def test_similar_answers_are_judged_together(grace: Any, answered: Any, store: Store) -> None:
    attempts = [answered(f"ReLU stays {n}.") for n in range(3)]
    path = "/review/similar/why-relu"
    page = text_of(grace.get(path))
    form = form_of(grace, path) | GOOD

    unchosen = grace.send(path, form)
    saved = grace.send(path, form | {"attempt": attempts[:2]})
    again = grace.send(path, form | {"attempt": attempts[:2]})

    assert all(f'value="{each}" checked' in page for each in attempts)
    assert "66.7" not in page
    assert unchosen.status_code == 422
    assert kept(text_of(unchosen))
    assert "saved=2" in saved.headers["Location"]
    assert again.status_code == 409
    assert kept(text_of(again))
    assert [len(reviews(store, each)) for each in attempts] == [1, 1, 0]
    assert reviews(store, attempts[0])[0].grouped
    waiting = reviewing.queue(store, QueueFilter(reason=WaitReason.SAMPLE)).items
    assert [each.attempt_id for each in waiting] == attempts[2:]


def test_a_question_with_new_points_is_judged_by_those_it_was_graded_by(
    grace: Any, answered: Any, store: Store, stand_ins: Any
) -> None:
    attempt = answered()
    question = stand_ins.a_question()
    points = (replace(question.points[0], key="renamed"), question.points[1])
    edited = replace(
        question,
        points=points,
        misconceptions=(replace(question.misconceptions[0], contradicts="renamed"),),
    )
    version = usecases.latest(store, "why-relu")
    made = usecases.save_draft(
        store, version.question_id, edited, if_match=version.etag, actor=None
    )
    usecases.publish(store, version.question_id, if_match=made.etag, actor=None)

    page = text_of(grace.get(f"/review/{attempt}"))

    assert 'name="verdict:no-saturation"' in page
    assert "renamed" not in page
