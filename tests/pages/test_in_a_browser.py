"""The pages in Debian's chromium, with the real grader: as people use them."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from werkzeug.serving import make_server

from service import reviewing, usecases
from service.domain import Answer, Language, Scope
from service.exchange import QueueFilter
from service.seeding import read_question

if TYPE_CHECKING:
    from service.store import Store

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="chromium is not installed: the pages are not tried in a browser "
    "(on Debian: apt-get install chromium)",
)
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SLUG = "exploding-gradients"
GOOD = {
    "en": "Gradients are multiplied layer by layer in backpropagation, so if the factors are "
    "larger than one they grow exponentially.",
    "zh": "反向传播时梯度逐层相乘，如果这些因子大于一，梯度就会随层数指数增长。",
}
APART = "It is about gradient clipping."
PAGE_WEIGHT = 150_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def site(make_app: Callable[..., Any], grader: Any, store: Store, root: Path) -> Iterator[str]:
    """The address of the service with one question of the bank."""
    publish_from_bank(store, root)
    with served(make_app(grader)) as address:
        yield address


def publish_from_bank(store: Store, root: Path) -> None:
    question = read_question(root / "seed" / f"{SLUG}.yaml")
    made = usecases.create_question(store, question, actor=None)
    usecases.publish(store, made.question_id, if_match=made.etag, actor=None)


@contextmanager
def served(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Visit:
    """A page that notes what it asks for and what goes wrong."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.context, self.site = context, site
        self.page: Page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.weight = 0
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("console", self._hear)
        self.page.on("response", self._weigh)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _weigh(self, response: Any) -> None:
        self.weight += int(response.headers.get("content-length", 0))

    def go(self, path: str) -> Page:
        self.page.goto(self.site + path)
        return self.page

    def check(self) -> None:
        """Nothing came from elsewhere, and nothing went wrong."""
        elsewhere = [url for url in self.asked if not url.startswith((self.site, "data:"))]
        assert elsewhere == []
        assert self.faults == []


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Callable[..., Visit]]:
    """Open a page in a browser of its own."""
    contexts = []

    def opened(**settings: Any) -> Visit:
        contexts.append(chromium.new_context(**settings))
        return Visit(contexts[-1], site)

    yield opened
    for context in contexts:
        context.close()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(40):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target}")


@pytest.mark.parametrize(
    ("language", "send", "title", "covered"),
    [
        ("en", "Mark my answer", "Your result", "covered"),
        ("zh", "提交评分", "评分结果", "答到"),
    ],
)
def test_the_main_path_by_keyboard_alone(
    visit: Callable[..., Visit], language: str, send: str, title: str, covered: str
) -> None:
    visitor = visit(locale={"en": "en-GB", "zh": "zh-CN"}[language])
    page = visitor.go("/")
    assert page.locator("html").get_attribute("lang") == language

    tab_to(page, page.locator(".questions a").first)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/practise/{SLUG}")
    tab_to(page, page.locator("#answer"))
    page.keyboard.insert_text(GOOD[language])
    expect(page.locator("#count")).to_contain_text(str(len(GOOD[language])))
    tab_to(page, page.get_by_role("button", name=send))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r".*/att_\w+"))

    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    point = page.locator("ol.points li.covered").first
    expect(point).to_contain_text(covered)
    tab_to(page, point)
    lit = page.locator("mark.lit")
    assert lit.count() >= 1
    assert lit.first.inner_text() in GOOD[language]
    hidden = page.locator("ol.points details").first
    tab_to(page, hidden.locator("summary"))
    page.keyboard.press("Enter")
    expect(hidden.locator("p")).to_be_visible()
    visitor.check()


def test_trying_again_begins_with_the_text_and_keeps_the_score_in_sight(
    visit: Callable[..., Visit],
) -> None:
    visitor = visit()
    page = visitor.go(f"/practise/{SLUG}")
    page.fill("#answer", GOOD["en"])
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r".*/att_\w+"))
    score = page.locator(".number strong").inner_text()
    page.locator(".actions a").first.click()

    expect(page.locator("#answer")).to_have_value(GOOD["en"])
    expect(page.locator(".earlier li")).to_have_count(1)
    expect(page.locator(".earlier strong")).to_have_text(score)

    page.goto(visitor.site + "/history")
    page.locator("details.erase summary").click()
    page.locator("button.danger").click()
    expect(page.locator("[data-clear-drafts]")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).length") == 0
    expect(page.locator("table")).to_have_count(0)
    visitor.check()


