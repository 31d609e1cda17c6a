"""Make the pictures of the pages in docs/images, from a service that runs with practice on.

    make run                                     # in another terminal
    export POINTMARK_KEY=pm_…                    # a key with the scope admin
    .venv/bin/python tools/screenshots.py [http://127.0.0.1:8000]

Needs Debian's chromium and, for the Chinese ones, a font with Chinese characters. Every answer that
it sends is erased at the end.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import (
    APIRequestContext,
    Browser,
    Page,
    Playwright,
    ViewportSize,
    sync_playwright,
)

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
MOST_BYTES = 80_000
QUESTION = "exploding-gradients"
CANDIDATE = "screenshots"
ANSWERS = {
    "en": "Gradients are multiplied layer by layer in backpropagation, so if the factors are "
    "larger than one they grow exponentially. The weights then jump around and training does not "
    "converge. Clipping the gradient norm helps.",
    "zh": "反向传播时梯度要逐层相乘，如果每一层的因子都大于一，梯度就会随着层数指数增长。"
    "这样权重的更新幅度过大，训练不稳定。常用的办法是梯度裁剪。",
}
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
WIDE = ViewportSize(width=1100, height=800)
DARK = "dark"
PHONE = ViewportSize(width=390, height=844)


def main(site: str) -> None:
    """Take them all."""
    path = shutil.which("chromium")
    if path is None:
        sys.exit("chromium is not installed; on Debian: apt-get install chromium")
    key = os.environ.get("POINTMARK_KEY")
    if key is None:
        sys.exit("Set POINTMARK_KEY to a key with the scope admin.")
    FOLDER.mkdir(exist_ok=True)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        _questions(browser, site)
        _result(browser, site, "result-light", "en", viewport=WIDE)
        _result(browser, site, "result-dark", "zh", viewport=WIDE, color_scheme=DARK)
        _result(browser, site, "result-phone", "zh", viewport=PHONE)
        api = _api(playwright, site, key)
        try:
            _session(browser, api, site, "session-light", "en", viewport=WIDE)
            _session(browser, api, site, "session-phone", "zh", viewport=PHONE, color_scheme=DARK)
            _review(browser, api, site, key, "review-light", "en", viewport=WIDE)
            _review(browser, api, site, key, "review-dark", "zh", viewport=WIDE, color_scheme=DARK)
            _review(browser, api, site, key, "review-phone", "zh", viewport=PHONE)
        finally:
            api.delete(f"/v1/candidates/{CANDIDATE}", fail_on_status_code=False)
        browser.close()


def _api(playwright: Playwright, site: str, key: str) -> APIRequestContext:
    return playwright.request.new_context(
        base_url=site,
        extra_http_headers={"Authorization": f"Bearer {key}"},
        fail_on_status_code=True,
    )


def _questions(browser: Browser, site: str) -> None:
    with browser.new_context(viewport=WIDE, locale="en-GB") as context:
        page = context.new_page()
        page.goto(site + "/")
        _keep(page, "questions")


def _result(browser: Browser, site: str, name: str, language: str, **settings: Any) -> None:
    with browser.new_context(locale=LOCALES[language], **settings) as context:
        page = context.new_page()
        page.goto(f"{site}/practise/{QUESTION}")
        page.fill("#answer", ANSWERS[language])
        page.keyboard.press("Control+Enter")
        page.wait_for_url(re.compile(r".*/att_\w+"))
        page.locator("ol.points li.covered").first.focus()
        page.evaluate("scrollTo(0, 0)")
        _keep(page, name)
        page.goto(site + "/history")
        page.locator("details.erase summary").click()
        page.locator("button.danger").click()


def _session(
    browser: Browser, api: APIRequestContext, site: str, name: str, language: str, **settings: Any
) -> None:
    asked = {
        "candidate": CANDIDATE,
        "questions": [QUESTION, "vanishing-gradients"],
        "language": language,
        "time_limit_s": 1800,
    }
    token = api.post("/v1/sessions", data=asked).json()["access"]["token"]
    with browser.new_context(locale=LOCALES[language], **settings) as context:
        page = context.new_page()
        page.goto(f"{site}/session?token={token}")
        page.locator("button.main").click()
        page.goto(f"{site}/session/questions/1")
        page.fill("#answer", ANSWERS[language])
        _keep(page, name)


def _review(
    browser: Browser,
    api: APIRequestContext,
    site: str,
    key: str,
    name: str,
    language: str,
    **settings: Any,
) -> None:
    given = {"candidate": CANDIDATE, "answer": ANSWERS[language]}
    attempt = api.post(f"/v1/questions/{QUESTION}/attempts", data=given).json()["id"]
    with browser.new_context(locale=LOCALES[language], **settings) as context:
        page = context.new_page()
        page.goto(f"{site}/review/{attempt}")
        page.fill("#key", key)
        page.fill("#name", "Grace")
        page.locator("button.main").click()
        page.wait_for_selector("form.review")
        _keep(page, name)


def _keep(page: Page, name: str) -> None:
    taken = Image.open(io.BytesIO(page.screenshot()))
    target = FOLDER / f"{name}.png"
    taken.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)
    size = target.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{target} has {size} bytes; at most {MOST_BYTES} are wanted")
    print(f"{target.name}: {size} bytes")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
