"""The page of a server with several models, and the way from the page of one to another's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save


@pytest.fixture(scope="module")
def several(shared_starter: Any, iris_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    other = tmp_path_factory.mktemp("other") / "a-model-with-quite-a-long-name-of-its-own & more"
    save(len, other, sample_data=[1], model_types=(CallableModel,))
    return shared_starter.start(iris_model, str(other))


def test_models_are_listed_and_each_has_its_page(page: Any, several: Any) -> None:
    page.goto(several.url)
    page.click("#models a:text('iris')")
    page.wait_for_selector("#method")
    assert page.url == f"{several.url}/models/iris/"
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == "0"
    assert f"{several.url}/models/iris/predict" in page.text_content("#snippet")
    assert page.problems == []


def test_from_one_the_way_leads_to_the_others(page: Any, several: Any) -> None:
    page.goto(f"{several.url}/models/iris/")
    page.wait_for_selector("#several:not([hidden])")
    assert page.locator("#others option:checked").text_content() == "iris"
    page.select_option("#others", label="a-model-with-quite-a-long-name-of-its-own & more")
    page.wait_for_selector("#arguments textarea, #arguments input")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == "1"
    page.click("text=All models")
    page.wait_for_selector("#models li")
    assert page.url == f"{several.url}/"
    assert page.problems == []


def test_a_page_of_the_only_model_names_no_others(page: Any, iris: Any) -> None:
    page.goto(iris.url)
    page.wait_for_selector("#send")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.is_hidden("#several")


def test_it_works_behind_a_prefix(page: Any, several: Any) -> None:
    page.route(f"{several.url}/team/**", lambda route: route.continue_(url=route.request.url.replace("/team/", "/")))
    page.goto(f"{several.url}/team/")
    page.click("#models a:text('iris')")
    page.wait_for_selector("#several:not([hidden])")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.url == f"{several.url}/team/models/iris/"
    page.click("text=All models")
    page.wait_for_selector("#models li")
    assert (page.url, page.problems) == (f"{several.url}/team/", [])


def test_a_token_is_asked_for_once(
    page: Any, give_token: Callable[[Any], None], starter: Any, iris_model: Path, file_model: Path
) -> None:
    served = starter.start(iris_model, str(file_model), env={"MLEM_SERVER_TOKENS": "right"})
    page.goto(served.url)
    give_token(page)
    page.click("#models a:text('iris')")
    page.wait_for_selector("#call:not([hidden])")
    page.click("#send")
    page.wait_for_selector("#answer td")
    assert page.text_content("#answer") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("path", ["/", "/models/iris/"])
def test_everybody_can_read_it(browser: Any, several: Any, axe: str, scheme: str, width: int, path: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 700})
    page = context.new_page()
    page.goto(several.url + path)
    page.wait_for_selector("#models li, #several:not([hidden])")
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
