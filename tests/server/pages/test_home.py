"""The page under ``/``, in a real browser: Debian's chromium, which `.ci/run` installs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.saving import save


def test_the_sample_row_is_filled_in_and_answered(page: Any, iris: Any) -> None:
    page.goto(iris.url)
    page.wait_for_selector("#method")
    assert page.text_content("#name") == "iris"
    assert iris.get("/interface.json").json["model"]["digest"] in page.text_content("#about")
    assert page.input_value("[aria-label='X, row 1, sepal_length']") == "5.1"
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == "0"
    page.select_option("#method", "predict_proba")
    page.click("#send")
    page.wait_for_selector("#answer meter")
    assert page.locator("#answer .bars output").all_text_contents() == ["1", "0", "0"]
    assert page.locator("#answer .bars span").all_text_contents() == ["0", "1", "2"]
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
    page.goto(iris.url)
    page.fill("[aria-label='X, row 1, petal_length']", "6.0")
    page.fill("[aria-label='X, row 1, petal_width']", "2.5")
    page.click("#copy")
    line = page.evaluate("navigator.clipboard.readText()")
    assert line == page.text_content("#snippet")
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


@pytest.mark.parametrize(("language", "command"), [("python", [sys.executable, "-c"]), ("javascript", ["node", "-e"])])
def test_a_program_that_is_shown_is_the_call_that_is_shown(
    page: Any, iris: Any, language: str, command: list[str]
) -> None:
    page.goto(iris.url)
    page.fill("[aria-label='X, row 1, petal_length']", "6.0")
    page.fill("[aria-label='X, row 1, petal_width']", "2.5")
    page.select_option("#language", language)
    program = page.text_content("#snippet")
    if language == "javascript":
        program = f"(async () => {{ {program} }})()"
    done = subprocess.run([*command, program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [2]


def drop(page: Any, path: Path) -> None:
    """Drop a file on the page, as a hand does."""
    content = list(path.read_bytes())
    moved = page.evaluate_handle(
        """([content, name]) => {
            const moved = new DataTransfer();
            moved.items.add(new File([new Uint8Array(content)], name));
            return moved;
        }""",
        [content, path.name],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#call", event, {"dataTransfer": moved})


FLOWERS = pandas.DataFrame(
    [[5.1, 3.5, 1.4, 0.2], [5.9, 3.0, 5.1, 1.8]], columns=["sepal_length", "sepal_width", "petal_length", "petal_width"]
)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_table_that_is_dropped_is_answered_and_the_answer_is_downloaded(
    page: Any, iris: Any, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"flowers.{kind}"
    write = {
        "csv": lambda: FLOWERS.to_csv(path, index=False),
        "parquet": lambda: FLOWERS.to_parquet(path),
        "jsonl": lambda: FLOWERS.to_json(path, orient="records", lines=True),
    }
    write[kind]()
    page.goto(iris.url)
    page.select_option("#method", "predict_proba")
    drop(page, path)
    page.wait_for_selector("#answer meter")
    with page.expect_download() as downloaded:
        page.click("#download")
    assert downloaded.value.suggested_filename == "iris-predict_proba.csv"
    assert Path(downloaded.value.path()).read_bytes() == b"0,1,2\r\n1,0,0\r\n0,0,1\r\n"
    assert page.problems == []


def test_a_file_is_chosen_by_keyboard_too_and_one_of_another_kind_is_refused(
    page: Any, iris: Any, tmp_path: Path
) -> None:
    (right := tmp_path / "flowers.csv").write_text(FLOWERS.to_csv(index=False))
    (wrong := tmp_path / "flowers.xlsx").write_text("x")
    page.goto(iris.url)
    page.set_input_files("#file", right)
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["0", "2"]
    page.set_input_files("#file", wrong)
    page.wait_for_selector("#failure:not(:empty)")
    kinds = "CSV, JSONL, PARQUET"
    assert page.text_content("#failure") == f"flowers.xlsx is not one of the files that this method takes: {kinds}"


@pytest.fixture(scope="module")
def answering(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Serve a function under a name."""

    def serve(name: str, function: Any, sample: Any) -> Any:
        path = tmp_path_factory.mktemp("pages") / name
        save(function, path, sample_data=sample, model_types=(CallableModel,))
        return shared_starter.start(path)

    return serve


def test_an_image_is_dropped(page: Any, answering: Any, tmp_path: Path) -> None:
    from PIL import Image

    served = answering(
        "sizes", lambda image: {"width": image.size[0], "height": image.size[1]}, Image.new("RGB", (2, 2))
    )
    Image.new("RGB", (7, 5)).save(tmp_path / "picture.png")
    page.goto(served.url)
    drop(page, tmp_path / "picture.png")
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["7", "5"]
    assert page.locator("#answer th").all_text_contents() == ["width", "height"]


def test_a_file_that_is_dropped_before_the_model_is_known_waits_for_it(
    page: Any, answering: Any, tmp_path: Path
) -> None:
    from PIL import Image

    served = answering("width", lambda image: {"width": image.size[0]}, Image.new("RGB", (2, 2)))
    Image.new("RGB", (7, 5)).save(tmp_path / "picture.png")
    held: list[Any] = []
    page.route("**/interface.json", lambda route: held.append(route))  # playwright marks the function
    page.goto(served.url)
    wait_until(lambda: page.evaluate("1") and held)
    drop(page, tmp_path / "picture.png")
    held[0].continue_()
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["7"]


