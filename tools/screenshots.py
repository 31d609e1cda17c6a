"""Make the pictures of the pages in docs/images, from a service that runs with practice on.

    make run                                     # in another terminal
    .venv/bin/python tools/screenshots.py [http://127.0.0.1:8000]

Needs Debian's chromium and, for the Chinese ones, a font with Chinese characters. Every answer that
it sends is erased at the end.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
MOST_BYTES = 80_000
QUESTION = "/practise/exploding-gradients"
ANSWERS = {
    "en": "Gradients are multiplied layer by layer in backpropagation, so if the factors are "
    "larger than one they grow exponentially. The weights then jump around and training does not "
    "converge. Clipping the gradient norm helps.",
    "zh": "反向传播时梯度要逐层相乘，如果每一层的因子都大于一，梯度就会随着层数指数增长。"
    "这样权重的更新幅度过大，训练不稳定。常用的办法是梯度裁剪。",
}
WIDE = ViewportSize(width=1100, height=800)
PHONE = ViewportSize(width=390, height=844)


def main(site: str) -> None:
    """Take them all."""
    path = shutil.which("chromium")
    if path is None:
        sys.exit("chromium is not installed; on Debian: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        _questions(browser, site)
        _result(browser, site, "result-light", "en", viewport=WIDE)
        _result(browser, site, "result-dark", "zh", viewport=WIDE, color_scheme="dark")
        _result(browser, site, "result-phone", "zh", viewport=PHONE)
        browser.close()


def _questions(browser: Browser, site: str) -> None:
    with browser.new_context(viewport=WIDE, locale="en-GB") as context:
        page = context.new_page()
        page.goto(site + "/")
        _keep(page, "questions")


def _result(browser: Browser, site: str, name: str, language: str, **settings: Any) -> None:
    with browser.new_context(
        locale={"en": "en-GB", "zh": "zh-CN"}[language], **settings
    ) as context:
        page = context.new_page()
        page.goto(site + QUESTION)
        page.fill("#answer", ANSWERS[language])
        page.keyboard.press("Control+Enter")
        page.wait_for_url(re.compile(r".*/att_\w+"))
        page.locator("ol.points li.covered").first.focus()
        page.evaluate("scrollTo(0, 0)")
        _keep(page, name)
        page.goto(site + "/history")
        page.locator("details.erase summary").click()
        page.locator("button.danger").click()


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
