"""A real browser, Debian's chromium, which `.ci/run` installs, and what finds pages that not everybody can read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _lacking("playwright is not installed")
    if BROWSER is None:
        _lacking("there is no chromium on this machine")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield launched
        launched.close()


def _lacking(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


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


@pytest.fixture(scope="session")
def axe(lacking: Callable[[str], NoReturn]) -> str:
    """Deque's checker of pages, which npm installs."""
    path = Path(os.environ.get("MLEM_TEST_NODE_MODULES", "node_modules")) / "axe-core" / "axe.min.js"
    if not path.is_file():
        lacking(f"{path} is not there: .ci/run has the line for npm")
    return path.read_text()


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