def test_the_text_outlives_a_lost_connection_and_a_closed_page(
    visit: Callable[..., Visit],
) -> None:
    visitor = visit()
    page = visitor.go(f"/practise/{SLUG}")
    page.fill("#answer", GOOD["en"])
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Mark my answer").click()

    expect(page.locator("#status")).to_contain_text("Your text is safe")
    expect(page.locator("#answer")).to_have_value(GOOD["en"])

    visitor.context.set_offline(False)
    page.close()
    again = Visit(visitor.context, visitor.site)
    page = again.go(f"/practise/{SLUG}")
    expect(page.locator("#answer")).to_have_value(GOOD["en"])
    expect(page.locator("#status")).to_contain_text("unsent text")
    page.get_by_role("button", name="Mark my answer").click()
    page.wait_for_url(re.compile(r".*/att_\w+"))

    page = again.go(f"/practise/{SLUG}")
    expect(page.locator("#answer")).to_have_value("")
    again.check()


def test_it_works_without_the_script(visit: Callable[..., Visit]) -> None:
    visitor = visit(java_script_enabled=False)
    page = visitor.go("/")
    page.locator("button.main").click()
    page.fill("#answer", GOOD["en"])
    page.get_by_role("button", name="Mark my answer").click()

    expect(page.locator("ol.points li.covered").first).to_be_visible()
    expect(page.locator("mark").first).to_be_visible()
    visitor.check()


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ("Start", "Send my answer", "Finish…", "Yes, finish", "See the report")),
        ("zh", ("开始", "提交回答", "结束作答…", "确认结束", "查看报告")),
    ],
)
def test_a_candidate_sits_a_session_by_keyboard_alone(
    visit: Callable[..., Visit], invite: Any, language: str, names: tuple[str, ...]
) -> None:
    start, send, finish, sure, report = names
    _, link = invite(
        questions=(SLUG,), language=Language(language), time_limit=timedelta(minutes=20)
    )
    visitor = visit(
        color_scheme={"en": "light", "zh": "dark"}[language], viewport={"width": 360, "height": 740}
    )
    page = visitor.go(link)
    assert page.url == visitor.site + "/session"
    look_at(page)

    press(page, page.get_by_role("button", name=start))
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"19:\d\d"))
    look_at(page)
    press(page, page.locator(".questions a"))
    tab_to(page, page.locator("#answer"))
    page.keyboard.insert_text(GOOD[language])
    expect(page.locator("#count")).to_contain_text(str(len(GOOD[language])))
    page.reload()
    expect(page.locator("#answer")).to_have_value(GOOD[language])
    look_at(page)
    press(page, page.get_by_role("button", name=send))
    page.wait_for_url(re.compile(r".*/att_\w+"))
    expect(page.locator("ol.points li.covered").first).to_be_visible()
    look_at(page)
    assert page.evaluate("Object.keys(localStorage).length") == 0

    press(page, page.locator(".actions a").first)
    press(page, page.locator("summary", has_text=finish))
    press(page, page.get_by_role("button", name=sure))
    expect(page.get_by_role("status")).to_be_visible()
    look_at(page)
    press(page, page.get_by_role("link", name=report))
    page.wait_for_url("**/session/report")
    visitor.check()


def press(page: Page, target: Locator) -> None:
    tab_to(page, target)
    page.keyboard.press("Enter")


