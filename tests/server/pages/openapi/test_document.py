from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import jsonschema
import numpy
import pandas
import pytest

from mlem_model.data.types.any import equal
from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.models.saving import save
from mlem_model.serving.interface import Interface
from mlem_server.pages.openapi.components import within
from mlem_server.pages.openapi.document import openapi

MODEL_TYPES = (ObjectModel, CallableModel)
METHODS = ["Predict", "PredictProba", "PredictLogProba", "Apply", "DecisionPath"]


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
    expect_valid(document, described["schema"], described["example"])


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_the_example_is_answered_as_the_document_says(iris: Any, document: Any, method: str) -> None:
    answer = iris.post(f"/{method}", content(document, method, "request")["example"]).json
    assert equal(answer, content(document, method, "200")["example"])


def test_an_error_fits_the_schema_of_errors(iris: Any, document: Any) -> None:
    for path, body in {"/predict": {"X": 1}, "/nothing": {}}.items():
        expect_valid(document, {"$ref": "#/components/schemas/Problem"}, iris.post(path, body).json)


def test_every_answer_has_an_example_that_fits_its_schema(document: Any) -> None:
    operations = [part for path in document["paths"].values() for part in path.values()]
    answers = [answer for part in operations for answer in part["responses"].values() if "$ref" not in answer]
    found = [described for answer in answers for described in answer["content"].values()]
    found += [answer["content"]["application/json"] for answer in document["components"]["responses"].values()]
    without = [described["schema"] for described in found if "example" not in described]
    assert without == [{"$ref": "#/components/schemas/Interface"}]
    for described in found:
        if "example" in described:
            expect_valid(document, described["schema"], described["example"])


def test_methods_share_the_component_of_their_rows(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if name not in ("Problem", "Error", "Health", "Interface")] == [
        "IrisRow",
        *(f"{method}{part}" for method in METHODS for part in ("Request", "Answer")),
    ]
    row = {"$ref": "#/components/schemas/IrisRow"}
    assert schemas["PredictProbaRequest"] == {
        "type": "object",
        "properties": {"X": {"type": "array", "items": row}},
        "required": ["X"],
        "additionalProperties": False,
    }
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert schemas["IrisRow"] == {
        "type": "object",
        "properties": {name: {"type": "number"} for name in columns},
        "required": columns,
    }
    assert schemas["PredictAnswer"] == {"type": "array", "items": {"type": "integer"}}


def test_binary_formats_are_told_of_where_no_generator_looks(document: Any) -> None:
    call = document["paths"]["/predict_proba"]["post"]
    arrow, npy = "application/vnd.apache.arrow.stream", "application/x-npy"
    assert (call["x-request-formats"], call["x-answer-formats"]) == ([npy, arrow], [npy, arrow])
    assert (list(call["requestBody"]["content"]), list(call["responses"]["200"]["content"])) == (
        ["application/json"],
        ["application/json"],
    )
    assert f"as {npy}, {arrow}." in call["description"] or f"as {npy} or {arrow}." in call["description"]