def test_numbers_are_rounded_for_eyes_and_whole_on_demand(page: Any, answering: Any) -> None:
    served = answering("thirds", lambda x: {"third": x / 3, "large": x * 12345.678, "whole": 12345, "none": None}, 1.0)
    page.goto(served.url)
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.locator("#answer td").all_text_contents() == ["0.3333", "12345.7", "12345", "null"]
    assert page.get_attribute("#answer td", "title") == "0.3333333333333333"
    page.check("#whole")
    assert page.locator("#answer td").all_text_contents() == ["0.3333333333333333", "12345.678", "12345", "null"]


def test_probabilities_have_the_names_of_the_classes(page: Any, shared_starter: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0], [2.0]], ["low", "medium", "high"])
    save(model, tmp_path / "levels", sample_data=numpy.array([[0.5]]), model_types=(SklearnModel,))
    page.goto(shared_starter.start(tmp_path / "levels").url)
    page.select_option("#method", "predict_proba")
    page.click("#send")
    page.wait_for_selector("#answer meter")
    assert page.locator("#answer .bars span").all_text_contents() == ["high", "low", "medium"]
    shown = list(map(float, page.locator("#answer .bars output").all_text_contents()))
    assert shown == [float(f"{value:.4g}") for value in model.predict_proba([[0.5]])[0]]


def test_the_last_calls_are_there_again(page: Any, iris: Any) -> None:
    page.goto(iris.url)
    page.click("#send")
    page.wait_for_selector("#answer td")
    page.fill("[aria-label='X, row 1, petal_width']", "wide")
    page.click("#send")
    page.wait_for_selector("#history li:nth-child(2)")
    first, second = page.locator("#history li").all_text_contents()
    assert "predict: X[0].petal_width: expected a number" in first
    assert second.endswith("predict: [0]")
    page.click("#history li:nth-child(2) button")
    assert page.input_value("[aria-label='X, row 1, petal_width']") == "0.2"
    assert page.text_content("#answer") == "0"
    assert page.text_content("#failure") == ""


def test_it_works_behind_a_prefix(page: Any, iris: Any) -> None:
    def forward(route: Any) -> None:
        route.continue_(url=route.request.url.replace("/models/iris/", "/"))

    page.route(f"{iris.url}/models/iris/**", forward)
    page.goto(f"{iris.url}/models/iris/")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert f"{iris.url}/models/iris/predict" in page.text_content("#snippet")
    links = page.eval_on_selector_all("nav a", "links => links.map((link) => link.href)")
    assert links == [f"{iris.url}/models/iris/{name}" for name in ("docs", "openapi.json", "metrics")]
    assert page.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_everybody_can_read_it(browser: Any, iris: Any, axe: str, scheme: str, width: int, path: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 700})
    page = context.new_page()
    page.goto(iris.url + path)
    if path == "/":
        page.select_option("#method", "predict_proba")
        page.click("#send")
        page.wait_for_selector("#answer meter")
        page.select_option("#method", "predict")
        page.click("#send")
        page.wait_for_selector("#answer td")
    else:
        for summary in page.locator("summary").all():
            summary.click()
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert len(found["passes"]) > 10
    context.close()


CUT_OFF = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getClientRects().length && getComputedStyle(one).clipPath === "none" && !one.closest("thead"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 || one.scrollWidth > one.clientWidth + 1
        && getComputedStyle(one).overflowX !== "visible" && !["INPUT", "SELECT"].includes(one.tagName))
    .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("width", [320, 375])
def test_nothing_is_cut_off_on_a_phone(browser: Any, answering: Any, width: int) -> None:
    names = ["a_rather_long_name_of_a_column_that_goes_on_and_on", *(f"column {number}" for number in range(12))]
    frame = pandas.DataFrame([[1 / 3] * len(names)], columns=names)
    served = answering(f"wide{width}", lambda frame: frame.assign(text="a long answer " * 20), frame)
    context = browser.new_context(viewport={"width": width, "height": 640})
    page = context.new_page()
    for path in ("/", "/docs"):
        page.goto(served.url + path)
        if path == "/":
            page.click("#send")
            page.wait_for_selector("#answer td")
            page.check("#whole")
        assert page.evaluate(CUT_OFF) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_light_and_dark_and_fits_a_phone(browser: Any, iris: Any, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 375, "height": 640})
    page = context.new_page()
    page.goto(iris.url)
    page.wait_for_selector("#send")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    light = [sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) for colour in colours]
    assert abs(light[0] - light[1]) > 450, colours
    assert (light[0] < light[1]) == (scheme == "light")
    context.close()


def test_a_token_is_asked_for_where_one_is_needed(
    page: Any, give_token: Callable[[Any], None], starter: Any, file_model: Path
) -> None:
    (tokens := file_model.with_name("page-tokens")).write_text("right\n")
    served = starter.start(file_model, "--token-file", str(tokens))
    page.goto(served.url)
    give_token(page)
    page.wait_for_selector("#call:not([hidden])")
    page.fill("#arguments input", os.devnull)
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == os.devnull
    for language in ("curl", "python", "javascript"):
        page.select_option("#language", language)
        assert "right" not in page.text_content("#snippet")
        assert "MLEM_TOKEN" in page.text_content("#snippet")