def look_at(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url
    assert Axe().run(page).response["violations"] == [], page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_light_narrow_and_open_to_everybody(
    visit: Callable[..., Visit], scheme: str
) -> None:
    visitor = visit(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = visitor.go(f"/practise/{SLUG}")
    page.fill("#answer", GOOD["en"])
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r".*/att_\w+"))
    result = page.url.removeprefix(visitor.site)

    for path in ("/", f"/practise/{SLUG}", result, "/history"):
        visitor.weight = 0
        visitor.go(path)
        assert visitor.weight < PAGE_WEIGHT
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert Axe().run(page).response["violations"] == [], path
    visitor.check()


@pytest.fixture
def queued(store: Store, grader: Any, site: str) -> str:
    """Two answers that wait for a person; a key for reviews."""
    cache = usecases.QuestionCache()
    for text in (GOOD["en"], APART):
        usecases.submit_attempt(
            store,
            grader,
            cache,
            SLUG,
            candidate="ada",
            answer=Answer(text=text),
            metadata={},
            key_id=None,
            sample=1.0,
        )
    return usecases.create_key(store, name="k", scopes={Scope.REVIEW}, actor=None)[1]


def signed_in(visitor: Visit, key: str) -> Page:
    page = visitor.go("/review/sign-in")
    tab_to(page, page.locator("#key"))
    page.keyboard.insert_text(key)
    tab_to(page, page.locator("#name"))
    page.keyboard.insert_text("grace")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")
    return page


def test_reviewing_by_keyboard_alone(
    visit: Callable[..., Visit], queued: str, store: Store
) -> None:
    visitor = visit(locale="en-GB")
    page = signed_in(visitor, queued)

    for answer in (GOOD["en"], APART):
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r".*/review/att_\w+$"))
        expect(page.locator(".text")).to_have_text(answer)
        expect(page.locator("main")).not_to_contain_text("±")
        for pressed in "1112":
            page.keyboard.press(pressed)
        expect(page.locator("#status")).to_have_text("Point 2: covered")
        checked = page.locator("input[type=radio]:checked")
        expect(checked.nth(0)).to_have_value("missing")
        expect(checked.nth(1)).to_have_value("covered")
        page.keyboard.press("Enter")
        # The reason is missing: the browser leads there.
        expect(page.locator("#reason")).to_be_focused()
        page.keyboard.insert_text("12 points")
        page.keyboard.press("Enter")
        page.keyboard.insert_text("of it.")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/done")
        expect(page.locator("main")).to_contain_text("±")
        expect(page.get_by_role("button", name="Review the next")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("left")

    assert reviewing.queue(store, QueueFilter()).items == ()
    for found in usecases.export_attempts(store):
        (made,) = found.reviews
        assert made.reason == "12 points\nof it."
        assert sorted(made.verdicts.values()) == ["covered", "missing"]
    visitor.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_for_reviewers_are_narrow_and_open_to_everybody(
    visit: Callable[..., Visit], queued: str, scheme: str
) -> None:
    visitor = visit(color_scheme=scheme, viewport={"width": 360, "height": 740}, locale="zh-CN")
    page = visitor.go("/review/sign-in")
    assert Axe().run(page).response["violations"] == []
    signed_in(visitor, queued)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r".*/review/att_\w+$"))
    sheet = page.url.removeprefix(visitor.site)
    page.locator("input[value=partial]").first.check()
    page.fill("#reason", "说到一半。")
    page.locator("form.review button").click()
    page.wait_for_url("**/done")

    for path in (
        "/review?agreement=all&state=done",
        f"{sheet}?blind=false",
        f"{sheet}/done",
        f"/review/similar/{SLUG}?similarity=0.8",
        "/review/att_none",
    ):
        if path.endswith("none"):
            # The browser itself notes a page that is not there.
            visitor.check()
        visitor.weight = 0
        visitor.go(path)
        assert visitor.weight < PAGE_WEIGHT
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert Axe().run(page).response["violations"] == [], path


def test_reviewing_works_without_the_script(visit: Callable[..., Visit], queued: str) -> None:
    visitor = visit(java_script_enabled=False)
    page = signed_in(visitor, queued)
    page.get_by_role("button", name="Review the next").click()
    page.locator("input[value=covered]").first.check()
    page.fill("#reason", "Said.")
    page.get_by_role("button", name="Save the review").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Your review is saved")
    visitor.check()
