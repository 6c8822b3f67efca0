from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mlem_model.data.types.any import equal


@pytest.fixture(scope="module")
def document(iris: Any) -> Any:
    return iris.get("/openapi.json").json


def content(document: Any, method: str, part: str) -> Any:
    operation = document["paths"][f"/{method}"]["post"]
    return (operation["requestBody"] if part == "request" else operation["responses"][part])["content"][
        "application/json"
    ]


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("part", ["request", "200"])
def test_the_sample_is_an_example_that_fits_its_schema(document: Any, method: str, part: str) -> None:
    described = content(document, method, part)
    jsonschema.Draft202012Validator.check_schema(described["schema"])
    jsonschema.Draft202012Validator(described["schema"]).validate(described["example"])


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_the_example_is_answered_as_the_document_says(iris: Any, document: Any, method: str) -> None:
    answer = iris.post(f"/{method}", content(document, method, "request")["example"]).json
    assert equal(answer, content(document, method, "200")["example"])


def test_an_error_fits_the_schema_of_errors(iris: Any, document: Any) -> None:
    validator = jsonschema.Draft202012Validator(document["components"]["schemas"]["Error"])
    validator.validate(iris.post("/predict", {"X": 1}).json)
    validator.validate(iris.post("/nothing", {}).json)


def test_a_server_without_tokens_asks_for_none(document: Any) -> None:
    assert "securitySchemes" not in document["components"]
    assert document["openapi"] == "3.1.0"


def test_the_page_has_each_method_with_a_line_for_curl_and_loads_nothing_from_elsewhere(iris: Any) -> None:
    page = iris.get("/docs").body.decode()
    assert all(f'<section id="{method}">' in page for method in ("predict", "predict_proba"))
    assert "curl &quot;$URL/predict&quot;" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "http://" not in page
    assert "https://" not in page
