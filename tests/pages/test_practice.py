"""Practising in the browser, without one: what the server sends and takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from apiflask import APIFlask

from service import practice, usecases
from service.domain import Language, Misconception, Point, Reveal
from service.exchange import AttemptFilter

if TYPE_CHECKING:
    from service.store import Store

EN, ZH = Language.EN, Language.ZH
HTML = "<script>alert('&')</script>"


def count_attempts(store: Store) -> int:
    return len(usecases.list_attempts(store, AttemptFilter(), limit=100).items)


def test_the_list_leads_to_a_question_and_its_result(browser: Any, publish: Any) -> None:
    publish()

    listed = browser.get("/").get_data(as_text=True)
    page = browser.result("ReLU does not saturate.")

    assert 'href="/practise/why-relu"' in listed
    assert "<strong>66.7</strong>" in page
    assert "± 8" in page
    assert "Point 1: covered" in page
    assert '<mark data-point="1 2 m1">ReLU</mark> does not saturate.' in page


@pytest.mark.parametrize(("query", "there"), [("topic=losses", False), ("difficulty=2", True)])
def test_the_list_is_filtered(browser: Any, publish: Any, query: str, there: bool) -> None:
    publish()

    assert ("/practise/why-relu" in browser.get(f"/?{query}").get_data(as_text=True)) is there


def test_a_question_is_drawn_among_those_that_fit(browser: Any, publish: Any) -> None:
    publish()

    drawn = browser.get("/draw?difficulty=2&topic=")
    none = browser.get("/draw?difficulty=5")

    assert drawn.headers["Location"] == "/practise/why-relu"
    assert none.status_code == 404
    assert "No question fits" in none.get_data(as_text=True)


def test_html_in_any_text_is_shown_as_text(browser: Any, publish: Any) -> None:
    publish(
        prompt={EN: HTML},
        points=(Point(key="a", statement={EN: HTML}, phrasings={EN: (HTML,)}, hint={EN: HTML}),),
        misconceptions=(Misconception(key="linear", statement={EN: HTML}, feedback={EN: HTML}),),
    )

    pages = [
        browser.get("/").get_data(as_text=True),
        browser.get("/practise/why-relu").get_data(as_text=True),
        browser.result(HTML),
        browser.result(f"</textarea>{HTML}"),
    ]
    again = re.search(r'href="([^"]*\?from=[^"]*)"', pages[-1])
    assert again is not None
    pages.append(browser.get(again[1]).get_data(as_text=True))

    for page in pages:
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    assert "&lt;/textarea&gt;" in pages[-1]


def test_every_page_has_the_strict_policy(browser: Any, publish: Any) -> None:
    publish()
    place = browser.answer("ReLU")

    for path in ("/", "/practise/why-relu", place, "/history", "/practise/none"):
        response = browser.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert "unsafe" not in policy
        page = response.get_data(as_text=True)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", page)


def test_a_form_of_elsewhere_is_refused_and_keeps_the_text(
    browser: Any, other: Any, publish: Any, store: Store
) -> None:
    publish()
    theirs = other.open_form("/practise/why-relu")
    mine = browser.open_form("/practise/why-relu")

    forged = [
        browser.send("/practise/why-relu", mine | {"answer": "mine", "token": theirs["token"]}),
        browser.send("/practise/why-relu", {"answer": "mine"}),
        browser.send(
            "/practise/why-relu",
            mine | {"answer": "mine"},
            headers={"Sec-Fetch-Site": "cross-site"},
        ),
    ]

    for response in forged:
        assert response.status_code == 403
        assert ">\nmine</textarea>" in response.get_data(as_text=True)
    assert count_attempts(store) == 0


def test_a_cookie_that_was_changed_is_nobody(browser: Any, other: Any, publish: Any) -> None:
    publish()
    place = browser.answer("ReLU")
    cookie = browser.client.get_cookie("pointmark_practice")
    name, _, signature = cookie.value.rpartition(".")
    other_name = name[:-1] + ("0" if name[-1] != "0" else "1")
    other.client.set_cookie("pointmark_practice", f"{other_name}.{signature}")

    assert cookie.http_only
    assert cookie.same_site == "Lax"
    shown = other.get(place)
    assert shown.status_code == 404
    assert other_name not in shown.headers["Set-Cookie"]
    assert browser.get(place).status_code == 200


def test_the_same_form_twice_is_one_attempt(browser: Any, publish: Any, store: Store) -> None:
    publish()
    form = browser.open_form("/practise/why-relu") | {"answer": "ReLU"}

    places = {browser.send("/practise/why-relu", form).headers["Location"] for _ in range(3)}

    assert len(places) == 1
    assert count_attempts(store) == 1


def test_two_at_once_with_one_number_are_one_attempt(
    store: Store, publish: Any, stand_ins: Any
) -> None:
    publish()
    me, number = practice.new_browser(), practice.new_submission()

    class Hurried(stand_ins.StandInGrader):  # type: ignore[misc]
        """While it grades, the same form comes in again."""

        def grade(self, *args: Any, **kwargs: Any) -> Any:
            if count_attempts(store) == 0:
                send(stand_ins.StandInGrader())
            return super().grade(*args, **kwargs)

    def send(grader: Any) -> str:
        return practice.submit(
            store,
            grader,
            usecases.QuestionCache(),
            "why-relu",
            browser=me,
            submission=number,
            answer=stand_ins.Answer(text="ReLU"),
            limits=usecases.Limits(),
            sample=0.0,
        ).attempt_id

    sent = send(Hurried())

    assert count_attempts(store) == 1
    assert sent == send(stand_ins.StandInGrader())


def test_a_number_that_is_none_is_refused(browser: Any, publish: Any, store: Store) -> None:
    publish()
    form = browser.open_form("/practise/why-relu")

    response = browser.send("/practise/why-relu", form | {"answer": "a", "submission": "1"})

    assert response.status_code == 422
    assert count_attempts(store) == 0


def test_an_answer_too_long_stays_in_its_field(make_app: Any, browse: Any, publish: Any) -> None:
    publish()
    browser = browse(make_app(max_answer_chars=5))
    form = browser.open_form("/practise/why-relu")

    response = browser.send("/practise/why-relu", form | {"answer": "sixsix"})
    page = response.get_data(as_text=True)

    assert response.status_code == 422
    assert 'aria-invalid="true"' in page
    assert "has 6 characters; at most 5" in page
    assert ">\nsixsix</textarea>" in page


def test_a_nul_is_refused_at_the_field(browser: Any, publish: Any) -> None:
    publish()
    form = browser.open_form("/practise/why-relu")

    response = browser.send("/practise/why-relu", form | {"answer": "a\0b"})

    assert response.status_code == 422
    assert "cannot be stored" in response.get_data(as_text=True)


def test_line_ends_are_one_character(browser: Any, publish: Any, store: Store) -> None:
    publish()
    browser.answer("one\r\ntwo")

    assert usecases.list_attempts(store, AttemptFilter()).items[0].answer == "one\ntwo"


def test_hints_come_first_and_statements_on_request(browser: Any, publish: Any) -> None:
    publish()
    page = browser.result("")

    assert "Think of the gradient." in page
    assert re.search(r"<details><summary>Show the point</summary><p>It does not saturate", page)


def test_what_is_never_revealed_is_not_on_the_page(
    browser: Any, publish: Any, stand_ins: Any
) -> None:
    points = stand_ins.a_question().points
    publish(
        reveal=Reveal.NEVER,
        points=(points[0], replace(points[1], hint={EN: "A hint to an extra."})),
        misconceptions=(
            Misconception(key="linear", statement={EN: "Is linear."}, feedback={EN: "It is not."}),
        ),
    )
    pages = browser.result("ReLU") + browser.result("")

    for hidden in ("saturate", "cheap", "linear.", "It is not.", "hint to an extra", "<details>"):
        assert hidden not in pages
    assert "Point 1: covered" in pages
    assert "Think of the gradient." in pages
    assert "The points of this question are not shown." in pages


def test_a_result_is_its_browsers_alone(browser: Any, other: Any, publish: Any) -> None:
    publish()
    place = browser.answer("ReLU")

    assert other.get(place).status_code == 404
    assert other.get(f"/practise/why-relu?from={place.rpartition('/')[2]}").status_code == 404
    assert place not in other.get("/history").get_data(as_text=True)
    assert place in browser.get("/history").get_data(as_text=True)
    assert place in browser.get("/practise/why-relu").get_data(as_text=True)


def test_an_erased_history_is_gone(browser: Any, publish: Any, store: Store) -> None:
    publish()
    place = browser.answer("My own words")
    form = {"token": browser.open_form("/history")["token"]}

    refused = browser.send("/history", {})
    erased = browser.send("/history", form)

    assert refused.status_code == 403
    assert erased.headers["Location"] == "/history?erased=1"
    assert "Your history was erased." in browser.get("/history?erased=1").get_data(as_text=True)
    assert browser.get(place).status_code == 404
    left = usecases.list_attempts(store, AttemptFilter()).items[0]
    assert left.erased
    assert left.answer == ""
    assert "My own words" not in browser.get("/practise/why-relu").get_data(as_text=True)


def test_both_languages_are_served(browser: Any, publish: Any) -> None:
    publish()

    preferred = browser.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    chosen = browser.get("/practise/why-relu?lang=zh").get_data(as_text=True)
    kept = browser.result("ReLU")

    assert '<html lang="zh">' in preferred.get_data(as_text=True)
    assert "为什么用 ReLU？" in chosen
    assert "要点 1: 答到" in kept or "要点 1：答到" in kept
    assert "正半轴不饱和。" in kept


def test_a_loading_grader_is_waited_for(
    app: APIFlask, browser: Any, publish: Any, store: Store
) -> None:
    publish()
    ready = app.extensions["pointmark"].grader
    ready._grader, grader = None, ready._grader
    form = browser.open_form("/practise/why-relu") | {"answer": "ReLU <b>"}

    waiting = browser.send("/practise/why-relu", form)
    page = waiting.get_data(as_text=True)
    ready._grader = grader
    repeated = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)) | {"answer": "ReLU <b>"}

    assert waiting.status_code == 503
    assert "Retry-After" in waiting.headers
    assert ">\nReLU &lt;b&gt;</textarea>" in page
    assert repeated["submission"] == form["submission"]
    assert browser.send("/practise/why-relu", repeated).status_code == 303


def test_too_many_answers_are_slowed_down(make_app: Any, browse: Any, publish: Any) -> None:
    publish()
    browser = browse(make_app(rate_limit=2, rate_window_s=3600))
    for _ in range(2):
        browser.answer("ReLU")
    form = browser.open_form("/practise/why-relu")

    response = browser.send("/practise/why-relu", form | {"answer": "one more"})

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert ">\none more</textarea>" in response.get_data(as_text=True)


def test_odd_addresses_get_pages(browser: Any, publish: Any) -> None:
    publish()

    for path, status in {
        "/practise/none": 404,
        "/practise/why-relu/att_none": 404,
        "/practise/why-relu?from=att_none": 404,
        "/?cursor=x": 422,
        "/?topic=%00": 422,
        "/history?cursor=x": 422,
        "/?difficulty=9": 200,
        "/pages/none.js": 404,
    }.items():
        response = browser.get(path)
        assert response.status_code == status, path
        assert response.mimetype == ("text/html" if "none.js" not in path else response.mimetype)


def test_an_answer_beyond_all_bounds_gets_a_page(make_app: Any, browse: Any, publish: Any) -> None:
    publish()
    browser = browse(make_app(max_body_bytes=2000))
    form = browser.open_form("/practise/why-relu")

    response = browser.send("/practise/why-relu", form | {"answer": "long" * 1000})

    assert response.status_code == 413
    assert "kept in this browser" in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("settings", "on"),
    [
        ({"host": "127.0.0.1"}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "example.org"}, False),
        ({"host": "0.0.0.0", "practice": "on"}, True),
        ({"practice": "off"}, False),
    ],
)
def test_practice_is_on_where_it_is_to_be(
    make_app: Callable[..., APIFlask],
    browse: Any,
    publish: Any,
    settings: dict[str, str],
    on: bool,
) -> None:
    publish()
    browser = browse(make_app(**settings))

    assert browser.get("/").status_code == 200
    assert ('href="/docs"' in browser.get("/").get_data(as_text=True)) is True
    assert browser.get("/practise/why-relu").status_code == (200 if on else 404)
    assert browser.get("/history").status_code == (200 if on else 404)