def test_the_document_is_relative_to_where_it_is_from(document: Any) -> None:
    assert [server["url"] for server in document["servers"]] == ["."]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the document of a model that is saved with a sample."""

    def describe(name: str, model: Any, sample: Any, **options: Any) -> Any:
        path = tmp_path_factory.mktemp("described") / name
        saved = save(model, path, sample_data=sample, model_types=MODEL_TYPES, **options)
        interface = Interface.of(saved, name).to_json()
        formats = dict.fromkeys(interface["methods"], ((), ()))
        document = openapi(interface, name, "1", formats, secured=False)
        for path_item in document["paths"].values():
            if "post" in path_item:
                call = path_item["post"]
                for part in (call["requestBody"], call["responses"]["200"]):
                    expect_valid(document, **part["content"]["application/json"])
        return document

    return describe


def schemas_of(document: Any, name: str) -> Any:
    schemas = document["components"]["schemas"]
    return within({"$ref": f"#/components/schemas/{name}"}, schemas)


def test_numbers_may_be_missing_where_the_sample_lacks_some(described: Any) -> None:
    frame = pandas.DataFrame({"age": [1.0, None], "fare": [1.5, 2.5], "name": ["a", "b"]})
    document = described("titanic", lambda frame: frame[["age", "fare"]], frame)
    row = schemas_of(document, "PredictRequest")["TitanicRow"]["properties"]
    assert (row["age"], row["fare"]) == ({"type": ["number", "null"]}, {"type": "number"})
    answer = schemas_of(document, "PredictAnswer")["PredictAnswerRow"]["properties"]
    assert answer == {"age": {"type": ["number", "string"]}, "fare": {"type": "number"}}


def test_an_array_that_lacks_numbers_says_so_and_its_example_has_null(described: Any) -> None:
    document = described("m", lambda X: numpy.where(X == 0, -numpy.inf, X), numpy.array([[numpy.nan, 0.0], [1.0, 2.0]]))
    schemas = schemas_of(document, "PredictRequest") | schemas_of(document, "PredictAnswer")
    item = {"type": "array", "minItems": 2, "maxItems": 2}
    assert schemas["PredictRequest"]["properties"]["X"]["items"] == {**item, "items": {"type": ["number", "null"]}}
    assert schemas["PredictAnswer"]["items"] == {**item, "items": {"type": ["number", "string"]}}
    call = document["paths"]["/predict"]["post"]
    assert call["requestBody"]["content"]["application/json"]["example"] == {"X": [[None, 0.0]]}
    assert call["responses"]["200"]["content"]["application/json"]["example"] == [["NaN", "-Infinity"]]


@dataclass
class Place:
    street: str
    at: tuple[float, float]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def test_objects_are_called_by_their_class_or_by_where_they_are(described: Any) -> None:
    def predict(place: Place, options: dict, colour: Colour = Colour.RED) -> dict[str, Any]:  # type: ignore[type-arg]
        return {"request": {"a": 1}, "place": {"street": "x", "at": (1.0, 2.0)}}

    sample = {"place": Place("x", (1.0, 2.0)), "options": {"deep": {"x": [{"y": 1}]}}}
    document = described("m", predict, sample)
    request = schemas_of(document, "PredictRequest")
    assert list(request) == [
        "PredictRequest",
        "Place",
        "PredictOptions",
        "PredictOptionsDeep",
        "PredictOptionsDeepXRow",
        "Colour",
    ]
    assert request["Colour"] == {"type": "string", "enum": ["red", "blue"]}
    assert request["Place"]["properties"]["at"] == {
        "type": "array",
        "prefixItems": [{"type": "number"}, {"type": "number"}],
        "minItems": 2,
        "maxItems": 2,
    }
    assert request["PredictRequest"]["properties"]["colour"] == {
        "description": 'where it is left out: "red"',
        "$ref": "#/components/schemas/Colour",
    }


class Alike:
    def predict(self, rows: Any) -> Any:
        return len(rows)

    def predictProba(self, rows: Any) -> Any:  # the same as the next one in another spelling
        return len(rows)

    def predict_proba(self, rows: Any) -> Any:
        return [{"a": 1}]

    def get_healthz(self, rows: Any) -> Any:
        return [{"b": 1}]


def test_names_that_generators_would_write_alike_get_a_number(described: Any) -> None:
    methods = ["predict", "predictProba", "predict_proba", "get_healthz"]
    document = described("日本", Alike(), [{"a b": 1, "request": {"x": 1}}], methods=methods)
    operations = [part["post"]["operationId"] for part in document["paths"].values() if "post" in part]
    assert operations == ["predict", "predictProba", "predict_proba_2", "get_healthz_2"]
    assert list(document["components"]["schemas"])[4:] == [
        "ModelRowRequest",
        "ModelRow",
        "PredictRequest",
        "PredictAnswer",
        "PredictProbaRequest",
        "PredictProbaAnswer",
        "PredictProba2Request",
        "PredictProba2AnswerRow",
        "PredictProba2Answer",
        "GetHealthzRequest",
        "GetHealthzAnswerRow",
        "GetHealthzAnswer",
    ]


def test_what_hides_its_sample_has_examples_that_fit(described: Any) -> None:
    def predict(words: list[str], count: int, factor: float = 1.0) -> Any:
        return [{"word": words[0], "count": count * factor}]

    sample = {"words": ["secret"], "count": 7}
    shown, hidden = (described("m", predict, sample, public_sample=public) for public in (True, False))
    assert content(shown, "predict", "request")["example"] == sample
    assert content(hidden, "predict", "request")["example"] == {"words": ["text"], "count": 0}


def expect_valid(document: Any, schema: Any, example: Any) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator.check_schema(whole)
    jsonschema.Draft202012Validator(whole).validate(example)


def test_a_server_without_tokens_asks_for_none(document: Any) -> None:
    assert "securitySchemes" not in document["components"]
    assert document["openapi"] == "3.1.0"
