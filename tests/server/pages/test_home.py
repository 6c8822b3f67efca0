"""The page under ``/``, in a real browser: Debian's chromium, which `.ci/run` installs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def test_the_sample_row_is_filled_in_and_answered(page: Any, iris: Any) -> None:
    page.goto(iris.url)
    assert page.text_content("#name") == "iris"
    assert iris.get("/interface.json").json["model"]["digest"] in page.text_content("#about")
    assert page.input_value("[aria-label='X, row 1, sepal_length']") == "5.1"
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == "0"
    page.select_option("#method", "predict_proba")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["1", "0", "0"]
    assert page.problems == []


def test_rows_are_added_and_removed_and_wrong_values_are_told(page: Any, iris: Any) -> None:
    page.goto(iris.url)
    page.click("text=Add a row")
    for column, value in {"petal_length": "6.0", "petal_width": "2.5"}.items():
        page.fill(f"[aria-label='X, row 2, {column}']", value)
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["0", "2"]
    page.fill("[aria-label='X, row 2, petal_width']", "wide")
    page.click("#send")
    page.wait_for_selector("#failure:not(:empty)")
    assert page.text_content("#failure").startswith("X[1].petal_width: expected a number")
    page.click("[aria-label='Remove row 2']")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["0"]


def test_the_line_for_curl_is_the_call_that_is_shown(page: Any, iris: Any, tmp_path: Path) -> None:
    import subprocess

    page.goto(iris.url)
    page.fill("[aria-label='X, row 1, petal_length']", "6.0")
    page.fill("[aria-label='X, row 1, petal_width']", "2.5")
    page.click("#copy")
    line = page.evaluate("navigator.clipboard.readText()")
    assert line == page.text_content("#curl")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "[2]"


def test_it_works_by_keyboard_alone(page: Any, iris: Any) -> None:
    page.goto(iris.url)
    page.wait_for_selector("#method")
    page.focus("#method")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "X, row 1, sepal_length"
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_light_and_dark_and_fits_a_phone(browser: Any, iris: Any, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(iris.url)
    page.wait_for_selector("#send")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    light = [sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) for colour in colours]
    assert abs(light[0] - light[1]) > 450, colours
    assert (light[0] < light[1]) == (scheme == "light")
    context.close()


def test_a_token_is_asked_for_where_one_is_needed(page: Any, starter: Any, file_model: Path) -> None:
    (tokens := file_model.with_name("page-tokens")).write_text("right\n")
    served = starter.start(file_model, "--token-file", str(tokens))
    page.goto(served.url)
    page.wait_for_selector("#token")
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=This token is not valid.")
    page.fill("#token", "right")
    page.keyboard.press("Enter")
    page.wait_for_selector("#call:not([hidden])")
    page.fill("#arguments input", os.devnull)
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == os.devnull
    assert "right" not in page.text_content("#curl")
