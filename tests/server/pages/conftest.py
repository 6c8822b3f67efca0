"""A real browser, Debian's chromium, which `.ci/run` installs, and what finds pages that not everybody can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    problems: list[str] = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.problems = problems
    yield opened
    context.close()


@pytest.fixture
def give_token() -> Callable[[Any], None]:
    """Answer a page that asks for a token, at first with a wrong one."""

    def give(page: Any) -> None:
        page.wait_for_selector("#token")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=This token is not valid.")
        page.fill("#token", "right")
        page.keyboard.press("Enter")

    return give
